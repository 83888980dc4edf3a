"""The other side, through fsspec: list, look, read, each tried several times."""

import contextlib
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from swaveval.checkpoints.remote.address import PACKAGES, Address, without_secret
from swaveval.checkpoints.remote.errors import RemoteError, explained
from swaveval.text import shortened

T = TypeVar("T")
# Bytes asked for at once: what is lost when a connection drops.
CHUNK = 16 << 20
_WITH_DIRECTORIES = ("file", "sftp", "ssh")
_ONE_AT_A_TIME = ("sftp", "ssh", "ftp", "smb")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is borne with.

    Attributes:
        tries: of each request. wait: seconds after the first failure; twice as many after each further one.
        connect: seconds to connect. read: seconds without a byte. whole: seconds that one request may take in all.
    """

    tries: int = 5
    wait: float = 0.5
    connect: float = 10.0
    read: float = 60.0
    whole: float = 300.0


class Server:
    """One file system that an address leads to. Threads may share it."""

    def __init__(self, address: Address, patience: Patience | None = None) -> None:
        """Nothing is connected yet.

        Raises:
            RemoteError: a package is missing, or nobody speaks this protocol.
        """
        self.address = address
        self.patience = patience or Patience()
        self._files = _file_system(address, self.patience)
        self._turn = threading.Lock() if address.protocol in _ONE_AT_A_TIME else contextlib.nullcontext()
        self.root = str(self._files._strip_protocol(address.fixed)).rstrip("/")

    def find(self, path: str) -> dict[str, Mapping[str, Any]]:
        """Every file below a path, or the file that it is, by its whole name."""
        found = self._tried(path, lambda: self._call(self._files.find, path, detail=True))
        if not found and self.address.protocol in ("http", "https"):
            self._reached(path)
        return {str(name): info for name, info in dict(found).items() if info.get("type") != "directory"}

    def _reached(self, path: str) -> None:
        """Raise where nothing was found because nobody answers: whoever looks for links on pages keeps silent on it."""
        try:
            self.info(path)
        except RemoteError as error:
            if error.again:
                raise

    def beside(self, path: str) -> dict[str, Mapping[str, Any]]:
        """The files in a directory; {} where it may not be listed, or is none."""
        try:
            found = self._tried(path, lambda: self._call(self._files.ls, path, detail=True))
        except RemoteError as error:
            if error.again:
                raise
            return {}
        return {str(info["name"]): info for info in found if info.get("type") == "file"}

    def info(self, path: str) -> Mapping[str, Any]:
        """What is said of one file now."""
        found: Mapping[str, Any] = self._tried(path, lambda: self._call(self._files.info, path))
        return found

    def chunks(self, path: str, size: int) -> Iterator[bytes]:
        """The content of a file of this size, piece by piece.

        Raises:
            RemoteError: it cannot be had, or has another length.
        """
        start = 0
        while start < size:
            end = min(size, start + CHUNK)
            body = self._tried(path, partial(self._piece, path, start, end, size))
            yield body
            start += len(body)

    def is_encrypted(self, path: str) -> bool:
        """Whether S3 says that its etag is no checksum: of objects encrypted with keys of the customer's."""
        call = getattr(self._files, "call_s3", None)
        if call is None:
            return False
        bucket, key, _ = self._files.split_path(path)
        head = self._tried(path, lambda: call("head_object", Bucket=bucket, Key=key))
        return "kms" in str(head.get("ServerSideEncryption", "")) or bool(head.get("SSECustomerAlgorithm"))

    def put(self, path: str, content: bytes) -> None:
        """Write a file, so that nobody ever sees a part of it.

        Raises:
            RemoteError: it cannot be written.
        """

        def whole() -> None:
            if self.address.protocol not in _WITH_DIRECTORIES:  # object stores take a file as a whole
                self._call(self._files.pipe_file, path, content)
                return
            self._call(self._files.makedirs, _above(path), exist_ok=True)
            part = f"{path}.{secrets.token_hex(4)}.part"
            self._call(self._files.pipe_file, part, content)
            self._call(self._files.mv, part, path)

        self._tried(path, whole)

    def shown(self, path: str) -> str:
        """A path of this file system as an address, for people."""
        for ours, theirs in ((self.root, self.address.fixed), (_above(self.root), _above(self.address.fixed))):
            if path.startswith(ours):
                return without_secret(f"{theirs}{path[len(ours) :]}")
        return self.address.shown

    def _piece(self, path: str, start: int, end: int, size: int) -> bytes:
        body: bytes = self._call(self._files.cat_file, path, start=start, end=end)
        whole = start == 0 and len(body) == size  # some web servers know no ranges
        if len(body) != end - start and not whole:
            raise RemoteError(
                f"{self.shown(path)}: {len(body):,} bytes came where {end - start:,} were promised", "network"
            )
        return body

    def _call(self, function: Callable[..., Any], *given: Any, **named: Any) -> Any:
        if getattr(self._files, "async_impl", False):
            named["timeout"] = self.patience.whole
        with self._turn:
            return function(*given, **named)

    def _tried(self, path: str, call: Callable[[], T]) -> T:
        for attempt in range(1, self.patience.tries + 1):
            try:
                return call()
            except Exception as error:
                said = explained(error, self.shown(path))
                if not said.again or attempt == self.patience.tries:
                    tries = f" (tried {attempt} times)" if attempt > 1 else ""
                    raise RemoteError(f"{said}{tries}", said.kind) from None
            time.sleep(self.patience.wait * 2 ** (attempt - 1) * (1 + random.random() / 4))
        raise AssertionError("unreachable")


