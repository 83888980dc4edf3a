"""Images a second of `swaveval pretrain` against lightly's stock loop: same backbone, crops and batch.

Theirs is lightly's SwaV example on Lightning: LightlyDataset, SwaVTransform image by image in two worker processes,
Adam, each crop through the network by itself. Ours is the whole training with its series, losses and checks, in float32
as theirs, and in bfloat16. Images a second are those of the steps between an epoch's first and its last: neither
starting nor writing checkpoints is in either figure. The small network's crops are refused in bfloat16, for torch
computes their gradients wrongly there. Processes and threads are those that each takes by itself: lightly's example
asks for image workers (two here, the processors there are), ours takes none on two processors and computes with both.

    python -m benchmarks.pretrain.loop --data DIR [--repeats 5]

DIR holds photos; the small network takes scikit-learn's digits. Files lie on disk for both.
"""

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightly.data import LightlyDataset
from lightly.loss import SwaVLoss
from lightly.models.modules import SwaVProjectionHead, SwaVPrototypes
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmarks.features.machine import describe, save
from swaveval.data import open_images
from swaveval.pretrain.augment import swav_transform
from swaveval.pretrain.backbones import build_backbone
from swaveval.pretrain.config import (
    AugmentationConfig,
    BackboneConfig,
    DataConfig,
    HardwareConfig,
    PretrainConfig,
    SeriesConfig,
    SwavConfig,
    TrainingConfig,
)
from swaveval.pretrain.quiet import quiet_lightning
from swaveval.pretrain.recipes import digits_compressed
from swaveval.pretrain.reporter import SilentReporter
from swaveval.pretrain.train import pretrain

WORKERS = 2
SMALLEST = 16  # px of crops that bfloat16 is refused for with these networks


class Clock(SilentReporter):
    """When each step was taken, by epoch."""

    def __init__(self) -> None:
        self.epochs: list[list[float]] = [[]]

    def step(self, *, step: int, loss: float) -> None:
        self.epochs[-1].append(time.perf_counter())

    def epoch(self, report: object = None) -> None:
        self.epochs.append([])

    def rate(self, batch: int) -> float:
        """Images a second from the first step of an epoch to its last."""
        steps = [times for times in self.epochs if len(times) > 1]
        return batch * sum(len(times) - 1 for times in steps) / sum(times[-1] - times[0] for times in steps)


class Stock(pl.LightningModule):
    """As lightly's example has it."""

    def __init__(self, config: PretrainConfig, clock: Clock) -> None:
        super().__init__()
        built = build_backbone(config.backbone, config.augmentation.crop_sizes)
        self.backbone, width = built.module, built.feature_dim
        self.projection_head = SwaVProjectionHead(width, width, 128)
        self.prototypes = SwaVPrototypes(128, n_prototypes=config.swav.prototypes)
        self.criterion = SwaVLoss()
        self.large, self.clock = config.augmentation.crop_counts[0], clock

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        self.prototypes.normalize()
        found = []
        for view in batch[0]:
            embedded = self.projection_head(self.backbone(view).flatten(start_dim=1))
            found.append(self.prototypes(nn.functional.normalize(embedded, dim=1, p=2)))
        loss: Tensor = self.criterion(found[: self.large], found[self.large :])
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.clock.step(step=self.global_step, loss=0.0)

    def on_train_epoch_end(self) -> None:
        self.clock.epoch()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=0.001)


def stock(config: PretrainConfig, folder: Path) -> Clock:
    """Lightly's loop over the training images."""
    clock, batch = Clock(), config.training.batch_size
    images = LightlyDataset(str(folder), transform=swav_transform(config.augmentation))
    loader = DataLoader(images, batch_size=batch, shuffle=True, drop_last=True, num_workers=WORKERS)
    trainer = pl.Trainer(
        max_epochs=config.training.epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Stock(config, clock), loader)
    return clock


def ours(config: PretrainConfig, folder: Path) -> Clock:
    """The training of `swaveval pretrain`."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as place:
        pretrain(replace(config, data=DataConfig(path=str(folder), labels="none")), Path(place) / "run", reporter=clock)
    return clock


def written(name: str, count: int, place: Path) -> Path:
    """The first images of a set as PNG files in one directory: the same bytes for both."""
    images, folder = open_images(name), place / "images"
    folder.mkdir()
    for number, position in enumerate(images.train_index[:: max(1, len(images.train_index) // count)][:count]):
        images.open(int(position)).convert("RGB").save(folder / f"{number:06}.png")
    return folder


def cases(data: str) -> dict[str, tuple[PretrainConfig, str, int]]:
    """By name: settings, images and how many of them."""
    hardware = HardwareConfig(accelerator="cpu")
    small = digits_compressed()
    photos = PretrainConfig(
        backbone=BackboneConfig("resnet18", "imagenet", 2, 64),
        swav=SwavConfig(prototypes=64),
        augmentation=AugmentationConfig("natural", "auto", (224, 96), (2, 6), (0.14, 0.05), (1.0, 0.14)),
        training=TrainingConfig(epochs=1, batch_size=16),
    )
    series = SeriesConfig(checkpoint_every="100")
    return {
        "ResNet-10 of width 32, 2 × 32 and 4 × 16 px, digits": (
            replace(small, hardware=hardware, series=series, training=TrainingConfig(epochs=6, batch_size=128)),
            "digits",
            1797,
        ),
        "ResNet-18, 2 × 224 and 6 × 96 px, photos": (replace(photos, hardware=hardware, series=series), data, 120),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    machine, results = describe(), {}
    for name, (config, data, count) in cases(asked.data).items():
        half = replace(config, hardware=replace(config.hardware, precision="bf16"))
        sides: dict[str, Callable[[Path], Clock]] = {
            "lightly": lambda folder, config=config: stock(config, folder),
            "ours, float32": lambda folder, config=config: ours(config, folder),
        }
        if min(config.augmentation.crop_sizes) > SMALLEST:
            sides["ours, bfloat16"] = lambda folder, config=half: ours(config, folder)
        rates: dict[str, list[float]] = {side: [] for side in sides}
        with tempfile.TemporaryDirectory() as place, quiet_lightning():
            folder = written(data, count, Path(place))
            for _ in range(asked.repeats):
                for side, trained in sides.items():
                    rates[side].append(trained(folder).rate(config.training.batch_size))
        middle = {side: statistics.median(found) for side, found in rates.items()}
        results[name] = {
            "images a second": {side: round(rate, 2) for side, rate in middle.items()},
            "times lightly's": {
                side: round(rate / middle["lightly"], 2) for side, rate in middle.items() if side != "lightly"
            },
        }
    task = {"repeats": asked.repeats, "workers": WORKERS, "photos": Path(asked.data).name}
    save(Path(__file__).with_suffix(".json"), {"machine": machine, "task": task, "results": results})


if __name__ == "__main__":
    main()
