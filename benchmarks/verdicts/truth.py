"""What a run deserves, measured on images and by a probe that the verdict never sees.

A ridge classifier (scikit-learn) is fitted to the features of labelled images that `swaveval` is not
shown, each plain and in one further view, and asked of the others of them: `sets.Kept`. Digits and textures are too few
to be cut in two: there all images are asked in turn, each of a probe of the others under views.

The rule that makes a word of these numbers is `deserved`; expected.toml holds what it gave, written before the verdict
saw any of the runs.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import binomtest, norm
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import StandardScaler
from torch import nn

from benchmarks.verdicts.sets import Kept
from swaveval.data.transforms import IMAGENET_MEAN, IMAGENET_STD
from swaveval.pretrain.batch_views import BatchViews
from swaveval.pretrain.config import AugmentationConfig

Array = np.ndarray[Any, np.dtype[Any]]

PENALTY = 100.0  # on standardised features; fixed, as nothing here is compared across settings
# A truth that moved by less is no truth: points, and one-sided p in pairs.
LEAST, SURE = 0.02, 0.01
# Late checkpoints within this of each other have converged, as far as the truth can tell.
STEADY = 0.01


@dataclass(frozen=True, eq=False)
class Truth:
    """What was measured of a run.

    Attributes:
        names: of the checkpoints, in order. right: bool, `(T, n)`: which of the kept images the probe has right.
        untrained: bool, `(m, n)`: the same of untrained networks: two whose BatchNorm has seen the kept images, and the
            run's own as it was saved, where it was.
    """

    names: tuple[str, ...]
    right: Array
    untrained: Array


def probed(module: nn.Module, given: Kept, *, size: int, digits: bool) -> Array:
    """Whether the probe has each asked image right, bool `(n asked,)`, in their order."""
    asked = np.flatnonzero(given.fold >= 0)
    right = np.zeros(len(given.labels), dtype=np.bool_)
    plain, views = features(module, given.pixels, size=size, views=3 if digits else 1, digits=digits)
    for fold in np.unique(given.fold[asked]):
        fitted, held = given.fold != fold, given.fold == fold
        rows = np.concatenate([plain[fitted], *(view[fitted] for view in views)])
        scale = StandardScaler().fit(rows)
        probe = RidgeClassifier(alpha=PENALTY)
        probe.fit(scale.transform(rows), np.tile(given.labels[fitted], 1 + len(views)))
        right[held] = probe.predict(scale.transform(plain[held])) == given.labels[held]
    return right[asked]


@torch.no_grad()
def features(module: nn.Module, pixels: Array, *, size: int, views: int, digits: bool) -> tuple[Array, Sequence[Array]]:
    """Features `(n, d)` of the plain images, and of `views` views of each."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    draw = BatchViews(
        AugmentationConfig(
            preset="digits" if digits else "natural",
            crop_sizes=(size, 8),
            crop_counts=(max(1, views), 0),
            crop_min_scales=(0.6, 0.1),
            crop_max_scales=(1.0, 0.35),
        ),
        seed=77,
    )
    given: list[list[Array]] = [[] for _ in range(1 + views)]
    for at in range(0, len(pixels), 256):
        batch = torch.from_numpy(pixels[at : at + 256]).permute(0, 3, 1, 2).float() / 255
        if batch.shape[2] != size:
            batch = nn.functional.interpolate(batch, size=(size, size), mode="bilinear", antialias=True)
        given[0].append(module((batch - mean) / std).numpy())
        if views:
            moments = [(0, at + place) for place in range(len(batch))]
            for kind, view in zip(given[1:], draw(list(pixels[at : at + 256]), moments), strict=True):
                kind.append(module(view).numpy())
    plain, *others = (np.concatenate(part) for part in given)
    return plain, others


