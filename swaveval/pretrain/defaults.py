"""What is not set is chosen from the number and size of the images, so that small data learns instead of collapsing.

The choices follow what was measured on scikit-learn's digits and on samples of CIFAR-10 (docs/pretrain.md): small runs
collapse with few prototypes, a large ε, prototypes that move from the first step, and crops too small to hold the
object; large runs take the values of the SwaV paper.
"""

import os
from dataclasses import dataclass, replace

import torch

from swaveval.pretrain.config import (
    AUTO,
    AugmentationConfig,
    BackboneConfig,
    HardwareConfig,
    OptimiserConfig,
    PretrainConfig,
    SwavConfig,
    TrainingConfig,
)
from swaveval.pretrain.cpu_precision import possible_precision
from swaveval.pretrain.errors import ConfigError

SMALL_SIDE = 64  # images up to this are resized whole by the eval transform, and need no stem that halves them twice


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the choices depend on.

    Attributes:
        n_train: images of the train split.
        side: median short side in pixels.
    """

    n_train: int
    side: int


def resolve(config: PretrainConfig, facts: ImageFacts) -> PretrainConfig:
    """`config` with every `AUTO`, `"auto"` and `()` replaced by a value, which run.json then records."""
    training = _training(config.training, facts)
    augmentation = _augmentation(config.augmentation, facts)
    steps = max(facts.n_train // training.batch_size, 1)
    return replace(
        config,
        training=training,
        augmentation=augmentation,
        backbone=_backbone(config.backbone, augmentation.crop_sizes[0]),
        swav=_swav(config.swav, facts, steps=steps, epochs=training.epochs),
        optimiser=_optimiser(config.optimiser, training, steps=steps, large=augmentation.crop_sizes[0] > SMALL_SIDE),
        hardware=_hardware(config.hardware),
    )


def chosen_otherwise(asked: PretrainConfig, config: PretrainConfig, facts: ImageFacts) -> list[str]:
    """Sentences on what `resolve` chose otherwise than one would expect from what was `asked`."""
    said = []
    if config.hardware.precision != asked.hardware.precision:
        said.append(
            f"--precision {asked.hardware.precision} on a CPU: torch does not train in float16 there, so this training "
            f"is in {config.hardware.precision}, and run.json says so; take 32 where its digits matter"
        )
    count = config.swav.prototypes
    if asked.swav.prototypes == AUTO and count < _usual_prototypes(facts):
        said.append(
            f"K = {count} prototypes: a quarter of {facts.n_train} training images, as there are few; take an order of "
            "magnitude more than the classes you expect (--prototypes)"
        )
    return said


def _usual_prototypes(facts: ImageFacts) -> int:
    steps = ((20_000, 100), (100_000, 300), (500_000, 1000), (2**63, 3000))
    return next(count for bound, count in steps if facts.n_train < bound)


def _training(training: TrainingConfig, facts: ImageFacts) -> TrainingConfig:
    if training.batch_size != AUTO:
        return training
    fitting = 256 if facts.n_train >= 20_000 else 128 if facts.n_train >= 512 else max(facts.n_train // 4, 2)
    return replace(training, batch_size=min(fitting, max(facts.n_train, 2)))


def _augmentation(given: AugmentationConfig, facts: ImageFacts) -> AugmentationConfig:
    """Crops of about the images' own size; on small images crops that still hold the object."""
    large = given.crop_sizes[0] if given.crop_sizes else crop_side(facts.side)
    if large <= SMALL_SIDE:
        sizes, counts, least, most = (large, large // 2), (2, 4), (0.4, 0.2), (1.0, 0.4)
    elif large < 224:
        sizes, counts, least, most = (large, large // 2), (2, 4), (0.25, 0.1), (1.0, 0.3)
    else:
        sizes, counts, least, most = (large, round(large * 96 / 224)), (2, 6), (0.14, 0.05), (1.0, 0.14)
    kinds = len(given.crop_sizes or given.crop_counts) or 2
    return replace(
        given,
        views=("batch" if large <= SMALL_SIDE else "lightly") if given.views == "auto" else given.views,
        crop_sizes=given.crop_sizes or sizes[:kinds],
        crop_counts=given.crop_counts or counts[:kinds],
        crop_min_scales=given.crop_min_scales or least[:kinds],
        crop_max_scales=given.crop_max_scales or most[:kinds],
    )


def crop_side(side: int) -> int:
    """Side of the large crops for images whose median short side is `side`, in pixels."""
    for bound, crop in ((40, 32), (96, 64), (180, 128)):
        if side <= bound:
            return crop
    return 224


def _backbone(given: BackboneConfig, crop: int) -> BackboneConfig:
    small = crop <= SMALL_SIDE
    name = ("resnet10" if small else "resnet18") if given.name == "auto" else given.name
    if name.startswith("timm:"):
        if given.stem != "auto" or (given.stem_stride, given.width) != (AUTO, AUTO):
            raise ConfigError(f"stem, stem_stride and width are of the ResNets here; leave them out with {name}")
        return replace(given, name=name)
    stem = ("small" if small else "imagenet") if given.stem == "auto" else given.stem
    stride = given.stem_stride if given.stem_stride != AUTO else 2
    width = given.width if given.width != AUTO else (32 if name == "resnet10" else 64)
    return replace(given, name=name, stem=stem, stem_stride=stride, width=width)


def _swav(given: SwavConfig, facts: ImageFacts, *, steps: int, epochs: int) -> SwavConfig:
    prototypes = min(_usual_prototypes(facts), max(facts.n_train // 4, 2))
    prototypes = given.prototypes if given.prototypes != AUTO else prototypes
    # A large ε is harmless with many prototypes and collapses with few (digits: K = 30 at .05, K = 100 at .10).
    epsilon = given.epsilon if given.epsilon != AUTO else (0.05 if prototypes >= 1000 else 0.03)
    # FAIR: one epoch at either batch size; never so long that the prototypes hardly move at all.
    frozen = min(max(steps, 100), 5005, max(steps * epochs // 3, 1))
    frozen = given.frozen_prototype_steps if given.frozen_prototype_steps != AUTO else frozen
    return replace(given, prototypes=prototypes, epsilon=epsilon, frozen_prototype_steps=frozen)


def _optimiser(given: OptimiserConfig, training: TrainingConfig, *, steps: int, large: bool) -> OptimiserConfig:
    batch = training.batch_size / 256
    rate = {
        "adamw": (1e-3 if large else 2e-3) * min(batch**0.5 * 2**0.5, 2.0),
        "sgd": 0.06 * batch,
        # Both published points: 0.6 at batch 256 and 4.8 at 4096 (FAIR).
        "lars": 0.6 * batch**0.75,
    }[given.name]
    total = steps * training.epochs
    return replace(
        given,
        learning_rate=given.learning_rate if given.learning_rate != AUTO else float(f"{rate:.3g}"),
        warmup_steps=given.warmup_steps if given.warmup_steps != AUTO else min(max(40, steps // 2), total // 4),
        weight_decay=given.weight_decay if given.weight_decay != AUTO else (1e-2 if given.name == "adamw" else 1e-6),
    )


def _hardware(given: HardwareConfig) -> HardwareConfig:
    """Workers and threads share the cores: threads that wait for a busy core cost a small network most of its time."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = max(cores // max(given.devices, 1), 1)
    on_cpu = given.accelerator == "cpu" or (given.accelerator == "auto" and not torch.cuda.is_available())
    # Views of whole batches take a tenth of the time: of two cores a worker would leave one idle.
    workers = 0 if share <= 2 and on_cpu else max(share // 3, 1) if on_cpu else min(share, 8)
    workers = given.workers if given.workers != AUTO else workers
    threads = min(max(share - workers, 1), torch.get_num_threads())
    threads = given.threads if given.threads != AUTO else threads
    return replace(given, workers=workers, threads=threads, precision=possible_precision(given))
