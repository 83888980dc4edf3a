"""The runs of the bank that are trained: half a minute to two of one core each."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.verdicts.methods import Joint, train_joint
from benchmarks.verdicts.sets import n_train, shown
from swaveval.pretrain import train
from swaveval.pretrain.backbones import BuiltBackbone
from swaveval.pretrain.config import (
    AugmentationConfig,
    BackboneConfig,
    DataConfig,
    HardwareConfig,
    OptimiserConfig,
    PretrainConfig,
    Schedule,
    SwavConfig,
    TrainingConfig,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A run of SwaV; the defaults are a healthy one.

    Attributes:
        images: name of the set. width: of the ResNet-10.
        prototypes, epsilon, temperature, frozen_steps: SwaV's K, ε, T and prototype freeze.
        learning_rate, schedule, epochs, seed: of the training.
        small_crops: smallest and largest share of the area of each crop kind; None for crops that hold the digit.
        frozen: what gets no gradient: nothing, `backbone` (its BatchNorm statistics still follow the data), or
            `all but prototypes` (backbone in eval mode and head).
    """

    images: str = "digits"
    width: int = 16
    prototypes: int = 100
    epsilon: float = 0.03
    temperature: float = 0.1
    frozen_steps: int = 100
    learning_rate: float = 2e-3
    schedule: Schedule = "cosine"
    epochs: int = 12
    seed: int = 1
    small_crops: bool = False
    sinkhorn_iterations: int = 3
    frozen: str = ""

    @property
    def finished(self) -> bool:
        """Whether the learning rate goes to zero."""
        return self.schedule == "cosine"

    @property
    def size(self) -> int:
        """Side of the large crops, and of the images that features are taken from."""
        return 24 if self.images == "digits" else 32

    def config(self, path: str, n_train: int) -> PretrainConfig:
        least, most = ((0.3, 0.1), (1.0, 0.35)) if self.small_crops else ((0.4, 0.2), (1.0, 0.5))
        steps = n_train // 64 * self.epochs
        return PretrainConfig(
            data=DataConfig(path=path),
            backbone=BackboneConfig(name="resnet10", stem="small", stem_stride=2, width=self.width),
            swav=SwavConfig(
                prototypes=self.prototypes,
                epsilon=self.epsilon,
                temperature=self.temperature,
                frozen_prototype_steps=self.frozen_steps,
                sinkhorn_iterations=self.sinkhorn_iterations,
            ),
            augmentation=AugmentationConfig(
                preset="digits" if self.images == "digits" else "natural",
                crop_sizes=(self.size, 16),
                crop_counts=(2, 2),
                crop_min_scales=least,
                crop_max_scales=most,
            ),
            optimiser=OptimiserConfig(
                learning_rate=self.learning_rate,
                schedule=self.schedule,
                warmup_steps=min(40, steps // 4),
                weight_decay=1e-2,
            ),
            training=TrainingConfig(epochs=self.epochs, batch_size=64, seed=self.seed, stop_on_nan=False),
            hardware=HardwareConfig(accelerator="cpu", workers=0),
        )


RISING = Recipe(schedule="constant", epochs=7)
LONG = Recipe(epochs=18)
COLLAPSING = Recipe(prototypes=30, epsilon=0.05, frozen_steps=20, learning_rate=1e-3, small_crops=True)

CIFAR, FLOWERS, TEXTURES, CLOTHING = "cifar10-12k", "flowers5", "textures10", "clothing-flat"


def photos(images: str, *, epochs: int, prototypes: int = 100) -> Recipe:
    """SwaV on photos, stopped while quality may still rise."""
    return Recipe(images=images, width=32, schedule="constant", epochs=epochs, prototypes=prototypes)


TRAINED: dict[str, Recipe | Joint] = {
    # Stopped while quality still rises.
    "rising-k100": RISING,
    "rising-k30": replace(RISING, prototypes=30, epsilon=0.02),
    "rising-k300": replace(RISING, prototypes=300),
    "rising-k1000-through-ln-k": replace(RISING, prototypes=1000, epsilon=0.05, epochs=9),
    "rising-above-ln-k": replace(RISING, prototypes=300, temperature=0.03, epochs=9),
    # The mission's case: a high temperature holds the loss within 3 % of ln K.
    "flat-t3": replace(RISING, temperature=3.0),
    "flat-t3-seed2": replace(RISING, temperature=3.0, seed=2),
    "flat-t3-k300": replace(RISING, temperature=3.0, prototypes=300),
    "flat-t5": replace(RISING, temperature=5.0),
    "flat-t3-long": replace(LONG, temperature=3.0),
    # Trained to the end of the schedule and past the rise.
    "long-k100": LONG,
    "long-k100-again": replace(LONG, seed=2),
    # Collapsed, in several ways.
    "collapsed-k30": replace(COLLAPSING, seed=2),
    "collapsed-epsilon": Recipe(epsilon=0.1),
    "collapsed-epsilon-seed2": Recipe(epsilon=0.1, seed=2),
    "collapsed-epsilon-k30": Recipe(epsilon=0.1, prototypes=30),
    # Look-alikes of flat-t3: the loss stays as near to ln K, and a large epsilon teaches nothing.
    "flat-epsilon.3-t3": Recipe(epsilon=0.3, temperature=3.0),
    "flat-epsilon1-t3": Recipe(epsilon=1.0, temperature=3.0),
    "flat-epsilon.3-t1": Recipe(epsilon=0.3, temperature=1.0),
    "flat-k30-t1": replace(COLLAPSING, epsilon=0.3, temperature=1.0, seed=2),
    # Not learning.
    "rate-too-low": replace(RISING, learning_rate=1e-7),
    "rate-too-low-t3": replace(RISING, learning_rate=1e-7, temperature=3.0),
    "rate-too-high": Recipe(learning_rate=0.3),
    "frozen-backbone": Recipe(frozen="backbone"),
    "prototypes-only": Recipe(frozen="all but prototypes"),
    # Few prototypes: kNN, which has no room on digits, hardly moves.
    "k10": Recipe(prototypes=10, epochs=15),
    # Other methods on digits.
    "digits-simclr": Joint(images="digits", method="simclr", step_zero=True),
    "digits-barlow": Joint(images="digits", method="barlow"),
    "digits-byol": Joint(images="digits", method="byol", step_zero=True),
    "digits-byol-collapsed": Joint(images="digits", method="byol without predictor", epochs=8),
    # SwaV on photos.
    "cifar-swav": photos(CIFAR, epochs=7),
    "cifar-swav-t3": replace(photos(CIFAR, epochs=7), temperature=3.0),
    "flowers-swav": photos(FLOWERS, epochs=10),
    "flowers-swav-k1000": photos(FLOWERS, epochs=10, prototypes=1000),
    "flowers-swav-long": replace(photos(FLOWERS, epochs=20), schedule="cosine"),
    "textures-swav": photos(TEXTURES, epochs=30),
    "clothing-swav": photos(CLOTHING, epochs=12),
    "clothing-swav-t3": replace(photos(CLOTHING, epochs=12), temperature=3.0),
    "cifar-swav-epsilon": replace(photos(CIFAR, epochs=6), epsilon=0.1),
    "flowers-swav-epsilon": replace(photos(FLOWERS, epochs=10), epsilon=0.1),
    "clothing-swav-epsilon-k30": replace(photos(CLOTHING, epochs=12, prototypes=30), epsilon=0.1),
    "flowers-swav-without-sinkhorn": replace(photos(FLOWERS, epochs=8), sinkhorn_iterations=0),
    "clothing-swav-epsilon1-t3": replace(photos(CLOTHING, epochs=8), epsilon=1.0, temperature=3.0),
    "flowers-swav-frozen-backbone": replace(photos(FLOWERS, epochs=5), frozen="backbone"),
    "clothing-swav-prototypes-only": replace(photos(CLOTHING, epochs=5), frozen="all but prototypes"),
    "cifar-swav-rate-too-low": replace(photos(CIFAR, epochs=5), learning_rate=1e-7),
    "clothing-swav-rate-too-high": replace(photos(CLOTHING, epochs=8), learning_rate=0.3),
    # Other methods on photos; by epochs and by steps, with and without the untrained network.
    "cifar-simclr": Joint(images=CIFAR, method="simclr", epochs=8, step_zero=True),
    "cifar-barlow": Joint(images=CIFAR, method="barlow", epochs=8),
    "cifar-byol": Joint(images=CIFAR, method="byol", epochs=8),
    "cifar-simclr-vit": Joint(
        images=CIFAR, method="simclr", network="vit", learning_rate=1e-3, epochs=6, step_zero=True
    ),
    "flowers-simclr": Joint(images=FLOWERS, method="simclr", epochs=12, step_zero=True),
    "flowers-simclr-by-steps": Joint(images=FLOWERS, method="simclr", epochs=8, every=5, seed=2),
    "flowers-barlow-long": Joint(images=FLOWERS, method="barlow", epochs=20, constant=False, step_zero=True),
    "flowers-byol": Joint(images=FLOWERS, method="byol", epochs=12),
    "textures-simclr-sixty": Joint(images=TEXTURES, method="simclr", epochs=60),
    "textures-barlow": Joint(images=TEXTURES, method="barlow", epochs=30, step_zero=True),
    "clothing-simclr": Joint(images=CLOTHING, method="simclr", epochs=12, step_zero=True),
    "clothing-barlow": Joint(images=CLOTHING, method="barlow", epochs=12),
    "clothing-simclr-vit": Joint(images=CLOTHING, method="simclr", network="vit", learning_rate=1e-3, epochs=8),
    # Nothing holds the two sides apart: they meet in one point.
    "cifar-byol-collapsed": Joint(images=CIFAR, method="byol without predictor", epochs=5),
    "flowers-byol-collapsed": Joint(images=FLOWERS, method="byol without predictor", epochs=8, step_zero=True),
    "clothing-byol-collapsed": Joint(images=CLOTHING, method="byol without predictor", epochs=6),
    "textures-byol-collapsed": Joint(images=TEXTURES, method="byol without predictor", epochs=12, step_zero=True),
    # Rates too low and too high.
    "cifar-simclr-rate-too-low": Joint(images=CIFAR, method="simclr", learning_rate=1e-7, epochs=5, step_zero=True),
    "flowers-barlow-rate-too-low": Joint(images=FLOWERS, method="barlow", learning_rate=1e-7, epochs=8),
    "textures-simclr-rate-too-low": Joint(
        images=TEXTURES, method="simclr", learning_rate=1e-7, epochs=12, step_zero=True
    ),
    "cifar-simclr-rate-too-high": Joint(images=CIFAR, method="simclr", learning_rate=0.5, epochs=5, step_zero=True),
}


def train_run(name: str, out: Path, prepared: Path) -> None:
    """Train one recipe into `out` (RUN/checkpoints, RUN/metrics.csv; of SwaV RUN/run.json).

    Args:
        prepared: where `sets.prepare` put the photos.
    """
    recipe = TRAINED[name]
    path = shown(recipe.images, prepared)
    if isinstance(recipe, Joint):
        train_joint(recipe, path, out)
        return
    with frozen(recipe.frozen) if recipe.frozen else nullcontext():
        train.pretrain(recipe.config(path, n_train(recipe.images)), out)


@contextmanager
def frozen(what: str) -> Iterator[None]:
    """Let pretrain build networks of which a part gets no gradient."""
    build: Callable[..., BuiltBackbone] = train.build_backbone
    module = train.SwavModule

    def still(*arguments: Any) -> BuiltBackbone:
        built = build(*arguments)
        built.module.requires_grad_(False)
        if what == "all but prototypes":
            built.module.train = lambda mode=True: built.module  # type: ignore[method-assign,assignment]
            built.module.eval()
            for part in built.module.modules():
                part.training = False
        return built

    class Headless(module):  # type: ignore[misc,valid-type]
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self.projection_head.requires_grad_(False)

    train.build_backbone = still
    if what == "all but prototypes":
        train.SwavModule = Headless  # type: ignore[misc]
    try:
        yield
    finally:
        train.build_backbone = build
        train.SwavModule = module  # type: ignore[misc]
