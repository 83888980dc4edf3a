"""Every test the verdict makes on one witness, before and after the correction for making many (`family`)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from swaveval.convergence import trend
from swaveval.convergence.climb import Climb, climb_from_trough, climbs
from swaveval.convergence.fall import Fall, fall_from_peak
from swaveval.convergence.family import Question, question
from swaveval.convergence.noise import Estimate, Noise, contrast, measure
from swaveval.convergence.quality import Quality
from swaveval.convergence.rise import Rise, rise
from swaveval.convergence.start import against, gain_over_start, no_gain_p, over_random
from swaveval.convergence.thresholds import ALPHA, PLATEAU
from swaveval.results.witness import Witness

# How a witness's share of the family's error is divided: a gain is what people ask for; a fall or a loss that matters
# is far larger than its noise and needs no more.
WEIGHTS = {"gain": 0.8, "fall": 0.15, "loss": 0.05}
# The end has to be above the start at this level on the images alone, where a gain rests on the shape of the series.
END_ABOVE = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """The tests on one witness. A p named `…_corrected` is of the family of all witnesses and questions.

    Attributes:
        gain: last checkpoint minus start.
        late: mean of the checkpoints of the last third minus start: less noise.
        overall: robust trend over all checkpoints times their length, or None below five.
        rise: the shape of a rise over all checkpoints, or None below five.
        by_shape: whether the gain is tested by that shape: the series begins at the start, so that a rise along it is a
            rise above the start. Else by `late`.
        along: whether it is tested by that shape though the series does not begin at the start: two or three untrained
            networks tell little of where this run began, and a rise since the first checkpoint may be the plainer.
            Both are asked, so that `gain_p` is twice the smaller.
        gain_p, loss_p: one-sided, that the end is above, below the start. above_p: that it is above these untrained
            networks; 0 without any.
        gain_p_corrected, loss_p_corrected, fall_p_corrected: 1 without a fall. above_p_corrected: 0 without untrained
            networks.
        rise_p: one-sided, that quality rises along the series. rise_p_corrected: asked only after a gain, whose share
            of the family's error it takes over.
        gain_asked, above_asked, loss_asked: what the family hears of them; above_asked None without untrained networks.
        end_above: whether the last third is above the start on these images.
        over_random: last third minus the mean random initialisation; None without any.
        tail: change over the last third, or None. tail_begin: row it starts at.
        flat_p: TOST of the tail against ±PLATEAU; 1 without a tail. Only read when the gain is established.
        none_p: that the gain is below `size`: over the start, or over random initialisations (Bonferroni).
        fall: or None with fewer than three checkpoints. climb: out of a trough, or None without one.
        from_step_0: whether the start is the saved step 0. falls_on: whether the last third is below the first trained
            checkpoint.
        unchanged: every checkpoint gives the same outcome on every image.
        settled_statistics: the rise may be BatchNorm's statistics alone (see `movement`).
        contracted: uniformity of untrained networks and at the end, where a rise without labels is bought by
            contraction (see `collapse.contraction`).
        size, plateau, margin: see `Witness`; `gain_p` is of a gain above the margin.
    """

    gain: Estimate
    late: Estimate
    overall: Estimate | None
    rise: Rise | None
    by_shape: bool
    along: bool
    gain_p: float
    above_p: float
    loss_p: float
    rise_p: float
    gain_asked: Question
    above_asked: Question | None
    loss_asked: Question
    end_above: bool
    over_random: Estimate | None
    tail: Estimate | None
    tail_begin: int
    flat_p: float
    none_p: float
    fall: Fall | None
    climb: Climb | None
    from_step_0: bool
    falls_on: bool
    unchanged: bool
    size: float
    plateau: float | None
    margin: float
    gain_p_corrected: float = 1.0
    above_p_corrected: float = 1.0
    loss_p_corrected: float = 1.0
    fall_p_corrected: float = 1.0
    rise_p_corrected: float = 1.0
    settled_statistics: bool = False
    contracted: tuple[float, float] | None = None

    @property
    def shown(self) -> Estimate:
        """The estimate to quote: one whose interval says what the verdict does.

        A gain or a loss: the first that excludes zero (or the margin), of last checkpoint, last third, fitted rise. A
        gain of `size` excluded: the less favourable of the first two. Else the last third, which anybody can read off
        the curve.
        """
        return self._telling or self.late

    @property
    def tested(self) -> Estimate:
        """The same; where nothing is shown and nothing excluded, the estimate that `gain_p` asks about."""
        return self._telling or self._asked

    @property
    def _telling(self) -> Estimate | None:
        if self.gain_p_corrected <= ALPHA or self.loss_p_corrected <= ALPHA:
            for estimate in (self.gain, self.late):
                low, high = estimate.interval()
                if low > self.margin or high < 0:
                    return estimate
            if self.along and self.rise is not None and self._significant:
                return self.rise.estimate
            return self._asked
        if self.excluded:
            return max(self.gain, self.late, key=lambda estimate: estimate.p_below(self.size))
        return None

    @property
    def _asked(self) -> Estimate:
        return self.rise.estimate if self.by_shape and self.rise is not None else self.late

    @property
    def slipped(self) -> bool:
        """Whether the end is lower than an earlier checkpoint on these images, by more than matters, and no fall shown.

        What checkpoints jitter by may explain it.
        """
        if self.fall is None or self.fell or self.fall.peak == 0:
            return False
        return self.fall.estimate.on_images.p_below(-(self.fall.optimism + self.size)) <= ALPHA

    @property
    def since_first(self) -> bool:
        """Whether `shown` is the change since the first checkpoint, though that is not the start."""
        return self.along and self.rise is not None and self.shown is self.rise.estimate

    @property
    def shown_p(self) -> float:
        """Its corrected p: of a loss where it is one."""
        return self.loss_p_corrected if self.shown.effect < 0 else self.gain_p_corrected

    @property
    def gained(self) -> bool:
        """Better than the start, and than untrained networks."""
        real = not self.negligible and not self.settled_statistics and not self.contracted
        return self.gain.effect > 0 and self._significant and real

    @property
    def _significant(self) -> bool:
        return max(self.gain_p_corrected, self.above_p_corrected) <= ALPHA and self.end_above

    @property
    def over_start_alone(self) -> bool:
        """Whether a gain over the start is none over untrained networks."""
        shown = self.gain_p_corrected <= ALPHA and self.gain.effect > 0
        return self.over_random is not None and shown and self.above_p_corrected > ALPHA

    @property
    def rise_asked(self) -> bool:
        """Whether the order along the series was asked for: of those above the start and untrained networks."""
        return max(self.gain_p_corrected, self.above_p_corrected) <= ALPHA

    @property
    def above_start(self) -> bool:
        """Better than the start, whatever untrained networks give; uncorrected."""
        return self.gain_p <= ALPHA and self.gain.effect > 0

    @property
    def above_random(self) -> bool:
        """Whether the last third is above these very initialisations, or there are none; uncorrected."""
        return self.above_p <= ALPHA

    @property
    def excluded(self) -> bool:
        """Whether a gain of `size` over the start can be excluded."""
        return max(self.gain.p_below(self.size), self.late.p_below(self.size)) <= ALPHA

    @property
    def negligible(self) -> bool:
        """Whether the gain is below one percentage point, significant or not."""
        return max(self.gain.p_below(PLATEAU), self.late.p_below(PLATEAU)) <= ALPHA

    @property
    def ruled_out(self) -> bool:
        """Whether a gain of `size` is excluded: over the start, or over untrained networks.

        Never of one that is on its way up: nobody knows where it ends.
        """
        return self._no_gain and not self.contested and not climbs(self.climb)

    @property
    def contested(self) -> bool:
        """Whether step 0 alone excludes a gain, and untrained networks say otherwise.

        A step 0 whose BatchNorm has seen nothing may be better than these are: any training loses that at first. One
        that goes on falling loses more.
        """
        return self._no_gain and self.from_step_0 and self._above_untrained and not self.falls_on

    @property
    def _no_gain(self) -> bool:
        return self.none_p <= ALPHA or self.negligible or self.lost

    @property
    def _above_untrained(self) -> bool:
        """Whether the last third is above untrained networks, wherever these may lie, by more than a point."""
        return self.over_random is not None and self.over_random.p_above(PLATEAU) <= ALPHA

    @property
    def lost(self) -> bool:
        """Whether the last checkpoint is below the start."""
        return self.gain.effect < 0 and self.loss_p_corrected <= ALPHA

    @property
    def rising(self) -> bool:
        return self.rise_p_corrected <= ALPHA

    @property
    def flat(self) -> bool:
        """Whether it changed by less than `plateau` over the last third; never where that is None."""
        return self.flat_p <= ALPHA

    @property
    def fell(self) -> bool:
        return self.fall_p_corrected <= ALPHA


def analyse(witness: Witness, quality: Quality, *, confirm: Quality | None, seed: int) -> Findings:
    """Make the tests on what one witness saw.

    Args:
        confirm: the same checkpoints measured on other images, where a fall from the peak that `quality` chose is
            tested; None: `quality`'s images are split in two halves instead.
    """
    checkpoints, values = quality.correct[: quality.length], quality.values[: quality.length]
    begin = trend.tail_start(quality.x)
    last = quality.length - 1
    late_rows = trend.last_third(begin, quality.length)
    gain, late = gain_over_start(quality, [last]), gain_over_start(quality, late_rows)
    overall = None
    if quality.length >= 5:
        overall = trend.change(quality.x, values, quality.draws(seed), quality.noise)
    first = 1 if quality.untrained_first else 0
    risen = rise(checkpoints, first=first, seed=seed, margin=witness.margin, jitter=quality.jitter)
    tail = trend.change(quality.x, values, quality.draws(seed), late_noise(quality), begin=begin)
    by_shape = risen is not None and quality.start != "random initialisations"
    late_p = late.p_above(witness.margin)
    along = risen is not None and not by_shape and risen.p < late_p
    gain_p = late_p if risen is None else risen.p if by_shape else min(1.0, 2 * min(late_p, risen.p))
    over = over_random(quality, late_rows)
    these = over_random(quality, late_rows, spread=False)
    above_p = 0.0 if these is None else these.p_above()
    since = against(quality, late_rows, quality.start_rows)
    if risen is not None and (by_shape or along):
        gain_asked = question(gain_p, quality, risen.weights, risen.estimate)
    else:
        gain_asked = question(gain_p, quality, since, late)
    above_asked = None
    if these is not None:
        above_asked = question(above_p, quality, against(quality, late_rows, quality.random), these)
    return Findings(
        gain=gain,
        late=late,
        overall=overall,
        rise=risen,
        by_shape=by_shape,
        along=along,
        gain_p=gain_p,
        above_p=above_p,
        loss_p=late.p_below(),
        rise_p=rise_p(quality, risen),
        gain_asked=gain_asked,
        above_asked=above_asked,
        loss_asked=question(late.p_below(), quality, -since, late),
        end_above=late.on_images.p_above() <= END_ABOVE,
        over_random=over,
        tail=tail,
        tail_begin=begin,
        flat_p=tail.p_within(witness.plateau) if tail and witness.plateau else 1.0,
        none_p=no_gain_p(gain, late, over, witness.gain),
        fall=fall_from_peak(quality, confirm),
        climb=climb_from_trough(quality, begin),
        from_step_0=quality.start == "step 0",
        falls_on=_falls_on(quality, late_rows),
        unchanged=quality.length > 1 and bool((checkpoints == checkpoints[0]).all()),
        size=witness.gain,
        plateau=witness.plateau,
        margin=witness.margin,
    )


def _falls_on(quality: Quality, late: Sequence[int]) -> bool:
    """Whether these rows are below the first trained checkpoint."""
    first = 1 if quality.untrained_first else 0
    if list(late) == [first]:
        return False
    weights = against(quality, late, [first])
    return contrast(quality.values, weights, quality.noise, weights).p_below() <= ALPHA


def late_noise(quality: Quality) -> Noise:
    """Noise of the second half of the series, where it has five checkpoints: jitter falls with the learning rate."""
    half = quality.length // 2
    if quality.length - half < 5:
        return quality.noise
    return measure(quality.correct[half : quality.length], quality.length - half, prior=quality.jitter)


def rise_p(quality: Quality, risen: Rise | None) -> float:
    """One-sided p that quality rises along the series: by the order of the checkpoints, and on other images as well.

    Fewer than five checkpoints cannot show an order: there the last is compared with the first.
    """
    if risen is not None:
        return max(risen.order_p, risen.images_p)
    if quality.length < 2:
        return 1.0
    weights = np.zeros(len(quality.values))
    weights[quality.length - 1], weights[0] = 1.0, -1.0
    return contrast(quality.values, weights, quality.noise, weights).p_above()
