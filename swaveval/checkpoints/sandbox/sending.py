"""The sender: passes tensor records of a checkpoint on to the parent while the fork is still unpickling the file.

Unpickling keeps a core busy for longer than the bytes take to pass, and nobody knows yet which records are wanted. So
the process that the reading fork came from, which has nothing to do meanwhile, sends them all, in order, as
safetensors; the parent closes the pipe when it has what it wants. The sender knows nothing of checkpoints, and the
bytes go from the page cache into the pipe without passing through it.

A thread of the fork cannot do this: it would wait for the interpreter's lock, which the unpickler holds.
"""

import os
import socket
import struct
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from swaveval.checkpoints.sandbox.mapped_file import Span
from swaveval.checkpoints.sandbox.wire import Closed, receive_exactly

MOST_SPANS = 20_000
_ORDER = struct.Struct("<II")  # bytes of the header and numbers that follow


def order(sender: socket.socket, file: int, pipe: int, header: bytes, spans: Sequence[Span]) -> None:
    """The fork's side: have `header` and then these bytes of `file` written to `pipe`, as far as anybody reads them."""
    edges = array("Q", [edge for span in spans for edge in span])
    socket.send_fds(sender, [_ORDER.pack(len(header), len(edges))], [file, pipe])
    sender.sendall(header + edges.tobytes())


def carry_out_order_of(fork: socket.socket, pid: int) -> None:
    """Wait for an order and carry it out; returns at the latest when the fork is gone and nobody reads any more.

    Args:
        pid: the fork's.
    """
    start, descriptors, _, _ = socket.recv_fds(fork, _ORDER.size, 2)
    try:
        # `suppress`: the fork, or whoever read, is gone.
        with suppress(OSError, Closed), _off_the_core_of(pid):
            if len(start) == _ORDER.size and len(descriptors) == 2:
                header, numbers = _ORDER.unpack(start)
                file, pipe = descriptors
                write_all(pipe, memoryview(receive_exactly(fork, header)))
                edges = array("Q", receive_exactly(fork, 8 * min(numbers, 2 * MOST_SPANS)))
                for span in zip(edges[::2], edges[1::2], strict=True):
                    if not send_span(pipe, file, span):
                        return
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def wait_until_closed(fork: socket.socket) -> None:
    """Returns when the fork has nothing more to order."""
    with suppress(OSError):
        while fork.recv(1 << 16):
            pass


def write_all(pipe: int, content: memoryview) -> None:
    while content:
        content = content[os.write(pipe, content) :]


def send_span(pipe: int, file: int, span: Span) -> bool:
    """Send these bytes of a file; gives whether the file has them all."""
    place, end = span
    while place < end:
        sent = os.sendfile(pipe, file, place, end - place)
        if not sent:
            return False
        place += sent
    return True


@contextmanager
def _off_the_core_of(fork: int) -> Iterator[None]:
    """Run on any core but the one that the fork runs on, where the system lets us choose.

    The scheduler does not know that the fork's work is what everybody waits for, and has the sender share its core with
    it as readily as with the parent, who then has little to do.
    """
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    others = cores - {_core_of(fork)} if len(cores) > 1 else set()
    try:
        if others:
            os.sched_setaffinity(0, others)
        yield
    finally:
        if others:
            os.sched_setaffinity(0, cores)


def _core_of(pid: int) -> int:
    """The core that a process ran on last."""
    after_name = Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[-1].split()
    return int(after_name[36])
