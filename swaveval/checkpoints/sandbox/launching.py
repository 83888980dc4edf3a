"""The reading process is started; ahead of its first use where somebody knows that it will be used.

It takes two seconds to import torch, as this process does: side by side they take half of that. So nothing here imports
torch.
"""

import atexit
import os
import signal
import socket
import subprocess
from contextlib import suppress
from dataclasses import dataclass

from swaveval.checkpoints.processes import child_environment, parent_mark, python_command


@dataclass(frozen=True, slots=True)
class Launched:
    """A server that has been started, and may not be ready yet.

    Attributes:
        process: it.
        control: our end of its socket; it says when it is ready.
        owner: number of the process that started it.
    """

    process: "subprocess.Popen[bytes]"
    control: socket.socket
    owner: int

    def end(self) -> None:
        """Kill it and its fork, if it is ours."""
        if self.owner == os.getpid():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.control.close()


_ahead: Launched | None = None


def launch_ahead() -> None:
    """Start one for the first reader that asks."""
    global _ahead
    if _ahead is None:
        with suppress(OSError):  # no further process is allowed; who needs one says so
            _ahead = _launch()
            atexit.register(_end_ahead)


def launched() -> Launched:
    """One that was started ahead, else a new one.

    Raises:
        OSError: no further process is allowed.
    """
    global _ahead
    ahead, _ahead = _ahead, None
    return ahead if ahead is not None and ahead.owner == os.getpid() else _launch()


def _launch() -> Launched:
    ours, theirs = socket.socketpair()
    environment = child_environment() | {"CUDA_VISIBLE_DEVICES": "", "MALLOC_ARENA_MAX": "1"}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    try:
        with theirs:
            process = subprocess.Popen(
                python_command("swaveval.checkpoints.sandbox.server", str(theirs.fileno()), parent_mark()),
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is for us; in our session, so that the scheduler counts us as one
            )
    except BaseException:
        ours.close()
        raise
    return Launched(process, ours, os.getpid())


def _end_ahead() -> None:
    global _ahead
    if _ahead is not None:
        _ahead.end()
        _ahead = None
