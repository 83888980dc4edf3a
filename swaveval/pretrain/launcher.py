"""Lightning's DDP with an end for every process: none outlives the command, and one that is lost is a sentence."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch.distributed as dist
from pytorch_lightning.strategies import DDPStrategy
from pytorch_lightning.strategies.launchers.subprocess_script import _SubprocessScriptLauncher

from swaveval.checkpoints.processes import die_with_parent, parent_mark
from swaveval.pretrain.errors import ProcessLost
from swaveval.pretrain.ranks import LAUNCHED, is_launched

_GRACE = 10.0  # seconds in which a lost process is found out by those that wait for it, or its end by its parent
_LOOK = 0.2
_SIGNS = ("gloo", "connection closed", "connection reset", "broken pipe", "nccl", "socket", "tcpstore")


class JointStrategy(DDPStrategy):
    """Distributed data parallel whose processes the command itself starts, unless torchrun or Slurm did.

    Args:
        advice: what to do when a process is lost, the last clause of the error.
    """

    def __init__(self, advice: str) -> None:
        super().__init__()
        self._advice = advice

    def _configure_launcher(self) -> None:
        environment = self.cluster_environment
        assert environment is not None
        if not environment.creates_processes_externally:
            self._launcher = _Launcher(environment, self.num_processes, self.num_nodes)
            self._launcher.advice = self._advice


class _Launcher(_SubprocessScriptLauncher):
    """Lightning's, but for its watchman, which kills its own process without a word when another one has died."""

    advice = ""

    def launch(self, function: Callable[..., Any], *args: Any, trainer: Any = None, **kwargs: Any) -> Any:
        self.cluster_environment.validate_settings(num_devices=self.num_processes, num_nodes=self.num_nodes)
        with _for_children():
            self._call_children_scripts()
        over = threading.Event()
        threading.Thread(target=self._watch, args=(over,), daemon=True, name="swaveval watches processes").start()
        try:
            result = function(*args, **kwargs)
            self._wait()
            return result
        except RuntimeError as error:
            if not is_lost_connection(error):
                raise
            raise ProcessLost(f"{self._lost(_GRACE) or OTHER}. {self.advice}") from error
        finally:
            over.set()
            self._end()

    def kill(self, signum: Any) -> None:
        """Lightning passes SIGTERM on; here the first process ends the others when it has ended itself."""
        if signum == signal.SIGKILL:
            self._end()

    def _lost(self, patience: float) -> str | None:
        """Which process has ended before its time, looked for as long as `patience` seconds."""
        until = time.monotonic() + patience
        while True:
            for number, process in enumerate(self.procs, start=1):
                if (status := process.poll()) is not None:
                    how = f"was killed by signal {-status}" if status < 0 else f"ended with exit status {status}"
                    return f"process {number + 1} of {self.num_processes} on this machine {how}"
            if time.monotonic() > until or not self.procs:
                return None
            time.sleep(_LOOK)

    def _watch(self, over: threading.Event) -> None:
        """End the command where a process is lost and nothing else finds it out: before they met, or within NCCL."""
        while not over.wait(_LOOK):
            if (lost := self._lost(0)) and not over.wait(_GRACE):
                sys.stderr.write(f"swaveval: {lost}. {self.advice}\n")
                sys.stderr.flush()
                self._end()
                os._exit(ProcessLost.exit_code)

    def _wait(self) -> None:
        until = time.monotonic() + _GRACE
        for process in self.procs:
            try:
                process.wait(max(until - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                return

    def _end(self) -> None:
        for process in self.procs:
            process.kill()
        for process in self.procs:
            process.wait()


OTHER = "the connection to another process of this training was lost: it, or its machine, has ended"


def is_lost_connection(error: BaseException) -> bool:
    """Whether an error says that a process could not speak to the others."""
    if isinstance(error, dist.DistError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


def obey_launcher() -> None:
    """In a process that the command started: end with the first process, and leave Ctrl-C to it."""
    if is_launched():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        die_with_parent(int(os.environ[LAUNCHED]))


def terminate_as_interrupt() -> None:
    """SIGTERM ends as Ctrl-C does, in place of Lightning's handler, which broadcasts in the midst of other messages."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_IGN if is_launched() else signal.default_int_handler)


@contextmanager
def _for_children() -> Iterator[None]:
    """What started processes inherit: that they were started, and that Ctrl-C is not for them."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    os.environ[LAUNCHED] = parent_mark()
    try:
        yield
    finally:
        del os.environ[LAUNCHED]
        for number, handler in before.items():
            signal.signal(number, handler)
