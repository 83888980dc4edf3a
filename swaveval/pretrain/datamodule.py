"""Batches of views in an order that depends on seed and epoch alone."""

import multiprocessing
from collections.abc import Iterator
from typing import Any

import pytorch_lightning as pl
import torch
from lightly.data import LightlyDataset
from torch.utils.data import DataLoader, Sampler

from swaveval.pretrain.config import PretrainConfig
from swaveval.pretrain.seeds import mix
from swaveval.pretrain.training_images import TrainingBatches

_ORDER = 1  # keeps the order's seeds apart from the views'


class EpochSampler(Sampler[list[int]]):
    """Batches of draws `epoch · n + position`, the last incomplete batch dropped.

    Every process shuffles alike and takes its share of each batch, so the images of step s are the same for any number
    of devices.
    """

    def __init__(
        self, n: int, *, batch_size: int, seed: int, epoch: int = 0, rank: int = 0, world_size: int = 1
    ) -> None:
        self._n = n
        self._batch_size = batch_size
        self._seed = seed
        self._rank = rank
        self._world_size = world_size
        self.epoch = epoch

    def __len__(self) -> int:
        return self._n // self._batch_size

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed(mix(self._seed, self.epoch, _ORDER))
        order = torch.randperm(self._n, generator=generator).tolist()
        first = self.epoch * self._n
        for step in range(len(self)):
            batch = order[step * self._batch_size : (step + 1) * self._batch_size]
            yield [first + position for position in batch[self._rank :: self._world_size]]


def _as_it_is(batch: Any) -> Any:
    """A batch that comes whole."""
    return batch


class SwavDataModule(pl.LightningDataModule):
    """The loader of one training.

    Args:
        dataset: the train images with their views, one by one or a batch at a time.
        config: resolved settings.
        first_epoch: finished epochs at the start. Lightning asks a resumed loader for its first batches before it has
            counted its epochs up, so the loader must know for itself.
    """

    def __init__(
        self, dataset: LightlyDataset | TrainingBatches, config: PretrainConfig, *, first_epoch: int = 0
    ) -> None:
        super().__init__()
        self._dataset = dataset
        self._config = config
        self._first_epoch = first_epoch

    def train_dataloader(self) -> DataLoader[object]:
        trainer, workers = self.trainer, self._config.hardware.workers
        sampler = EpochSampler(
            len(self._dataset),
            batch_size=self._config.training.batch_size,
            seed=self._config.training.seed,
            epoch=self._first_epoch,
            rank=trainer.global_rank if trainer else 0,
            world_size=trainer.world_size if trainer else 1,
        )
        # Forked workers share the decoded pixels; other start methods would copy them through a pipe.
        forks = workers > 0 and "fork" in multiprocessing.get_all_start_methods()
        return DataLoader(
            self._dataset,
            batch_sampler=sampler,
            collate_fn=_as_it_is if isinstance(self._dataset, TrainingBatches) else None,
            num_workers=workers,
            persistent_workers=workers > 0,
            multiprocessing_context="fork" if forks else None,
            pin_memory=torch.cuda.is_available() and self._config.hardware.accelerator in ("auto", "gpu"),
        )
