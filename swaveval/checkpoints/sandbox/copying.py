"""The copier: copies a checkpoint file into a memory file for the fork that reads it, and takes checksums on the way.

It runs in the process that the fork came from and knows nothing of checkpoints: bytes go by, and the CRC-32 of those
spans that the fork names is taken while they are still in the core's cache. It is taken of the memory file: what is
summed is what will be handed over, whatever happens to the checkpoint meanwhile.
"""

import os
import select
import socket
import struct
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from zlib_ng.zlib_ng import crc32

from swaveval.checkpoints.sandbox.memory_ahead import MemoryAhead

Span = tuple[int, int]  # first byte of the checkpoint file, and the one behind the last

_PIECE = 512 << 10  # copied between two looks whether the fork knows by now what it needs; stays in the cache
# Copied in vain at worst: a file with gigabytes of optimiser state before its weights, or of nothing but zeros.
_MOST = 256 << 20
_MOST_SPANS = 20_000
_ORDER = struct.Struct("<QQI")  # bytes of the file, room before the copy, spans that follow
_UNTIL = struct.Struct("<Q")
_ANSWER = struct.Struct("<QI")  # bytes copied, checksums that follow
_CORE = 36  # of the fields of /proc/PID/stat behind the name: the processor it last ran on


@dataclass(frozen=True, slots=True)
class Order:
    """What to copy.

    Attributes:
        size: bytes of the file.
        room: bytes to leave free before the copy.
        spans: to take checksums of, ascending, none overlapping another.
    """

    size: int
    room: int
    spans: Sequence[Span]

    def send(self, copier: socket.socket, source: int) -> None:
        """Order a copy of the file `source`."""
        spans = self.spans[:_MOST_SPANS]
        socket.send_fds(copier, [_ORDER.pack(self.size, self.room, len(spans))], [source])
        copier.sendall(array("Q", [edge for span in spans for edge in span]).tobytes())


def stop_at(copier: socket.socket, until: int) -> tuple[int, list[int]]:
    """Tell the copier at which byte of the file to stop; gives the bytes copied and the checksums of the first spans.

    Raises:
        OSError: the copier is gone.
    """
    copier.sendall(_UNTIL.pack(until))
    copied, sums = _ANSWER.unpack(_exactly(copier, _ANSWER.size))
    return copied, array("I", _exactly(copier, 4 * sums)).tolist()


def copy_for(reader: socket.socket, memory: MemoryAhead, pid: int) -> int:
    """Carry out the order of the fork at the other end, if it gives one; returns at the latest when the fork is gone.

    The position of the memory file says how far the copy is. No window onto it is left open.

    Args:
        pid: of the fork.

    Returns:
        bytes of the memory file that were used.
    """
    start, descriptors, _, _ = socket.recv_fds(reader, _ORDER.size, 1)
    try:
        if len(start) == _ORDER.size and len(descriptors) == 1:
            size, room, count = _ORDER.unpack(start)
            edges = array("Q", _exactly(reader, 16 * min(count, _MOST_SPANS)))
            order = Order(size, room, list(zip(edges[::2], edges[1::2], strict=True)))
            with off_core_of(pid):
                return room + _carry_out(order, descriptors[0], memory, reader)
    except OSError:
        pass  # the fork is gone, or there is no memory; a file that was not copied is read the slow way
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return 0


def _carry_out(order: Order, source: int, memory: MemoryAhead, reader: socket.socket) -> int:
    copy = _Copy(source, memory, order)
    end, told = min(order.size, _MOST), False
    while copy.length < end or not told:
        if not told and (copy.length >= end or select.select([reader], [], [], 0)[0]):
            told, end = True, min(end, _UNTIL.unpack(_exactly(reader, _UNTIL.size))[0])
        elif not copy.go_on(min(_PIECE, end - copy.length)):
            end = copy.length
    memory.close_windows()
    sums = array("I", copy.sums.found)
    reader.sendall(_ANSWER.pack(copy.length, len(sums)) + sums.tobytes())
    return copy.length


class _Copy:
    """Attributes:
    length: bytes copied.
    sums: of the records among them.
    """

    def __init__(self, source: int, memory: MemoryAhead, order: Order) -> None:
        self.length = 0
        self.sums = SpanSums(order.spans)
        self._source = source
        self._memory = memory
        self._room = order.room

    def go_on(self, size: int) -> int:
        """Copy at most `size` bytes more; gives how many, 0 where it cannot go on.

        A file that cannot be copied is read the slow way, which finds words for what is the matter.
        """
        place = self._room + self.length
        try:
            more = self._into_window(place, size) if self._memory.is_mapped(place) else self._into_file(place, size)
        except (OSError, ValueError):  # no memory; a mapping longer than a file that the fork has cut
            return 0
        self.length += more
        os.lseek(self._memory.descriptor, place + more, os.SEEK_SET)
        return more

    def _into_window(self, place: int, size: int) -> int:
        with self._memory.window(place, size) as window:
            more = os.preadv(self._source, [window], self.length)
            with window[:more] as piece:
                self.sums.add(self.length, piece)
        return more

    def _into_file(self, place: int, size: int) -> int:
        os.lseek(self._memory.descriptor, place, os.SEEK_SET)
        more = os.sendfile(self._memory.descriptor, self._source, self.length, size)
        if more:
            with self._memory.shown(place, more) as piece:
                self.sums.add(self.length, piece)
        return more


@contextmanager
def off_core_of(pid: int) -> Iterator[None]:
    """Run on other cores than the one that process `pid` is running on, if there are any.

    The scheduler often wakes a process on the core of the one that woke it, and may leave both there for milliseconds.
    """
    allowed = os.sched_getaffinity(0)
    with suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()
        os.sched_setaffinity(0, allowed - {int(fields[_CORE])} or allowed)
    try:
        yield
    finally:
        with suppress(OSError):
            os.sched_setaffinity(0, allowed)


class SpanSums:
    """CRC-32 of spans of a file that comes in pieces, in order.

    Attributes:
        found: of the first spans, as many as have gone by.
    """

    def __init__(self, spans: Sequence[Span]) -> None:
        """`spans` behind the first that is not in order are left out."""
        self.found: list[int] = []
        self._spans = spans
        self._crc = 0

    def add(self, start: int, piece: memoryview) -> None:
        """The next bytes, from byte `start` of the file on."""
        end = start + len(piece)
        while len(self.found) < len(self._spans):
            first, last = self._spans[len(self.found)]
            free = self._spans[len(self.found) - 1][1] if self.found else 0
            if not free <= first <= last or first >= end:
                return
            self._crc = crc32(piece[max(first - start, 0) : last - start], self._crc)
            if last > end:
                return
            self.found.append(self._crc)
            self._crc = 0


def _exactly(connection: socket.socket, size: int) -> bytes:
    content = connection.recv(size, socket.MSG_WAITALL) if size else b""
    if len(content) < size:
        raise ConnectionError("the other side is gone")
    return content
