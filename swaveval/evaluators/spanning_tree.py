"""The dimension of a cloud of points, from how the length of its minimum spanning tree grows with their number."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

# Points of the smallest tree that is measured.
SMALLEST = 16


def distances(rows: Array) -> Array:
    """Euclidean distances between all rows, shape `(n, n)`, float64: n²·8 bytes.

    By one matrix product of the centred rows: without centring ‖a‖² + ‖b‖² − 2ab cancels for features with a large
    mean. A distance below about 1e-8 of the cloud's radius is rounding error.

    Args:
        rows: shape `(n, d)`.
    """
    centred = rows.astype(np.float64)
    centred -= centred.mean(axis=0)
    apart = centred @ centred.T
    squares = np.diag(apart).copy()
    for start in range(0, len(apart), 512):
        block = apart[start : start + 512]
        block *= -2
        block += squares[start : start + 512, None] + squares  # this sum first, which is the same both ways round
        np.sqrt(np.maximum(block, 0, out=block), out=block)
    np.fill_diagonal(apart, 0)
    return apart


def tree_length(apart: Array, chosen: Array) -> float:
    """Length of the minimum spanning tree of some of the points, by Prim's algorithm: O(m²) for m of them, exact.

    scipy's `minimum_spanning_tree` finds the same length after sorting all n² edges, 50 times as slow at n = 4,000.

    Args:
        apart: distances between all points, shape `(n, n)`.
        chosen: which points, shape `(m,)`.
    """
    outside = np.array(chosen[1:])
    near = apart[chosen[0]][outside]
    edges = np.empty(len(outside))
    for place in range(len(edges)):
        nearest = int(near.argmin())
        edges[place], point = near[nearest], outside[nearest]
        # What is left stays packed: the last one takes the place of the one that joined.
        near[nearest], outside[nearest] = near[-1], outside[-1]
        near, outside = near[:-1], outside[:-1]
        np.minimum(near, apart[point][outside], out=near)
    return float(edges.sum())


def tree_sizes(n: int, most: int) -> tuple[int, ...]:
    """n, n/2, n/4 … points, at most so many sizes and none below `SMALLEST`; ascending."""
    sizes = [n >> halvings for halvings in range(most)]
    return tuple(size for size in reversed(sizes) if size >= SMALLEST)


def mean_lengths(apart: Array, sizes: tuple[int, ...], *, draws: int, seed: int) -> Array:
    """Mean length of the tree of each size, shape `(len(sizes),)`.

    A draw is a permutation of the points cut into disjoint parts, so that every size sees (nearly) every point as
    often. All n points have one tree only.
    """
    n = len(apart)
    draw = np.random.default_rng([seed, n])
    orders = [draw.permutation(n) for _ in range(draws)]
    found = []
    for size in sizes:
        parts = [
            order[start : start + size]
            for order in (orders if size < n else [np.arange(n)])
            for start in range(0, n - size + 1, size)
        ]
        found.append(np.mean([tree_length(apart, part) for part in parts]))
    return np.asarray(found)


def tree_dimension(sizes: tuple[int, ...], lengths: Array) -> float:
    """1 / (1 − m), m the least-squares slope of ln length on ln size; NaN where the tree grows as fast as the points.

    The length of n points drawn from a d-dimensional distribution grows as n^((d−1)/d) (Steele 1988).
    """
    if len(sizes) < 2 or not (lengths > 0).all():
        return float("nan")
    slope = float(np.polyfit(np.log(sizes), np.log(lengths), 1)[0])
    return 1 / (1 - slope) if slope < 1 else float("nan")
