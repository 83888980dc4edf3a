"""The runs of the bank that are trained: SwaV on scikit-learn's digits, 20 to 40 seconds of one core each."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
    """One run; the defaults are a healthy one.

    Attributes:
        prototypes, epsilon, temperature, frozen_steps: SwaV's K, ε, T and prototype freeze.
        learning_rate, schedule, epochs, seed: of the training.
        small_crops: smallest and largest share of the area of each crop kind; None for crops that hold the digit.
        frozen: what gets no gradient: nothing, `backbone` (its BatchNorm statistics still follow the data), or
            `all but prototypes` (backbone in eval mode and head).
    """

    prototypes: int = 100
    epsilon: float = 0.03
    temperature: float = 0.1
    frozen_steps: int = 100
    learning_rate: float = 2e-3
    schedule: Schedule = "cosine"
    epochs: int = 12
    seed: int = 1
    small_crops: bool = False
    frozen: str = ""

    def config(self) -> PretrainConfig:
        least, most = ((0.3, 0.1), (1.0, 0.35)) if self.small_crops else ((0.4, 0.2), (1.0, 0.5))
        steps = 21 * self.epochs
        return PretrainConfig(
            data=DataConfig(path="digits"),
            backbone=BackboneConfig(name="resnet10", stem="small", stem_stride=2, width=16),
            swav=SwavConfig(
                prototypes=self.prototypes,
                epsilon=self.epsilon,
                temperature=self.temperature,
                frozen_prototype_steps=self.frozen_steps,
            ),
            augmentation=AugmentationConfig(
                preset="digits", crop_sizes=(24, 16), crop_counts=(2, 2), crop_min_scales=least, crop_max_scales=most
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

TRAINED: dict[str, Recipe] = {
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
}


def train_run(name: str, out: Path) -> None:
    """Train one recipe into `out` (RUN/checkpoints, RUN/run.json, RUN/metrics.csv)."""
    recipe = TRAINED[name]
    with frozen(recipe.frozen) if recipe.frozen else nullcontext():
        train.pretrain(recipe.config(), out)


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
