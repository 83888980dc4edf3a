"""Does quality rise along the series? Two shapes of a rise are looked for: a steady one, and one that is over early.

Both weigh every checkpoint, so they see a gain that the end and the start alone, two noisy numbers, do not show.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import multivariate_normal, norm

from swaveval.convergence.noise import (
    PRIOR_JITTER,
    PRIOR_JITTER_DF,
    Estimate,
    Noise,
    contrast,
    image_covariance,
    moderated,
)
from swaveval.convergence.order import FEWEST, order_p, shapes

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Rise:
    """The shape that fits best, of two.

    Attributes:
        estimate: last minus first value of the fitted shape, with both errors.
        weights: shape `(T,)`: the contrast it is.
        p: one-sided, that either shape is there: images' errors and jitter together, corrected for the choice.
        images_p: the same with the images' errors alone.
        order_p: one-sided, exact over the orders the checkpoints could have come in, whatever their jitter.
    """

    estimate: Estimate
    weights: Array
    p: float
    images_p: float
    order_p: float


def rise(correct: Array, *, first: int, seed: int, margin: float = 0.0, jitter: float = PRIOR_JITTER) -> Rise | None:
    """Look for a rise in `correct`, of shape `(T, n)`.

    Args:
        first: the first row that lies on the curve of training; 1 where row 0 is the untrained network.
        margin: `p` asks for a rise of more than this, in fractions.
        jitter: standard deviation between neighbouring checkpoints that is assumed before any is seen.

    Returns:
        None below `order.FEWEST` checkpoints.
    """
    if len(correct) < FEWEST:
        return None
    values, both = correct.mean(axis=1), residual_noise(correct, first=first, prior=jitter)
    found = shapes(len(correct))
    fitted = found * (found[:, -1] - found[:, 0])[:, None]
    estimates = [contrast(values, weights, both, weights) for weights in fitted]
    exact = [contrast(values, weights, both, np.zeros_like(weights)) for weights in fitted]
    chosen = int(np.argmin([estimate.p_above() for estimate in estimates]))
    of_images = _correlation(found @ both.covariance @ found.T)
    apart = both.jitter * np.eye(len(correct))
    of_both = _correlation(found @ (both.covariance + apart) @ found.T)
    return Rise(
        estimate=estimates[chosen],
        weights=fitted[chosen],
        p=either_p(estimates[0].p_above(margin), estimates[1].p_above(margin), of_both),
        images_p=either_p(exact[0].p_above(), exact[1].p_above(), of_images),
        order_p=order_p(values, seed=seed),
    )


def residual_noise(correct: Array, *, first: int, prior: float = PRIOR_JITTER) -> Noise:
    """Both errors of a series, the jitter from its residuals about the two shapes.

    Residuals use every checkpoint, where the median of `noise.measure` resists a jump; here a jump that neither shape
    follows counts as jitter, which errs on the side of caution. Moderated by the same prior.
    """
    covariance = image_covariance(correct)
    length = len(correct)
    curve = np.column_stack([np.ones(length), shapes(length).T])[first:]
    df = max(0, len(curve) - curve.shape[1])
    own = 0.0
    if df:
        residual = np.eye(len(curve)) - curve @ np.linalg.pinv(curve)
        values = correct[first:].mean(axis=1)
        of_images = float(np.trace(residual @ covariance[first:, first:]))
        own = max(0.0, (float(values @ residual @ values) - of_images) / df)
    jitter, total = moderated(own, df, prior=prior**2, prior_df=PRIOR_JITTER_DF)
    return Noise(covariance, jitter, total, correct.shape[1])


def either_p(one: float, other: float, correlation: float) -> float:
    """p of the smaller of two one-sided p-values whose statistics are normal with this correlation.

    P(max(Z₁, Z₂) > z) = 2·P(Z > z) − P(Z₁ > z, Z₂ > z); between Bonferroni's 2p and p.
    """
    smaller = min(one, other)
    if smaller in (0.0, 1.0):
        return smaller
    z = float(norm.isf(smaller))
    covariance = [[1.0, correlation], [correlation, 1.0]]
    both = float(multivariate_normal.cdf([-z, -z], mean=[0.0, 0.0], cov=covariance, allow_singular=True))
    return min(1.0, max(smaller, 2 * smaller - both))


def _correlation(covariance: Array) -> float:
    """Of two quantities; 1 where one of them does not vary, beyond what rounding leaves."""
    variance = np.diag(covariance)
    if variance.min() <= 0:
        return 1.0
    return float(np.clip((covariance / np.sqrt(np.outer(variance, variance)))[0, 1], -1.0, 1.0))
