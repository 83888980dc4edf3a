"""Backbones that were read once: their weights wait in an unnamed file until the evaluation has used them.

A file is opened, checked and unpickled once; features, untrained networks and drift take its weights from here, in the
worker processes of the evaluation as well. The file has no name, so that nothing is left behind by a killed run; it is
never trusted more than a disk: a checksum goes with each entry.
"""

import copy
import hashlib
import os
import pickle
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from swaveval.checkpoints.backbone import Backbone

M = TypeVar("M", bound=nn.Module)
# Of the room on the disk, this part may be used; what finds no room is read from its own file again.
_SHARE_OF_DISK = 0.5


@dataclass(frozen=True, slots=True)
class _Entry:
    """A backbone whose module and head have shapes and no memory, and where its weights are in the file."""

    hollow: Backbone
    start: int
    length: int
    checksum: bytes


class KeptBackbones:
    """Weights of backbones by digest.

    Args:
        descriptor: of the file, which is ours to close.
        room: bytes that may be written to it; none to that of another process.
        handed: what that process has handed over.

    Attributes:
        descriptor: of the file.
    """

    def __init__(self, descriptor: int, *, room: int = 0, handed: Mapping[str, bytes] | None = None) -> None:
        self.descriptor = descriptor
        self._room = room
        self._end = 0
        self._entries: dict[str, _Entry] = {}
        self._pickled: dict[str, bytes] = dict(handed or {})  # from another process, or for others

    @classmethod
    def below(cls, directory: Path) -> "KeptBackbones":
        """In an unnamed file below `directory`, which must exist."""
        room = int(shutil.disk_usage(directory).free * _SHARE_OF_DISK)
        with tempfile.TemporaryFile(dir=directory) as file:
            return cls(os.dup(file.fileno()), room=room)

    def put(self, backbone: Backbone) -> None:
        """Keep the weights of a backbone; nothing is kept where the disk has no room."""
        if backbone.digest in self or self._end >= self._room:
            return
        try:
            head = None if backbone.head is None else _hollow(backbone.head)
            hollow = replace(backbone, module=_hollow(backbone.module), head=head)
        except (TypeError, RuntimeError, AttributeError):  # somebody's own module that cannot be copied
            return
        body = save(_tensors(backbone))
        if self._end + len(body) > self._room:
            return
        try:
            _write(self.descriptor, body, self._end)
        except OSError:
            return
        self._entries[backbone.digest] = _Entry(hollow, self._end, len(body), hashlib.sha256(body).digest())
        self._end += len(body)

    def __contains__(self, digest: str) -> bool:
        return digest in self._entries or digest in self._pickled

    def get(self, digest: str) -> Backbone | None:
        """The backbone as it was put, in memory of its own; None where it is not here, or not as it was written."""
        if digest not in self._entries and digest in self._pickled:
            self._take(digest)
        if (entry := self._entries.get(digest)) is None:
            return None
        body = _read(self.descriptor, entry.length, entry.start)
        if hashlib.sha256(body).digest() != entry.checksum:
            return None
        tensors = load(body)
        module = _filled(entry.hollow.module, tensors, "backbone.")
        head = None if entry.hollow.head is None else _filled(entry.hollow.head, tensors, "head.")
        return replace(entry.hollow, module=module, head=head)

    def hand_over(self) -> dict[str, bytes]:
        """By digest, what another process needs besides the file. Networks that cannot be sent (of somebody's own
        classes) are left out: it reads them from their files.
        """
        for digest, entry in self._entries.items():
            if digest not in self._pickled:
                with suppress(Exception):  # whatever somebody's class raises
                    self._pickled[digest] = pickle.dumps(entry)
        return dict(self._pickled)

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor = -1
        self._entries.clear()
        self._pickled.clear()

    def _take(self, digest: str) -> None:
        """Unpickle an entry of another process; one that cannot be is as if it were not here."""
        try:
            self._entries[digest] = pickle.loads(self._pickled[digest])
        except Exception:  # a class that is found there and not here
            del self._pickled[digest]


def _write(descriptor: int, body: bytes, start: int) -> None:
    """All of it: the system may write less at a time."""
    left = memoryview(body)
    while left:
        written = os.pwrite(descriptor, left, start)
        left, start = left[written:], start + written


def _read(descriptor: int, length: int, start: int) -> bytes:
    """From a place of its own: several processes share where the file stands. Shorter where the file is."""
    parts: list[bytes] = []
    while length and (part := os.pread(descriptor, length, start)):
        parts.append(part)
        length, start = length - len(part), start + len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _tensors(backbone: Backbone) -> dict[str, Tensor]:
    """Every tensor of the state, each with memory of its own (two names may share one)."""
    parts = {"backbone.": backbone.module, "head.": backbone.head}
    return {
        f"{prefix}{name}": tensor.detach().cpu().contiguous().clone()
        for prefix, module in parts.items()
        if module is not None
        for name, tensor in module.state_dict().items()
    }


def _hollow(module: M) -> M:
    """A copy whose state has shapes and no memory; what is no state (indices, tables) is copied."""
    state = module.state_dict(keep_vars=True)
    memo = {id(tensor): _shape_of(tensor) for tensor in state.values()}
    return copy.deepcopy(module, memo)


def _shape_of(tensor: Tensor) -> Tensor:
    empty = torch.empty_like(tensor, device="meta")
    return nn.Parameter(empty, requires_grad=tensor.requires_grad) if isinstance(tensor, nn.Parameter) else empty


def _filled(hollow: M, tensors: dict[str, Tensor], prefix: str) -> M:
    module = copy.deepcopy(hollow)
    state = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    module.load_state_dict(state, assign=True)
    return module.eval().requires_grad_(False)
