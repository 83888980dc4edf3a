"""Do checkpoints come in an order that chance would rarely give? By permuting them, whatever they scatter by."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import permutation_test, rankdata

from swaveval.convergence.family import step_down

Array = np.ndarray[Any, np.dtype[Any]]

# Checkpoints below which neither an order nor a shape can be significant.
FEWEST = 5
# Of 1 - exp(-RATE·t), t from 0 to 1: four fifths of the rise lie in the first third of training.
RATE = 5.0
PERMUTATIONS = 2000


def shapes(length: int) -> Array:
    """Two shapes of a rise as contrasts over `length` checkpoints: shape `(2, length)`, each of mean 0 and norm 1."""
    t = np.linspace(0, 1, length)
    found = np.stack([t, 1 - np.exp(-RATE * t)])
    found -= found.mean(axis=1, keepdims=True)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def order_p(values: Array, *, seed: int) -> float:
    """One-sided p that the values, shape `(T,)`, rise with their position: a permutation test (Pitman 1937).

    The statistic is the larger contrast with the two shapes. It is exact over all orders of up to six checkpoints, else
    over `PERMUTATIONS` random ones, so it holds whatever scatters the checkpoints. 1 for values that are all the same.
    """
    return float(_p_of_orders(values[None], seed=seed)[0, 0])


def corrected_orders(series: Sequence[Array], weights: Sequence[float], *, seed: int) -> list[float]:
    """`order_p` of each, corrected for having asked them all.

    The checkpoints of all are put into another order together, which keeps whatever correlates them: the step-down minP
    of Westfall & Young (1993), as in `family`. Series of another length have other permutations: Bonferroni between
    them.

    Args:
        series: each of shape `(T,)`.
        weights: of each, above 0; only their ratios count.
    """
    found = [0.0] * len(series)
    for length in {len(values) for values in series}:
        places = [place for place, values in enumerate(series) if len(values) == length]
        null = _p_of_orders(np.stack([series[place] for place in places]), seed=seed)
        share = np.asarray([weights[place] for place in places], dtype=np.float64)
        of_all = sum(weights) / share.sum()
        for place, p in zip(places, step_down(null, share), strict=True):
            found[place] = min(1.0, float(p * of_all))
    return found


def _p_of_orders(values: Array, *, seed: int) -> Array:
    """p of every order that the checkpoints could have come in, that of the one they came in first.

    Args:
        values: shape `(m, T)`.

    Returns:
        shape `(orders, m)`.
    """
    if values.shape[1] < FEWEST:
        return np.ones((1, len(values)))
    contrasts = shapes(values.shape[1])

    def statistic(ordered: Array, axis: int) -> Array:
        return np.asarray(np.max(np.moveaxis(ordered, axis, -1) @ contrasts.T, axis=-1))

    tested = permutation_test(
        (values,),
        statistic,
        permutation_type="pairings",
        n_resamples=PERMUTATIONS - 1,
        alternative="greater",
        vectorized=True,
        axis=-1,
        rng=np.random.default_rng(seed),
    )
    null = tested.null_distribution
    if len(null) == PERMUTATIONS - 1:  # drawn at random; where all are counted, the first is the one they came in
        null = np.concatenate([tested.statistic[None], null])
    # Rounded: the same values in another order are not the same to the last bit.
    p = rankdata(-np.round(null, 12), method="max", axis=0) / len(null)
    p[:, np.ptp(values, axis=1) == 0] = 1.0
    return np.asarray(p)
