"""`--out s3://bucket/report`: results are written to a directory here, and sent to the one behind the address.

What is stored there and not here is fetched before the evaluation begins, so that it goes on wherever it is called;
cells are sent while it works, page and verdict at its end. A file that came damaged is one more damaged result: it is
said, and computed again.
"""

import hashlib
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from swaveval.checkpoints.remote.address import Address
from swaveval.checkpoints.remote.errors import RemoteError
from swaveval.checkpoints.remote.listing import listed
from swaveval.checkpoints.remote.server import Patience, Server
from swaveval.results.atomic import write_bytes
from swaveval.runs.progress import Progress, Silent

# Protocols that take a file as a whole, or rename one over another.
WRITABLE = ("s3", "s3a", "gs", "gcs", "sftp", "ssh", "file", "memory")
# Seconds between two looks at what there is to send.
EVERY = 20.0
_AT_ONCE = 8
# What an evaluation goes on from, and nothing else that a stranger may have put there.
_RESULTS = re.compile(
    r"results/((run|watched|tracked)\.json|cells/[0-9a-f]{16,128}\.(json|npz)|seconds/[0-9a-f]{16,128}\.json)"
)
_MARK = "results/.swaveval"

Stamp = tuple[int, int]


def check_writable_address(text: str) -> Address:
    """The address that results are sent to.

    Raises:
        RemoteError: it is a pattern, or nothing can be written by its protocol.
    """
    address = Address.of(text)
    if address.pattern:
        raise RemoteError(f"{address.shown} is a pattern; results take the address of one directory")
    if address.protocol not in WRITABLE:
        raise RemoteError(
            f"{address.shown}: results are sent to {', '.join(f'{one}://' for one in WRITABLE)}; name a directory of "
            "this machine with --out, and copy it there afterwards"
        )
    return address


def publishing(
    address: str, here: Path, progress: Progress | None = None, patience: Patience | None = None
) -> "AbstractContextManager[Published | None]":
    """Keep an address equal to the results here for as long as the block lasts; does nothing without an address.

    Raises:
        RemoteError: at the beginning, that nothing can be listed or written there; at the end, that not everything
            could be sent. The results are here then.
    """
    return Published(address, here, progress or Silent(), patience) if address else nullcontext()


class Published:
    """Results in a directory here and behind an address."""

    def __init__(
        self, address: str, here: Path, progress: Progress, patience: Patience | None = None, every: float = EVERY
    ) -> None:
        """Nothing is connected yet.

        Raises:
            RemoteError: nothing can be written there by anyone.
        """
        self.address = check_writable_address(address)
        self.here = here
        self._progress, self._patience, self._every = progress, patience, every
        self._sent: dict[str, Stamp] = {}
        self._over = threading.Event()
        self._beside = threading.Thread(target=self._keep_sending, name="sending results", daemon=True)

    def __enter__(self) -> "Published":
        self._server = Server(self.address, self._patience)
        # Whether anything may be written there is better known now than after hours.
        try:
            self._server.put(self._path(_MARK), b"results of swaveval\n")
        except RemoteError as problem:
            raise RemoteError(
                f"results cannot be sent to {self.address.shown}, so nothing was begun: {problem}", problem.kind
            ) from None
        self._fetch()
        self._beside.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._beside.join()
        if error is not None:
            if isinstance(error, Exception):  # what is done is sent; the error is what is told
                with suppress(RemoteError, OSError):
                    self._send(_cells)
            return
        try:
            self._progress.stage("sending results", 0)
            self._send_all()
        except RemoteError as problem:
            raise RemoteError(
                f"the evaluation is done and lies in {self.here}, but not all of it could be sent to "
                f"{self.address.shown}: {problem}. The same command sends the rest",
                problem.kind,
            ) from None

    def send(self) -> None:
        """Send everything as it is now; what could not be sent is sent with the next call, or said at the end."""
        with suppress(RemoteError, OSError):
            self._send_all()

    def _path(self, name: str) -> str:
        return f"{self._server.root}/{name}"

    def _fetch(self) -> None:
        """Bring the results that are there and not here."""
        prefix = f"{self._server.root}/"
        there = {path.removeprefix(prefix): info for path, info in self._server.find(self._server.root).items()}
        stored = {name: info for name, info in there.items() if _RESULTS.fullmatch(name)}
        missing = [name for name in stored if not (self.here / name).exists()]
        if missing:
            self._progress.stage("fetching results", len(missing))
        # The manifest names the cells, so it comes after them.
        missing.sort(key=lambda name: (name == "results/run.json", name.endswith(".json"), name))
        for done, name in enumerate(missing, 1):
            body = b"".join(self._server.chunks(self._path(name), int(stored[name].get("size") or 0)))
            write_bytes(self.here / name, body)
            self._progress.advance(done, len(missing))
        self._sent = {
            name: stamp
            for name, stamp in self._files(_everything)
            if name in missing or (name in there and self._is_same(name, there[name], stamp))
        }

    def _is_same(self, name: str, info: Mapping[str, Any], stamp: Stamp) -> bool:
        """Whether a file there is the one here: by its checksum; where none is stated, a cell by its size, for cells do
        not change.
        """
        file = listed(name, self._path(name), info, self.address.protocol)
        if file.size != stamp[0] or file.checksum is None:
            return file.size == stamp[0] and _cells(name)
        kind, stated = file.checksum
        with (self.here / name).open("rb") as content:
            return hashlib.file_digest(content, partial(hashlib.new, kind, usedforsecurity=False)).hexdigest() == stated

    def _keep_sending(self) -> None:
        while not self._over.wait(self._every):
            with suppress(RemoteError, OSError):  # said at the end, if it still stands in the way
                self._send(_cells)

    def _files(self, wanted: Callable[[str], bool]) -> Iterable[tuple[str, Stamp]]:
        """What a reader may want, by name: all but the cache and what is being written."""
        for path in sorted(self.here.rglob("*")):
            name = path.relative_to(self.here).as_posix()
            if name.startswith("cache/") or path.name.startswith(".") or not wanted(name):
                continue
            with suppress(FileNotFoundError):
                if path.is_file():
                    found = path.stat()
                    yield name, (found.st_size, found.st_mtime_ns)

    def _send_all(self) -> None:
        """Page and verdict after all that they speak of."""
        for wanted in (_cells, _rest, _shown):
            self._send(wanted)

    def _send(self, wanted: Callable[[str], bool]) -> None:
        """Send what is new or has changed.

        Raises:
            RemoteError: something could not be sent; everything else was.
        """
        new = {name: stamp for name, stamp in self._files(wanted) if self._sent.get(name) != stamp}
        problems: list[RemoteError] = []

        def one(name: str) -> None:
            if len(problems) >= 3:  # the server is gone: waiting for each file by itself would take hours
                return
            try:
                self._server.put(self._path(name), (self.here / name).read_bytes())
                self._sent[name] = new[name]
            except RemoteError as problem:
                problems.append(problem)

        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="sending results") as several:
            # Arrays before the cells that name them.
            list(several.map(one, (name for name in new if not name.endswith(".json"))))
            list(several.map(one, (name for name in new if name.endswith(".json"))))
        if problems:
            raise problems[0]


def _cells(name: str) -> bool:
    return name.startswith("results/cells/")


def _shown(name: str) -> bool:
    return name in ("index.html", "verdict.json")


def _rest(name: str) -> bool:
    return not _cells(name) and not _shown(name)


def _everything(name: str) -> bool:
    return True
