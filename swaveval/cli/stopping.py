"""SIGTERM and Ctrl-C: the first stops the command as `KeyboardInterrupt`, one that comes while it ends cannot hurt."""

import os
import signal
import threading
from functools import partial
from types import FrameType


def stop_on_sigterm() -> None:
    """Take SIGTERM, which schedulers and `kill` send, for a Ctrl-C; unless it is ignored or somebody else's already."""
    ours = threading.current_thread() is threading.main_thread()
    if ours and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)


def leave_on_signals(code: int) -> None:
    """For the end of the interpreter: a signal brings it at once, with this exit code and no traceback."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, partial(_leave, code))


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _leave(code: int, number: int, frame: FrameType | None) -> None:
    os._exit(code)
