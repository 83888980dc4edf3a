"""Backbones that were read once: their weights wait in an unnamed file until the evaluation has used them.

A file is opened, checked and unpickled once; features, untrained networks and drift take its weights from here. The
file has no name, so that nothing is left behind by a killed run; it is never trusted more than a disk: a checksum goes
with each entry.
"""

import copy
import hashlib
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import IO, TypeVar

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from swaveval.checkpoints.backbone import Backbone

M = TypeVar("M", bound=nn.Module)
# Of the room on the disk, this part may be used; what finds no room is read from its own file again.
_SHARE_OF_DISK = 0.5


class KeptBackbones:
    """Weights of backbones by digest."""

    def __init__(self, directory: Path) -> None:
        """An unnamed file below `directory`, which must exist."""
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115
        self._room = int(shutil.disk_usage(directory).free * _SHARE_OF_DISK)
        self._end = 0
        self._hollow: dict[str, tuple[Backbone, int, int, bytes]] = {}

    def put(self, backbone: Backbone) -> None:
        """Keep the weights of a backbone; nothing is kept where the disk has no room."""
        if backbone.digest in self._hollow:
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
            self._file.seek(self._end)
            self._file.write(body)
            self._file.flush()
        except OSError:
            return
        self._hollow[backbone.digest] = (hollow, self._end, len(body), hashlib.sha256(body).digest())
        self._end += len(body)

    def __contains__(self, digest: str) -> bool:
        return digest in self._hollow

    def get(self, digest: str) -> Backbone | None:
        """The backbone as it was put, in memory of its own; None where it is not here, or not as it was written."""
        if digest not in self._hollow:
            return None
        hollow, start, length, checksum = self._hollow[digest]
        self._file.seek(start)
        body = self._file.read(length)
        if hashlib.sha256(body).digest() != checksum:
            return None
        tensors = load(body)
        module = _filled(hollow.module, tensors, "backbone.")
        head = None if hollow.head is None else _filled(hollow.head, tensors, "head.")
        return replace(hollow, module=module, head=head)

    def close(self) -> None:
        self._file.close()
        self._hollow.clear()


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
