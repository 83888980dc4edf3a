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
from collections.abc import Sequence
from contextlib import suppress

from swaveval.checkpoints.sandbox.mapped_file import Span

MOST_SPANS = 20_000
_ORDER = struct.Struct("<II")  # bytes of the header and numbers that follow


def order(sender: socket.socket, file: int, pipe: int, header: bytes, spans: Sequence[Span]) -> None:
    """The fork's side: have `header` and then these bytes of `file` written to `pipe`, as far as anybody reads them."""
    edges = array("Q", [edge for span in spans for edge in span])
    socket.send_fds(sender, [_ORDER.pack(len(header), len(edges))], [file, pipe])
    sender.sendall(header + edges.tobytes())


def carry_out_order_of(fork: socket.socket) -> None:
    """Wait for an order and carry it out; returns at the latest when the fork is gone and nobody reads any more."""
    start, descriptors, _, _ = socket.recv_fds(fork, _ORDER.size, 2)
    try:
        with suppress(OSError):  # the fork, or whoever read, is gone
            if len(start) == _ORDER.size and len(descriptors) == 2:
                header, numbers = _ORDER.unpack(start)
                file, pipe = descriptors
                write_all(pipe, memoryview(_exactly(fork, header)))
                edges = array("Q", _exactly(fork, 8 * min(numbers, 2 * MOST_SPANS)))
                for span in zip(edges[::2], edges[1::2], strict=True):
                    if not send_span(pipe, file, span):
                        return
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


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


def _exactly(connection: socket.socket, size: int) -> bytes:
    content = connection.recv(size, socket.MSG_WAITALL) if size else b""
    if len(content) < size:
        raise ConnectionError("the other side is gone")
    return content
