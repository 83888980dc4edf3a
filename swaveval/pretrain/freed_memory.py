"""Memory that torch frees on a CPU stays with the process, for the next step takes as much again."""

import ctypes
import sys
from contextlib import suppress

# glibc's mallopt; see `man mallopt`.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Have glibc keep what is freed instead of giving it back to the system; whether that could be asked for.

    Tensors above 32 MB are mapped anew each time otherwise, and the system clears every page of them before its first
    use. The process stays as large as it once was.
    """
    if not sys.platform.startswith("linux"):
        return False
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, _NEVER))
    return False