@torch.no_grad()
def settled(module: nn.Module, pixels: Array, *, size: int) -> nn.Module:
    """The network in eval mode, its BatchNorm with the statistics of `pixels`."""
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.reset_running_stats()
            layer.momentum = None
    module.train()
    features(module, pixels[:2048], size=size, views=0, digits=False)
    return module.eval()


def without_gain(one: Array, other: Array) -> float:
    """One-sided p that `one` is less than LEAST above `other`, by the normal limit of paired differences."""
    difference = one.astype(float) - other
    error = float(difference.std(ddof=1)) / np.sqrt(len(difference))
    return float(norm.sf((LEAST - difference.mean()) / error)) if error else float(difference.mean() >= LEAST)


def above(one: Array, other: Array) -> tuple[float, float]:
    """Accuracy of `one` minus that of `other` on the same images; one-sided exact McNemar p that it is above."""
    won, lost = int((one & ~other).sum()), int((other & ~one).sum())
    p = float(binomtest(won, won + lost, alternative="greater").pvalue) if won + lost else 1.0
    return (won - lost) / len(one), p


@dataclass(frozen=True, slots=True)
class Measured:
    """The numbers the rule reads, in fractions.

    Attributes:
        end, start: truth at the last and first checkpoint. best, worst: of the untrained networks.
        gain, gain_p: end minus best. none_p: that it is below LEAST.
        lost, lost_p: end minus worst, and that the end is below it.
        fall, fall_p: end minus the best checkpoint before it. late: end minus the checkpoint at two thirds.
    """

    end: float
    start: float
    best: float
    worst: float
    gain: float
    gain_p: float
    none_p: float
    lost: float
    lost_p: float
    fall: float
    fall_p: float
    late: float

    def to_json(self) -> dict[str, float]:
        return {key: round(value, 5) for key, value in asdict(self).items()}


def measured(truth: Truth) -> Measured:
    """Of several untrained networks the best counts against a gain, the worst against a loss."""
    accuracy, of_untrained = truth.right.mean(axis=1), truth.untrained.mean(axis=1)
    best, worst = truth.untrained[int(of_untrained.argmax())], truth.untrained[int(of_untrained.argmin())]
    end = truth.right[-1]
    gain, gain_p = above(end, best)
    lost, lost_p = above(worst, end)
    rise, fall_p = above(truth.right[int(accuracy.argmax())], end)
    late = truth.right[min(len(accuracy) - 1, round(2 * (len(accuracy) - 1) / 3))]
    return Measured(
        end=float(accuracy[-1]),
        start=float(accuracy[0]),
        best=float(best.mean()),
        worst=float(worst.mean()),
        gain=gain,
        gain_p=gain_p,
        none_p=without_gain(end, best),
        lost=-lost,
        lost_p=lost_p,
        fall=-rise,
        fall_p=fall_p,
        late=above(end, late)[0],
    )


def deserved(found: Measured, *, finished: bool, constant: bool) -> str:
    """The word for a trained run whose files nobody touched.

    - `learning`: the end is at least one point above the best untrained network, p below .01; `converged` if also its
      schedule ended (the rate went to zero) and the last third moved the truth by less than one point;
    - `regressed`: as well, but two points below the best checkpoint, p below .01 after its choice (times 10);
    - `collapsed`: no such gain, and the loss ended at that of a constant output, or the end is at least two points
      below the worst untrained network, p below .01: the features tell less than they did;
    - `not-learning`: none of these, and a gain of two points is excluded, p below .05;
    - in between nobody knows: empty, and the run is left out of the bank.

    Args:
        finished: whether the rate went to zero. constant: whether SwaV's loss ended within 0.1 % of ln K.
    """
    if found.gain >= STEADY and found.gain_p < SURE:
        if found.fall <= -LEAST and 10 * found.fall_p < SURE:
            return "regressed"
        return "converged" if finished and abs(found.late) < STEADY else "learning"
    lost = found.lost <= -LEAST and found.lost_p < SURE
    if constant or lost:
        return "collapsed"
    return "not-learning" if found.none_p < 0.05 else ""
