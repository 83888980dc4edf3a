"""What augmented views say without labels: alignment, uniformity, LiDAR, and instance discrimination."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.linalg import eigh

from swaveval.evaluators import jackknife
from swaveval.evaluators.contract import Need, NotFinite, Skip
from swaveval.evaluators.intervals import small_sample, student, wilson
from swaveval.evaluators.rows import count, rounding_only, sample, take, unit
from swaveval.evaluators.spectrum import effective_rank
from swaveval.evaluators.threads import one_thread
from swaveval.features.features import Features, ViewFeatures
from swaveval.results import Artifact, Metric, Term
from swaveval.results.words import words_of

Array = np.ndarray[Any, np.dtype[Any]]


def alignment(views: Array) -> Array:
    """‖f(x) − f(x')‖² of L2-normalised features, mean over each image's pairs of views (2005.10242, α = 2).

    Args:
        views: shape `(m, q, d)`, q ≥ 2.

    Returns:
        shape `(m,)`, float64, in 0…4; the metric is its mean.
    """
    u = unit(views)
    q = views.shape[1]
    # Σ over pairs of |a − b|² = q·Σ|a|² − |Σ a|², which rounds below zero when all are equal: hence the clip.
    total = q * (u**2).sum(axis=(1, 2)) - (u.sum(axis=1) ** 2).sum(axis=1)
    return np.maximum(total, 0) / (q * (q - 1) / 2)


def potential(rows: Array, *, t: float = 2.0, block: int = 2048) -> Array:
    """Mean over the other rows j of exp(−t‖f_i − f_j‖²), L2-normalised: the Gaussian potential of each row.

    Uniformity is ln of its mean (2005.10242). In blocks: never an n×n matrix.

    Args:
        rows: shape `(n, d)`, n ≥ 2.

    Returns:
        shape `(n,)`, float64.
    """
    u = unit(rows)
    squared = (u**2).sum(axis=1)
    total = np.zeros(len(u))
    for start in range(0, len(u), block):
        part = slice(start, start + block)
        distance = np.maximum(squared[part, None] + squared[None, :] - 2 * (u[part] @ u.T), 0)
        own = np.arange(len(distance))
        distance[own, start + own] = np.inf
        total[part] = np.exp(-t * distance).sum(axis=1)
    return total / (len(u) - 1)


def lidar(views: Array, *, delta: float = 1e-4) -> float:
    """exp(entropy) of the eigenvalues of Σ_w^−½ Σ_b Σ_w^−½ (LiDAR, 2312.04000): the image is the class.

    Σ_b is the covariance of the image means, Σ_w the mean covariance of an image's views plus δI, both expectations
    over what is there (dividing by m and by m·q), p = λ/Σλ + ε with RankMe's ε. The eigenvalues are those of
    Σ_b x = λ Σ_w x. At most min(d, m − 1) of them are not zero.

    Args:
        views: shape `(m, q, d)`, m ≥ 2, grouped by source image: wrong groups put the between into the within.
    """
    m, q, d = views.shape
    views = views.astype(np.float64)
    means = views.mean(axis=1)
    between = means - means.mean(axis=0)
    if rounding_only(float((between**2).sum(axis=1).mean()), float((means.mean(axis=0) ** 2).sum())):
        return 1.0
    within = (views - means[:, None]).reshape(m * q, d)
    eigenvalues = eigh(between.T @ between / m, within.T @ within / (m * q) + delta * np.eye(d), eigvals_only=True)
    return effective_rank(np.maximum(eigenvalues[::-1][: min(d, m - 1)], 0))


def retrieved(first: Array, second: Array, *, block: int = 2048) -> Array:
    """Whether the second view nearest (cosine) to each first view is that of its own image.

    Equally near ones count as a miss: a collapsed model, to which all are equally near, retrieves nothing.

    Args:
        first, second: shape `(m, d)`, row i of both from image i.

    Returns:
        shape `(m,)`, bool.
    """
    a, b = unit(first), unit(second)
    own = (a * b).sum(axis=1)
    correct = np.zeros(len(a), dtype=np.bool_)
    for start in range(0, len(a), block):
        similarity = a[start : start + block] @ b.T
        at = np.arange(len(similarity))
        similarity[at, start + at] = -np.inf
        # Rounding must not decide between equals.
        correct[start : start + block] = own[start : start + block] > similarity.max(axis=1) + 1e-12
    return correct


@dataclass(frozen=True)
class Views:
    """Evaluates the views of the fixed sample of images; uniformity looks at the images themselves.

    Attributes:
        delta: LiDAR's regularisation of the within-image covariance.
        uniformity_images: at most so many, a seeded sample: every pair of them is compared.
        intervals_up_to: dimensions up to which LiDAR gets an interval: it costs ten more eigendecompositions.
        groups: of its jackknife.
    """

    delta: float = 1e-4
    uniformity_images: int = 8192
    intervals_up_to: int = 1024
    groups: int = 10

    name: ClassVar[str] = "views"
    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[Need]] = frozenset({Need.VIEWS})
    terms: ClassVar[Mapping[str, Term]] = words_of("views")

    def __post_init__(self) -> None:
        if self.delta <= 0 or min(self.uniformity_images, self.groups) < 2:
            raise ValueError("views: delta must be above 0, uniformity_images and groups at least 2")

    def __call__(self, features: Features, *, seed: int) -> Iterable[Metric | Artifact]:
        views = features.views
        if views is None:
            raise Skip("needs augmented views, which this evaluation does not have")
        m, q, _ = views.features.shape
        if m < 2 or q < 2:
            raise Skip(f"needs two views of each of at least two images; there are {q} of {m}")
        bad = int((~np.isfinite(views.features)).any(axis=(1, 2)).sum())
        if bad:
            raise NotFinite(
                f"{bad} of {m} images have views with NaN or infinite features: the training diverged before this "
                "checkpoint; use an earlier one"
            )
        with one_thread():
            return [
                _alignment(views),
                *self._uniformity(features, seed),
                self._lidar(views, seed),
                *_retrieval(views),
            ]

    def _uniformity(self, features: Features, seed: int) -> Iterator[Metric]:
        rows = sample(features, self.uniformity_images, seed=seed)
        n = len(rows)
        if n < 2:
            return
        each = potential(take(features, rows))
        mean = float(each.mean())
        # Each image takes part in n − 1 pairs, so a U-statistic's variance is four times that of its projections.
        error = 1.96 * 2 * float(each.std(ddof=1)) / np.sqrt(n) / mean
        yield Metric(
            id="views.uniformity",
            value=float(np.log(mean)),
            unit="nats",
            better="lower",
            bounds=(-8.0, 0.0),
            ci95=(max(-8.0, float(np.log(mean)) - error), min(0.0, float(np.log(mean)) + error)),
            n=n,
            protocol=f"ln mean exp(-2|f(x)-f(y)|^2) over the pairs of {n} images{_sampled(features, n)}, not of views; "
            f"backbone features, {features.protocol}".rstrip(", "),
        )

    def _lidar(self, views: ViewFeatures, seed: int) -> Metric:
        m, q, d = views.features.shape
        value = lidar(views.features, delta=self.delta)
        rank = min(d, m - 1)
        bounds = (1.0, max(float(rank), effective_rank(np.ones(rank))))
        affordable = d <= self.intervals_up_to and m >= 3 * self.groups
        parts = jackknife.groups(m, self.groups, seed=seed) if affordable else []
        left_out = [lidar(np.delete(views.features, part, axis=0), delta=self.delta) for part in parts]
        return Metric(
            id="views.lidar",
            value=value,
            unit="dimensions",
            bounds=bounds,
            ci95=jackknife.interval(value, left_out, bounds=bounds),
            n=m,
            protocol=f"{q} views of each of {m} images, delta={self.delta:g}, {_source(views)}",
        )


def _alignment(views: ViewFeatures) -> Metric:
    each = alignment(views.features)
    m, q, _ = views.features.shape
    return Metric(
        id="views.alignment",
        value=float(each.mean()),
        unit="squared distance",
        better="lower",
        bounds=(0.0, 4.0),
        ci95=student(each, bounds=(0.0, 4.0)),
        n=m,
        protocol=f"|f(x)-f(x')|^2 of L2-normalised features, mean over pairs of {q} views, {_source(views)}",
    )


def _retrieval(views: ViewFeatures) -> Iterator[Metric | Artifact]:
    correct = retrieved(views.features[:, 0], views.features[:, 1])
    m, hits = len(correct), int(correct.sum())
    note = small_sample(m)
    yield Metric(
        id="views.retrieval",
        value=hits / m,
        bounds=(0.0, 1.0),
        ci95=wilson(hits, m),
        n=m,
        protocol=f"nearest of {m} second views to each first view, cosine, {_source(views)}"
        + (f"; {note}" * bool(note)),
    )
    yield Artifact("views.retrieval.outcomes", {"correct": correct, "index": views.index.astype(np.int32)})


def _source(views: ViewFeatures) -> str:
    return f"backbone features, {views.protocol}".rstrip(", ")


def _sampled(features: Features, n: int) -> str:
    total = count(features)
    return "" if n == total else f" (a seeded sample of {total})"
