"""What augmented views say without labels: alignment, uniformity, LiDAR, and instance discrimination."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from swaveval.evaluators import jackknife
from swaveval.evaluators.contract import Need, NotFinite, Skip
from swaveval.evaluators.intervals import small_sample, student, wilson
from swaveval.evaluators.lidar import lidar_without
from swaveval.evaluators.rows import count, sample, take, unit
from swaveval.evaluators.spectrum import effective_rank
from swaveval.evaluators.threads import each
from swaveval.features.exact import row_blocks
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


def potential(rows: Array, *, t: float = 2.0, block: int = 1024) -> Array:
    """Mean over the other rows j of exp(−t‖f_i − f_j‖²), L2-normalised: the Gaussian potential of each row.

    Uniformity is ln of its mean (2005.10242). In blocks, never an n×n matrix; each pair once, in float32, summed in
    float64.

    Args:
        rows: shape `(n, d)`, n ≥ 2.

    Returns:
        shape `(n,)`, float64.
    """
    u = unit(rows)
    half, u = (t * (u**2).sum(axis=1)).astype(np.float32), u.astype(np.float32)
    parts = list(row_blocks(len(u), block))

    def one(part: slice) -> list[tuple[slice, Array, Array]]:
        """Sums of the potentials of pairs of this block with itself and those after it, by row and by column."""
        found = []
        for other in parts[part.start // block :]:
            value = u[part] @ u[other].T
            value *= 2 * t
            value -= half[part, None]
            value -= half[other]
            np.exp(np.minimum(value, 0, out=value), out=value)
            if other == part:
                np.fill_diagonal(value, 0)
            found.append((other, value.sum(axis=1, dtype=np.float64), value.sum(axis=0, dtype=np.float64)))
        return found

    total = np.zeros(len(u))
    for part, found in zip(parts, each(one, parts), strict=True):
        for other, by_row, by_column in found:
            total[part] += by_row
            if other != part:
                total[other] += by_column
    return total / (len(u) - 1)


def retrieved(first: Array, second: Array, *, block: int = 256) -> Array:
    """Whether the second view nearest (cosine) to each first view is that of its own image.

    Equally near ones count as a miss: a collapsed model, to which all are equally near, retrieves nothing.

    Args:
        first, second: shape `(m, d)`, row i of both from image i.

    Returns:
        shape `(m,)`, bool.
    """
    a, b = unit(first), unit(second)
    own = (a * b).sum(axis=1)

    def one(part: slice) -> Array:
        similarity = a[part] @ b.T
        at = np.arange(len(similarity))
        similarity[at, part.start + at] = -np.inf
        # Rounding must not decide between equals.
        return np.asarray(own[part] > similarity.max(axis=1) + 1e-12)

    return np.concatenate(each(one, row_blocks(len(a), block)))


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
        rank = min(d, m - 1)
        bounds = (1.0, max(float(rank), effective_rank(np.ones(rank))))
        affordable = d <= self.intervals_up_to and m >= 3 * self.groups
        parts = jackknife.groups(m, self.groups, seed=seed) if affordable else []
        value, left_out = lidar_without(views.features, parts, delta=self.delta)
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
