"""SIGTERM and Ctrl-C: the first stops the command as `KeyboardInterrupt`, one that comes while it ends cannot hurt."""

import atexit
import os
import signal
import threading
import time
from functools import partial
from types import FrameType

# Seconds within which a second SIGTERM says the same thing as the first.
AT_ONCE = 1.0
_heard: list[float] = []


def stop_on_sigterm() -> None:
    """Take SIGTERM, which schedulers and `kill` send, for a Ctrl-C; unless it is ignored or somebody else's already."""
    ours = threading.current_thread() is threading.main_thread()
    if ours and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)
    if ours:
        atexit.register(_ignore_signals)  # first of all, so that it is the last to be called


def stop_answered() -> None:
    """The interrupt was caught, whatever it came through.

    Where it came through a text that somebody had executed (every dataclass is made of one), CPython takes it for
    caught by nobody, and at the end lets the process die of SIGINT; until the next text is executed.
    """
    exec("")


def leave_on_signals(code: int) -> None:
    """For the end of the interpreter: a signal brings it at once, with this exit code and no traceback."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, partial(_leave, code))


def _ignore_signals() -> None:
    """What is left is the interpreter's, which takes handlers away: the command would die of a signal."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _interrupt(number: int, frame: FrameType | None) -> None:
    now = time.monotonic()
    if _heard and now - _heard[-1] < AT_ONCE:
        return
    _heard[:] = [now]
    raise KeyboardInterrupt


def _leave(code: int, number: int, frame: FrameType | None) -> None:
    os._exit(code)
