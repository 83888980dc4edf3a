"""The two errors of a series: finitely many images (shared by all checkpoints), and jitter between checkpoints.

Resampling images says how far a number would move on other images. It does not say how far it would move had training
been stopped a few steps earlier: accuracies of neighbouring checkpoints also scatter around the trend. A claim that
counts only the first error mistakes that scatter for progress.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

Array = np.ndarray[Any, np.dtype[Any]]

# Of a median-based scale estimate on normal data, relative to the standard deviation (Rousseeuw & Croux 1993).
_MEDIAN_EFFICIENCY = 0.37
_MEDIAN_TO_SIGMA = float(ndtri(0.75))
# A short series hardly shows its jitter. What is known before it is seen: half a point, as most real runs in
# tests/convergence/bank (0 to 1.2), with the weight of one degree of freedom. Long series outweigh it.
PRIOR_JITTER = 0.005
PRIOR_JITTER_DF = 1.0
# The same of untrained networks before two or three are seen: thirty real ones on digits spread by 1.8 points of kNN
# (benchmarks/false_alarms/random_inits).
PRIOR_SPREAD = 0.02
PRIOR_SPREAD_DF = 4.0


@dataclass(frozen=True, eq=False)
class Noise:
    """Errors of a set of rows (checkpoints, then untrained networks) measured on the same images.

    Attributes:
        covariance: shape `(r, r)`: of the rows' accuracies over images, so the variance of a mean, in fractions².
        jitter: variance between neighbouring checkpoints beyond what images explain, in fractions².
        df: degrees of freedom of `jitter`.
        n: images.
    """

    covariance: Array
    jitter: float
    df: float
    n: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A contrast between rows with both errors.

    Attributes:
        effect: in fractions.
        image_variance: from the images. jitter_variance: from the checkpoints.
        df: Satterthwaite degrees of freedom; infinite where the jitter plays no part.
    """

    effect: float
    image_variance: float
    jitter_variance: float
    df: float = math.inf

    @property
    def se(self) -> float:
        return math.sqrt(self.image_variance + self.jitter_variance)

    @property
    def on_images(self) -> "Estimate":
        """With the images' error alone: what is true of these checkpoints, whatever others would give."""
        return replace(self, jitter_variance=0.0, df=math.inf)

    def p_above(self, margin: float = 0.0) -> float:
        """One-sided p of `effect > margin`."""
        if self.se == 0:
            return 0.0 if self.effect > margin else 1.0
        return float(stdtr(self.df, -(self.effect - margin) / self.se))

    def p_below(self, margin: float = 0.0) -> float:
        """One-sided p of `effect < margin`."""
        return Estimate(-self.effect, self.image_variance, self.jitter_variance, self.df).p_above(-margin)

    @property
    def p(self) -> float:
        """Two-sided p of `effect ≠ 0`."""
        return min(1.0, 2 * min(self.p_above(), self.p_below()))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        reach = float(stdtrit(self.df, (1 + level) / 2)) * self.se
        return self.effect - reach, self.effect + reach

    def p_within(self, delta: float) -> float:
        """TOST (Schuirmann 1987): the larger p of `effect > -delta` and `effect < delta`."""
        return max(self.p_above(-delta), self.p_below(delta))


def contributions(correct: Array) -> Array:
    """What each image adds to the rows' means, centred, `(r, n)`: products summed over images are their covariance."""
    n = correct.shape[1]
    return np.asarray((correct - correct.mean(axis=1, keepdims=True, dtype=np.float64)) / math.sqrt(max(1, n - 1) * n))


def image_covariance(correct: Array) -> Array:
    """Covariance over images of the rows' means: cov / n. `correct` has shape `(r, n)`."""
    each = contributions(correct)
    return each @ each.T


def shared_covariance(each: Sequence[Array], index: Sequence[Array]) -> Array:
    """The same between rows that were asked of different images: those that two of them share count for both.

    Args:
        each: contributions, of shape `(r_i, n_i)`. index: their images, of shape `(n_i,)`, sorted.

    Returns:
        Shape `(Σ r_i, Σ r_i)`.
    """
    images = np.unique(np.concatenate(index))
    given = np.zeros((sum(len(rows) for rows in each), len(images)), dtype=np.float32)
    begin = 0
    for rows, shown in zip(each, index, strict=True):
        given[begin : begin + len(rows), np.searchsorted(images, shown)] = rows
        begin += len(rows)
    return (given @ given.T).astype(np.float64)


