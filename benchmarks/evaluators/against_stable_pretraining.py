"""One checkpoint by stable-pretraining, a linear probe and kNN on a frozen backbone, and by `swaveval run`.

Theirs: `OnlineProbe` and `OnlineKNN` of stable-pretraining on its own module, with its defaults (LARS; k = 20 as in its
benchmarks on CIFAR-10), over a backbone wrapped in its `EvalOnly`, for `--epochs` passes over augmented images and a
validation after the last. Of these `--measured` are run, and the rest is extrapolated by the epoch.
Ours: as in `benchmarks.evaluators.against_lightly`.

    pip install stable-pretraining
    python -m benchmarks.evaluators.against_stable_pretraining --data DIR [--size 64] [--depth 18] [--measured 2]

DIR holds `train` and `test`, each with images in class folders. The checkpoint is the last of
`benchmarks.runs.whole_run`.
"""

import argparse
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import torchmetrics
from torch import nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.evaluators.against_lightly import BATCH, WORKERS, loaders, of_checkpoint
from benchmarks.features.machine import describe, save
from benchmarks.runs.whole_run import trained
from swaveval.checkpoints import load


class Named(Dataset[dict[str, Any]]):
    """Images as dictionaries, which its callbacks ask for."""

    def __init__(self, pairs: Any) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, position: int) -> dict[str, Any]:
        image, label = self.pairs[position]
        return {"image": image, "label": label}


def forward(self: Any, batch: dict[str, Any], stage: str) -> dict[str, Any]:
    """What its module does with a batch: only the probe is trained."""
    with torch.no_grad():
        batch["embedding"] = self.backbone(batch["image"])
    return batch


def theirs(checkpoint: Path, data: str, size: int, epochs: int) -> tuple[float, dict[str, float]]:
    """Seconds of a fit with both callbacks, and what it logged."""
    import lightning as pl
    import stable_pretraining as spt

    augmented, _, test = loaders(data, size)
    sets = [Named(loader.dataset) for loader in (augmented, test)]
    classes = len(test.dataset.classes)  # type: ignore[attr-defined]
    network = nn.Sequential(load(checkpoint).module, nn.Flatten())
    with torch.no_grad():
        width = network.eval()(torch.zeros(1, 3, size, size)).shape[1]
    module = spt.Module(backbone=spt.backbone.EvalOnly(network), forward=forward, optim=None)
    accuracy = torchmetrics.classification.MulticlassAccuracy(classes, average="micro")
    probe = spt.callbacks.OnlineProbe(
        module, "linear", "embedding", "label", nn.Linear(width, classes), nn.CrossEntropyLoss(), metrics=accuracy
    )
    knn = spt.callbacks.OnlineKNN(
        name="knn",
        input="embedding",
        target="label",
        queue_length=len(sets[0]),
        metrics={"accuracy": accuracy.clone()},
        input_dim=width,
        num_classes=classes,
        k=20,
    )
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[probe, knn],
        check_val_every_n_epoch=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    given = [
        DataLoader(images, BATCH, shuffle=shuffled, num_workers=WORKERS, persistent_workers=True)
        for images, shuffled in zip(sets, (True, False), strict=True)
    ]
    started = time.perf_counter()
    trainer.fit(module, *given)
    return time.perf_counter() - started, {name: float(value) for name, value in trainer.callback_metrics.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--depth", type=int, default=18)
    parser.add_argument("--epochs", type=int, default=90, help="as lightly's and VISSL's probes; more are usual there")
    parser.add_argument("--measured", type=int, default=2)
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    checkpoint, machine = max(trained(asked.data, asked.size, asked.depth).glob("*.ckpt")), describe()
    seconds, found = theirs(checkpoint, asked.data, asked.size, asked.measured)
    ours, alone, values = of_checkpoint(checkpoint, asked.data, asked.size)
    whole = seconds * asked.epochs / asked.measured
    results = {
        f"stable-pretraining, {asked.measured} epochs, s": round(seconds, 1),
        "stable-pretraining, s": round(whole, 1),
        "extrapolated": asked.measured < asked.epochs,
        "swaveval run, s": round(ours, 1),
        "times faster": round(whole / ours, 1),
        "of it the checkpoint, s": round(alone, 1),
        "times faster, without baselines and page": round(whole / alone, 1),
        "of theirs": {name: round(value, 4) for name, value in found.items()},
        "kNN and linear top-1 of ours": [round(value, 4) for value in values],
    }
    name = f"{Path(__file__).stem}-{Path(asked.data).name}"
    task = vars(asked) | {"data": Path(asked.data).name}
    machine["stable-pretraining"] = version("stable-pretraining")
    save(Path(__file__).with_name(f"{name}.json"), {"machine": machine, "task": task, "results": results})


if __name__ == "__main__":
    main()
