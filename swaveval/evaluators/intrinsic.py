"""How many directions the features vary in: globally, by the minimum spanning tree, and around each image.

No labels and no views. Ranks count the directions of the best flat space around all features; these count those of the
curved sheet the features lie on.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from swaveval.evaluators.contract import Need, Skip
from swaveval.evaluators.intervals import student
from swaveval.evaluators.rows import count, is_constant, sample, take
from swaveval.evaluators.spanning_tree import SMALLEST, distances, mean_lengths, tree_dimension, tree_sizes
from swaveval.evaluators.threads import one_thread
from swaveval.features.features import Features
from swaveval.results import Metric, Term
from swaveval.results.words import words_of

Array = np.ndarray[Any, np.dtype[Any]]

# A slope needs two sizes of tree.
FEWEST_IMAGES = 2 * SMALLEST


def local_dimensions(nearest: Array) -> Array:
    """μ / (w − μ) of each point's k nearest distances, μ their mean and w the largest: the method of moments.

    Amsaleg et al. 2018 (doi:10.1007/s10618-018-0578-6), as LDReg (2401.10474) states it. LDReg's own code leaves the
    k-th distance out of the mean, which lowers the number: about d there, (kd + 1)/(k − 1) here, 5 % at k = 20.

    Args:
        nearest: shape `(n, k)`, distances to *other* points, in any order.

    Returns:
        shape `(n,)`, float64; infinite where all k lie equally far.
    """
    mean, largest = nearest.mean(axis=1), nearest.max(axis=1)
    room = largest - mean
    # Equal distances leave rounding error.
    room[room <= 1e-12 * largest] = 0
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(room > 0, mean / room, np.inf))


@dataclass(frozen=True)
class Intrinsic:
    """Intrinsic dimension of the features of both splits: of all images (IdEst), and around each (LDReg).

    Attributes:
        max_images: in the sample; n² distances are held at once, 128 MB for 4,000.
        sizes: of tree at most, each half the next.
        draws: permutations of the sample, cut into parts of each size.
        k: neighbours of the local dimension.
    """

    max_images: int = 4000
    sizes: int = 5
    draws: int = 3
    k: int = 20

    name: ClassVar[str] = "intrinsic"
    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[Need]] = frozenset()
    terms: ClassVar[Mapping[str, Term]] = words_of("intrinsic")

    def __post_init__(self) -> None:
        if self.max_images < FEWEST_IMAGES or min(self.sizes, self.k) < 2 or self.draws < 1:
            raise ValueError(f"intrinsic: max_images from {FEWEST_IMAGES}, sizes and k from 2, draws from 1")

    def __call__(self, features: Features, *, seed: int) -> Iterable[Metric]:
        chosen = sample(features, self.max_images, seed=seed)
        if len(chosen) < FEWEST_IMAGES:
            raise Skip(f"a dimension needs at least {FEWEST_IMAGES} images; there are {len(chosen)}")
        rows = take(features, chosen)
        if is_constant(rows):
            return _constant(len(rows))
        own = distinct(rows)
        total = count(features)
        source = "Euclidean, backbone features as they are, "
        source += f"{len(rows)} images (train and test)" if len(rows) == total else f"a seeded sample of {total} images"
        if len(own) < len(rows):
            source += f", {len(rows) - len(own)} whose features equal another's left out"
        if len(own) < FEWEST_IMAGES:
            why = f"undefined: {len(own)} different features, {FEWEST_IMAGES} are needed; {source}"
            return [_tree(np.nan, why), _local(np.nan, why)]
        with one_thread():
            return list(self._measure(own, source, seed))

    def _measure(self, rows: Array, source: str, seed: int) -> Iterator[Metric]:
        apart = distances(rows)
        n = len(rows)
        sizes = tree_sizes(n, self.sizes)
        found = tree_dimension(sizes, mean_lengths(apart, sizes, draws=self.draws, seed=seed))
        text = (
            f"1 / (1 - m), m the slope of ln length of the minimum spanning tree on ln n, n = "
            f"{', '.join(map(str, sizes))}, mean over disjoint parts of {self.draws} seeded permutations"
        )
        if np.isnan(found):
            text = f"undefined: the tree grows as fast as the number of images; {text}"
        yield _tree(found, f"{text}; {source}", n)
        k = min(self.k, n // 2)
        np.fill_diagonal(apart, np.inf)
        local = local_dimensions(np.partition(apart, k - 1, axis=1)[:, :k])
        logs = np.log(local[np.isfinite(local) & (local > 0)])
        text = f"geometric mean over images of mu / (w - mu) of their k={k} nearest; {source}"
        if len(logs) < n:
            text = f"{n - len(logs)} images left out, whose nearest all lie equally far; {text}"
        if len(logs) == 0:
            yield _local(np.nan, f"undefined: {text}")
            return
        ends = student(logs)
        yield _local(
            float(np.exp(logs.mean())),
            f"{text}; interval over images, their neighbours taken as given",
            len(logs),
            None if ends is None else (float(np.exp(ends[0])), float(np.exp(ends[1]))),
        )


def distinct(rows: Array) -> Array:
    """The rows without those that equal an earlier one: copies of an image say nothing about a dimension."""
    seen = {row.tobytes(): place for place, row in reversed(list(enumerate(rows + 0.0)))}  # −0 equals 0
    return rows[sorted(seen.values())]


def _tree(value: float, protocol: str, n: int | None = None) -> Metric:
    # No lower bound of 1: a length that falls as points are added is noise, and noise is not hidden.
    return Metric("intrinsic.mst", value, "dimensions", "lower", (0.0, None), n=n, protocol=protocol)


def _local(value: float, protocol: str, n: int | None = None, ci95: tuple[float, float] | None = None) -> Metric:
    return Metric("intrinsic.lid", value, "dimensions", "neither", (0.0, None), ci95, n, protocol)


def _constant(n: int) -> list[Metric]:
    """A point has dimension 0. Of `mst`, where lower is better, that would make a collapsed network the best of all."""
    why = "the features of all images are equal: the model has collapsed"
    return [_tree(np.nan, f"undefined: {why}"), _local(0.0, f"0 by convention: {why}", n)]
