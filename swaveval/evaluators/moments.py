"""First and second moments of the features in one stream of blocks, whole and with each of G groups left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from swaveval.evaluators.rows import blocks, unit
from swaveval.evaluators.threads import crew, each
from swaveval.features.features import Features

Array = np.ndarray[Any, np.dtype[Any]]

# Rows at a time: they stay in the processor's cache for all that is summed of them.
BLOCK = 1024
_WAVE_BYTES = 256 * 2**20  # of what blocks give at the same time


@dataclass(frozen=True, eq=False)
class Moments:
    """Of n rows x, and of the rows u = x/‖x‖.

    Attributes:
        n: rows.
        mean: shape `(d,)`, float64.
        scatter: shape `(d, d)`, float64: Σ (x − mean)(x − mean)ᵀ.
        unit_squares: shape `(d,)`, float64: Σ (u − ū)², per dimension.
    """

    n: int
    mean: Array
    scatter: Array
    unit_squares: Array


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over some rows of y = x − c and v = u − c', for fixed centres c and c'."""

    n: int
    y: Array
    yy: Array
    v: Array
    vv: Array

    def __add__(self, other: "_Sums") -> "_Sums":
        return _Sums(self.n + other.n, self.y + other.y, self.yy + other.yy, self.v + other.v, self.vv + other.vv)

    def __sub__(self, other: "_Sums") -> "_Sums":
        return _Sums(self.n - other.n, self.y - other.y, self.yy - other.yy, self.v - other.v, self.vv - other.vv)

    def about_their_mean(self, centre: Array) -> Moments:
        return Moments(
            self.n,
            centre + self.y / self.n,
            self.yy - np.outer(self.y, self.y) / self.n,
            self.vv - self.v**2 / self.n,
        )


def measure(features: Features, groups: Sequence[Array]) -> tuple[Moments, list[Moments]]:
    """Moments of all rows in `groups`, and with each group left out.

    Two passes: the means first, so that the second moments are sums about them. A single pass would have to subtract
    n·mean·meanᵀ afterwards, which cancels when the features have a large mean, as those after a ReLU do.

    Args:
        groups: disjoint sets of rows (`rows.sample`), each ascending.

    Returns:
        the whole, and one per group; none for a single group.

    Raises:
        NotFinite: some of the features are NaN or infinite.
    """
    n = sum(map(len, groups))
    centre, unit_centre = np.zeros(features.dimensions), np.zeros(features.dimensions)
    for found in each(lambda group: _means(features, group, n), groups):
        centre += found[0]
        unit_centre += found[1]
    if len(groups) == 1:
        # No group is left out, so its blocks are worked off beside each other.
        parts = [_sums_of_one(features, groups[0], centre, unit_centre)]
    else:
        parts = each(lambda group: _sums(features, group, centre, unit_centre), groups)
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    left_out = [(total - part).about_their_mean(centre) for part in parts] if len(parts) > 1 else []
    return total.about_their_mean(centre), left_out


def _means(features: Features, rows: Array, n: int) -> tuple[Array, Array]:
    """What some rows add to the mean of n, and to that of rows of length 1."""
    centre, unit_centre = np.zeros(features.dimensions), np.zeros(features.dimensions)
    for block in blocks(features, rows, size=BLOCK):
        centre += block.sum(axis=0) / n
        unit_centre += unit(block).sum(axis=0) / n
    return centre, unit_centre


def _sums(features: Features, rows: Array, centre: Array, unit_centre: Array) -> _Sums:
    total = _none(len(centre))
    for block in blocks(features, rows, size=BLOCK):
        total += _of_block(block, centre, unit_centre)
    return total


def _sums_of_one(features: Features, rows: Array, centre: Array, unit_centre: Array) -> _Sums:
    """The same bits, by as many threads as may be used."""
    total = _none(len(centre))
    coming = blocks(features, rows, size=BLOCK)
    together = max(1, min(16, _WAVE_BYTES // (8 * len(centre) ** 2)))
    with crew(most=together) as do:
        while wave := list(islice(coming, together)):
            for part in do(lambda block: _of_block(block, centre, unit_centre), wave):
                total += part
    return total


def _none(d: int) -> _Sums:
    return _Sums(0, np.zeros(d), np.zeros((d, d)), np.zeros(d), np.zeros(d))


def _of_block(block: Array, centre: Array, unit_centre: Array) -> _Sums:
    about, direction = block - centre, unit(block) - unit_centre
    return _Sums(len(block), about.sum(axis=0), about.T @ about, direction.sum(axis=0), (direction**2).sum(axis=0))
