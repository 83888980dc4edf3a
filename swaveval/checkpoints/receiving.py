"""Tensors from the reading process: a stream of safetensors, read into memory of our own and summed on the way."""

import json
import os
import select
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from zlib_ng.zlib_ng import crc32

from swaveval.checkpoints.sandbox.contents import DTYPE_OF_NAME

_LARGEST_HEADER = 64 << 20  # bytes
_MOST_DIMENSIONS = 64
_PIECE = 256 << 10  # bytes read at once: still in the core's cache when they are summed


class NotSafetensors(Exception):
    """What came is not a stream of safetensors; the message says why."""


class CutShort(NotSafetensors):
    """The stream ended early."""


@dataclass(frozen=True, slots=True)
class Received:
    """A tensor in memory of its own, and the CRC-32 of its bytes."""

    tensor: Tensor
    crc: int


class TensorStream:
    """The receiving end of a pipe, read as far as somebody asks for. Use as a context manager.

    The stream may come from a process that a hostile file has taken over: nothing is allocated before its size is
    known to be in bounds, and nothing but plain numbers is made of it.

    Attributes:
        received: the tensors that came, by name.
        position: bytes of tensors read.
        ended: whether nothing more will come.
    """

    def __init__(self, descriptor: int, *, most_bytes: int) -> None:
        """Takes over `descriptor`, the reading end; `most_bytes` of all tensors together."""
        os.set_blocking(descriptor, False)
        self.received: dict[str, Received] = {}
        self.position = 0
        self.ended = False
        self._starts: dict[str, int] | None = None  # of the tensors still to come
        self._descriptor = descriptor
        self._most_bytes = most_bytes
        self._steps = self._read()

    def __enter__(self) -> "TensorStream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing more is wanted: whoever writes is told so by the system."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self.ended = True

    def go_on(self, *, deadline: float, until: socket.socket | None = None) -> bool:
        """Read a piece, or wait for one; gives False when all is read, or when `until` has something to say.

        Args:
            deadline: on the monotonic clock, in seconds.

        Raises:
            NotSafetensors: it is not what it should be; CutShort, a kind of it, where it ended early.
            TimeoutError: nothing came before the deadline.
        """
        if self.ended:
            return False
        others: list[Any] = [] if until is None else [until]
        if others and select.select(others, [], [], 0)[0]:
            return False
        progress = next(self._steps, None)
        if progress is None:
            self.close()
            return False
        if not progress:
            ready, _, _ = select.select([self._descriptor, *others], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
        return True

    def distance(self, name: str) -> int | None:
        """How many bytes of other tensors come before this one does, 0 as long as nobody knows; None: it will not."""
        if self.ended or name in self.received:
            return None
        if self._starts is None:
            return 0
        return max(0, self._starts[name] - self.position) if name in self._starts else None

    def _read(self) -> Iterator[bool]:
        """Fills `received`; yields whether anything came since the last time."""
        length, crc = bytearray(8), [0]
        yield from self._fill(memoryview(length), crc)
        size = int.from_bytes(length, "little")
        if size > _LARGEST_HEADER:
            raise NotSafetensors(f"a header of {size} bytes")
        header = bytearray(size)
        yield from self._fill(memoryview(header), crc)
        try:
            entries = _entries(json.loads(header), self._most_bytes)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise NotSafetensors(f"{type(error).__name__}: {error}") from None
        self._starts = {name: start for name, (_, _, start) in entries.items()}
        for name, (shape, dtype, _) in entries.items():
            try:
                tensor = torch.empty(shape, dtype=dtype)
            except (RuntimeError, TypeError, ValueError) as error:
                raise NotSafetensors(f"{type(error).__name__}: {error}") from None
            crc[0] = 0
            if tensor.numel():
                yield from self._fill(tensor.reshape(-1).view(torch.uint8).numpy().data, crc)
            self.received[name] = Received(tensor, crc[0])

    def _fill(self, content: memoryview, crc: list[int]) -> Iterator[bool]:
        while content:
            try:
                count = os.readv(self._descriptor, [content[:_PIECE]])
            except BlockingIOError:
                yield False
                continue
            if not count:
                raise CutShort("it ends early")
            crc[0] = crc32(content[:count], crc[0])
            self.position += count if self._starts is not None else 0
            content = content[count:]
            yield True


def _entries(header: Mapping[str, Any], most_bytes: int) -> dict[str, tuple[list[int], torch.dtype, int]]:
    """Name → shape, dtype and first byte, in the order of the stream. The format allows no gap and no overlap.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it is no such header.
    """
    found: dict[str, tuple[list[int], torch.dtype, int]] = {}
    end = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        shape, dtype, (start, stop) = entry["shape"], DTYPE_OF_NAME[entry["dtype"]], entry["data_offsets"]
        size = dtype.itemsize
        if len(shape) > _MOST_DIMENSIONS:
            raise ValueError(f"{len(shape)} dimensions")
        for length in shape:
            if type(length) is not int or not 0 <= length < 1 << 62:
                raise ValueError(f"a shape of {shape}")
            size *= length
        if start != end or stop != start + size or stop > most_bytes:
            raise ValueError(f"{size} bytes at {start} to {stop}, behind {end}, of {most_bytes} at most")
        found[name], end = (shape, dtype, start), stop
    return found
