"""Structure of the features by the three parts of DSE, and their sum over a series of checkpoints. No labels.

DSE (Dense representation Structure Estimator, 2510.17299; code: github.com/EldercatSAM/SSL-Degradation) is made for
dense tokens, the map before pooling, of which no features are kept. This is its image-level form: a point is the pooled
feature of an image. The paper's batch, 8 images of 196 tokens in 24 clusters, becomes up to 2,048 images in 24
clusters; its term within single images (3 clusters of one image's tokens) has nothing to stand on and is left out; its
dimension at one token position, over images, becomes that over images.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.spatial.distance import cdist

from swaveval.evaluators.contract import Need, NotFinite, Skip
from swaveval.evaluators.partition import partition
from swaveval.evaluators.rows import count, is_constant, sample, take, unit
from swaveval.evaluators.spectrum import DIRECT_SVD_WORK, effective_rank
from swaveval.evaluators.threads import one_thread
from swaveval.features.features import Features, FeatureSeries
from swaveval.results import Metric, Term
from swaveval.results.words import words_of

Array = np.ndarray[Any, np.dtype[Any]]

# Images of a cluster, on average, at the least; and so of two clusters.
IN_CLUSTER = 4
FEWEST_IMAGES = 2 * IN_CLUSTER
# λ of two checkpoints would only say whether the parts went the same way.
FEWEST_WEIGHED = 3
# The paper's code keeps the logarithm of a zero singular value finite by it.
EPSILON = 1e-12


@dataclass(frozen=True, slots=True)
class Structure:
    """The three parts: distance between clusters, size of clusters, and dimensions used, as a share."""

    inter: float
    intra: float
    dimension: float


def structure(points: Array, clusters: Array) -> Structure:
    """M_inter, M_intra and M_dim of points in clusters (2510.17299, §4 and its code).

    M_inter is the mean distance of a point to the nearest centroid that is not its own; M_intra the mean over clusters
    of two points or more of Σσ / √max(n_c − 1, d), σ the singular values of the cluster less its mean; both over the
    mean distance of the points to their mean. M_dim = exp(entropy of σ/Σσ) / min(n, d), σ those of all points,
    uncentred.

    Args:
        points: shape `(n, d)`, float64, not all equal.
        clusters: of each point, shape `(n,)`, int; at least two, one of them of two points.
    """
    n, d = points.shape
    numbers = np.unique(clusters)
    members = [points[clusters == number] for number in numbers]
    centroids = np.stack([own.mean(axis=0) for own in members])
    radius = np.linalg.norm(points - points.mean(axis=0), axis=1).mean()
    others = cdist(points, centroids)
    others[np.arange(n), np.searchsorted(numbers, clusters)] = np.inf
    sizes = [
        _singular(own - centroid).sum() / np.sqrt(max(len(own) - 1, d))
        for own, centroid in zip(members, centroids, strict=True)
        if len(own) > 1
    ]
    return Structure(
        inter=float(others.min(axis=1).mean() / radius),
        intra=float(np.mean(sizes) / radius),
        dimension=effective_rank(_singular(points), epsilon=EPSILON) / min(n, d),
    )


def weight(parts: list[Structure]) -> float:
    """λ = std(M_inter − M_intra) / std(M_dim) over checkpoints; NaN for fewer than three, or where M_dim stands."""
    if len(parts) < FEWEST_WEIGHED:
        return float("nan")
    moved = float(np.std([part.dimension for part in parts]))
    return float(np.std([part.inter - part.intra for part in parts])) / moved if moved > 1e-9 else float("nan")


def _singular(rows: Array) -> Array:
    """Singular values; where an SVD costs more than about a second, roots of the eigenvalues of the Gram matrix.

    What that loses, below 1.5e-8 of the largest, weighs nothing in a sum or an entropy.
    """
    n, d = rows.shape
    if n * d * min(n, d) <= DIRECT_SVD_WORK:
        return np.asarray(np.linalg.svd(rows, compute_uv=False))
    return np.sqrt(np.maximum(np.linalg.eigvalsh(rows @ rows.T if n < d else rows.T @ rows), 0))


@dataclass(frozen=True)
class Dse:
    """DSE of pooled features at every checkpoint: distance between clusters less their size, plus λ times the rank.

    λ belongs to the whole series: it changes when a checkpoint is added, and every score with it. So the scores of one
    series can be compared with each other, and not with those of another. The first checkpoint sets no λ: where the
    untrained network was saved it is the first, and its rank lies far from all that follow (the paper's runs begin at
    epoch 10). It has a score all the same.

    Attributes:
        max_images: in the sample.
        clusters: of k-means on L2-normalised features; with few images one for every four.
        restarts: of k-means.
    """

    max_images: int = 2048
    clusters: int = 24
    restarts: int = 3

    name: ClassVar[str] = "dse"
    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[Need]] = frozenset()
    over_series: ClassVar[bool] = True
    terms: ClassVar[Mapping[str, Term]] = words_of("dse")

    def __post_init__(self) -> None:
        if self.max_images < FEWEST_IMAGES or self.clusters < 2 or self.restarts < 1:
            raise ValueError(f"dse: max_images from {FEWEST_IMAGES}, clusters from 2, restarts from 1")

    def __call__(self, series: FeatureSeries, *, seed: int) -> Iterable[Metric]:
        if len(series) == 0:
            raise Skip("there is no checkpoint to look at")
        images = count(series[0])
        if images < FEWEST_IMAGES:
            raise Skip(f"needs at least {FEWEST_IMAGES} images to cluster; there are {images}")
        with one_thread():
            found = [self._structure(features, seed) for features in series]
        return list(self._metrics(series.digests, found, min(images, self.max_images), images))

    def _structure(self, features: Features, seed: int) -> Structure | str:
        """The parts of one checkpoint, or why it has none."""
        try:
            rows = take(features, sample(features, self.max_images, seed=seed))
        except NotFinite as reason:
            return str(reason)
        points = unit(rows)
        if is_constant(rows) or is_constant(points):
            return "the features of all images point the same way: the model has collapsed"
        clusters = partition(rows, self._clusters(len(rows)), seed=seed, restarts=self.restarts)
        return structure(points, clusters.assignment)

    def _clusters(self, n: int) -> int:
        return min(self.clusters, n // IN_CLUSTER)

    def _metrics(self, digests: tuple[str, ...], found: list[Structure | str], n: int, images: int) -> Iterator[Metric]:
        weighed = [part for part in found[1:] if isinstance(part, Structure)]
        factor = weight(weighed)
        source = f"{n} images (train and test{'' if n == images else f', a seeded sample of {images}'})"
        text = (
            f"image level: pooled L2-normalised features, k-means K={self._clusters(n)}, best of {self.restarts} "
            f"seeded initialisations, {source}"
        )
        score = f"inter - intra + lambda * dimension, lambda={factor:.4g} by {len(weighed)} checkpoints, the first not"
        if np.isnan(factor):
            few = len(weighed) < FEWEST_WEIGHED
            why = f"{FEWEST_WEIGHED} checkpoints after the first" if few else "checkpoints whose dimension differs"
            score = f"undefined: lambda needs {why}"
        for digest, part in zip(digests, found, strict=True):
            if isinstance(part, str):
                yield from (_metric(name, np.nan, part, digest) for name in _BETTER)
                continue
            yield _metric("inter", part.inter, f"distance to the nearest other centroid, mean; {text}", digest, n)
            yield _metric("intra", part.intra, f"sum of singular values of a cluster, mean; {text}", digest, n)
            yield _metric("dimension", part.dimension, f"effective rank / min(n, d); {text}", digest, n)
            total = part.inter - part.intra + factor * part.dimension
            yield _metric("score", total, f"{score}; {text}", digest, n)


_BETTER: Mapping[str, Any] = {"inter": "higher", "intra": "lower", "dimension": "higher", "score": "higher"}


def _metric(name: str, value: float, protocol: str, digest: str, n: int | None = None) -> Metric:
    bounds = {"dimension": (0.0, 1.0), "score": (None, None)}.get(name, (0.0, None))
    return Metric(f"dse.{name}", value, "ratio", _BETTER[name], bounds, n=n, protocol=protocol, checkpoint=digest)
