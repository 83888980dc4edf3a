"""The end of a run against where it began, and against untrained networks beside it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from swaveval.convergence.noise import PRIOR_SPREAD_DF, Estimate, contrast, moderated, with_spread
from swaveval.convergence.quality import Quality
from swaveval.convergence.thresholds import GAIN

Array = np.ndarray[Any, np.dtype[Any]]


def gain_over_start(quality: Quality, late: Sequence[int]) -> Estimate:
    """Mean accuracy of the checkpoints `late` minus the start's.

    The jitter of each trained checkpoint counts; the run's own untrained network is what it is. Where the start is a
    set of random initialisations, this run began at yet another one: their spread counts as for a prediction,
    s²·(1 + 1/m).
    """
    rows, weights = quality.start_rows, against(quality, late, quality.start_rows)
    trained = np.arange(1 if quality.untrained_first else 0, quality.length)
    jittering = np.zeros_like(weights)
    jittering[trained] = weights[trained]
    estimate = contrast(quality.values, weights, quality.noise, jittering)
    if quality.start == "random initialisations":
        spread, df = initial_spread(quality)
        return with_spread(estimate, spread * (1 + 1 / len(rows)), df)
    return estimate


def against(quality: Quality, late: Sequence[int], rows: Sequence[int]) -> Array:
    """Weights of the mean of the rows `late` minus that of `rows`, shape `(r,)`."""
    weights = np.zeros(len(quality.values))
    weights[list(late)] += 1 / len(late)
    weights[list(rows)] -= 1 / len(rows)
    return weights


def over_random(quality: Quality, late: Sequence[int], *, spread: bool = True) -> Estimate | None:
    """Mean accuracy of the checkpoints `late` minus the mean random initialisation's.

    A second condition beside the test against the run's own start, for a start that flatters the run: a saved step 0
    has BatchNorm statistics that fit no data, and an initialisation can be an unlucky one.

    Args:
        spread: whether the error includes that of the few initialisations as a sample of all; else the question is
            whether the run is above these ones.
    """
    if not quality.random:
        return None
    weights = against(quality, late, quality.random)
    jittering = np.maximum(weights, 0.0)
    estimate = contrast(quality.values, weights, quality.noise, jittering)
    if not spread:
        return estimate
    variance, df = initial_spread(quality)
    return with_spread(estimate, variance / len(quality.random), df)


def no_gain_p(gain: Estimate, late: Estimate, random: Estimate | None, size: float = GAIN) -> float:
    """One-sided p of a gain below `size`, by the run's own start or by untrained networks; two looks, doubled."""
    start = max(gain.p_below(size), late.p_below(size))
    return start if random is None else min(1.0, 2 * min(start, random.p_below(size)))


def initial_spread(quality: Quality) -> tuple[float, float]:
    """Variance between random initialisations beyond what images explain, moderated; and its degrees of freedom."""
    rows = list(quality.random)
    own, df = 0.0, 0.0
    if len(rows) > 1:
        own, df = beyond_images(quality, rows), float(len(rows) - 1)
    return moderated(own, df, prior=quality.spread**2, prior_df=PRIOR_SPREAD_DF)


def beyond_images(quality: Quality, rows: Sequence[int]) -> float:
    """Variance between rows, two at least, beyond what finitely many images explain; in fractions²."""
    covariance = quality.noise.covariance[np.ix_(rows, rows)]
    images = float(np.trace(covariance) - covariance.mean() * len(rows)) / (len(rows) - 1)
    return max(0.0, float(np.var(quality.values[list(rows)], ddof=1)) - images)
