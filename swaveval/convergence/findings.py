"""Every test the verdict makes on one quality series, and the correction for making several."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import norm

from swaveval.convergence import trend
from swaveval.convergence.noise import Estimate, Noise, contrast, measure, moderated, with_spread
from swaveval.convergence.paired import holm
from swaveval.convergence.quality import Quality

Array = np.ndarray[Any, np.dtype[Any]]

ALPHA = 0.05
# Quality that moves less than this over the last third is flat: one percentage point.
PLATEAU = 0.01
# A gain that would matter: excluded, the run has not learned. Two percentage points.
GAIN = 0.02
# Checkpoints from which their order alone can show a rise.
LONG = 8
# Spread of untrained networks that is assumed before two or three are seen: that of thirty real ones on digits is 1.8
# points (benchmarks/false_alarms/random_inits.npz).
PRIOR_SPREAD = 0.02
PRIOR_SPREAD_DF = 4.0


@dataclass(frozen=True, slots=True)
class Fall:
    """From the best checkpoint to the last.

    Attributes:
        peak: row of the best checkpoint before the last, chosen on other images than the fall is measured on.
        estimate: last minus peak, with both errors.
        optimism: by how much the best of n equally good checkpoints is expected to stand out through jitter alone.
        p: one-sided, of a fall larger than the optimism from a peak that was above the start.
        metric: it was measured on. n: images.
    """

    peak: int
    estimate: Estimate
    optimism: float
    p: float
    metric: str
    n: int


@dataclass(frozen=True, slots=True)
class Findings:
    """The tests on one series. A p named `…_corrected` is Holm's over late, rise and fall.

    Attributes:
        gain: last checkpoint minus start.
        late: mean of the checkpoints of the last third minus start: less noise. late_p_corrected: two-sided.
        overall: robust trend over all checkpoints times their length, or None below five.
        rise_p, rise_p_corrected: one-sided, that quality rises along the series.
        from_start: whether the series begins at the start, so that a rise along it is a rise above the start.
        over_random: last third minus the mean random initialisation; None without any.
        above_random: whether that is above zero on these images, or there is none.
        tail: change over the last third, or None. tail_begin: row it starts at.
        flat_p: TOST of the tail against ±PLATEAU; 1 without a tail. Only read when the gain is established.
        none_p: that the gain is below GAIN: over the start, or over random initialisations (Bonferroni).
        fall: or None with fewer than three checkpoints. fall_p_corrected: 1 without one.
        unchanged: every checkpoint gives the same outcome on every image.
        settled_statistics: the rise may be BatchNorm's statistics alone (see `movement`).
        contracted: uniformity of untrained networks and at the end, where a rise without labels is bought by
            contraction (see `collapse.contraction`).
    """

    gain: Estimate
    late: Estimate
    late_p_corrected: float
    overall: Estimate | None
    rise_p: float
    rise_p_corrected: float
    from_start: bool
    over_random: Estimate | None
    above_random: bool
    tail: Estimate | None
    tail_begin: int
    flat_p: float
    none_p: float
    fall: Fall | None
    fall_p_corrected: float
    unchanged: bool
    settled_statistics: bool = False
    contracted: tuple[float, float] | None = None

    @property
    def by_trend(self) -> bool:
        """Whether the gain rests on the trend of all checkpoints, the last one being too noisy to show it."""
        return self.overall is not None and self.from_start and self.rising and self.late_p_corrected > ALPHA

    @property
    def shown(self) -> Estimate:
        """The estimate to quote: last checkpoint against start where that alone excludes zero."""
        if self.by_trend and self.overall is not None:
            return self.overall
        low, high = self.gain.interval()
        return self.gain if low > 0 or high < 0 or self.late_p_corrected > ALPHA else self.late

    @property
    def shown_p(self) -> float:
        """Its corrected p."""
        return self.rise_p_corrected if self.by_trend else self.late_p_corrected

    @property
    def gained(self) -> bool:
        """Better than the start: by the last checkpoint, or by the trend of a series that begins there."""
        significant = self.late_p_corrected <= ALPHA or self.by_trend
        real = self.above_random and not self.negligible and not self.settled_statistics and not self.contracted
        return self.gain.effect > 0 and significant and real

    @property
    def negligible(self) -> bool:
        """Whether the gain is below one percentage point, significant or not."""
        return max(self.gain.p_below(PLATEAU), self.late.p_below(PLATEAU)) <= ALPHA

    @property
    def lost(self) -> bool:
        """Whether the last checkpoint is below the start."""
        return self.gain.effect < 0 and self.late_p_corrected <= ALPHA

    @property
    def rising(self) -> bool:
        return self.rise_p_corrected <= ALPHA

    @property
    def flat(self) -> bool:
        return self.flat_p <= ALPHA

    @property
    def fell(self) -> bool:
        return self.fall_p_corrected <= ALPHA


def analyse(quality: Quality, *, confirm: Quality | None, seed: int) -> Findings:
    """Run the tests.

    Args:
        quality: the metric that decides.
        confirm: the same checkpoints measured on other images, where a fall from the peak that `quality` chose is
            tested; None: `quality`'s images are split in two halves instead.
    """
    checkpoints, values = quality.correct[: quality.length], quality.values[: quality.length]
    begin = trend.tail_start(quality.x)
    last = quality.length - 1
    gain = gain_over_start(quality, [last])
    last_third = list(range(begin + 1, last + 1)) or [last]
    late = gain_over_start(quality, last_third)
    overall = None
    if quality.length >= 5:
        overall = trend.change(quality.x, values, quality.draws(seed), quality.noise)
    rise = rise_p(quality, overall)
    fall = fall_from_peak(quality, confirm)
    tail = trend.change(quality.x, values, quality.draws(seed), late_noise(quality), begin=begin)
    corrected = holm([late.p, rise, fall.p if fall else 1.0])
    random = over_random(quality, last_third)
    return Findings(
        gain=gain,
        late=late,
        late_p_corrected=corrected[0],
        overall=overall,
        rise_p=rise,
        rise_p_corrected=corrected[1],
        from_start=quality.start != "random initialisations",
        over_random=random,
        above_random=random is None or replace(random, jitter_variance=0.0, df=math.inf).p_above() <= ALPHA,
        tail=tail,
        tail_begin=begin,
        flat_p=tail.p_within(PLATEAU) if tail else 1.0,
        none_p=no_gain_p(gain, late, random),
        fall=fall,
        fall_p_corrected=corrected[2],
        unchanged=quality.length > 1 and bool((checkpoints == checkpoints[0]).all()),
    )


def late_noise(quality: Quality) -> Noise:
    """Noise of the second half of the series, where it has five checkpoints: jitter falls with the learning rate."""
    half = quality.length // 2
    if quality.length - half < 5:
        return quality.noise
    return measure(quality.correct[half : quality.length], quality.length - half)


def gain_over_start(quality: Quality, late: Sequence[int]) -> Estimate:
    """Mean accuracy of the checkpoints `late` minus the start's.

    The jitter of each trained checkpoint counts; the run's own untrained network is what it is. Where the start is a
    set of random initialisations, this run began at yet another one: their spread counts as for a prediction,
    s²·(1 + 1/m).
    """
    rows = quality.start_rows
    weights = np.zeros(len(quality.values))
    weights[list(late)] += 1 / len(late)
    weights[list(rows)] -= 1 / len(rows)
    trained = np.arange(1 if quality.untrained_first else 0, quality.length)
    jittering = np.zeros_like(weights)
    jittering[trained] = weights[trained]
    estimate = contrast(quality.values, weights, quality.noise, jittering)
    if quality.start == "random initialisations":
        spread, df = initial_spread(quality)
        return with_spread(estimate, spread * (1 + 1 / len(rows)), df)
    return estimate


def over_random(quality: Quality, late: Sequence[int]) -> Estimate | None:
    """Mean accuracy of the checkpoints `late` minus the mean random initialisation's, whose own spread counts.

    A second condition beside the test against the run's own start, for a start that flatters the run: a saved step 0
    has BatchNorm statistics that fit no data, and an initialisation can be an unlucky one.
    """
    if not quality.random:
        return None
    weights = np.zeros(len(quality.values))
    weights[list(late)] = 1 / len(late)
    weights[list(quality.random)] = -1 / len(quality.random)
    estimate = contrast(quality.values, weights, quality.noise, np.zeros_like(weights))
    spread, df = initial_spread(quality)
    return with_spread(estimate, spread / len(quality.random), df)


def no_gain_p(gain: Estimate, late: Estimate, random: Estimate | None) -> float:
    """One-sided p that the gain is below GAIN, by the run's own start or by untrained networks; two looks, doubled."""
    start = max(gain.p_below(GAIN), late.p_below(GAIN))
    return start if random is None else min(1.0, 2 * min(start, random.p_below(GAIN)))


