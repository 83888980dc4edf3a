"""Is it still moving? Neighbouring checkpoints compared by CKA, neighbourhoods and clusters; no labels needed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

from swaveval.evaluators.contract import Need, NotFinite, Skip
from swaveval.evaluators.intervals import student
from swaveval.evaluators.partition import cluster_count, partition
from swaveval.evaluators.rows import is_constant, sample, take
from swaveval.evaluators.threads import one_thread
from swaveval.features.features import Features, FeatureSeries
from swaveval.results import Metric, Term
from swaveval.results.words import words_of

Array = np.ndarray[Any, np.dtype[Any]]


def self_similarity(x: Array) -> float:
    """‖XᵀX‖_F of centred rows of shape `(n, d)`."""
    return float(np.linalg.norm(x.T @ x))


def cka(x: Array, y: Array) -> float:
    """Linear CKA ‖YᵀX‖²_F / (‖XᵀX‖_F ‖YᵀY‖_F) (Kornblith et al. 2019, 1905.00414, eq. 4), in feature space: O(n d²).

    1 up to a rotation and a uniform scale. With fewer images than dimensions it lies high even for unrelated features.

    Args:
        x, y: shapes `(n, d)` and `(n, d')`, float64, columns centred, rows belonging together; not all zero.
    """
    return _Centred(x, self_similarity(x)).cka(_Centred(y, self_similarity(y)))


def shared_neighbours(a: Array, b: Array) -> Array:
    """|N_k(a) ∩ N_k(b)| / k of each row's neighbour ids, both of shape `(n, k)`; shape `(n,)`, float64."""
    n, k = a.shape
    width = max(int(a.max()), int(b.max())) + 1
    # Shifted by row, the ids of all rows are distinct and one sorted pass finds the common ones.
    shift = np.arange(n)[:, None] * width
    common = np.intersect1d(a + shift, b + shift, assume_unique=True)
    return np.bincount(common // width, minlength=n) / k


@dataclass(frozen=True, eq=False)
class _Centred:
    """Centred rows `(n, d)`, float64, and ‖XᵀX‖_F, which two comparisons need."""

    rows: Array
    own: float

    @classmethod
    def of(cls, rows: Array) -> "_Centred":
        rows = rows.astype(np.float64)
        rows -= rows.mean(axis=0)
        return cls(rows, self_similarity(rows))

    def cka(self, other: "_Centred") -> float:
        return float(np.linalg.norm(other.rows.T @ self.rows)) ** 2 / (self.own * other.own)


@dataclass(frozen=True, eq=False)
class _State:
    """What is kept of a checkpoint while the next is looked at."""

    centred: "_Centred"
    neighbours: Array
    clusters: Array


@dataclass(frozen=True)
class Stability:
    """Each checkpoint against the one before, and against the last, on one seeded sample of both splits.

    Attributes:
        max_images: in the sample.
        k: neighbours, by cosine within the sample.
        clusters: of k-means; None for one per class, 10 without labels.
        restarts: of k-means.
    """

    max_images: int = 4096
    k: int = 20
    clusters: int | None = None
    restarts: int = 5

    name: ClassVar[str] = "stability"
    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[Need]] = frozenset()
    over_series: ClassVar[bool] = True
    terms: ClassVar[Mapping[str, Term]] = words_of("stability")

    def __post_init__(self) -> None:
        if self.max_images < 3 or min(self.k, self.restarts, 1 if self.clusters is None else self.clusters) < 1:
            raise ValueError("stability: max_images from 3, k, clusters and restarts from 1")

    def __call__(self, series: FeatureSeries, *, seed: int) -> Iterable[Metric]:
        if len(series) < 2:
            raise Skip(f"compares checkpoints with each other; there is {len(series)}")
        images = len(series[0].train) + len(series[0].test)
        if images < 3:
            raise Skip(f"needs at least three images to compare their neighbours; there are {images}")
        with one_thread():
            return list(self._compare(series, seed))

    def _compare(self, series: FeatureSeries, seed: int) -> Iterator[Metric]:
        final = self._sample(series[len(series) - 1], seed)
        last = final if isinstance(final, str) else _Centred.of(final)
        previous: _State | str | None = None
        for digest, features in zip(series.digests, series, strict=True):
            current = self._state(features, seed)
            if isinstance(current, str):
                yield from _undefined(digest, ("cka_last",) if previous is None else _IDS, current)
                previous = current
                continue
            yield self._cka("cka_last", "the last", current.centred, last, digest)
            if isinstance(previous, str):
                yield from _undefined(digest, _TO_PREVIOUS, f"of the checkpoint before: {previous}")
            elif previous is not None:
                yield self._cka("cka_previous", "the previous", current.centred, previous.centred, digest)
                yield from self._local(current, previous, digest)
            previous = current

    def _sample(self, features: Features, seed: int) -> Array | str:
        """The sample, shape `(m, d)`, float32; or why there is nothing to compare."""
        try:
            taken = take(features, sample(features, self.max_images, seed=seed))
        except NotFinite as reason:
            return str(reason)
        return "the features of all images are equal: the model has collapsed" if is_constant(taken) else taken

    def _state(self, features: Features, seed: int) -> _State | str:
        taken = self._sample(features, seed)
        if isinstance(taken, str):
            return taken
        rows = sample(features, self.max_images, seed=seed)
        others = features.map_neighbours(rows, min(self.k, len(rows) - 1) + 1).index[:, 1:]
        clusters = partition(taken, self.clusters or cluster_count(features), seed=seed, restarts=self.restarts)
        return _State(_Centred.of(taken), others, clusters.assignment)

    def _cka(self, name: str, other_name: str, x: _Centred, y: _Centred | str, digest: str) -> Metric:
        if isinstance(y, str):
            return next(_undefined(digest, (name,), f"of {other_name} checkpoint: {y}"))
        n, d = x.rows.shape
        few = f"; biased upwards, as n={n} is below d={d}" if n < d else ""
        return Metric(
            id=f"stability.{name}",
            value=x.cka(y),
            better="neither",
            bounds=(0.0, 1.0),
            n=n,
            protocol=f"linear centred CKA with {other_name} checkpoint, {n} images (train and test){few}",
            checkpoint=digest,
        )

    def _local(self, current: _State, previous: _State, digest: str) -> Iterator[Metric]:
        n, k = current.neighbours.shape
        shared = shared_neighbours(previous.neighbours, current.neighbours)
        yield Metric(
            id="stability.neighbours",
            value=float(shared.mean()),
            better="neither",
            bounds=(0.0, 1.0),
            ci95=student(shared, bounds=(0.0, 1.0)),
            n=n,
            protocol=f"share of the k={k} nearest of {n} images (cosine) kept since the previous checkpoint; "
            f"by chance {k / (n - 1):.3f}",
            checkpoint=digest,
        )
        clusters = int(current.clusters.max()) + 1
        yield Metric(
            id="stability.ami_previous",
            value=float(adjusted_mutual_info_score(previous.clusters, current.clusters)),
            better="neither",
            bounds=(-1.0, 1.0),
            n=n,
            protocol=f"AMI with the previous checkpoint's clusters; k-means on L2-normalised features, K={clusters}, "
            f"best of {self.restarts} seeded initialisations, {n} images",
            checkpoint=digest,
        )


_TO_PREVIOUS = ("cka_previous", "neighbours", "ami_previous")
_IDS = ("cka_last", *_TO_PREVIOUS)


def _undefined(digest: str, names: tuple[str, ...], reason: str) -> Iterator[Metric]:
    for name in names:
        yield Metric(id=f"stability.{name}", value=float("nan"), better="neither", protocol=reason, checkpoint=digest)
