"""TwoNN: the dimension from the two nearest neighbours of each point."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]


def ratios(distances: Array) -> Array:
    """Second to first nearest-neighbour distance of each point, shape `(n - duplicates,)`, ascending.

    Args:
        distances: shape `(n, n)`, symmetric. A point that lies on another one has no ratio and is left out.
    """
    near = np.partition(distances + np.diag(np.full(len(distances), np.inf)), 1, axis=1)[:, :2]
    near = near[near[:, 0] > 0]
    return np.sort(near[:, 1] / near[:, 0])


def dimension(ascending: Array, *, discard: float = 0.1) -> float:
    """Slope through the origin of -ln(1 - F(μ)) over ln μ, F the empirical distribution of the ratios μ = r2 / r1.

    Where the density hardly changes over two neighbours, μ is Pareto distributed with the dimension as exponent
    (Facco, d'Errico, Rodriguez & Laio 2017, doi:10.1038/s41598-017-11873-y, who discard the largest tenth).

    Args:
        ascending: shape `(n,)`, all at least 1. discard: share of the largest ratios that is left out.
    """
    kept = int(len(ascending) * (1 - discard))
    x = np.log(ascending[:kept])
    y = -np.log1p(-np.arange(1, kept + 1) / len(ascending))
    across = float(x @ x)
    return float(x @ y) / across if across > 0 else float("nan")


def interval(ascending: Array, *, discard: float = 0.1, draws: int = 400, seed: int) -> tuple[float, float]:
    """95 % percentile bootstrap over the points' ratios, each taken as one observation."""
    random = np.random.default_rng(seed)
    drawn = random.choice(ascending, size=(draws, len(ascending)))
    found = [dimension(np.sort(row), discard=discard) for row in drawn]
    low, high = np.nanquantile(found, (0.025, 0.975))
    return float(low), float(high)