def initial_spread(quality: Quality) -> tuple[float, float]:
    """Variance between random initialisations beyond what images explain, moderated; and its degrees of freedom."""
    rows = list(quality.random)
    own, df = 0.0, 0.0
    if len(rows) > 1:
        covariance = quality.noise.covariance[np.ix_(rows, rows)]
        images = float(np.trace(covariance) - covariance.mean() * len(rows)) / (len(rows) - 1)
        own, df = max(0.0, float(np.var(quality.values[rows], ddof=1)) - images), float(len(rows) - 1)
    return moderated(own, df, prior=PRIOR_SPREAD**2, prior_df=PRIOR_SPREAD_DF)


def rise_p(quality: Quality, overall: Estimate | None) -> float:
    """One-sided p that quality rises along the series.

    From `LONG` checkpoints on by their order (Kendall, exact whatever the jitter). Ranks of fewer hardly reach
    significance: from five on there is a second look, the robust slope against the measured jitter (Bonferroni). In
    both cases the slope has to survive resampling the images as well. Fewer checkpoints cannot show an order: there
    the last is compared with the first.
    """
    if overall is not None:
        by_order = trend.order_p(quality.values[: quality.length])
        on_images = replace(overall, jitter_variance=0.0, df=math.inf).p_above()
        if quality.length >= LONG:
            return max(by_order, on_images)
        return min(1.0, max(2 * min(by_order, overall.p_above()), on_images))
    if quality.length < 2:
        return 1.0
    weights = np.zeros(len(quality.values))
    weights[quality.length - 1], weights[0] = 1.0, -1.0
    return contrast(quality.values, weights, quality.noise, weights).p_above()


