"""A copy of the checkpoint file begun before anybody knows which of its tensors are wanted.

Unpickling a checkpoint keeps a core busy while nothing is copied, and copying it into fresh memory then takes longer
still. So the process that the reading fork came from, which has nothing to do meanwhile, copies the file from its
start, as it is, into the memory file that will be handed over. Tensors that turn out to be wanted lie where they are
needed; in a training file the weights come first and the optimiser's state after them.

A thread of the fork cannot do this: each page that the unpickler writes to is copied on write, and with a second thread
running, each such fault interrupts the other core. It made unpickling half as slow again.

The copy is opaque bytes to whoever makes it (`copying`). What it holds is judged by the fork (`handing_over`).
"""

import os
import socket
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from swaveval.checkpoints.sandbox.copying import Order, Span, stop_at

_PAGE = 4096
_ROOM_PER_RECORD = 256  # bytes of a safetensors header for one tensor and the gap behind it


@dataclass(frozen=True, slots=True)
class Copy:
    """The first bytes of a checkpoint file in a memory file.

    Attributes:
        descriptor: of the memory file, still writable; whoever takes the copy closes it.
        room: bytes free before the copy, for a header.
        length: bytes copied.
        sums: CRC-32 of those records of the file that were copied whole.
    """

    descriptor: int
    room: int
    length: int
    sums: Table[Span, int] = field(default_factory=dict)


class HeadStart:
    """The fork's side: orders one copy and takes it when it knows what it needs."""

    def __init__(self, copier: socket.socket, descriptor: int) -> None:
        """`descriptor`: of the memory file that the copier at the other end writes to."""
        self._copier = copier
        self._descriptor = descriptor
        self._order: Order | None = None

    def begin(self, file: BinaryIO, size: int, records: Sequence[Span]) -> None:
        """Have `file` copied, behind room for a header that names the tensors in `records`, and those summed."""
        if hasattr(os, "memfd_create") and Path("/proc/self/maps").exists():
            room = -(-_ROOM_PER_RECORD * (len(records) + 1) // _PAGE) * _PAGE
            self._order = Order(size, room, records)
            self._order.send(self._copier, file.fileno())

    def take(self, wanted: Iterable[Span]) -> Copy | None:
        """The copy, once; None when there is nothing (more) to take. Waits for wanted bytes that are copied soon."""
        if self._order is None:
            return None
        order, self._order = self._order, None
        copied = max(0, os.lseek(self._descriptor, 0, os.SEEK_CUR) - order.room)
        try:
            copied, sums = stop_at(self._copier, _worth_waiting_for(wanted, copied))
        except OSError:  # the copier found no memory
            return None
        return Copy(self._descriptor, order.room, copied, dict(zip(order.spans, sums, strict=False)))

    def close(self) -> None:
        """There will be no order."""
        self._copier.close()
        os.close(self._descriptor)


def _worth_waiting_for(wanted: Iterable[Span], copied: int) -> int:
    """Where to stop copying: at the end of the last wanted bytes before which no more than half is copied in vain."""
    until, useful = copied, 0
    for start, end in sorted(wanted):
        useful += max(0, end - max(start, copied))
        if 2 * useful >= end - copied:
            until = max(until, end)
    return until


@dataclass(frozen=True, slots=True)
class Mapping:
    """Where a file lies in this process's memory: addresses `start` to `end` hold its bytes from `offset` on."""

    start: int
    end: int
    offset: int

    @classmethod
    def at(cls, address: int) -> "Mapping | None":
        """The mapping that `address` lies in; None where that is not a file's."""
        for line in Path("/proc/self/maps").read_bytes().splitlines():
            span, _, offset, _, inode, *_ = line.split(None, 5)
            start, end = (int(number, 16) for number in span.split(b"-"))
            if start <= address < end:
                return cls(start, end, int(offset, 16)) if int(inode) else None
        return None

    def span(self, address: int, size: int) -> Span | None:
        """Which bytes of the file those at `address` are; None where they are not all the file's."""
        start = address - self.start + self.offset
        return (start, start + size) if self.start <= address and address + size <= self.end else None
