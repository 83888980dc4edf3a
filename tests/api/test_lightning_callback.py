"""The callback in a real Lightning training: nothing of it changes, numbers are logged where they belong, it stops."""

import csv
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader

import swaveval
from swaveval.lightning import Evaluate
from tests.api.trainings import EVALUATORS, Model, Tensors, pictures, state
from tests.field.process_table import wait_until

pytestmark = [
    pytest.mark.filterwarnings("ignore::lightning_fabric.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*"),
]


class Classifies(pl.LightningModule):
    def __init__(self, *, collapses: bool = False) -> None:
        super().__init__()
        model = Model()
        self.backbone, self.classifier = model.backbone, model.classifier
        self.collapses = collapses
        self.order: list[int] = []

    def training_step(self, batch: tuple[Tensor, Tensor], position: int) -> Tensor:
        images, labels = batch
        self.order += labels.tolist()
        return nn.functional.cross_entropy(self.classifier(self.backbone(images)), labels)

    def on_train_epoch_start(self) -> None:
        if self.collapses and self.current_epoch == 2:
            for part in self.backbone:
                if isinstance(part, nn.Conv2d):
                    nn.init.zeros_(part.weight)
                    part.weight.requires_grad_(False)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.02)


def fitted(place: Path, epochs: int, *callbacks: pl.Callback, **options: Any) -> tuple[Classifies, pl.Trainer]:
    torch.manual_seed(0)
    module = Classifies(collapses=options.pop("collapses", False))
    trainer = pl.Trainer(
        default_root_dir=place,
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=list(callbacks),
        logger=CSVLogger(place, name="", version=""),
        enable_checkpointing=any(isinstance(one, ModelCheckpoint) for one in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
    trainer.fit(module, DataLoader(Tensors(), batch_size=30, shuffle=True))
    return module, trainer


def evaluate(**options: Any) -> Evaluate:
    given: dict[str, Any] = {"size": 16, "evaluators": EVALUATORS, "device": "cpu", "threads": 1}
    return Evaluate(pictures(), **(given | options))


@pytest.mark.torture
def test_the_training_is_what_it_would_be_and_its_logger_has_the_numbers(tmp_path: Path) -> None:
    alone, _ = fitted(tmp_path / "alone", 4)
    expected = dict(state(alone)), alone.order
    watched, trainer = fitted(tmp_path / "watched", 4, evaluate(every_n_epochs=2))
    assert dict(state(watched)) == expected[0]
    assert watched.order == expected[1]
    # Three steps an epoch; the weights before the first one are evaluated too.
    found = swaveval.Evaluation.load(Path(str(trainer.log_dir)) / "swaveval")
    assert [(point.record.epoch, point.record.step) for point in found.series.points] == [(0, 0), (2, 6), (4, 12)]
    assert found.series.manifest.loss is not None
    assert found.series.manifest.loss.epochs == (1, 2, 3, 4)
    with (tmp_path / "watched" / "metrics.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    logged = {int(row["step"]): float(row["swaveval/knn.loo_top1"]) for row in rows if row["swaveval/knn.loo_top1"]}
    assert logged == {
        int(point.record.step or 0): pytest.approx(point.metrics["knn.loo_top1"].value) for point in found.series.points
    }


def test_a_collapsed_training_is_stopped_within_three_evaluations(tmp_path: Path) -> None:
    callback = evaluate(mode="process", stop_on=("collapsed",), patience=2, out=tmp_path / "report")
    _, trainer = fitted(tmp_path, 12, callback, collapses=True)
    assert callback.monitor is not None
    assert callback.monitor.verdict is not None
    assert callback.monitor.verdict.verdict == "collapsed"
    assert trainer.current_epoch <= 2 + 3  # its weights are constant from the third epoch on


def test_steps_are_counted_as_the_trainer_counts_them(tmp_path: Path) -> None:
    """Two batches are one step; the last weights are evaluated whatever is due."""
    out = tmp_path / "report"
    fitted(tmp_path, 3, evaluate(every_n_steps=4, mode="process", out=out), accumulate_grad_batches=2)
    points = swaveval.Evaluation.load(out).series.points
    assert [point.record.step for point in points] == [0, 4, 6]


@pytest.mark.torture
def test_what_the_training_saves_is_evaluated_and_outlives_what_it_removes(tmp_path: Path) -> None:
    """It keeps its last checkpoint only; each that stood there when the callback looked is in the series."""

    class Waits(pl.Callback):
        """Until the process has looked twice, as a training of more than a second an epoch does by itself."""

        def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            names = [path.name for path in (tmp_path / "saved").glob("*.ckpt")]
            copies = tmp_path / "report" / "cache" / ".watch"
            assert wait_until(lambda: all(any(copies.glob(f"*/{name}")) for name in names), 60)

    saves = ModelCheckpoint(tmp_path / "saved", filename="{epoch}", save_top_k=1, monitor="epoch", mode="max")
    callback = evaluate(
        mode="checkpoints",
        out=tmp_path / "report",
        backbone=f"{Path(__file__).parent / 'trainings.py'}:backbone",
    )
    fitted(tmp_path, 3, saves, callback, Waits())
    assert [path.name for path in (tmp_path / "saved").iterdir()] == ["epoch=2.ckpt"]
    found = swaveval.Evaluation.load(tmp_path / "report")
    assert [point.record.step for point in found.series.points] == [3, 6, 9]
    assert callback.monitor is not None
    if found.verdict.best is not None:
        assert callback.monitor.best == tmp_path / "report" / "best.ckpt"


def test_epochs_and_steps_together_are_refused() -> None:
    with pytest.raises(ValueError, match="leave one out"):
        Evaluate("digits", every_n_epochs=1, every_n_steps=100)


@pytest.mark.torture
def test_a_training_that_fails_leaves_no_process_and_what_was_evaluated(tmp_path: Path) -> None:
    class Fails(pl.Callback):
        def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            if trainer.current_epoch == 1:
                raise RuntimeError("out of memory")

    callback = evaluate(mode="process", out=tmp_path / "report")
    with pytest.raises(RuntimeError, match="out of memory"):
        fitted(tmp_path, 3, callback, Fails())
    assert len(swaveval.Evaluation.load(tmp_path / "report").series.points) == 2
