"""Which bytes of the checkpoint file a tensor is, when torch has mapped the file instead of reading it."""

import os
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

Span = tuple[int, int]  # first byte of the file, and the one behind the last


@dataclass(frozen=True, slots=True)
class MappedFile:
    """Where a file lies in this process's memory: addresses `start` to `end` hold its bytes from `offset` on."""

    start: int
    end: int
    offset: int

    @classmethod
    def of(cls, descriptor: int) -> "MappedFile | None":
        """The largest mapping of an open file; None where it is not mapped, or the system does not say."""
        try:
            name = os.fsencode(os.readlink(f"/proc/self/fd/{descriptor}"))  # noqa: PTH115
            lines = Path("/proc/self/maps").read_bytes().splitlines()
        except OSError:
            return None
        found = [cls._parse(line) for line in lines if line.endswith(name) and line.split(None, 5)[5:] == [name]]
        return max(found, key=lambda mapping: mapping.end - mapping.start, default=None)

    @classmethod
    def _parse(cls, line: bytes) -> "MappedFile":
        addresses, _, offset, *_ = line.split(None, 3)
        start, end = (int(address, 16) for address in addresses.split(b"-"))
        return cls(start, end, int(offset, 16))

    def span(self, tensor: Tensor) -> Span | None:
        """The bytes of the file that a whole tensor is; None where it lies elsewhere."""
        address, size = tensor.data_ptr(), tensor.nbytes
        if not self.start <= address <= address + size <= self.end:
            return None
        start = address - self.start + self.offset
        return start, start + size


def is_whole(tensor: Tensor) -> bool:
    """Whether the tensor's bytes are those of its storage, one after another."""
    return tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.nbytes
