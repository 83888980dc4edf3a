"""Settings that cannot work are refused before anything is decoded or written."""

import math
from dataclasses import fields
from itertools import pairwise

from swaveval.pretrain.config import AUTO, AugmentationConfig, PretrainConfig
from swaveval.pretrain.defaults import ImageFacts, crop_side
from swaveval.pretrain.errors import ConfigError

SMALLEST_CROP = 8  # below this the last stage of a ResNet sees less than one pixel of evidence
SMALLEST_EPSILON = 0.0125  # exp(1/ε) of a unit similarity must stay below float32's largest number, e^88


def check_plain(config: PretrainConfig) -> None:
    """Ranges that do not depend on the images.

    Raises:
        ConfigError: the first setting out of range, with its bounds.
    """
    training, swav, optimiser = config.training, config.swav, config.optimiser
    for part in fields(config):
        section = getattr(config, part.name)
        for setting in fields(section):
            value = getattr(section, setting.name)
            finite = not isinstance(value, float) or math.isfinite(value)
            _need(finite, f"{part.name}.{setting.name} is {value}; it takes a finite number")
    _need(bool(config.data.path), "no images: name them with --data DIR (or a name such as digits)")
    _need(0 < config.data.fraction <= 1, f"data.fraction is {config.data.fraction:g}; it takes 0 < f ≤ 1")
    _at_least("training.epochs", training.epochs, 1)
    _at_least("training.batch_size", training.batch_size, 2)
    _at_least("training.seed", training.seed, 0, auto=False)
    _at_least("swav.prototypes", swav.prototypes, 2)
    _need(
        swav.epsilon == AUTO or swav.epsilon >= SMALLEST_EPSILON,
        f"swav.epsilon is {swav.epsilon:g}; below {SMALLEST_EPSILON} the Sinkhorn step overflows (exp(1/ε) in 32 bits)",
    )
    _need(swav.temperature > 0, f"swav.temperature is {swav.temperature:g}; it must be above 0 (SwaV: 0.1)")
    _at_least("swav.sinkhorn_iterations", swav.sinkhorn_iterations, 0, auto=False)
    _at_least("swav.frozen_prototype_steps", swav.frozen_prototype_steps, 0)
    _at_least("swav.projection_dim", swav.projection_dim, 1, auto=False)
    _at_least("swav.projection_hidden", swav.projection_hidden, 1)
    _at_least("queue.size", config.queue.size, 0, auto=False)
    _at_least("queue.start_epoch", config.queue.start_epoch, 0, auto=False)
    _at_least("backbone.width", config.backbone.width, 1)
    _need(
        config.backbone.stem_stride in (AUTO, 1, 2),
        f"backbone.stem_stride is {config.backbone.stem_stride}; the small stem takes 1 or 2",
    )
    _need(
        optimiser.learning_rate == AUTO or optimiser.learning_rate > 0,
        f"optimiser.learning_rate is {optimiser.learning_rate:g}; it must be above 0",
    )
    _need(0 < optimiser.final_factor <= 1, f"optimiser.final_factor is {optimiser.final_factor:g}; it takes 0 < f ≤ 1")
    _at_least("optimiser.warmup_steps", optimiser.warmup_steps, 0)
    _need(
        optimiser.weight_decay == AUTO or optimiser.weight_decay >= 0,
        f"optimiser.weight_decay is {optimiser.weight_decay:g}; it must not be negative",
    )
    _need(0 <= optimiser.momentum < 1, f"optimiser.momentum is {optimiser.momentum:g}; it takes 0 ≤ m < 1")
    _at_least("hardware.devices", config.hardware.devices, 1, auto=False)
    _at_least("hardware.nodes", config.hardware.nodes, 1, auto=False)
    _at_least("hardware.workers", config.hardware.workers, 0)
    _at_least("hardware.threads", config.hardware.threads, 1)
    _at_least("series.log_every", config.series.log_every, 1, auto=False)
    every = config.series.checkpoint_every
    _need(
        every == "log" or (every.isascii() and every.isdigit() and int(every) > 0),
        f"series.checkpoint_every is {every!r}; it takes a number of epochs, or log",
    )
    _check_crops(config.augmentation)


