"""Memory for a copy, found, cleared and mapped while nobody waits for it: half of what copying costs otherwise."""

import mmap
import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from swaveval.checkpoints.sandbox.memory_files import nameless_file

_WINDOW = 4 << 20  # bytes; a multiple of the page


class MemoryAhead:
    """A nameless file whose next bytes are mapped into this process, ready to be written.

    The file can be sealed only when no window onto it is left open. Use as a context manager.

    Attributes:
        descriptor: of the file.
    """

    def __init__(self) -> None:
        self.descriptor = nameless_file()
        self._windows: deque[mmap.mmap] = deque()
        self._start = 0  # of the first window, in the file
        self._end = 0  # of the last

    def __enter__(self) -> "MemoryAhead":
        return self

    def __exit__(self, *_: object) -> None:
        self.close_windows()
        os.close(self.descriptor)

    def set_aside(self, size: int, *, until: Callable[[], bool] = lambda: False) -> None:
        """Open windows onto the first `size` bytes, or fewer when there is no more memory or `until` says stop."""
        while self._end < size and not until():
            try:
                os.posix_fallocate(self.descriptor, self._end, _WINDOW)
                flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
                self._windows.append(mmap.mmap(self.descriptor, _WINDOW, flags=flags, offset=self._end))
            except OSError:
                return
            self._end += _WINDOW

    def is_mapped(self, place: int) -> bool:
        """Whether a window shows byte `place`. Windows onto what lies before are closed."""
        while self._windows and self._start + _WINDOW <= place:
            self._windows.popleft().close()
            self._start += _WINDOW
        return bool(self._windows)

    def window(self, place: int, size: int) -> memoryview:
        """Up to `size` bytes from `place` on, which is mapped; to be released before anything else is asked."""
        with memoryview(self._windows[0]) as window:
            return window[place - self._start :][:size]

    @contextmanager
    def shown(self, place: int, size: int) -> Iterator[memoryview]:
        """`size` bytes that were written from `place` on, where they are not mapped."""
        start = place - place % mmap.PAGESIZE
        flags = mmap.MAP_PRIVATE | mmap.MAP_POPULATE
        with (
            mmap.mmap(self.descriptor, place + size - start, flags=flags, prot=mmap.PROT_READ, offset=start) as mapped,
            memoryview(mapped) as whole,
            whole[place - start :] as piece,
        ):
            yield piece

    def close_windows(self) -> None:
        """Let the file be sealed."""
        while self._windows:
            self._windows.popleft().close()
