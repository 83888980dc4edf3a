"""Embeddings of earlier batches for the Sinkhorn step, in lightly's memory banks, with their content kept."""

import os
from typing import Any

os.environ.setdefault("LIGHTLY_DID_VERSION_CHECK", "True")

import torch
from lightly.models.modules.memory_bank import MemoryBankModule
from torch import Tensor

from swaveval.pretrain.config import QueueConfig


class EmbeddingQueue:
    """One bank of the latest `size` embeddings per large crop; silent until it has filled once.

    Not a submodule: lightly leaves the banks out of the state dict (so that a resumed run would start from noise), and
    DistributedDataParallel would overwrite every process's bank with the first one's.
    """

    def __init__(self, config: QueueConfig, *, crops: int, dim: int) -> None:
        self._start_epoch = config.start_epoch
        self._size = config.size
        self._banks = [MemoryBankModule(size=(config.size, dim), feature_dim_first=False) for _ in range(crops)]
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
