"""How far a clustering agrees with labels: all of it functions of the table of counts n_kc, clusters by classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics.cluster import expected_mutual_information

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class Table:
    """The non-zero cells of a contingency table, or of several tables at once.

    Attributes:
        cluster, label: shape `(m,)`, int: row and column of each cell, in ascending order.
        count: shape `(..., m)`: images in each cell; leading axes are tables of the same cells.
    """

    cluster: Array
    label: Array
    count: Array

    @property
    def n(self) -> int:
        return int(self.count[..., :].sum(axis=-1).flat[0])


def table(clusters: Array, labels: Array) -> Table:
    """The table of two assignments of shape `(n,)`, int, with values from 0."""
    width = int(labels.max()) + 1
    cells, count = np.unique(clusters.astype(np.int64) * width + labels, return_counts=True)
    return Table(cells // width, cells % width, count)


def left_out(of: Table, clusters: Array, labels: Array, groups: Sequence[Array]) -> Table:
    """The table without the images of each group: counts of shape `(len(groups), m)`.

    Args:
        of: `table(clusters, labels)`.
        groups: positions of images, disjoint sets.
    """
    width = int(of.label.max()) + 1
    cell = np.searchsorted(of.cluster * width + of.label, clusters.astype(np.int64) * width + labels)
    gone = [np.bincount(cell[group], minlength=len(of.count)) for group in groups]
    return Table(of.cluster, of.label, of.count - np.stack(gone))


def purity(of: Table) -> Array:
    """(1/n) Σ_k max_c n_kc, shape `(...)` of the table's counts."""
    starts = np.flatnonzero(np.diff(of.cluster, prepend=-1))
    largest = np.maximum.reduceat(of.count, starts, axis=-1)
    return np.asarray(largest.sum(axis=-1) / of.count.sum(axis=-1))


def nmi(of: Table) -> Array:
    """Mutual information over the arithmetic mean of the entropies, shape `(...)`; this is also the V-measure.

    1 where both assignments are one single group, as in scikit-learn: they agree.
    """
    information, clusters, classes = information_and_entropies(of)
    mean = (clusters + classes) / 2
    return np.where(mean > 0, np.clip(information / np.where(mean > 0, mean, 1.0), 0.0, 1.0), 1.0)


def ami(of: Table, expected: float) -> Array:
    """(I − E[I]) / (mean entropy − E[I]) (Vinh et al. 2010), shape `(...)`; 1 where nothing is left to explain.

    Args:
        expected: E[I], the mutual information of random assignments of the same group sizes.
    """
    information, clusters, classes = information_and_entropies(of)
    left = (clusters + classes) / 2 - expected
    same = np.abs(left) < 1e-12
    return np.where(same, 1.0, np.minimum((information - expected) / np.where(same, 1.0, left), 1.0))


def expected_information(of: Table) -> float:
    """E[I] in nats under random permutations, by scikit-learn."""
    cells = np.zeros((int(of.cluster[-1]) + 1, int(of.label.max()) + 1), dtype=np.int64)
    cells[of.cluster, of.label] = of.count
    cells = cells[cells.any(axis=1)][:, cells.any(axis=0)]
    return float(expected_mutual_information(cells, of.n))


def ari(of: Table) -> Array:
    """Adjusted Rand index (Hubert & Arabie 1985) from pair counts, shape `(...)`."""
    count = of.count.astype(np.float64)
    rows, columns = _margins(of)
    both, clusters, classes = (_pairs(part).sum(axis=-1) for part in (count, rows, columns))
    everything = _pairs(count.sum(axis=-1, keepdims=True)).sum(axis=-1)
    expected = clusters * classes / np.maximum(everything, 1.0)
    largest = (clusters + classes) / 2
    same = np.abs(largest - expected) <= 1e-12 * largest
    return np.where(same, 1.0, (both - expected) / np.where(same, 1.0, largest - expected))


def matched(of: Table) -> int:
    """Images right under the one-to-one matching of clusters with classes that gets the most right (Kuhn 1955)."""
    cells = np.zeros((int(of.cluster[-1]) + 1, int(of.label.max()) + 1), dtype=np.int64)
    cells[of.cluster, of.label] = of.count
    rows, columns = linear_sum_assignment(cells, maximize=True)
    return int(cells[rows, columns].sum())


def information_and_entropies(of: Table) -> tuple[Array, Array, Array]:
    """Mutual information, entropy of the clusters, entropy of the classes, in nats, each of shape `(...)`."""
    rows, columns = _margins(of)
    clusters, classes, both = (_entropy(part) for part in (rows, columns, of.count))
    return np.asarray(np.maximum(clusters + classes - both, 0.0)), clusters, classes


def _margins(of: Table) -> tuple[Array, Array]:
    starts = np.flatnonzero(np.diff(of.cluster, prepend=-1))
    order = np.argsort(of.label, kind="stable")
    column_starts = np.flatnonzero(np.diff(of.label[order], prepend=-1))
    by_label = of.count[..., order]
    return np.add.reduceat(of.count, starts, axis=-1), np.add.reduceat(by_label, column_starts, axis=-1)


def _entropy(counts: Array) -> Array:
    """−Σ p ln p over the last axis, p = counts / Σ counts; 0 ln 0 = 0."""
    p = counts / counts.sum(axis=-1, keepdims=True)
    return np.asarray(-(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=-1))


def _pairs(counts: Array) -> Array:
    return counts * (counts - 1) / 2