def _file_system(address: Address, patience: Patience) -> Any:
    """The file system of a protocol, with its own tries switched off where ours replace them."""
    package, extra = PACKAGES.get(address.protocol, ("", "remote"))
    try:
        import fsspec
    except ImportError:
        raise _missing(address, "fsspec", extra) from None
    try:
        kind = fsspec.get_filesystem_class(address.protocol)
        given = dict(kind._get_kwargs_from_urls(address.fixed))
        files = kind(**(given | _options(address.protocol, patience)), skip_instance_cache=True)
    except ImportError as error:
        raise _missing(address, package or shortened(str(error), 120), extra) from None
    except ValueError as error:
        if address.protocol in PACKAGES:
            raise explained(error, address.shown) from None
        known = ", ".join(PACKAGES)
        raise RemoteError(f"{address.shown}: nobody here speaks {address.protocol}://; known are {known}") from None
    except Exception as error:  # paramiko connects at once
        raise explained(error, address.shown) from None
    if hasattr(files, "retries"):
        files.retries = 1
    return files


def _above(name: str) -> str:
    return name.rpartition("/")[0]


def _missing(address: Address, package: str, extra: str) -> RemoteError:
    return RemoteError(
        f"{address.protocol}:// needs a package that is not installed ({package}); pip install 'swaveval[{extra}]'",
        "package",
    )


def _options(protocol: str, patience: Patience) -> dict[str, Any]:
    """What each file system calls a limit of time."""
    if protocol in ("s3", "s3a"):
        limits = {"connect_timeout": patience.connect, "read_timeout": patience.read}
        once = {"retries": {"total_max_attempts": 1}, "max_pool_connections": 16}
        return {"config_kwargs": limits | once, "use_listings_cache": False}
    if protocol in ("http", "https"):
        from aiohttp import ClientTimeout

        limit = ClientTimeout(total=None, sock_connect=patience.connect, sock_read=patience.read)
        return {"client_kwargs": {"timeout": limit}, "use_listings_cache": False}
    if protocol in ("sftp", "ssh"):
        return {"timeout": patience.connect}
    return {"use_listings_cache": False}
