"""Two checkpoints (or runs) on the same images: paired bootstrap interval, exact McNemar p, Holm's correction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest, ttest_1samp

from swaveval.convergence.thresholds import ALPHA

Array = np.ndarray[Any, np.dtype[Any]]

DRAWS = 4000


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Accuracy of `a` minus accuracy of `b` on the same images.

    Attributes:
        effect: the difference, in fractions.
        ci95: paired bootstrap percentile interval, with zero in it where p is above 0.05 and only there; of shares
            Student's.
        p: two-sided exact McNemar p, of shares Student's; 1 when no image differs.
        n: images.
    """

    effect: float
    ci95: tuple[float, float]
    p: float
    n: int


def paired_difference(a: Array, b: Array, *, seed: int = 0, draws: int = DRAWS) -> PairedDifference:
    """Compare two outcome vectors image by image.

    Resampling images with replacement changes the difference only through the counts of the two kinds of discordant
    image, so the bootstrap draws those counts from their multinomial, which is the same distribution and far cheaper.
    McNemar (1947), exact: of the discordant images, those won by `a` are Binomial(n, 1/2) under no difference.

    Outcomes that are shares (an image asked several times) have no discordant pairs to count: of them it is Student's
    interval and test of the differences, which many images make normal.

    Args:
        a, b: shape `(n,)`, the outcome of each image, in the same order: bool, or float in 0…1.

    Raises:
        ValueError: shapes differ, or there are no images.
    """
    if a.shape != b.shape or a.ndim != 1 or len(a) == 0:
        raise ValueError(f"paired outcomes must be two equally long, non-empty vectors, not {a.shape} and {b.shape}")
    n = len(a)
    if a.dtype != np.bool_ or b.dtype != np.bool_:
        return _of_shares(a.astype(np.float64) - b)
    won, lost = int(np.sum(a & ~b)), int(np.sum(~a & b))
    counts = np.random.default_rng(seed).multinomial(n, [won / n, lost / n, (n - won - lost) / n], size=draws)
    low, high = np.quantile((counts[:, 0] - counts[:, 1]) / n, [0.025, 0.975])
    p = float(binomtest(won, won + lost).pvalue) if won + lost else 1.0
    if p > ALPHA:
        # With a handful of discordant images the percentile interval is too short: what the exact test does not exclude
        # it does not either.
        low, high = min(low, 0.0), max(high, 0.0)
    elif won > lost:
        low = max(low, 1 / n)  # … and what it excludes is one image away at least
    else:
        high = min(high, -1 / n)
    return PairedDifference(effect=(won - lost) / n, ci95=(float(low), float(high)), p=p, n=n)


def _of_shares(difference: Array) -> PairedDifference:
    effect, n = float(difference.mean()), len(difference)
    if n < 2 or np.ptp(difference) == 0:
        return PairedDifference(effect, (effect, effect), 1.0 if effect == 0 else 0.0, n)
    tested = ttest_1samp(difference, 0.0)
    low, high = tested.confidence_interval(0.95)
    return PairedDifference(effect, (float(low), float(high)), float(tested.pvalue), n)


def holm(p_values: Sequence[float], *, weights: Sequence[float] | None = None) -> tuple[float, ...]:
    """Holm's (1979) step-down correction: rejecting where the result is ≤ α keeps the family's error at α.

    The i-th smallest of m p-values (counting from 0) is multiplied by m - i; the results are made monotone, cut at 1.
    With weights (his section 4) each is divided by its own weight and multiplied by those not yet rejected.

    Raises:
        ValueError: a p outside 0…1, a weight that is not positive, or not one weight for each p.
    """
    p = np.asarray(p_values, dtype=np.float64)
    share = np.ones_like(p) if weights is None else np.asarray(weights, dtype=np.float64)
    if np.any((p < 0) | (p > 1) | np.isnan(p)):
        raise ValueError(f"p-values must lie in 0…1, got {p.tolist()}")
    if share.shape != p.shape or not np.all(share > 0):
        raise ValueError(f"{len(p)} p-values need as many positive weights, got {share.tolist()}")
    order = np.argsort(p / share, kind="stable")
    left = np.cumsum(share[order][::-1])[::-1]
    stepped = np.maximum.accumulate(p[order] * left / share[order])
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return tuple(float(value) for value in corrected)
