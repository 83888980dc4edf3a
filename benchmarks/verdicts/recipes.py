"""How a run of the bank is trained: half a minute to two of one core each. Which there are: `bank_runs`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
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


def train_run(recipe: Recipe | Joint, out: Path, prepared: Path) -> None:
    """Train one recipe into `out` (RUN/checkpoints, RUN/metrics.csv; of SwaV RUN/run.json).

    Args:
        prepared: where `sets.prepare` put the photos.
    """
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
