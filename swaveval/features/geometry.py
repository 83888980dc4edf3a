"""Which geometry, number of heads and normalisation of the input a network's weights fit, on a sample of images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from swaveval.checkpoints.architectures import ResNet, ResNetSpec
from swaveval.data.transforms import IMAGENET_MEAN, IMAGENET_STD, EvalTransform
from swaveval.features.extract import Normalise
from swaveval.features.fingerprint import best_of, least_off
from swaveval.features.views import ViewSettings, make_views

# As self-supervised training shows images: crops of a fifth of the area upwards, mirrored, in other colours.
_TRAINING = ViewSettings(views=1, scale=(0.2, 1.0), brightness=0.4, contrast=0.4, saturation=0.4)
# The small crops of multi-crop training: a twentieth to a seventh of the area, 96 px beside 224 (swav, DINO, lightly),
# of small images half a side.
_SMALL = replace(_TRAINING, scale=(0.05, 0.14))
_LARGEST_ZOOMED = 128  # larger images are seldom shown smaller than in training
_PAIRS = ViewSettings(views=2, scale=(0.3, 1.0))
Facts = Mapping[str, int | bool]


@dataclass(frozen=True, slots=True)
class Fit:
    """How well the statistics of a sample fit one candidate.

    Attributes:
        facts: in what the candidate differs from the network as it was read; {} for that one itself.
        score: mismatch, 0 for none; of heads 1 − retrieval. Of a geometry that a first look at some of the images left
            out: the present one's mismatch times how much worse it did there.
        zoom: how many times larger the images were made.
    """

    facts: Facts
    score: float
    zoom: int = 1


@dataclass(frozen=True)
class Sample:
    """Some images as the eval transform leaves them.

    Attributes:
        pixels: shape `(n, H, W, 3)`, uint8. transform: its mean, std and channel order are applied here.
    """

    pixels: UInt8[np.ndarray, "n h w 3"]
    transform: EvalTransform
    device: str = "cpu"

    def shown(self, transform: EvalTransform | None = None, zoom: int = 1) -> list[list[Tensor]]:
        """Batches of the images as they are, and of one view of each as training may have shown it."""
        both = (self.pixels, self.views)
        return [self._batches(pixels, transform or self.transform, zoom) for pixels in both]

    @cached_property
    def views(self) -> UInt8[np.ndarray, "n h w 3"]:
        """One view of each image as training may have shown it."""
        return make_views(self.pixels, np.arange(len(self.pixels), dtype=np.int32), _TRAINING)[:, 0].numpy()

    def small(self) -> list[Tensor]:
        """Batches of one small crop of each image, as multi-crop training shows them beside the large ones."""
        whole = self.pixels.shape[1]
        side = whole * 96 // 224 if whole > _LARGEST_ZOOMED else max(1, whole // 2)
        return [_resized(batch, side) for batch in self._batches(self._small_crops, self.transform, 1)]

    @cached_property
    def _small_crops(self) -> UInt8[np.ndarray, "n h w c"]:
        return make_views(self.pixels, np.arange(len(self.pixels), dtype=np.int32), _SMALL)[:, 0].numpy()

    def pairs(self) -> list[Tensor]:
        """Two views of each image, one batch after another."""
        index = np.arange(len(self.pixels), dtype=np.int32)
        return self._batches(make_views(self.pixels, index, _PAIRS).flatten(0, 1).numpy(), self.transform, 1)

    def _batches(self, pixels: np.ndarray[Any, np.dtype[Any]], transform: EvalTransform, zoom: int) -> list[Tensor]:
        normalise = Normalise(transform, self.device)
        # Memory of a network without stride on large images; a last batch of one image has no variance.
        count = max(1, len(pixels) * pixels.shape[1] ** 2 // (1 << 19))
        batches = [normalise(part) for part in np.array_split(pixels, min(count, max(1, len(pixels) // 8)))]
        if zoom == 1:
            return batches
        return [nn.functional.interpolate(batch, scale_factor=zoom, mode="bilinear") for batch in batches]


def _resized(batch: Tensor, side: int) -> Tensor:
    return nn.functional.interpolate(batch, size=(side, side), mode="bilinear", antialias=True)


def sample_size(side: int, *, bottlenecks: bool = False) -> int:
    """How many images of this side are looked at: 128 up to 64 px, half as many by a deep network; 16 of 224 px."""
    return max(16, min(64 if bottlenecks else 128, (1 << 19) // side**2))


# A present geometry that fits this well needs no rivals: as trained .05, another stem or stage from .1 on.
FITS_WELL = 0.08
# A geometry is worth all images when a first look finds it so much better; then it leads if it is by the second.
_PROMISING, _LEADS = 0.95, 1.1


class _Trials:
    """Geometries held against the sample: all by a first look, those that may be better by all of it.

    The first look takes a quarter of the images, in the one form that fits the present geometry better, and small crops
    beside it unless that one fits well without: then it has seen none.
    """

    def __init__(self, network: ResNet, sample: Sample) -> None:
        self.network, self.sample = network, sample
        self.some = replace(sample, pixels=sample.pixels[: max(8, len(sample.pixels) // 4)])
        found = [least_off(network, [batches]) for batches in sample.shown()]
        self.form = int(np.argmin(found))
        self.fits = min(found) <= FITS_WELL
        if not self.fits:
            found.append(least_off(network, [sample.shown()[self.form]], sample.small()))
        self.tried = {self._key({}, 1): Fit({}, min(found))}

    @property
    def leader(self) -> Facts:
        """What fits best if it is better than the present geometry by a margin, else {}."""
        best = min((fit for fit in self.tried.values() if fit.zoom == 1), key=lambda fit: fit.score)
        return best.facts if best.score * _LEADS < self.score({}) else {}

    def score(self, facts: Facts, zoom: int = 1) -> float:
        """The candidate's mismatch."""
        key = self._key(facts, zoom)
        if key not in self.tried:
            worse = self._look(facts, zoom) / max(self._present_look, 1e-9)
            score = self.tried[self._key({}, 1)].score * worse
            if worse < _PROMISING:
                small = self.sample.small() if zoom == 1 else ()
                score = least_off(self._built(facts), self.sample.shown(zoom=zoom), small)
            self.tried[key] = Fit(facts, score, zoom)
        return self.tried[key].score

    @cached_property
    def _present_look(self) -> float:
        return self._look({}, 1)

    def _look(self, facts: Facts, zoom: int) -> float:
        small = self.some.small() if zoom == 1 else ()
        return least_off(self._built(facts), [self.some.shown(zoom=zoom)[self.form]], small)

    def _built(self, facts: Facts) -> ResNet:
        return _refilled(replace(self.network.spec, **facts), self.network)  # type: ignore[arg-type]

    @staticmethod
    def _key(facts: Facts, zoom: int) -> tuple[tuple[str, int | bool], ...]:
        return (*sorted(facts.items()), ("zoom", zoom))


