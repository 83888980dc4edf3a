"""A Python process of ours beside this one: asked over a connection, limited, and never left behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from swaveval.checkpoints.processes import child_environment, die_with_parent, parent_mark, python_command

_LOOK = 0.5  # seconds between looks whether it still lives
_MEASURE = 5.0  # and between those at its processor time


class ChildDied(Exception):
    """The process ended without an answer; the message says how."""


class ChildHangs(Exception):
    """The process gave no answer in the time it has; it has been ended."""


class Child:
    """A started process; `module` is one of ours with a function `main()` that calls `serve`.

    It ignores Ctrl-C, which is for the parent, prints to stderr only, and takes all it has started with it.
    """

    def __init__(self, module: str) -> None:
        stderr = _stderr()  # looked at before the sockets take a free number
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = subprocess.Popen(
                    python_command(module, str(theirs.fileno()), parent_mark()),
                    pass_fds=[theirs.fileno()],
                    env=child_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=stderr,
                    stderr=stderr,
                    process_group=0,
                )
        except BaseException:  # no further process is allowed: nothing is left open
            ours.close()
            raise
        self.connection = Connection(ours.detach())

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, request: Any) -> None:
        """Ask for something.

        Raises:
            ChildDied: it is gone.
        """
        try:
            self.connection.send(request)
        except OSError:
            raise ChildDied(self.end()) from None

    def receive(self, *, seconds: float | None = None, idle_seconds: float | None = None) -> Any:
        """Its next message.

        Args:
            seconds: how long it may take in all. idle_seconds: how long without using any processor time, where the
                system tells.

        Raises:
            ChildDied: it ended instead. ChildHangs: it took longer, and was ended.
        """
        began = busy = looked = time.monotonic()
        used = self.processor_time()
        while not self.connection.poll(_LOOK):
            if not self.lives and not self.connection.poll(0):
                raise ChildDied(self.end())
            now = time.monotonic()
            if seconds is not None and now - began > seconds:
                self.kill()
                raise ChildHangs(f"gave no answer within {seconds:.0f} seconds")
            if idle_seconds is None or used is None or now - looked < min(_MEASURE, idle_seconds):
                continue
            looked = now
            if (latest := self.processor_time()) != used:
                used, busy = latest, now
            elif now - busy > idle_seconds:
                self.kill()
                raise ChildHangs(f"used no processor time for {idle_seconds:.0f} seconds")
        return self.read()

    def read(self) -> Any:
        """What it has sent.

        Raises:
            ChildDied: it ended in the middle.
        """
        try:
            if not self.lives and not self.connection.poll(0):
                raise EOFError  # something it started may still hold the other end
            return self.connection.recv()
        except (EOFError, OSError):
            raise ChildDied(self.end()) from None

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def end(self) -> str:
        """Kill it and all it has started, if it still lives; says how it ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_LOOK)  # one that has just closed its connection is about to say why
        code = self._process.poll()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.connection.close()
        return _how(code)

    def kill(self) -> None:
        """End it at once."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.connection.close()

    def processor_time(self) -> int | None:
        """Clock ticks used by it and all it has started; None where the system does not say."""
        group, ticks = str(self._process.pid).encode(), None
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_bytes().rpartition(b")")[2].split()
            except OSError:
                continue
            if fields[2] == group:
                ticks = (ticks or 0) + sum(int(field) for field in fields[11:15])
        return ticks


def serve() -> Connection:
    """In the child: its end of the connection, once it is made safe to leave alone."""
    descriptor, mark = int(sys.argv[1]), int(sys.argv[2])
    sys.argv = sys.argv[:1]
    os.set_inheritable(descriptor, False)
    die_with_parent(mark)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return Connection(descriptor)


def _how(code: int | None) -> str:
    if code is None:
        return "closed its connection"
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"was ended by {name}" + (" (out of memory?)" if -code == signal.SIGKILL else "")
    return f"left with exit status {code}"


def _stderr() -> int:
    """This process's stderr, nothing where it has none: number 2 may be another file of ours then."""
    if sys.__stderr__ is None:
        return subprocess.DEVNULL
    try:
        os.fstat(2)
    except OSError:
        return subprocess.DEVNULL
    return 2
