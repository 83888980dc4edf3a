"""Before the first step: do all processes train the same thing?"""

import socket
from collections.abc import Mapping

import pytorch_lightning as pl
import torch.distributed as dist

from swaveval.pretrain.errors import ConfigError
from swaveval.pretrain.launcher import terminate_as_interrupt


class Agreement(pl.Callback):
    """Compares what every process has read for itself, of its own machine's disk, before any weight moves.

    Args:
        claims: what is compared → its value here.
    """

    def __init__(self, claims: Mapping[str, str]) -> None:
        self._claims = dict(claims)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Raise `ConfigError` on every process if any two differ."""
        if trainer.world_size == 1:
            return
        gathered: list[tuple[str, dict[str, str]]] = [("", {})] * trainer.world_size
        dist.all_gather_object(gathered, (socket.gethostname(), self._claims))
        host, first = gathered[0]
        for rank, (other, claims) in enumerate(gathered):
            for name, value in claims.items():
                if value != first[name]:
                    raise ConfigError(
                        f"the processes of this training do not agree: {name} is {first[name]} for process 1 ({host}) "
                        f"and {value} for process {rank + 1} ({other}); all need the same options, the same images and "
                        "the same --out, on a disk that every machine sees"
                    )

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.world_size > 1:
            terminate_as_interrupt()
