"""The mean silhouette, and the same without each group of images, from one matrix of distances."""

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def silhouette(unit: Array, cluster: Array, groups: Sequence[Array]) -> tuple[float, list[float]]:
    """Mean over images of (b − a)/max(a, b) (Rousseeuw 1987), with the cosine distance 1 − u·v.

    a is an image's mean distance to the others of its cluster, b the smallest mean distance to another cluster; images
    alone in their cluster count 0. scikit-learn computes the same, but not what it is without some of the images.

    Args:
        unit: shape `(m, d)`, float64, rows of length 1; a row of zeros is at distance 1 from all others.
        cluster: shape `(m,)`, int, at least two different.
        groups: disjoint sets of positions to leave out.

    Returns:
        the silhouette of all, and without each group; NaN where fewer than two clusters are left.
    """
    member = (cluster[:, None] == np.unique(cluster)).astype(np.float64)
    distances = np.maximum(1 - unit @ unit.T, 0.0)
    np.fill_diagonal(distances, 0.0)
    total = distances @ member
    without = []
    for group in groups:
        kept = np.ones(len(unit), dtype=np.bool_)
        kept[group] = False
        less = total[kept] - distances[np.ix_(kept, ~kept)] @ member[~kept]
        without.append(_mean(less, member[kept]))
    return _mean(total, member), without


def _mean(total: Array, member: Array) -> float:
    """Mean silhouette from summed distances to each cluster and memberships, both of shape `(m, K)`."""
    size = member.sum(axis=0)
    if np.count_nonzero(size) < 2:
        return float("nan")
    own = member.astype(np.bool_)
    others = size @ member.T - 1
    a = total[own] / np.maximum(others, 1)
    b = np.where(own | (size == 0), np.inf, total / np.maximum(size, 1)).min(axis=1)
    larger = np.maximum(a, b)
    each = np.where((others > 0) & (larger > 0), (b - a) / np.where(larger > 0, larger, 1.0), 0.0)
    return float(each.mean())
