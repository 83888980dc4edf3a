"""Our side of reading: the server is started and asked, and everything a fork says is checked."""

import atexit
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from swaveval.checkpoints.options import LoadOptions
from swaveval.checkpoints.sandbox.description import Description, TensorInfo, parse
from swaveval.checkpoints.sandbox.failure import Failure, FailureKind
from swaveval.checkpoints.sandbox.launching import Launched, launched
from swaveval.checkpoints.sandbox.values import DTYPES
from swaveval.checkpoints.sandbox.wire import Closed, receive, receive_into, send
from swaveval.errors import SwavevalError

# Address space a fork may take beyond what it has: buffers and the allocator's reserve, then multiples of the file.
MEMORY_FLOOR = 64 << 20
MEMORY_PER_BYTE = 3
TENSORS_PER_BYTE = 4  # a deflated file may hold more than its size
BYTES_PER_SECOND = 20 << 20  # a slow disk; sets how long a large file may take
# A file the user vouches for may import the packages its classes live in.
TRUSTED_MEMORY = 1 << 44
TRUSTED_SECONDS = 60.0
_PATIENCE = 4.0  # seconds more than the fork allows itself
_START_SECONDS = 120.0  # importing torch from a cold network disk
_GRACE = 0.5  # seconds
_STARTS = 3  # of a server that dies while idle
_DTYPES = {name: dtype for dtype, name in DTYPES.items()}

