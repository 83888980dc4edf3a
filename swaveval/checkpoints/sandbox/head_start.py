"""A copy of the checkpoint file begun before anybody knows which of its tensors are wanted.

Unpickling a checkpoint keeps a core busy while nothing is copied, and copying it into fresh memory then takes longer
still. So the process that the reading fork came from, which has nothing to do meanwhile, copies the file from its
start, as it is, into the memory file that will be handed over. Tensors that turn out to be wanted lie where they are
needed; in a training file the weights come first and the optimiser's state after them.

A thread of the fork cannot do this: each page that the unpickler writes to is copied on write, and with a second thread
running, each such fault interrupts the other core. It made unpickling half as slow again.

Finding and clearing memory is a third of what copying costs, so it is set aside while nobody waits, as much as the last
file took: the next one is often another epoch of the same run.

The copy is opaque bytes to whoever makes it. What it holds is checked by the fork, after sealing (`handing_over`).
"""

import os
import select
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from swaveval.checkpoints.sandbox.memory_files import nameless_file

_PIECE = 8 << 20  # copied between two looks whether the fork knows by now what it needs
# Copied in vain at worst: a file with gigabytes of optimiser state before its weights, or of nothing but zeros.
_MOST = 256 << 20
_PAGE = 4096
_ROOM_PER_RECORD = 256  # bytes of a safetensors header for one tensor and the gap behind it
_BYTES = struct.Struct("<Q")

Span = tuple[int, int]  # first byte of the checkpoint file, and the one behind the last


@dataclass(frozen=True, slots=True)
class Copy:
    """The first bytes of a checkpoint file in a memory file.

    Attributes:
        descriptor: of the memory file, still writable; whoever takes the copy closes it.
        room: bytes free before the copy, for a header.
        length: bytes copied.
    """

    descriptor: int
    room: int
    length: int


class HeadStart:
    """The fork's side: orders one copy and takes it when it knows what it needs."""

    def __init__(self, copier: socket.socket, *, expected: int = 0) -> None:
        """`expected`: bytes of the copy, most likely; memory for them is set aside now, while nobody waits."""
        self._copier = copier
        self._room = 0
        self._descriptor: int | None = None
        self._spare: int | None = None
        if expected:
            self._spare = nameless_file()
            # With too little memory the copy will be as slow as one that nothing was set aside for.
            with suppress(OSError):
                os.posix_fallocate(self._spare, 0, expected)

    def begin(self, file: BinaryIO, size: int, *, records: int) -> None:
        """Have `file` copied, behind room for a header that names `records` tensors."""
        if not hasattr(os, "memfd_create") or not Path("/proc/self/maps").exists():
            return
        self._room = -(-_ROOM_PER_RECORD * (records + 1) // _PAGE) * _PAGE
        self._descriptor, self._spare = nameless_file() if self._spare is None else self._spare, None
        os.lseek(self._descriptor, self._room, os.SEEK_SET)
        socket.send_fds(self._copier, [_BYTES.pack(size)], [file.fileno(), self._descriptor])

    def take(self, wanted: Iterable[Span]) -> Copy | None:
        """The copy, once; None when there is nothing (more) to take. Waits for wanted bytes that are copied soon."""
        if self._descriptor is None:
            return None
        descriptor, self._descriptor = self._descriptor, None
        copied = os.lseek(descriptor, 0, os.SEEK_CUR) - self._room  # the position is the copier's, too
        self._copier.sendall(_BYTES.pack(_worth_waiting_for(wanted, copied)))
        (copied,) = _BYTES.unpack(self._copier.recv(_BYTES.size, socket.MSG_WAITALL))
        return Copy(descriptor, self._room, copied)

    def close(self) -> None:
        """There will be no order."""
        self._copier.close()


def copy_for(reader: socket.socket) -> int:
    """The other side: carry out the fork's order, if it gives one; returns at the latest when the fork is gone.

    Returns:
        bytes copied.
    """
    copied = 0
    order, descriptors, _, _ = socket.recv_fds(reader, _BYTES.size, 2)
    try:
        if len(order) == _BYTES.size and len(descriptors) == 2:
            copied = _copy(descriptors[0], descriptors[1], _BYTES.unpack(order)[0], reader)
            with suppress(OSError):
                reader.sendall(_BYTES.pack(copied))
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return copied


def _copy(source: int, target: int, size: int, reader: socket.socket) -> int:
    """Copy to the end, or to where the fork says it needs no more; gives the bytes copied."""
    copied, end, told = 0, min(size, _MOST), False
    while copied < end or not told:
        if not told and (copied >= end or select.select([reader], [], [], 0)[0]):
            answer = reader.recv(_BYTES.size, socket.MSG_WAITALL)
            if len(answer) < _BYTES.size:
                break  # the fork is gone
            told, end = True, min(end, _BYTES.unpack(answer)[0])
            continue
        more = 0
        # A file that cannot be copied is read the slow way, which finds words for what is the matter.
        with suppress(OSError):
            more = os.sendfile(target, source, copied, min(_PIECE, end - copied))
        copied, end = copied + more, end if more else copied
    return copied


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
