"""One checkpoint evaluated as lightly's benchmarks do, kNN and a linear classifier of 90 epochs, and by `swaveval run`.

Theirs: `KNNClassifier` and `LinearClassifier` of `lightly.utils.benchmarking` on Lightning's trainer, with the settings
and transforms of lightly's ImageNet benchmarks (k = 200, temperature .1; SGD, 90 epochs, batch 256, random crops and
flips), crops of `--size`. Of the linear classifier's epochs `--measured` are run, and where that is not all of them its
time is extrapolated by the epoch and its accuracy is left out.
Ours: the whole command for the same checkpoint with the evaluators `knn` and `linear`, from an empty directory, without
figures: start of Python, decoding, the baselines (three untrained networks, pixels, colours) and the page included;
and of it what the checkpoint took (two worker processes side by side).

    python -m benchmarks.evaluators.against_lightly --data DIR [--size 64] [--depth 18] [--measured 2]

DIR holds `train` and `test`, each with images in class folders. The checkpoint is the last of
`benchmarks.runs.whole_run`.
"""

import argparse
import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightly.utils.benchmarking import KNNClassifier, LinearClassifier
from pytorch_lightning import Trainer
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms as T
from torchvision.datasets import ImageFolder

from benchmarks.features.machine import describe, save
from benchmarks.runs.whole_run import swaveval, trained
from swaveval.checkpoints import load
from swaveval.data.transforms import IMAGENET_MEAN, IMAGENET_STD
from swaveval.results import Series

EPOCHS, BATCH, WORKERS = 90, 256, 2


def loaders(data: str, size: int) -> tuple[DataLoader[Any], DataLoader[Any], DataLoader[Any]]:
    """Train images with and without augmentation, test images."""
    end = [T.ToTensor(), T.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
    plain = T.Compose([T.Resize(round(size * 256 / 224)), T.CenterCrop(size), *end])
    augmented = T.Compose([T.RandomResizedCrop(size), T.RandomHorizontalFlip(), *end])

    def loader(split: str, transform: Any, *, shuffle: bool = False) -> DataLoader[Any]:
        folder = ImageFolder(str(Path(data) / split), transform)
        return DataLoader(folder, BATCH, shuffle=shuffle, num_workers=WORKERS, persistent_workers=True)

    return loader("train", augmented, shuffle=True), loader("train", plain), loader("test", plain)


def timed(done: Callable[[Trainer], object], epochs: int) -> tuple[float, dict[str, float]]:
    """Seconds of what is done with a trainer, and what it logged."""
    trainer = Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    started = time.perf_counter()
    done(trainer)
    return time.perf_counter() - started, {name: float(value) for name, value in trainer.callback_metrics.items()}


def top1(found: dict[str, float]) -> float:
    """Of a validation, over whichever of the loaders it is."""
    return next(value for name, value in found.items() if "top1" in name and name.startswith("val"))


def of_checkpoint(checkpoint: Path, data: str, size: int) -> tuple[float, float, tuple[float, float]]:
    """Ours: seconds of the whole command, seconds of the checkpoint in it, top-1 of kNN and of the linear probe."""
    out = checkpoint.parent.parent / "against-peers"
    shutil.rmtree(out, ignore_errors=True)
    options = ["--size", str(size), "--evaluators", "knn,linear", "--no-figures", "--quiet", "-o", str(out)]
    whole = swaveval("run", "-c", str(checkpoint), "-d", data, *options)
    series = Series.load(out)
    point = next(point for point in series.points if point.record.kind == "checkpoint")
    stages = series.seconds[str(point.record.digest)].stages
    alone = sum(stages.values()) + sum(point.cells[name].seconds for name in ("knn", "linear"))
    return whole, alone, (point.metrics["knn.top1"].value, point.metrics["linear.top1"].value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--depth", type=int, default=18)
    parser.add_argument("--measured", type=int, default=2, help="epochs of the linear classifier that are run, of 90")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    checkpoint, machine = max(trained(asked.data, asked.size, asked.depth).glob("*.ckpt")), describe()
    augmented, plain, test = loaders(asked.data, asked.size)
    classes = len(plain.dataset.classes)  # type: ignore[attr-defined]

    def network() -> nn.Module:
        module: nn.Module = load(checkpoint).module
        return nn.Sequential(module, nn.Flatten())

    with torch.no_grad():
        width = network().eval()(torch.zeros(1, 3, asked.size, asked.size)).shape[1]
    knn = KNNClassifier(
        network().eval(), num_classes=classes, knn_k=200, knn_t=0.1, train_dataloader_idx=0, val_dataloader_idx=1
    )
    knn_seconds, knn_found = timed(lambda trainer: trainer.validate(knn, [plain, test], verbose=False), 1)
    linear = LinearClassifier(network(), batch_size_per_device=BATCH, feature_dim=width, num_classes=classes)
    linear_seconds, linear_found = timed(lambda trainer: trainer.fit(linear, augmented, test), asked.measured)
    ours, alone, (knn_top1, linear_top1) = of_checkpoint(checkpoint, asked.data, asked.size)
    theirs = knn_seconds + linear_seconds * EPOCHS / asked.measured
    whole = asked.measured >= EPOCHS
    results = {
        "lightly, kNN, s": round(knn_seconds, 1),
        f"lightly, linear, {asked.measured} epochs, s": round(linear_seconds, 1),
        "lightly, both, s": round(theirs, 1),
        "extrapolated": not whole,
        "swaveval run, s": round(ours, 1),
        "times faster": round(theirs / ours, 1),
        "of it the checkpoint, s": round(alone, 1),
        "times faster, without baselines and page": round(theirs / alone, 1),
        "kNN top-1": {"lightly": round(top1(knn_found), 4), "ours": round(knn_top1, 4)},
        "linear top-1": {
            "lightly": round(top1(linear_found), 4) if whole else None,
            "ours": round(linear_top1, 4),
        },
    }
    name = f"{Path(__file__).stem}-{Path(asked.data).name}"
    task = vars(asked) | {"data": Path(asked.data).name}
    save(Path(__file__).with_name(f"{name}.json"), {"machine": machine, "task": task, "results": results})


if __name__ == "__main__":
    main()