Containers = Sequence[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Usage:
    """What reading one file took in its fork.

    Attributes:
        memory_bytes: beyond those of an idle fork.
        cpu_milliseconds: of processor time.
        signal: that ended it, or 0.
    """

    memory_bytes: int
    cpu_milliseconds: int
    signal: int


class ReaderError(SwavevalError):
    """The reading process cannot be started; the message says what to try."""


class OpenFile:
    """One file held open by a fork. Use as a context manager.

    Attributes:
        description: what is in it; set by `Reader.open`.
    """

    description: Description

    def __init__(
        self, reader: "Reader", connection: socket.socket, *, seconds: float, most_bytes: int, trusted: bool
    ) -> None:
        """`seconds` for each answer; `most_bytes` of tensors in one."""
        self._reader = reader
        self._connection = connection
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._trusted = trusted
        self._deadline = time.monotonic() + seconds + _PATIENCE

    def __enter__(self) -> "OpenFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def take(self, path: tuple[str, ...], names: Iterable[str]) -> dict[str, Tensor]:
        """Named tensors under `path`, as many of them as were described, each in memory of its own.

        Raises:
            Failure: they are damaged, or not plain tensors.
        """
        described = {info.name: info for info in self.description.containers.get(path, ())}
        wanted = [described[name] for name in dict.fromkeys(names) if name in described]
        self._deadline = time.monotonic() + self._seconds + _PATIENCE
        if sum(info.nbytes for info in wanted) > self._most_bytes:
            raise Failure("refused", "its tensors claim more than the file holds")
        if wanted:
            with suppress(OSError):  # if the fork is gone, its answer will not come either
                send(self._connection, {"take": {"path": path, "names": [info.name for info in wanted]}})
        return {info.name: self._tensor(info) for info in wanted}

    def answer(self, wanted: str) -> dict[str, Any]:
        """The fork's answer called `wanted`.

        Raises:
            Failure: it failed, was killed by its limits, or answers something else.
        """
        with self._listening():
            message = receive(self._connection, self._deadline)
        if isinstance(failed := message.get("failed"), dict):
            kinds: dict[Any, FailureKind] = {"corrupt": "corrupt", "unsupported": "unsupported"}
            kind = kinds.get(failed.get("kind"), "refused")
            raise Failure(kind, str(failed.get("reason", "")), cut_short=failed.get("cut_short") is True)
        if not isinstance(value := message.get(wanted), dict):
            raise no_answer()
        return value

    def close(self) -> None:
        """Let the fork end. One that may have run a file's code takes the server with it."""
        self._connection.close()
        if self._trusted:
            self._reader.stop()

    def _tensor(self, info: TensorInfo) -> Tensor:
        """The next tensor, in memory that is allocated by what was described."""
        if self.answer("tensor").get("bytes") != info.nbytes:
            raise no_answer()
        try:
            tensor = torch.empty(info.shape, dtype=_DTYPES[info.dtype])
        except (KeyError, RuntimeError, TypeError, ValueError):
            raise no_answer() from None
        if info.nbytes:
            with self._listening():
                receive_into(self._connection, tensor.reshape(-1).view(torch.uint8).numpy().data, self._deadline)
        return tensor

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """A fork that says nothing, or nothing more, as a Failure."""
        try:
            yield
        except TimeoutError:
            self._reader.stop()
            raise Failure("refused", f"reading the file takes more than {self._seconds:.0f} seconds") from None
        except Closed:
            raise self._ended() from None

    def _ended(self) -> Failure:
        """Why a fork ended before it had answered."""
        usage = self._reader.last_usage
        if usage is None:
            # A scheduler that ends a job ends its processes one after the other: ours then follows, and blames no file.
            time.sleep(_GRACE)
            return Failure("refused", "the reading process died on this file")
        if usage.signal in (signal.SIGXCPU, signal.SIGKILL):
            return Failure("refused", f"reading the file takes more than {self._seconds:.0f} seconds of processor time")
        if usage.signal == signal.SIGBUS:
            return Failure("corrupt", "the file became shorter while it was read", cut_short=True)
        name = signal.Signals(usage.signal).name if usage.signal in set(signal.Signals) else "nothing said"
        return Failure("corrupt", f"reading the file crashed the reading process ({name})")


def no_answer() -> Failure:
    """Of a fork that a file has taken over."""
    return Failure("refused", "the reading process gave an answer that is none")


class Reader:
    """The server, started when first needed and kept; a new one is started when it is gone. One file at a time.

    Not for concurrent use from several threads: hold its `lock` from `open` to `close`.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._usage: Usage | None = None
        self._connection: socket.socket | None = None  # to a fork that has not been said to have ended
        self._launched: Launched | None = None

    def start(self) -> socket.socket:
        """The control socket of a running server."""
        if self._launched is not None and self._launched.owner != os.getpid():
            self._launched = self._connection = None  # inherited by a fork; it is the parent's
        self.settle()
        if self._launched is not None:
            return self._launched.control
        self._launched = launched()
        ours = self._launched.control
        try:
            receive(ours, time.monotonic() + _START_SECONDS)
        except (Closed, TimeoutError) as error:
            self.stop()
            raise ReaderError(
                f"the reading process did not start ({error}); check "
                f"`{sys.executable} -c 'import torch, safetensors'`{_memory_limit()}"
            ) from None
        return ours

    def stop(self) -> None:
        """End the server and its fork."""
        if self._launched is not None:
            self._launched.end()
        if self._connection is not None:
            self._connection.close()
        self._launched = self._connection = None

    @property
    def last_usage(self) -> Usage | None:
        """What reading the last file took; None before the first and where the server went with the fork."""
        self.settle()
        return self._usage

    def settle(self) -> None:
        """Have the fork of the last file end, if it has not. Done before the next file, not after each."""
        if self._connection is None or self._launched is None or self._launched.owner != os.getpid():
            return
        self._connection.close()
        try:
            ended = receive(self._launched.control, time.monotonic() + _PATIENCE)["ended"]
            self._usage = Usage(ended["memory_bytes"], ended["cpu_milliseconds"], ended["signal"])
            self._connection = None
        except (Closed, TimeoutError, KeyError, TypeError):
            self.stop()

    def open(self, path: Path, *, containers: Containers, scalars: Containers, options: LoadOptions) -> OpenFile:
        """Open a file in a fork and have it described.

        Raises:
            Failure: it cannot be read; the kind is the state it gets. ReaderError: the server does not start, or dies
                as soon as it has.
        """
        resolved = os.path.realpath(path)
        try:
            size = os.stat(resolved).st_size  # noqa: PTH116
            if resolved.endswith("/.metadata"):  # it stands for all files of its directory
                size += sum(entry.stat().st_size for entry in os.scandir(os.path.dirname(resolved)))  # noqa: PTH120
        except OSError:
            size = 0  # the fork says in words what is the matter
        seconds = options.seconds + size / BYTES_PER_SECOND + (TRUSTED_SECONDS if options.trust else 0)
        request = {
            "path": resolved,
            "trust": options.trust,
            "verify_all": options.verify_all,
            "containers": [list(keys) for keys in containers],
            "scalars": [list(keys) for keys in scalars],
            "memory_bytes": TRUSTED_MEMORY if options.trust else MEMORY_FLOOR + MEMORY_PER_BYTE * size,
            "cpu_seconds": int(seconds) + 1,
        }
        most_bytes = MEMORY_FLOOR + TENSORS_PER_BYTE * size
        connection = self._asked(request)
        opened = OpenFile(self, connection, seconds=seconds, most_bytes=most_bytes, trusted=options.trust)
        try:
            opened.description = parse(opened.answer("described"))
        except ValueError:
            opened.close()
            raise no_answer() from None
        except BaseException:
            opened.close()
            raise
        return opened

    def _asked(self, request: dict[str, Any]) -> socket.socket:
        """Our end of the socket of a fork that has been sent the request."""
        for _ in range(_STARTS):
            control = self.start()
            ours, theirs = socket.socketpair()
            self._connection, self._usage = ours, None
            with theirs, suppress(OSError):
                send(control, request, theirs.fileno())
                return ours
            self.stop()  # it had died while idle; a fresh one may not
        raise ReaderError(
            f"the reading process died {_STARTS} times before it was asked for anything; close other "
            f"programs{_memory_limit()}"
        )


def _memory_limit() -> str:
    """Words that name the limit on this process's memory, which its children inherit; empty where there is none."""
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        return ""
    return f", and raise the memory limit of {soft / (1 << 30):.1f} GiB (`ulimit -v`)"


_shared: Reader | None = None
_inherited: list[Reader] = []


def shared_reader() -> Reader:
    """The process-wide reader, ended at exit; hold its `lock` from `open` to `close`."""
    global _shared
    if _shared is None:
        _shared = Reader()
        atexit.register(_shared.stop)
    return _shared


def _after_fork() -> None:
    """A forked process starts a reader of its own; its parent's, and its lock, which may be held, stay the parent's."""
    global _shared
    if _shared is not None:
        _inherited.append(_shared)
    _shared = None


os.register_at_fork(after_in_child=_after_fork)
