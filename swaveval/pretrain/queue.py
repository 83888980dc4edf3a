"""Embeddings of earlier batches for the Sinkhorn step, in lightly's memory banks, with their content kept."""

import os
from typing import Any

os.environ.setdefault("LIGHTLY_DID_VERSION_CHECK", "True")

import torch
from lightly.models.modules.memory_bank import MemoryBankModule
from torch import Tensor

from swaveval.pretrain.config import QueueConfig


class EmbeddingQueue:
    """One bank of the latest `size / shares` embeddings per large crop; silent until it has filled once.

    Each of `shares` processes keeps those of its own images. A batch is dealt out image by image, so slot i of process
    r holds what stands in slot i · shares + r of the queue that one process would have.

    Not a submodule: lightly leaves the banks out of the state dict (so that a resumed run would start from noise), and
    DistributedDataParallel would overwrite every process's bank with the first one's.
    """

    def __init__(self, config: QueueConfig, *, crops: int, dim: int, shares: int = 1) -> None:
        self._start_epoch = config.start_epoch
        self._size = config.size // shares
        self._banks = [MemoryBankModule(size=(self._size, dim), feature_dim_first=False) for _ in range(crops)]
        self._filled = 0

    def to(self, device: torch.device) -> None:
        """Move the banks."""
        for bank in self._banks:
            bank.to(device)

    def push(self, embeddings: list[Tensor], epoch: int) -> list[Tensor] | None:
        """Enqueue embeddings `(B, D)` of each large crop; the banks `(size, D)` as they were before, once full."""
        if epoch < self._start_epoch:
            return None
        before = [
            bank(crop.detach().float(), update=True)[1] for bank, crop in zip(self._banks, embeddings, strict=True)
        ]
        usable = self._filled >= self._size
        self._filled += len(embeddings[0])
        return before if usable else None

    def state(self) -> dict[str, Any]:
        """Banks `(crops, size, D)`, their write positions, and how much was ever enqueued."""
        return {
            "banks": torch.stack([bank.bank for bank in self._banks]),
            "positions": torch.stack([bank.bank_ptr for bank in self._banks]),
            "filled": torch.tensor(self._filled),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue where `state` left off."""
        for bank, content, position in zip(self._banks, state["banks"], state["positions"], strict=True):
            bank.bank.copy_(content)
            bank.bank_ptr.copy_(position)
        self._filled = int(state["filled"])


def joined(states: dict[str, Tensor]) -> dict[str, Tensor]:
    """The one queue that several processes' states, stacked along a first axis, make up."""
    shares = len(states["banks"])
    return {
        "banks": states["banks"].permute(1, 2, 0, 3).flatten(1, 2),
        "positions": states["positions"][0] * shares,
        "filled": states["filled"][0] * shares,
    }


def share(state: dict[str, Tensor], rank: int, *, of: int) -> dict[str, Tensor]:
    """The state of process `rank` of `of`."""
    return {
        "banks": state["banks"][:, rank::of],
        "positions": state["positions"] // of,
        "filled": state["filled"] // of,
    }
