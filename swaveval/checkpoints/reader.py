"""The parent's side of reading: one warm reading process, one request at a time, everything it says checked."""

import atexit
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swaveval.checkpoints.description import parse
from swaveval.checkpoints.open_file import PATIENCE, OpenFile
from swaveval.checkpoints.options import LoadOptions
from swaveval.checkpoints.processes import child_environment, parent_mark, python_command
from swaveval.checkpoints.sandbox.failure import Failure
from swaveval.checkpoints.sandbox.wire import Closed, receive, send

# Address space a reader may take beyond what it has: buffers and the allocator's reserve, then multiples of the file.
MEMORY_FLOOR = 64 << 20
MEMORY_PER_BYTE = 3
TENSORS_PER_BYTE = 4  # a deflated file may hold more than its size
BYTES_PER_SECOND = 20 << 20  # a slow disk; sets how long a large file may take
# A file the user vouches for may import the packages its classes live in.
TRUSTED_MEMORY = 1 << 44
TRUSTED_SECONDS = 60.0
_START_SECONDS = 120.0  # importing torch from a cold network disk
_STARTS = 3  # of a process that dies while idle

Containers = Sequence[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Usage:
    """What reading one file took in the reading process.

    Attributes:
        memory_bytes: beyond those of an idle reader.
        cpu_milliseconds: of processor time.
        signal: that ended it, or 0.
    """

    memory_bytes: int
    cpu_milliseconds: int
    signal: int


class ReaderError(Exception):
    """The reading process cannot be started; the message says what to try."""


class Reader:
    """A reading process, started when first needed and kept; a new one is started when it is gone.

    Not for concurrent use from several threads; `shared_reader` gives one that locks.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._usage: Usage | None = None
        self._unsettled = False
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._owner = 0

    def start(self) -> socket.socket:
        """The connection to a running process."""
        if self._connection is not None and self._owner == os.getpid():
            return self._connection
        if self._owner != os.getpid():
            self._process = self._connection = None  # inherited by a fork; it is the parent's
            self._unsettled = False
        ours, theirs = socket.socketpair()
        environment = child_environment() | {"CUDA_VISIBLE_DEVICES": "", "MALLOC_ARENA_MAX": "1"}
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            python_command("swaveval.checkpoints.sandbox.__main__", str(theirs.fileno()), parent_mark()),
            pass_fds=[theirs.fileno()],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C is for us; in our session, so that the scheduler counts us as one
        )
        theirs.close()
        self._connection, self._owner = ours, os.getpid()
        ours.settimeout(_START_SECONDS)
        try:
            receive(ours)
        except (Closed, TimeoutError) as error:
            self.stop()
            raise ReaderError(
                f"the reading process did not start ({error}); check "
                f"`{sys.executable} -c 'import torch, safetensors'`{_memory_limit()}"
            ) from None
        return ours

    def stop(self) -> None:
        """End the reading process and all its forks."""
        if self._process is not None and self._owner == os.getpid():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None
        self._unsettled = False

    @property
    def last_usage(self) -> Usage | None:
        """What reading the last file took; None before the first and where its process was killed with all others."""
        self.settle()
        return self._usage

    def settle(self) -> None:
        """Wait until the fork that read the last file is gone. Done before the next file, not after each."""
        if not self._unsettled or self._connection is None or self._owner != os.getpid():
            return
        try:
            ended: Any = None
            while ended is None:
                message, descriptor = receive(self._connection)
                if descriptor is not None:
                    os.close(descriptor)
                ended = message.get("ended")
            self.note(ended)
        except (Closed, TimeoutError):
            self.stop()

    def note(self, ended: Any) -> int:
        """Record how a fork ended; gives the signal that killed it, or 0."""
        numbers = ended if isinstance(ended, dict) else {}
        counts = {key: value for key, value in numbers.items() if isinstance(value, int)}
        self._unsettled = False
        memory, used = counts.get("memory_bytes", 0), counts.get("cpu_milliseconds", 0)
        self._usage = Usage(memory, used, counts.get("signal", 0))
        return self._usage.signal

    def leave(self, *, trusted: bool) -> None:
        """A file is closed: its fork goes by itself. One that may have run a file's code takes the process with it."""
        self._unsettled = True
        if trusted:
            self.stop()

    def open(self, path: Path, *, containers: Containers, scalars: Containers, options: LoadOptions) -> OpenFile:
        """Open a file in the reading process and have it described.

        Raises:
            Failure: it cannot be read; the kind is the state it gets. ReaderError: the process does not start, or dies
                as soon as it has.
        """
        resolved = os.path.realpath(path)
        try:
            size = os.stat(resolved).st_size  # noqa: PTH116
            if resolved.endswith("/.metadata"):  # it stands for all files of its directory
                size += sum(entry.stat().st_size for entry in os.scandir(os.path.dirname(resolved)))  # noqa: PTH120
        except OSError:
            size = 0  # the reading process says in words what is the matter
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
        self.settle()
        connection = self._asked(request, seconds + PATIENCE)
        self._usage = None
        most_bytes = MEMORY_FLOOR + TENSORS_PER_BYTE * size
        opened = OpenFile(self, connection, seconds=seconds, most_bytes=most_bytes, trusted=options.trust)
        try:
            opened.description = parse(opened.answer("described"))
        except ValueError:
            self.stop()
            raise Failure("refused", "the reading process gave an answer that is none") from None
        except BaseException:  # also Ctrl-C: the next file must not get this one's answers
            opened.close()
            raise
        return opened

    def _asked(self, request: dict[str, Any], seconds: float) -> socket.socket:
        """The connection to a process that has been sent the request, and has `seconds` for each answer."""
        for _ in range(_STARTS):
            connection = self.start()
            connection.settimeout(seconds)
            with suppress(OSError):
                send(connection, {"open": request})
                return connection
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
