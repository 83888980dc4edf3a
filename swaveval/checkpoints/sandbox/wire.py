"""Messages between a reading fork and us: length-prefixed JSON; bytes of tensors follow the messages that say so."""

import json
import socket
import struct
import time
from typing import Any

_LENGTH = struct.Struct(">I")
_NOT_FOR_CHILDREN = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
LARGEST = 64 << 20  # bytes of one message; a hostile reader cannot make us allocate more


class Closed(Exception):
    """The other side is gone."""


def send(connection: socket.socket, message: dict[str, Any], descriptor: int | None = None) -> None:
    """Send one message, with an open file where `descriptor` is given."""
    content = json.dumps(message, allow_nan=False, ensure_ascii=True).encode()
    if len(content) > LARGEST:
        raise ValueError(f"message of {len(content)} bytes")
    header = _LENGTH.pack(len(content))
    if descriptor is None:
        connection.sendall(header + content)
    else:
        socket.send_fds(connection, [header], [descriptor])
        connection.sendall(content)


def receive(connection: socket.socket, deadline: float | None = None) -> dict[str, Any]:
    """One message; `deadline` is on the monotonic clock, in seconds.

    Raises:
        Closed: the other side is gone, or what it sends is not a message.
        TimeoutError: it was not all there before the deadline.
    """
    header = bytearray(_LENGTH.size)
    receive_into(connection, memoryview(header), deadline)
    return _content(connection, header, deadline)


def receive_with_file(connection: socket.socket) -> tuple[dict[str, Any], int]:
    """One message and the descriptor that comes with it.

    Raises:
        Closed: as in `receive`, or without a descriptor.
    """
    header, descriptors, _, _ = socket.recv_fds(connection, _LENGTH.size, 1, _NOT_FOR_CHILDREN)
    if len(header) != _LENGTH.size or not descriptors:
        raise Closed("end of stream")
    return _content(connection, header, None), descriptors[0]


def receive_into(connection: socket.socket, content: memoryview, deadline: float | None = None) -> None:
    """Fill `content` with the next bytes.

    Raises:
        Closed, TimeoutError: as in `receive`.
    """
    while content:
        if deadline is not None:
            connection.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            count = connection.recv_into(content)
        except ConnectionError as error:
            raise Closed(str(error)) from error
        if not count:
            raise Closed("end of stream")
        content = content[count:]


def _content(connection: socket.socket, header: bytes | bytearray, deadline: float | None) -> dict[str, Any]:
    (length,) = _LENGTH.unpack(header)
    if length > LARGEST:
        raise Closed(f"message of {length} bytes announced")
    content = bytearray(length)
    receive_into(connection, memoryview(content), deadline)
    try:
        message = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Closed(str(error)) from error
    if not isinstance(message, dict):
        raise Closed("not a message")
    return message