def fall_from_peak(quality: Quality, confirm: Quality | None) -> Fall | None:
    """Test the fall from the best checkpoint to the last, against best-of-n optimism.

    The peak is chosen on one set of images and the fall measured on another, so the choice does not profit from the
    images' noise. It does profit from jitter, which both sets share: the best of k equally good checkpoints stands
    out by about σ·E[max of k normals], which is taken off the fall.
    """
    if quality.length < 3:
        return None
    if confirm is None or len(confirm.points) != quality.length:
        choose, measured = _halves(quality)
    else:
        choose, measured = quality, confirm
    last = quality.length - 1
    peak = int(np.argmax(choose.values[:last]))
    weights = np.zeros(len(measured.values))
    weights[last], weights[peak] = 1.0, -1.0
    estimate = contrast(measured.values, weights, measured.noise, weights)
    optimism = math.sqrt(measured.noise.jitter) * expected_maximum(last)
    p = max(estimate.p_below(-optimism), gain_over_start(measured, [peak]).p_above(optimism))
    if peak == 0 and quality.start != "random initialisations":
        p = 1.0
    return Fall(peak, estimate, optimism, p, measured.metric, measured.n)


def expected_maximum(n: int) -> float:
    """E of the largest of n standard normal values (Blom's approximation, 1958)."""
    return float(norm.ppf((n - 0.375) / (n + 0.25))) if n > 1 else 0.0


def _halves(quality: Quality) -> tuple[Quality, Quality]:
    """Even and odd images: one half to choose by, the other to measure on."""
    return replace(quality, correct=quality.correct[:, ::2]), replace(quality, correct=quality.correct[:, 1::2])