def resnet_fits(network: ResNet, free: Sequence[str], sample: Sample) -> list[Fit]:
    """Every geometry that the weights may have been trained with, the present one first.

    Where that one fits as well as only the right one does, no other is tried. Stems are tried with the stages as they
    are, stages with the present stem and with one that leads. What costs many times the present geometry (a stem
    without any reduction, three dilated stages) is tried where a step in its direction leads already.

    Args:
        free: the facts that nobody told; the others stay.
    """
    trials = _Trials(network, sample)
    if np.isfinite(trials.score({})) and not trials.fits:
        stems = sorted(_stems(network.spec, free), key=lambda facts: -_reduction(replace(network.spec, **facts)))  # type: ignore[arg-type]
        for facts in stems:
            reduction = _reduction(replace(network.spec, **facts))  # type: ignore[arg-type]
            if reduction * 2 >= _reduction(network.spec) or trials.leader:
                trials.score(facts)
        stages = _stages(network.spec, free)
        stem = trials.leader
        for more in stages:
            if int(more.get("dilated", 0)) < 3 or trials.leader.get("dilated") == 2:
                trials.score(more)
                _ = trials.score({**stem, **more}) if stem else None
        leader = trials.leader
        for facts in stems if set(leader) & {"dilated", "last_stride"} else ():
            trials.score({**leader, **facts})
        side = sample.pixels.shape[1]
        if side <= _LARGEST_ZOOMED and trials.score({}, 2) < trials.score({}) and side <= 64:
            trials.score({}, 4)
    return list(trials.tried.values())


