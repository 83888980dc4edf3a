"""Messages between the reading process and its parent: length-prefixed JSON, files passed as descriptors."""

import json
import socket
import struct
from typing import Any

_LENGTH = struct.Struct(">I")
_NOT_FOR_CHILDREN = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
LARGEST = 64 << 20  # bytes of one message; a hostile reader cannot make its parent allocate more


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


def receive(connection: socket.socket) -> tuple[dict[str, Any], int | None]:
    """One message and the descriptor that came with it, if any.

    Raises:
        Closed: the other side is gone, or what it sends is not a message.
        TimeoutError: nothing came within the connection's timeout.
    """
    try:
        header, descriptors, _, _ = socket.recv_fds(connection, _LENGTH.size, 1, _NOT_FOR_CHILDREN)
        if not header:
            raise Closed("end of stream")
        header += receive_exactly(connection, _LENGTH.size - len(header))
        (length,) = _LENGTH.unpack(header)
        if length > LARGEST:
            raise Closed(f"message of {length} bytes announced")
        message = json.loads(receive_exactly(connection, length))
    except (ConnectionError, ValueError, RecursionError) as error:
        raise Closed(str(error)) from error
    if not isinstance(message, dict):
        raise Closed("not a message")
    return message, descriptors[0] if descriptors else None


def receive_exactly(connection: socket.socket, length: int) -> bytes:
    """The next `length` bytes.

    Raises:
        Closed: there are no more as many.
    """
    pieces = bytearray()
    while len(pieces) < length:
        piece = connection.recv(min(1 << 20, length - len(pieces)))
        if not piece:
            raise Closed("end of stream inside a message")
        pieces += piece
    return bytes(pieces)
