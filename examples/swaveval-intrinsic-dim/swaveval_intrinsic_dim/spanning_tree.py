"""The dimension from how the length of the minimum spanning tree grows with the number of points."""

from collections.abc import Iterable
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
Rows = np.ndarray[Any, np.dtype[np.int64]]


def length(distances: Array) -> float:
    """Length of the minimum spanning tree of a full graph, by Prim's algorithm: O(n²).

    Args:
        distances: shape `(n, n)`, symmetric.
    """
    nearest, total = distances[0].copy(), 0.0
    outside = np.ones(len(distances), dtype=bool)
    outside[0] = False
    for _ in range(len(distances) - 1):
        added = int(np.argmin(np.where(outside, nearest, np.inf)))
        total += float(nearest[added])
        outside[added] = False
        np.minimum(nearest, distances[added], out=nearest)
    return total


def subsamples(count: int, *, sizes: int = 6, repeats: int = 10, seed: int) -> list[Rows]:
    """Rows of random subsets of half to all of `count` points, `repeats` of each size."""
    random = np.random.default_rng(seed)
    wanted = np.ceil(np.linspace(np.ceil(count / 2), count, sizes)).astype(int)
    return [random.choice(count, size=size, replace=False) for size in wanted for _ in range(repeats)]


def measured(distances: Array, draws: Iterable[Rows]) -> tuple[Array, Array]:
    """ln n and ln length of the tree of each subset."""
    pairs = [(len(rows), length(distances[np.ix_(rows, rows)])) for rows in draws]
    found = np.log(np.asarray(pairs, dtype=np.float64))
    return found[:, 0], found[:, 1]


def dimension(log_count: Array, log_length: Array) -> float:
    """1 / (1 - m), m the least-squares slope of ln length on ln n; infinite where the tree grows as fast as n.

    The length of n points of a d-dimensional manifold grows as n^((d - 1) / d) (Costa & Hero 2004,
    doi:10.1109/TSP.2004.831130; the same as the persistent homology dimension PH0 with α = 1 of `scikit-dimension`).
    """
    x = log_count - log_count.mean()
    across = float(x @ x)
    slope = float(x @ log_length) / across if across > 0 else float("nan")
    return 1 / (1 - slope) if slope != 1 else float("inf")


def interval(log_count: Array, log_length: Array, *, draws: int = 400, seed: int) -> tuple[float, float]:
    """95 % percentile bootstrap over the subsets: how much of the number is luck of the draw, not of the images."""
    random = np.random.default_rng(seed)
    rows = random.integers(0, len(log_count), (draws, len(log_count)))
    found = [dimension(log_count[row], log_length[row]) for row in rows]
    low, high = np.nanquantile(found, (0.025, 0.975))
    return float(low), float(high)
