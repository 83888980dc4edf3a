"""LiDAR (2312.04000): how many directions tell images apart, what changes between views of an image set aside."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import eigh

from swaveval.evaluators.rows import rounding_only
from swaveval.evaluators.spectrum import effective_rank
from swaveval.evaluators.threads import each, one_thread

Array = np.ndarray[Any, np.dtype[Any]]


def lidar(views: Array, *, delta: float = 1e-4) -> float:
    """exp(entropy) of the eigenvalues of Σ_w^−½ Σ_b Σ_w^−½: the image is the class.

    Σ_b is the covariance of the image means, Σ_w the mean covariance of an image's views plus δI, both expectations
    over what is there (dividing by m and by m·q), p = λ/Σλ + ε with RankMe's ε. The eigenvalues are those of
    Σ_b x = λ Σ_w x. At most min(d, m − 1) of them are not zero.

    Args:
        views: shape `(m, q, d)`, m ≥ 2, grouped by source image: wrong groups put the between into the within.
    """
    return lidar_without(views, [], delta=delta)[0]


def lidar_without(views: Array, groups: Sequence[Array], *, delta: float = 1e-4) -> tuple[float, list[float]]:
    """LiDAR of all images, and without each of some disjoint groups of them that are all images together.

    The products over the images are made once for each group and added up; only the eigenvalues are found anew.
    """
    m, q, d = views.shape
    means = views.mean(axis=1, dtype=np.float64)
    centre = means.mean(axis=0)
    about = means - centre
    if rounding_only(float((about**2).sum(axis=1).mean()), float((centre**2).sum())):
        return 1.0, [1.0] * len(groups)
    if m * q < d:
        views = _in_their_span(views - centre)
        means = about = views.mean(axis=1)
    parts = each(lambda rows: _Sums.of(views[rows], means[rows], about[rows]), groups or [np.arange(m)])
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    wanted = [total, *(total - part for part in parts)] if groups else [total]
    value, *without = each(lambda sums: sums.rank(q, delta), wanted)
    return value, without


def _in_their_span(views: Array) -> Array:
    """The views in an orthonormal basis of the space that they span: of shape `(m, q, m·q)`, for m·q < d.

    Between images they differ in no direction outside it, so that all eigenvalues but zeros are those inside.
    """
    rows = views.reshape(-1, views.shape[2])
    with one_thread():
        basis = np.linalg.qr(rows.T).Q
        return np.asarray(rows @ basis).reshape(*views.shape[:2], -1)


@dataclass(frozen=True, eq=False)
class _Sums:
    """Over some images: their means about that of all images, and their views about their own mean.

    Attributes:
        n: images.
        about: shape `(d,)`: Σ y, with y the image's mean less that of all images.
        between: shape `(d, d)`: Σ y yᵀ.
        within: shape `(d, d)`: Σ over views of (v − v̄)(v − v̄)ᵀ.
    """

    n: int
    about: Array
    between: Array
    within: Array

    @classmethod
    def of(cls, views: Array, means: Array, about: Array) -> "_Sums":
        inside = (views - means[:, None]).reshape(-1, views.shape[2])
        return cls(len(views), about.sum(axis=0), about.T @ about, inside.T @ inside)

    def __add__(self, other: "_Sums") -> "_Sums":
        return _Sums(
            self.n + other.n, self.about + other.about, self.between + other.between, self.within + other.within
        )

    def __sub__(self, other: "_Sums") -> "_Sums":
        return _Sums(
            self.n - other.n, self.about - other.about, self.between - other.between, self.within - other.within
        )

    def rank(self, q: int, delta: float) -> float:
        """The effective rank, with q views of each image."""
        d = len(self.about)
        between = (self.between - np.outer(self.about, self.about) / self.n) / self.n
        within = self.within / (self.n * q) + delta * np.eye(d)
        eigenvalues = eigh(between, within, eigvals_only=True)
        return effective_rank(np.maximum(eigenvalues[::-1][: min(d, self.n - 1)], 0))