def check_fit(config: PretrainConfig, facts: ImageFacts) -> None:
    """Resolved settings against the images and against each other.

    Raises:
        ConfigError: batch larger than the train split, too many prototypes, a queue that can never fill …
    """
    batch, processes = config.training.batch_size, config.hardware.processes
    _need(
        facts.n_train >= 2,
        f"{facts.n_train} training image(s) found; SwaV needs at least 2, and learns from hundreds",
    )
    _need(
        batch <= facts.n_train,
        f"the batch size {batch} is larger than the train split ({facts.n_train} images); take at most {facts.n_train}",
    )
    _need(
        batch % processes == 0,
        f"the batch size {batch} does not divide over {processes} devices; it counts the images of one optimiser step "
        f"over all of them: take {max(batch // processes, 1) * processes}",
    )
    prototypes = config.swav.prototypes
    _need(
        prototypes <= facts.n_train * config.augmentation.crop_counts[0],
        f"{prototypes} prototypes for {facts.n_train} training images: Sinkhorn shares the images out evenly over the "
        "prototypes, and there are fewer large crops than prototypes; take an order of magnitude more than the classes "
        "you expect",
    )
    queue = config.queue
    steps = facts.n_train // batch
    left = (config.training.epochs - queue.start_epoch) * steps * batch
    _need(
        queue.size == 0 or left > queue.size,
        f"the queue of {queue.size} starts after epoch {queue.start_epoch} and is used once it is full, but only "
        f"{max(left, 0)} embeddings follow in {config.training.epochs} epochs: start earlier or shorten it",
    )
    _need(
        queue.size == 0 or queue.size >= batch,
        f"the queue of {queue.size} is smaller than a batch ({batch}); make it a multiple",
    )
    _need(
        queue.size % processes == 0,
        f"the queue of {queue.size} does not divide over {processes} devices, each of which keeps its share; make it a "
        f"multiple of the batch size, {batch}",
    )
    total = steps * config.training.epochs
    _need(
        config.optimiser.warmup_steps <= total,
        f"{config.optimiser.warmup_steps} warm-up steps, but the whole training has {total} "
        f"({config.training.epochs} epochs of {steps})",
    )
    large = config.augmentation.crop_sizes[0]
    _need(
        large <= max(8 * facts.side, 224),
        f"crops of {large} px from images of {facts.side} px (median short side) would only enlarge them; "
        "make augmentation.crop_sizes smaller",
    )


def notes(config: PretrainConfig, facts: ImageFacts) -> list[str]:
    """Sentences worth reading before a run that can work but is known for trouble."""
    found = []
    per_code = config.training.batch_size + config.queue.size
    if per_code * 8 < config.swav.prototypes:
        found.append(
            f"K = {config.swav.prototypes} prototypes against {per_code} images per Sinkhorn step: noisy codes; "
            "a larger batch or a queue (--queue) steadies them"
        )
    frozen = config.swav.frozen_prototype_steps
    total = facts.n_train // config.training.batch_size * config.training.epochs
    if frozen >= total:
        found.append(
            f"the prototypes stay frozen for {frozen} steps and the training has {total}: they will never move"
        )
    large, usual = config.augmentation.crop_sizes[0], crop_side(facts.side)
    if large > max(usual, facts.side):
        found.append(
            f"crops of {large} px from images of {facts.side} px (median short side) only enlarge them; crops of "
            f"{usual} px cost {(large / usual) ** 2:.3g} times less"
        )
    return found


def _check_crops(crops: AugmentationConfig) -> None:
    names = ("crop_sizes", "crop_counts", "crop_min_scales", "crop_max_scales")
    given = {name: getattr(crops, name) for name in names if getattr(crops, name)}
    lengths = {len(values) for values in given.values()}
    _need(
        len(lengths) <= 1 and lengths <= {1, 2},
        "augmentation: crop_sizes, crop_counts, crop_min_scales and crop_max_scales need as many entries as each "
        f"other, one (large crops only) or two (large, small); found { ({name: len(v) for name, v in given.items()}) }",
    )
    for size in crops.crop_sizes:
        _need(size >= SMALLEST_CROP, f"augmentation.crop_sizes holds {size}; crops need at least {SMALLEST_CROP} px")
    for large, small in pairwise(crops.crop_sizes):
        _need(
            small <= large,
            f"augmentation.crop_sizes: the small crops ({small} px) are larger than the large ones ({large} px)",
        )
    if crops.crop_counts:
        _need(
            all(count >= 0 for count in crops.crop_counts)
            and sum(crops.crop_counts) >= 2
            and crops.crop_counts[0] >= 1,
            f"augmentation.crop_counts is {list(crops.crop_counts)}; it takes at least one large crop and two in all, "
            "or there is nothing to predict from one another",
        )
    for name in ("crop_min_scales", "crop_max_scales"):
        for value in getattr(crops, name):
            _need(0 < value <= 1, f"augmentation.{name} holds {value:g}; a share of the image's area lies in 0 < s ≤ 1")
    for least, most in zip(crops.crop_min_scales, crops.crop_max_scales, strict=False):
        _need(least <= most, f"augmentation: the smallest scale {least:g} is above the largest, {most:g}")


def _at_least(name: str, value: int, least: int, *, auto: bool = True) -> None:
    if not (auto and value == AUTO):
        _need(value >= least, f"{name} is {value}; it must be at least {least}")


def _need(holds: bool, sentence: str) -> None:
    if not holds:
        raise ConfigError(sentence)
