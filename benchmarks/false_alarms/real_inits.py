"""Real untrained networks as null series: `python -m benchmarks.false_alarms.real_inits DIR` writes random_inits/*.npz.

Networks as the bank trains them, at initialisation, their BatchNorm with the statistics of the training images: what
every witness says of each image. Nothing was learned between any two of them. DIR/sets holds the bank's photos
(`benchmarks.verdicts.sets`). What is there is not made again.
"""

import sys
import tempfile
from pathlib import Path

import torch

from benchmarks.verdicts.fixture import save
from benchmarks.verdicts.measure import Measured, opened, options_of, summary
from benchmarks.verdicts.methods import STEM_STRIDE, Joint
from benchmarks.verdicts.recipes import Recipe
from benchmarks.verdicts.truth_bank import network, recipe_of
from swaveval.checkpoints import Backbone, LoadOptions, load, random_backbone
from swaveval.checkpoints.geometry import Geometry
from swaveval.features.extract import extract
from swaveval.features.untrained import settle_batchnorm
from swaveval.results import CheckpointRecord, Point, RunManifest, Series

OUT = Path(__file__).with_name("random_inits")
# By name: a run of the bank with the architecture and the images, and how many networks.
LIKE = {
    "digits": ("rising-k100", 30),
    "cifar10-12k": ("cifar-swav", 12),
    "flowers5": ("flowers-swav", 16),
    "textures10": ("textures-swav", 16),
    "clothing-flat": ("clothing-swav", 16),
    "cifar10-12k-vit": ("cifar-simclr-vit", 12),
    "flowers5-vit": ("flowers-simclr-vit", 16),
    "clothing-flat-vit": ("clothing-simclr-vit", 16),
}


def networks(run: str, count: int, directory: Path) -> Series:
    """A series whose checkpoints are untrained networks, one seed each."""
    recipe = recipe_of(run)
    images, pixels, settings = opened(recipe, directory / "sets")
    like = untrained_like(recipe)
    found = Measured()
    records = []
    for seed in range(count):
        untrained = random_backbone(like, 500 + seed)
        settled = settle_batchnorm(untrained, images, pixels, settings=settings)
        found.evaluate(extract(settled, images, pixels, settings=settings), f"n{seed}")
        records.append(CheckpointRecord(f"network {seed}", digest=f"n{seed}", epoch=seed))
    return Series(
        manifest=RunManifest(name=recipe.images, data=summary(recipe, images), checkpoints=tuple(records)),
        points=tuple(Point(record, found.metrics[str(record.digest)]) for record in records),
        baselines=(),
        arrays=found.arrays,
    )


def untrained_like(recipe: Recipe | Joint) -> Backbone:
    """A network of a run's architecture, read from a file as its checkpoints are."""
    # Nothing but swaveval's own files tells the stride.
    options = options_of(recipe) or LoadOptions(geometry=Geometry(stem_stride=STEM_STRIDE))
    weights = {f"backbone.{name}": value for name, value in network(recipe).state_dict().items()}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "epoch=0-step=0.ckpt")
        torch.save({"state_dict": weights, "epoch": 0, "global_step": 0}, path)
        return load(path, options=options)


def main() -> None:
    torch.set_num_threads(1)
    for name, (run, count) in LIKE.items():
        path = OUT / f"{name}.npz"
        if path.exists():
            continue
        found = networks(run, count, Path(sys.argv[1]))
        print(f"{path.name}: {save(found, path):,} bytes", flush=True)


if __name__ == "__main__":
    main()
