"""Watches the loss while Lightning trains: log, progress, the line at ln K, the stop at NaN."""

import math
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from swaveval.pretrain.errors import Diverged
from swaveval.pretrain.loss_log import LossLog
from swaveval.pretrain.reporter import EpochReport, Reporter
from swaveval.results.loss import LN_K_IN_TRAINING


class LossWatcher(pl.Callback):
    """Must stand before the checkpoint callback, so that an epoch with a NaN loss leaves no checkpoint.

    Args:
        log: metrics.csv.
        reporter: told of steps and epochs.
        prototypes: K.
        steps_per_epoch, epochs: of the training.
        log_every: steps between rows; each one waits for the accelerator.
        stop_on_nan: raise `Diverged` at a loss that is not finite.
        run: the run's directory, for the sentence at ln K.
    """

    def __init__(
        self,
        log: LossLog,
        reporter: Reporter,
        *,
        prototypes: int,
        steps_per_epoch: int,
        epochs: int,
        log_every: int,
        stop_on_nan: bool,
        run: Path,
    ) -> None:
        self._log = log
        self._reporter = reporter
        self._prototypes = prototypes
        self._steps_per_epoch = steps_per_epoch
        self._epochs = epochs
        self._log_every = log_every
        self._stop_on_nan = stop_on_nan
        self._run = run
        self._sum = torch.zeros(())
        self._began = 0.0
        self._rate = 0.0
        self._was_at_ln_k = False

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            self._log.open()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._reporter.started(steps_done=trainer.global_step, steps=self._steps_per_epoch * self._epochs)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._log.close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._log.close()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._sum = torch.zeros((), device=pl_module.device)
        self._began = time.monotonic()

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._rate = float(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        loss: Tensor = outputs["loss"].detach()
        self._sum += loss.float()
        step = trainer.global_step
        if step % self._log_every and step % self._steps_per_epoch:
            return
        value = float(trainer.strategy.reduce(loss.float().clone(), reduce_op="mean"))
        if self._log is not None:
            self._log.write("step", epoch=step / self._steps_per_epoch, step=step, loss=value, learning_rate=self._rate)
        self._reporter.step(step=step, loss=value)
        if self._stop_on_nan and not math.isfinite(value):
            raise Diverged(
                f"the loss is {value} at step {step} (epoch {step / self._steps_per_epoch:.2f})",
                "Checkpoints written "
                f"before are kept in {self._run / 'checkpoints'}. Lower the learning rate or lengthen the warm-up; "
                "with --precision 16 try bf16 or 32; a very small ε or temperature does this too. "
                "(--no-stop-on-nan trains on regardless.)",
            )

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        step = trainer.global_step
        loss = float(trainer.strategy.reduce(self._sum / self._steps_per_epoch, reduce_op="mean"))
        epoch = step // self._steps_per_epoch
        took = time.monotonic() - self._began
        self._log.write("epoch", epoch=epoch, step=step, loss=loss, learning_rate=self._rate, seconds=took)
        report = EpochReport(epoch, self._epochs, loss, math.log(self._prototypes), took)
        self._reporter.epoch(report)
        at_ln_k = abs(report.gap) <= LN_K_IN_TRAINING
        if at_ln_k and not self._was_at_ln_k:
            self._reporter.notice(
                f"The loss of epoch {epoch} is ln K = {report.ln_k:.3f} to {abs(report.gap):.1%}: what a collapsed "
                "model gives, but also one that learns under a high temperature or has not left the start. The loss "
                f"cannot tell which; this can: swaveval run --ckpt-dir {self._run / 'checkpoints'}"
            )
        # A loss that goes to and fro about the threshold is told once.
        self._was_at_ln_k = at_ln_k or (self._was_at_ln_k and abs(report.gap) <= 2 * LN_K_IN_TRAINING)