def measure(correct: Array, trajectory: int, *, first: int = 0, prior: float = PRIOR_JITTER) -> Noise:
    """Both errors of `correct`, shape `(r, n)`; its first `trajectory` rows are the checkpoints in order.

    Jitter comes from second differences, in which a smooth curve nearly cancels: of independent values with standard
    deviation σ they have variance 6σ². Their median resists the few large ones at a jump. What the images alone put
    into second differences is subtracted. The estimate is moderated by the prior, as variances of few observations
    are in limma (Smyth 2004, 10.2202/1544-6115.1027): (d₀s₀² + ds²) / (d₀ + d), with d₀ + d degrees of freedom.

    Args:
        first: the first row that lies on the curve; 1 where row 0 is the untrained network, a jump away from it.
        prior: standard deviation of the jitter that is assumed before any is seen, in fractions.
    """
    covariance = image_covariance(correct)
    own, df = 0.0, 0.0
    if trajectory - first >= 4:
        operator = np.diff(np.eye(trajectory - first), n=2, axis=0)
        differences = operator @ correct[first:trajectory].mean(axis=1)
        observed = (float(np.median(np.abs(differences))) / _MEDIAN_TO_SIGMA) ** 2 / 6
        of_images = covariance[first:trajectory, first:trajectory]
        expected = float(np.median(np.diag(operator @ of_images @ operator.T))) / 6
        own, df = max(0.0, observed - expected), _MEDIAN_EFFICIENCY * (trajectory - first - 2)
    jitter, total = moderated(own, df, prior=prior**2, prior_df=PRIOR_JITTER_DF)
    return Noise(covariance, jitter, total, correct.shape[1])


def moderated(variance: float, df: float, *, prior: float, prior_df: float) -> tuple[float, float]:
    """A variance with `df` degrees of freedom shrunk towards a prior one; gives it with its degrees of freedom."""
    return (prior_df * prior + df * variance) / (prior_df + df), prior_df + df


def contrast(values: Array, weights: Array, noise: Noise, jitter_weights: Array) -> Estimate:
    """`weights · values` with both errors.

    Args:
        values, weights: shape `(r,)`. jitter_weights: shape `(r,)`, the weights of the rows that jitter.
    """
    images = max(0.0, float(weights @ noise.covariance @ weights))
    jitter = noise.jitter * float(jitter_weights @ jitter_weights)
    return Estimate(float(weights @ values), images, jitter, _satterthwaite(images, jitter, noise.df))


def with_spread(estimate: Estimate, variance: float, df: float) -> Estimate:
    """`estimate` with one more error (the spread of initialisations) of known degrees of freedom."""
    total = estimate.jitter_variance + variance
    parts = 0.0
    if math.isfinite(estimate.df):
        parts = (estimate.image_variance + estimate.jitter_variance) ** 2 / estimate.df
    parts += variance**2 / df if df > 0 else 0.0
    spread = (estimate.image_variance + total) ** 2 / parts if parts > 0 else math.inf
    return Estimate(estimate.effect, estimate.image_variance, total, spread)


def _satterthwaite(known: float, estimated: float, df: float) -> float:
    """Degrees of freedom of a sum of a known variance and one estimated with `df` (Satterthwaite 1946)."""
    if estimated == 0 or df <= 0:
        return math.inf
    return (known + estimated) ** 2 / (estimated**2 / df)


def images_needed(estimate: Estimate, n: int, *, distance: float, critical: float) -> int | None:
    """How many images would make an effect `distance` away from its margin significant with 80 % power.

    Returns:
        The number, at least n; None where the jitter alone is too large for any number of images.
    """
    budget = (distance / (critical + float(ndtri(0.8)))) ** 2 - estimate.jitter_variance
    if budget <= 0:
        return None
    return max(n, math.ceil(estimate.image_variance * n / budget))
