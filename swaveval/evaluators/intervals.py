"""95 % intervals for one checkpoint's numbers. Differences between two are tested in pairs, in `convergence`."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import ndtri, stdtrit  # scipy.stats has the same, and takes a second to import

Array = np.ndarray[Any, np.dtype[Any]]
Interval = tuple[float, float]

SMALL_N = 30


def wilson(successes: int, n: int, *, confidence: float = 0.95) -> Interval | None:
    """Wilson's score interval of a proportion (Wilson 1927; recommended by Brown, Cai & DasGupta 2001).

    (p̂ + z²/2n ± z √(p̂(1−p̂)/n + z²/4n²)) / (1 + z²/n). It stays inside 0…1 and has a width at p̂ = 0 and 1, where the
    bootstrap has none.

    Args:
        successes: how many of the n.
        n: trials; 0 gives None.
        confidence: of the two-sided interval.

    Raises:
        ValueError: successes do not lie in 0…n.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes in {n} trials")
    return wilson_share(successes / n, n, confidence=confidence) if n else None


def wilson_share(share: float, n: float, *, confidence: float = 0.95) -> Interval:
    """Wilson's interval of a proportion known as from n independent trials, where n need not be a whole number.

    Proportions of samples that are not n independent trials have an *effective* n, p(1−p)/se², at which Wilson's
    interval keeps its coverage (Korn & Graubard 1998).

    Args:
        share: the proportion, 0…1.
        n: effective number of trials, > 0.
    """
    z = float(ndtri(0.5 + confidence / 2))
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At 0 and 1 the bound is exactly there; the subtraction leaves a rounding error, of either sign.
    return (0.0 if share == 0 else max(0.0, centre - half), 1.0 if share == 1 else min(1.0, centre + half))


def effective(share: float, n: int, error: float) -> float:
    """Effective number of trials of a proportion with standard error `error`: p(1−p)/se², at most n.

    Where the error is 0, as at p = 0 and 1, nothing is known of the dependence and it is n.
    """
    return min(float(n), share * (1 - share) / error**2) if error > 0 and 0 < share < 1 else float(n)


def wilson_mean(successes: Array, n: Array) -> Interval | None:
    """Interval of the unweighted mean of independent proportions: balanced accuracy, the mean of the recalls.

    Wilson's at the effective n = p̃(1−p̃)/se², se² = Σ p̃ᵢ(1−p̃ᵢ)/nᵢ / m². The p̃ᵢ are (sᵢ + 1)/(nᵢ + 2), so that a class
    with every image right still has an error.

    Args:
        successes, n: shape `(m,)`, int, every n > 0; m = 0 gives None.
    """
    m = len(n)
    if m == 0:
        return None
    smoothed = (successes + 1) / (n + 2)
    error = float((smoothed * (1 - smoothed) / n).sum()) / m**2
    level = float(smoothed.mean())
    return wilson_share(float((successes / n).mean()), level * (1 - level) / error)


def student(values: Array, *, bounds: tuple[float, float] | None = None) -> Interval | None:
    """Student's t interval of the mean of independent repeats: mean ± t₀.₉₇₅,ₙ₋₁ · s / √n.

    Args:
        values: shape `(n,)`; fewer than two give None.
        bounds: where the quantity cannot go, such as (0, 1) for an accuracy.
    """
    n = len(values)
    if n < 2:
        return None
    mean = float(np.mean(values))
    half = float(stdtrit(n - 1, 0.975)) * float(np.std(values, ddof=1)) / math.sqrt(n)
    low, high = mean - half, mean + half
    return (low, high) if bounds is None else (max(bounds[0], low), min(bounds[1], high))


def bootstrap(statistic: Callable[[Array], float], n: int, *, seed: int, repeats: int = 1000) -> Interval | None:
    """Percentile bootstrap interval of any statistic of n independent images (Efron & Tibshirani 1993, ch. 13).

    Args:
        statistic: positions drawn with replacement, shape `(n,)`, to the statistic of that resample.
        n: images; fewer than two give None.
        seed: of the draws.
        repeats: resamples.
    """
    if n < 2:
        return None
    draw = np.random.default_rng([seed, n])
    resampled = np.asarray([statistic(draw.integers(0, n, n)) for _ in range(repeats)])
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return float(low), float(high)


def basic_bootstrap(estimate: float, resampled: Array, *, bounds: tuple[float, float]) -> Interval | None:
    """Basic bootstrap interval: 2θ̂ − q₀.₉₇₅ and 2θ̂ − q₀.₀₂₅ of the resampled θ* (Davison & Hinkley 1997, §5.2).

    For statistics with an upward bias on finite samples, such as purity and mutual information: a resample has the
    bias twice, so the percentile interval would lie above the truth, whereas this one takes the bias off.

    Args:
        estimate: θ̂ on the images.
        resampled: shape `(repeats,)`: θ* on resamples.
        bounds: where the quantity cannot go.
    """
    if len(resampled) < 2 or not np.isfinite(resampled).all():
        return None
    lower, upper = np.percentile(resampled, [2.5, 97.5])
    low, high = (float(np.clip(2 * estimate - end, *bounds)) for end in (upper, lower))
    return low, high


def small_sample(n: int) -> str:
    """A warning for the protocol when n images cannot support the number, or an empty string."""
    if n >= SMALL_N:
        return ""
    return f"only {n} image{'s' if n != 1 else ''}: too few for the value alone to mean anything, read the interval"
