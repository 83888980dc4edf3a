"""`swaveval.lightning.Evaluate`: a callback for PyTorch Lightning that asks whether the training is learning."""

import math
from pathlib import Path
from typing import Any, Unpack

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import rank_zero_info
from torch import Tensor

from swaveval.api.evaluating import several
from swaveval.api.monitor import Monitor, MonitorOptions
from swaveval.runs.request import RunError

__all__ = ["Evaluate"]


class Evaluate(pl.Callback):
    """Evaluates the module's backbone before the training, every n epochs or steps, and at its end.

    ```
    trainer = Trainer(callbacks=[Evaluate("photos/", every_n_epochs=5, stop_on=("collapsed",))])
    ```

    Numbers go to the trainer's loggers at the step of the weights that they are of. The training is what it would be
    without it. Of a distributed training rank 0 evaluates; all processes stop together.

    Attributes:
        monitor: what evaluates; None before the training.
    """

    def __init__(
        self,
        data: Any,
        *,
        every_n_epochs: int | None = None,
        every_n_steps: int | None = None,
        labels: Any = None,
        train: Any = None,
        **options: Unpack[MonitorOptions],
    ) -> None:
        """Args:
            data, labels, train: images as `swaveval.evaluate` takes them.
            every_n_epochs, every_n_steps: from one evaluation to the next; default: every epoch.
            options: see `swaveval.api.monitor.MonitorOptions`; `out`, the directory of the page, is by default
                `swaveval` in the directory that the trainer logs to.

        Raises:
            ValueError: epochs and steps are both given.
        """
        if every_n_epochs is not None and every_n_steps is not None:
            raise ValueError("every_n_epochs and every_n_steps are both given; leave one out")
        self._given: dict[str, Any] = {"labels": labels, "train": train, **options}
        self._data = data
        self._epochs, self._steps = every_n_epochs or (None if every_n_steps else 1), every_n_steps
        self._sum: Tensor | float = 0.0
        self._count = 0
        self._evaluated = -1  # step of the last evaluation
        self._epoch: float | None = None  # finished epochs; None within one of unknown length
        self._said = ""
        self.monitor: Monitor | None = None

    # -- what Lightning calls ------------------------------------------------------------------------------------------

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        given = {"out": Path(trainer.log_dir or trainer.default_root_dir) / "swaveval"} | self._given
        if given.get("mode") == "checkpoints" and "checkpoints" not in given:
            saves = trainer.checkpoint_callback
            place = getattr(saves, "dirpath", None)
            if place is None:
                raise RunError("mode checkpoints evaluates what a ModelCheckpoint saves; add one to the callbacks")
            given["checkpoints"] = place
        given["log"] = [*several(given.get("log", ())), lambda numbers, step: _log(trainer, numbers, step)]
        self.monitor = Monitor(self._data, **given)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._epoch = float(trainer.current_epoch)
        if trainer.global_step == 0:
            self._step(trainer, pl_module, evaluate=True)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if isinstance(loss, Tensor) and loss.numel() == 1:
            # Lightning divides what training_step returned, where it takes the gradient itself.
            parts = trainer.accumulate_grad_batches if pl_module.automatic_optimization else 1
            with torch.no_grad():  # added up where it is: nothing waits for a GPU
                self._sum = self._sum + parts * loss.detach().float().reshape(())
            self._count += 1
        step, batches = trainer.global_step, trainer.num_training_batches
        if trainer.is_last_batch or batch_idx + 1 >= batches:
            self._epoch = trainer.current_epoch + 1.0
        else:  # a loader without a length has infinitely many
            self._epoch = trainer.current_epoch + (batch_idx + 1) / batches if math.isfinite(batches) else None
        # With accumulated gradients several batches are one step.
        if self._steps is not None and step % self._steps == 0 and step not in (0, self._evaluated):
            self._step(trainer, pl_module, evaluate=True)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        finished = trainer.current_epoch + 1  # it is counted after this
        # One that is broken off is counted as well, and the weights are not those of its end.
        if not trainer.should_stop and trainer.global_step != trainer.max_steps:
            self._epoch = float(finished)
        due = self._epochs is not None and finished % self._epochs == 0
        self._step(trainer, pl_module, evaluate=due)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.monitor is None:
            return
        self._step(trainer, pl_module, evaluate=True)
        self.monitor.close()
        self._tell()
        if self.monitor.verdict is not None:
            rank_zero_info("the evaluation's page: %s", self.monitor.page)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        if self.monitor is not None:
            self.monitor.close(wait=False)

    # -- what it does then ---------------------------------------------------------------------------------------------

    def _step(self, trainer: pl.Trainer, module: pl.LightningModule, *, evaluate: bool) -> None:
        """Hand on weights and loss; all processes together learn whether to stop."""
        if self.monitor is None:
            return
        step = trainer.global_step
        loss = float(self._sum) / self._count if self._count else None
        self._sum, self._count = 0.0, 0
        evaluate = evaluate and step != self._evaluated
        self.monitor.step(module, epoch=self._epoch, step=step, loss=loss, evaluate=evaluate)
        self._evaluated = step if evaluate else self._evaluated
        self._tell()
        if trainer.strategy.reduce_boolean_decision(self.monitor.should_stop, all=False):
            trainer.should_stop = True

    def _tell(self) -> None:
        verdict = None if self.monitor is None else self.monitor.verdict
        if verdict is not None and verdict.sentence != self._said:
            self._said = verdict.sentence
            # Lightning's own way of telling: what other loggers say of this level is seen by nobody.
            rank_zero_info("%s", verdict.sentence)


def _log(trainer: pl.Trainer, numbers: dict[str, float], step: int) -> None:
    for one in trainer.loggers:
        one.log_metrics(numbers, step=step)
