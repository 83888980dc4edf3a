"""What the Lightning callback tells: the loss as it was returned, and where the training stands as far as is known."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import GradientAccumulationScheduler
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset

import swaveval
from swaveval.lightning import Evaluate
from tests.api.trainings import Tensors, pictures

pytestmark = [
    pytest.mark.filterwarnings("ignore::lightning_fabric.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*"),
]


class Small(pl.LightningModule):
    """Keeps what its training step returned, by epoch."""

    def __init__(self, *, automatic: bool) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3, stride=4), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.classifier = nn.Linear(16, 10)
        self.automatic_optimization = automatic
        self.returned: dict[int, list[float]] = {}

    def training_step(self, batch: tuple[Tensor, Tensor], position: int) -> Any:
        images, labels = batch
        loss = nn.functional.cross_entropy(self.classifier(self.backbone(images)), labels)
        self.returned.setdefault(self.current_epoch, []).append(loss.item())
        if not self.automatic_optimization:
            self.manual_backward(loss)
            self.optimizers().step()  # type: ignore[union-attr]
        return {"loss": loss} if position % 2 else loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Endless(IterableDataset[tuple[Tensor, int]]):
    """A data set whose length nobody knows."""

    def __iter__(self) -> Iterator[tuple[Tensor, int]]:
        yield from map(Tensors().__getitem__, range(len(Tensors())))


def fit(place: Path, data: Dataset[Any], asked: dict[str, Any], *, automatic: bool = True, **options: Any) -> Small:
    """Six batches an epoch."""
    given: Any = {"size": 16, "evaluators": ("spectrum",), "device": "cpu", "mode": "process", "out": place, **asked}
    torch.manual_seed(0)
    module = Small(automatic=automatic)
    quiet: Any = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    callbacks = [Evaluate(pictures(40), **given), *options.pop("callbacks", [])]
    trainer = pl.Trainer(accelerator="cpu", logger=False, callbacks=callbacks, **quiet, **options)
    trainer.fit(module, DataLoader(data, batch_size=15))
    return module


@pytest.mark.parametrize(
    ("automatic", "options"),
    [
        (True, {"accumulate_grad_batches": 2}),
        (True, {"accumulate_grad_batches": 4}),  # the last step of an epoch is of two batches
        (True, {"callbacks": [GradientAccumulationScheduler({0: 1, 1: 3})]}),
        (False, {}),
    ],
)
def test_the_loss_is_what_training_step_returned(tmp_path: Path, automatic: bool, options: dict[str, Any]) -> None:
    module = fit(tmp_path, Tensors(), {"every_n_epochs": 9}, automatic=automatic, max_epochs=2, **options)
    with (tmp_path / "loss.csv").open(encoding="utf-8") as lines:
        told = {int(row["finished_epochs"]): float(row["loss"]) for row in csv.DictReader(lines)}
    means = {epoch + 1: sum(values) / len(values) for epoch, values in module.returned.items()}
    assert told == pytest.approx(means, rel=1e-5)


@pytest.mark.parametrize(
    ("data", "asked", "options", "names"),
    [
        # Where the length is not known, only the end of an epoch is.
        (Endless(), {"every_n_steps": 4}, {"max_epochs": 2}, ["step 4", "step 8", "epoch 2, step 12"]),
        (Endless(), {"every_n_steps": 3}, {"max_epochs": 1}, ["step 3", "epoch 1, step 6"]),
        (Endless(), {"every_n_epochs": 1}, {"max_steps": 8}, ["epoch 1, step 6", "step 8"]),
        # An epoch that is broken off is not a finished one.
        (Tensors(), {"every_n_epochs": 1}, {"max_steps": 9}, ["epoch 1, step 6", "epoch 1.5, step 9"]),
        (Tensors(), {"every_n_steps": 3}, {"max_epochs": 1}, ["epoch 0.5, step 3", "epoch 1, step 6"]),
        (Tensors(), {}, {"max_epochs": 2, "limit_train_batches": 2}, ["epoch 1, step 2", "epoch 2, step 4"]),
    ],
)
def test_weights_are_called_by_what_is_known_of_their_moment(
    tmp_path: Path, data: Dataset[Any], asked: dict[str, Any], options: dict[str, Any], names: list[str]
) -> None:
    fit(tmp_path, data, asked, **options)
    found = swaveval.Evaluation.load(tmp_path).series
    assert [point.record.name for point in found.points] == ["epoch 0, step 0", *names]
