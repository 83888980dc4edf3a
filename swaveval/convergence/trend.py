"""How fast does quality move: a robust slope, with the errors of images and of checkpoints."""

import math
from typing import Any

import numpy as np

from swaveval.convergence.noise import Estimate, Noise

Array = np.ndarray[Any, np.dtype[Any]]

DRAWS = 800
# Pairwise slopes grow with the square; more points than this in a tail add nothing to its slope.
_MOST_POINTS = 24
_MOST_CELLS = 40_000_000


def slope(x: Array, values: Array) -> Array:
    """Theil–Sen: the median of all pairwise slopes (Sen 1968).

    Args:
        x: shape `(k,)`, ascending. values: shape `(..., k)`.

    Returns:
        Shape `(...)`, in units of value per unit of x.
    """
    first, second = np.triu_indices(len(x), 1)
    apart = x[second] - x[first]
    keep = apart > 0
    first, second, apart = first[keep], second[keep], apart[keep]
    return np.asarray(np.median((values[..., second] - values[..., first]) / apart, axis=-1))


def resampled(correct: Array, *, seed: int, draws: int = DRAWS) -> Array:
    """The rows' accuracies on resampled images, shape `(draws, r)`; the series of each image stays together.

    Images with the same outcomes in every row are interchangeable, so their counts are drawn from one multinomial.
    Beyond tens of millions of counts the multivariate normal limit is drawn instead.

    Args:
        correct: shape `(r, n)`: bool, or float, of which the normal limit is drawn at once.
    """
    generator = np.random.default_rng(seed)
    n = correct.shape[1]
    if correct.dtype != np.bool_:
        return _limit(correct, generator, draws)
    # Packed into bytes, equal patterns are equal strings, which sort a hundred times faster than rows of bool.
    packed = np.ascontiguousarray(np.packbits(correct, axis=0).T)
    strings = packed.view([("", packed.dtype)] * packed.shape[1]).ravel() if packed.shape[1] > 8 else _integers(packed)
    _, first, counts = np.unique(strings, return_index=True, return_counts=True)
    patterns = correct.T[first]
    if len(counts) * draws > _MOST_CELLS:
        return _limit(correct, generator, draws)
    return generator.multinomial(n, counts / n, size=draws) @ patterns.astype(np.float64) / n


def _limit(correct: Array, generator: np.random.Generator, draws: int) -> Array:
    """What resampled means tend to with many images, shape `(draws, r)`."""
    covariance = np.cov(correct.astype(np.float64), bias=True).reshape(len(correct), len(correct)) / correct.shape[1]
    return generator.multivariate_normal(correct.mean(axis=1), covariance, size=draws, method="eigh")


def _integers(packed: Array) -> Array:
    """Rows of up to eight bytes as one 64-bit integer each."""
    wide = np.zeros((len(packed), 8), dtype=np.uint8)
    wide[:, : packed.shape[1]] = packed
    return wide.view(np.uint64).ravel()


def change(x: Array, values: Array, draws: Array, noise: Noise, *, begin: int = 0) -> Estimate | None:
    """How much quality changed from checkpoint `begin` to the end: robust slope times length.

    The slope is re-estimated on resampled images for its image error; jitter enters as in a least-squares slope.

    Args:
        x: shape `(T,)`, ascending positions. values: shape `(T,)`. draws: shape `(b, T)`, the values on resampled
            images. noise: of the series.

    Returns:
        None below three checkpoints.
    """
    chosen = np.arange(begin, len(x))
    if len(chosen) < 3:
        return None
    if len(chosen) > _MOST_POINTS:
        chosen = np.unique(np.linspace(begin, len(x) - 1, _MOST_POINTS).round().astype(np.int64))
    places = x[chosen]
    length = float(places[-1] - places[0])
    if length <= 0:
        return None
    effect = float(slope(places, values[chosen])) * length
    redrawn = slope(places, draws[:, chosen]) * length
    centred = places - places.mean()
    images, jitter = float(np.var(redrawn)), noise.jitter * length**2 / float(centred @ centred)
    total = images + jitter
    df = total**2 / (jitter**2 / noise.df) if jitter > 0 else math.inf
    return Estimate(effect, images, jitter, float(df))


def tail_start(x: Array) -> int:
    """Position of the last checkpoint at or before two thirds of the way (the first one for a single checkpoint)."""
    limit = x[0] + (x[-1] - x[0]) * 2 / 3
    return max(0, int(np.searchsorted(x, limit + 1e-9 * max(1.0, abs(limit)), side="right")) - 1)


def last_third(begin: int, length: int) -> list[int]:
    """The rows after the one where the last third begins (see `tail_start`); the last one where there are none."""
    return list(range(begin + 1, length)) or [length - 1]
