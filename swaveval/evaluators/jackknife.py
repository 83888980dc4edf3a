"""Intervals of statistics that the bootstrap distorts: ranks, and whatever else duplicates pull down."""

import math
from typing import Any

import numpy as np
from scipy.special import stdtrit

Array = np.ndarray[Any, np.dtype[Any]]


def groups(n: int, parts: int, *, seed: int) -> list[Array]:
    """Split 0…n-1 at random into `parts` groups whose sizes differ by at most one; each ascending."""
    order = np.random.default_rng([seed, n, parts]).permutation(n)
    return [np.sort(part) for part in np.array_split(order, parts)]


def interval(
    value: float, left_out: list[float], *, bounds: tuple[float | None, float | None] = (None, None)
) -> tuple[float, float] | None:
    """95 % interval by the delete-a-group jackknife (Shao & Tu 1995, §2.3).

    se² = (G−1)/G · Σ (θ₋g − θ̄)², and value ± t₀.₉₇₅,G₋₁ · se. A bootstrap resample repeats images and so lowers every
    rank; leaving a group out shifts all θ₋g alike, which the spread does not see.

    Args:
        value: the statistic on everything.
        left_out: the statistic without each of the G groups; fewer than two, or a NaN among them, give None.
        bounds: where the statistic cannot go.
    """
    count = len(left_out)
    if count < 2 or not np.isfinite([value, *left_out]).all():
        return None
    half = float(stdtrit(count - 1, 0.975)) * standard_error(left_out)
    lowest, highest = (-math.inf if bounds[0] is None else bounds[0]), (math.inf if bounds[1] is None else bounds[1])
    # Each end against both bounds: rounding may have put the value itself past one.
    low, high = (min(max(end, lowest), highest) for end in (value - half, value + half))
    return low, high


def standard_error(left_out: list[float]) -> float:
    """se of the statistic from its values without each of the G ≥ 2 groups."""
    spread = np.asarray(left_out) - np.mean(left_out)
    return math.sqrt((len(left_out) - 1) / len(left_out) * float(spread @ spread))
