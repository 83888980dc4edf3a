"""The checkpoint series: step 0, every due epoch, `last.ckpt`; each file whole or absent."""

import math
import re
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO

from swaveval.pretrain.errors import ConfigError
from swaveval.results.atomic import atomic_path, link

LAST = "last.ckpt"
FORMAT = 1


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint writing with a temporary in the same directory, fsync and rename.

    Lightning's own writes elsewhere and copies, so that a half-written file can stand under the final name.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        try:
            with atomic_path(Path(path)) as temporary, temporary.open("wb") as stream:
                # Through a stream the archive does not contain the temporary's random name: same weights, same bytes.
                torch.save(checkpoint, stream)
        except (OSError, RuntimeError) as error:
            # On a full disk torch's archive fails once more while it is closed, and only that is raised.
            fault = error if isinstance(error, OSError) else error.__context__
            if not isinstance(fault, OSError):
                raise
            raise OSError(fault.errno, fault.strerror, str(path)) from error


class CheckpointSeries(pl.Callback):
    """Writes the series into `directory`. A file says its finished epochs itself, under `swaveval_epoch`.

    Args:
        directory: `RUN/checkpoints`.
        every: epochs between checkpoints, or `log`.
        epochs: of the whole training; the last one is always kept.
        steps_per_epoch: optimiser steps in an epoch.
    """

    def __init__(self, directory: Path, *, every: str, epochs: int, steps_per_epoch: int) -> None:
        self._directory = directory
        self._due = due_epochs(every, epochs)
        self._steps_per_epoch = steps_per_epoch

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.global_step == 0:
            self._write(trainer, epoch=0)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._write(trainer, epoch=trainer.global_step // self._steps_per_epoch)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        # Lightning's own "epoch" counts from 0 and is 0 both before training and after the first epoch.
        checkpoint["swaveval_format"] = FORMAT
        checkpoint["swaveval_epoch"] = trainer.global_step // self._steps_per_epoch

    def _write(self, trainer: pl.Trainer, *, epoch: int) -> None:
        last = self._directory / LAST
        if epoch not in self._due:
            trainer.save_checkpoint(last)
            return
        # The epoch's file first: if the process dies in between, `last` is one epoch behind and nothing is missing.
        kept = self._directory / f"epoch={epoch}-step={trainer.global_step}.ckpt"
        trainer.save_checkpoint(kept)
        if trainer.is_global_zero:
            link(kept, last)
        trainer.strategy.barrier("swaveval last.ckpt")


def due_epochs(every: str, epochs: int) -> frozenset[int]:
    """Finished epochs after which a checkpoint is kept: 0, the last, and every n-th or powers of √2 in between."""
    if every == "log":
        spaced = {round(math.sqrt(2) ** power) for power in range(2 * max(epochs, 1).bit_length() + 1)}
    else:
        spaced = set(range(0, epochs + 1, int(every)))
    return frozenset({epoch for epoch in spaced if epoch <= epochs} | {0, epochs})


def newest(directory: Path) -> Path | None:
    """The checkpoint to resume from: `last.ckpt`, or the epoch file with the most steps where it is gone."""
    if (directory / LAST).is_file():
        return directory / LAST
    steps = {
        int(match[1]): path
        for path in directory.glob("epoch=*-step=*.ckpt")
        if (match := re.fullmatch(r"epoch=\d+-step=(\d+)\.ckpt", path.name))
    }
    return steps[max(steps)] if steps else None


def progress_of(path: Path) -> tuple[int, int]:
    """Finished epochs and optimiser steps that a checkpoint of a series states.

    Raises:
        ConfigError: it cannot be read, or `swaveval pretrain` did not write it.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return int(content["swaveval_epoch"]), int(content["global_step"])
    except Exception as error:
        raise ConfigError(f"cannot resume from {path}: {type(error).__name__}: {error}") from error


def remove_temporaries(directory: Path) -> None:
    """Delete what a killed process left half-written. Only for a directory that no other process writes to."""
    for path in directory.glob(".*.ckpt.*.tmp"):
        path.unlink(missing_ok=True)