def _reduction(spec: ResNetSpec) -> int:
    return spec.stem_stride * (2 if spec.maxpool else 1)


def _refilled(spec: ResNetSpec, network: ResNet) -> ResNet:
    with torch.device("meta"):
        made = spec.build()
    made.load_state_dict(network.state_dict(), assign=True)
    return made.eval()


def _differing(spec: Any, candidates: Iterator[dict[str, int | bool]], free: Sequence[str]) -> list[Facts]:
    """Candidates by what they change, without those that change nothing or what is known."""
    found: list[Facts] = []
    for candidate in candidates:
        changed = {name: value for name, value in candidate.items() if value != getattr(spec, name)}
        if changed and set(changed) <= set(free) and changed not in found:
            found.append(changed)
    return found


def _stems(spec: ResNetSpec, free: Sequence[str]) -> list[Facts]:
    def all_of_them() -> Iterator[dict[str, int | bool]]:
        paddings = (spec.stem_padding, 1, 2, 0) if spec.stem_kernel == 3 else (spec.stem_padding,)
        strides = (4, 2, 1) if spec.stem_kernel == 4 else (2, 1)
        for padding in paddings:
            for stride in strides:
                for pool in (True, False):
                    yield {"stem_stride": stride, "maxpool": pool, "stem_padding": padding}

    return _differing(spec, all_of_them(), free)


def _stages(spec: ResNetSpec, free: Sequence[str]) -> list[Facts]:
    def all_of_them() -> Iterator[dict[str, int | bool]]:
        for last in (1, 2):
            yield {"last_stride": last, "dilated": 0}
        for dilated in range(len(spec.blocks)) if spec.block == "bottleneck" else ():
            yield {"dilated": dilated}

    return _differing(spec, all_of_them(), free) if len(spec.blocks) > 1 else []


# -- pre-processing ----------------------------------------------------------------------------------------------------

Triple = tuple[float, float, float]
PREPROCESSING: tuple[tuple[str, Triple, Triple], ...] = (
    ("ImageNet's mean and std", IMAGENET_MEAN, IMAGENET_STD),
    ("mean .5, std .5", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ("pixels in 0…1", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    ("pixels in 0…255", (0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255)),
)


def preprocessing_fits(network: nn.Module, sample: Sample) -> list[tuple[EvalTransform, float]]:
    """Every pre-processing and the mismatch at the first BatchNorm, the present one first; [] where there is none.

    The first layer's statistics are those of the images under its filters: they depend on the pre-processing, and
    neither on stride nor on pooling.
    """
    orders: tuple[Literal["RGB", "BGR"], ...] = ("RGB", "BGR")
    candidates = [sample.transform] + [
        replace(sample.transform, mean=mean, std=std, order=order)
        for order in orders
        for mean, std in [
            (sample.transform.mean, sample.transform.std),
            *((mean, std) for _, mean, std in PREPROCESSING),
        ]
    ]
    fits: list[tuple[EvalTransform, float]] = []
    for transform in dict.fromkeys(candidates):
        found = best_of(network, sample.shown(transform), layers=1)
        if found is None:
            return []
        fits.append((transform, found.first))
    return fits
