"""The tests on one series against their definitions, on series with known truth."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from swaveval.convergence import findings, quality, trend
from swaveval.convergence.findings import ALPHA, GAIN, PLATEAU, Findings, analyse
from swaveval.convergence.noise import Estimate
from swaveval.convergence.paired import holm
from tests.convergence.simulated import outcomes, series

KNN = "knn.loo_top1"
LEARNING = [0.3, 0.5, 0.6, 0.65, 0.68, 0.7, 0.71]
SURE = 1e-8


def measured(
    accuracy: list[float], *, n: int = 800, seed: int = 0, first: float = 0.0, random: list[float] | None = None
) -> quality.Quality:
    together = outcomes([*accuracy, *(random or [])], n, seed=seed)
    correct, inits = together[: len(accuracy)], together[len(accuracy) :]
    run = series(
        {KNN: correct},
        random={KNN: inits} if random else None,
        epochs=[first + place for place in range(len(accuracy))],
    )
    found = quality.read(run, KNN)
    assert found is not None
    return found


def image_variance(quality: quality.Quality, weights: list[float]) -> float:
    """Of a linear combination of the rows' accuracies: that of its values per image, over n."""
    each = np.asarray(weights) @ quality.correct.astype(float)
    return float(np.var(each, ddof=1)) / quality.n


def test_each_estimate_is_its_difference_with_the_images_variance() -> None:
    run = measured(LEARNING)
    found = analyse(run, confirm=None, seed=0)
    values = run.values
    assert found.tail_begin == 4
    assert found.gain.effect == pytest.approx(values[6] - values[0])
    assert found.gain.image_variance == pytest.approx(image_variance(run, [-1, 0, 0, 0, 0, 0, 1]))
    assert found.late.effect == pytest.approx((values[5] + values[6]) / 2 - values[0])
    assert found.late.image_variance == pytest.approx(image_variance(run, [-1, 0, 0, 0, 0, 0.5, 0.5]))
    # The mean of two has half the jitter of one.
    alone, both = (findings.gain_over_start(run, late).jitter_variance for late in ([6], [5, 6]))
    of_start = findings.gain_over_start(run, [0]).jitter_variance
    assert of_start == pytest.approx(0)
    assert alone - both == pytest.approx(run.noise.jitter / 2)
    assert found.overall == trend.change(run.x, values, run.draws(0), run.noise)
    assert found.tail is not None
    assert found.tail.effect == pytest.approx(
        np.median([values[5] - values[4], values[6] - values[5], (values[6] - values[4]) / 2]) * 2
    )


def test_a_trained_checkpoint_jitters_and_the_untrained_network_does_not() -> None:
    own, later = measured(LEARNING), measured(LEARNING, first=1)
    for last in (1, 6):
        assert findings.gain_over_start(own, [last]).jitter_variance == pytest.approx(own.noise.jitter)
        assert findings.gain_over_start(later, [last]).jitter_variance == pytest.approx(2 * later.noise.jitter)


def test_what_the_flags_and_the_correction_are_made_of() -> None:
    found = analyse(measured(LEARNING), confirm=None, seed=0)
    assert found.fall is not None
    assert found.tail is not None
    corrected = (found.late_p_corrected, found.rise_p_corrected, found.fall_p_corrected)
    assert corrected == holm([found.late.p, found.rise_p, found.fall.p])
    assert found.flat_p == pytest.approx(found.tail.p_within(PLATEAU))
    assert found.none_p == pytest.approx(max(found.gain.p_below(GAIN), found.late.p_below(GAIN)))
    assert found.from_start
    assert found.above_random
    assert not found.unchanged
    assert found.none_p > 0.999
    assert found.gained
    assert found.rising
    assert not found.fell
    assert not found.lost


def test_nothing_can_be_said_of_too_few_checkpoints() -> None:
    one = analyse(measured([0.5], first=1, random=[0.3, 0.3, 0.3]), confirm=None, seed=0)
    assert (one.rise_p, one.fall, one.fall_p_corrected, one.tail, one.flat_p) == (1.0, None, 1.0, None, 1.0)
    assert not one.unchanged
    two = analyse(measured([0.3, 0.5]), confirm=None, seed=0)
    assert (two.fall, two.tail, two.overall) == (None, None, None)
    assert two.gain.effect == two.late.effect
    four, five = (analyse(measured(LEARNING[:count]), confirm=None, seed=0) for count in (4, 5))
    assert four.overall is None
    assert four.fall is not None
    assert five.overall is not None


def test_the_same_outcomes_throughout_are_unchanged() -> None:
    correct = np.repeat(outcomes([0.6], 50, seed=0), 4, axis=0)
    run = quality.read(series({KNN: correct}), KNN)
    assert run is not None
    assert analyse(run, confirm=None, seed=0).unchanged
    correct[3, 0] = ~correct[3, 0]
    one_image = quality.read(series({KNN: correct}), KNN)
    assert one_image is not None
    assert not analyse(one_image, confirm=None, seed=0).unchanged


def test_a_start_of_random_initialisations_counts_them_as_a_prediction() -> None:
    run = measured([0.5, 0.5], first=1, random=[0.30, 0.36, 0.42])
    found = findings.gain_over_start(run, [1])
    spread, df = findings.initial_spread(run)
    assert found.effect == pytest.approx(run.values[1] - run.values[2:].mean())
    assert found.image_variance == pytest.approx(image_variance(run, [0, 1, -1 / 3, -1 / 3, -1 / 3]))
    assert found.jitter_variance == pytest.approx(run.noise.jitter + spread * (1 + 1 / 3))
    assert spread > 0
    assert df > 0
    assert not analyse(run, confirm=None, seed=0).from_start


@pytest.mark.parametrize("truth", [0.0, 0.04])
def test_the_spread_of_many_initialisations_is_recovered_apart_from_the_images(truth: float) -> None:
    generator = np.random.default_rng(0)
    inits = (0.5 + truth * generator.standard_normal(400)).tolist()
    spread, df = findings.initial_spread(measured([0.5, 0.5], n=300, random=inits))
    assert math.sqrt(spread) == pytest.approx(truth, abs=0.006)
    assert df - findings.PRIOR_SPREAD_DF == 399


def test_above_random_is_a_second_condition() -> None:
    learned = [0.2, 0.5, 0.5]
    assert analyse(measured(learned), confirm=None, seed=0).above_random
    assert analyse(measured(learned, random=[0.3, 0.3, 0.3]), confirm=None, seed=0).above_random
    assert not analyse(measured(learned, random=[0.5, 0.5, 0.5]), confirm=None, seed=0).above_random
    assert not analyse(measured(learned, random=[0.6, 0.6, 0.6]), confirm=None, seed=0).above_random


def test_jitter_of_the_second_half_is_used_for_the_tail_where_it_shows() -> None:
    wobbling = [0.3, 0.6, 0.35, 0.65, 0.4, 0.7, 0.7, 0.7, 0.7, 0.7]
    run = measured(wobbling, n=3000)
    late = findings.late_noise(run)
    assert late.jitter < run.noise.jitter / 10
    assert late.covariance.shape == (5, 5)
    assert findings.late_noise(measured(wobbling[:8])).covariance.shape == (8, 8)
    assert findings.late_noise(measured(wobbling[:9])).covariance.shape == (5, 5)


def test_a_fall_is_measured_on_other_images_than_its_peak_was_chosen_on() -> None:
    run = measured([0.3, 0.6, 0.75, 0.7, 0.5], n=1000)
    found = findings.fall_from_peak(run, None)
    assert found is not None
    odd = run.correct[:, 1::2]
    assert found.peak == 2
    assert (found.n, found.metric) == (500, KNN)
    assert found.estimate.effect == pytest.approx(odd[4].mean() - odd[2].mean())
    assert found.estimate.image_variance == pytest.approx(np.var(odd[4].astype(float) - odd[2], ddof=1) / 500)
    half = replace(run, correct=odd)
    assert found.estimate.jitter_variance == pytest.approx(2 * half.noise.jitter)
    assert found.optimism == pytest.approx(math.sqrt(half.noise.jitter) * findings.expected_maximum(4))
    beyond = found.estimate.p_below(-found.optimism)
    assert found.p == pytest.approx(max(beyond, findings.gain_over_start(half, [2]).p_above(found.optimism)))
    assert analyse(measured([*LEARNING, 0.4]), confirm=None, seed=0).fell


def test_a_fall_is_confirmed_on_the_test_images_where_they_are_of_the_same_checkpoints() -> None:
    run = measured([0.3, 0.6, 0.75, 0.7, 0.5])
    test = replace(measured([0.3, 0.7, 0.6, 0.6, 0.5], n=300, seed=1), metric="knn.top1")
    found = findings.fall_from_peak(run, test)
    assert found is not None
    assert (found.peak, found.n, found.metric) == (2, 300, "knn.top1")
    assert found.estimate.effect == pytest.approx(test.values[4] - test.values[2])
    shorter = measured([0.3, 0.7, 0.6, 0.6], n=300, seed=1)
    assert findings.fall_from_peak(run, shorter) == findings.fall_from_peak(run, None)


def test_no_fall_from_a_start_that_was_never_left() -> None:
    falling = [0.7, 0.6, 0.5]
    own = findings.fall_from_peak(measured(falling), None)
    later = findings.fall_from_peak(measured(falling, first=1), None)
    above = findings.fall_from_peak(measured(falling, n=4000, first=1, random=[0.2, 0.2, 0.2]), None)
    assert own is not None
    assert later is not None
    assert above is not None
    assert (own.peak, own.p, later.p) == (0, 1.0, 1.0)
    assert above.p < 0.05
    # The last checkpoint is no peak to fall from.
    rising = findings.fall_from_peak(measured(LEARNING), None)
    assert rising is not None
    assert rising.peak == 5


def test_expected_maximum_is_zero_for_one_and_bloms_for_more() -> None:
    assert findings.expected_maximum(1) == 0.0
    # Exact: 1/√π, 3/(2√π).
    assert findings.expected_maximum(2) == pytest.approx(1 / math.sqrt(math.pi), abs=0.03)
    assert findings.expected_maximum(3) == pytest.approx(1.5 / math.sqrt(math.pi), abs=0.03)


def test_the_order_of_the_checkpoints_and_their_slope_show_a_rise() -> None:
    assert findings.rise_p(*with_trend(LEARNING)) < 0.01
    assert findings.rise_p(*with_trend(LEARNING[::-1])) > 0.9
    assert findings.rise_p(*with_trend([0.5] * 7)) > 0.02
    # Five images cannot carry any order.
    assert findings.rise_p(*with_trend([0.50, 0.51, 0.52, 0.53, 0.54], n=5)) > 0.05
    assert findings.rise_p(measured([0.5], random=[0.4]), None) == 1.0


def with_trend(accuracy: list[float], n: int = 800) -> tuple[quality.Quality, Estimate | None]:
    run = measured(accuracy, n=n)
    return run, trend.change(run.x, run.values, run.draws(0), run.noise)


def sure(effect: float) -> Estimate:
    return Estimate(effect, SURE, 0.0)


def case(**changes: Any) -> Findings:
    """Findings of a run that clearly learned, with some of them changed."""
    settled = {"late_p_corrected": 0.001, "rise_p_corrected": 0.001, "fall_p_corrected": 1.0, "above_random": True}
    known = {"gain": sure(0.3), "late": sure(0.25), "overall": sure(0.2), "from_start": True, "flat_p": 1.0}
    return replace(analyse(measured([0.3, 0.5, 0.6]), confirm=None, seed=0), **{**settled, **known, **changes})


NOT = ALPHA + 0.001


@pytest.mark.parametrize(
    ("changes", "gained"),
    [
        ({}, True),
        ({"late_p_corrected": ALPHA}, True),
        ({"late_p_corrected": NOT}, True),  # by the trend
        ({"late_p_corrected": NOT, "rise_p_corrected": NOT}, False),
        ({"late_p_corrected": NOT, "from_start": False}, False),
        ({"late_p_corrected": NOT, "overall": None}, False),
        ({"above_random": False}, False),
        ({"settled_statistics": True}, False),
        ({"gain": sure(-0.01)}, False),
        ({"gain": sure(PLATEAU / 2), "late": sure(PLATEAU / 2)}, False),  # significant, and too little to matter
        ({"gain": sure(2 * PLATEAU), "late": sure(2 * PLATEAU)}, True),
        ({"gain": sure(PLATEAU / 2)}, True),  # the last third as a whole gained
    ],
)
def test_gained(changes: dict[str, Any], gained: bool) -> None:
    assert case(**changes).gained is gained


def test_which_estimate_is_quoted() -> None:
    assert case().shown == sure(0.3)
    assert case().shown_p == 0.001
    unsure, below = Estimate(0.01, 1.0, 0.0), sure(-0.3)
    assert case(gain=unsure).shown == sure(0.25)
    assert case(gain=below).shown == below
    assert case(gain=unsure, late_p_corrected=NOT, from_start=False).shown == unsure
    trending = case(gain=unsure, late_p_corrected=NOT, rise_p_corrected=0.004)
    assert trending.by_trend
    assert (trending.shown, trending.shown_p) == (sure(0.2), 0.004)
    assert not case(late_p_corrected=ALPHA).by_trend


@pytest.mark.parametrize(("p", "significant"), [(ALPHA, True), (NOT, False)])
def test_each_flag_is_its_p_at_alpha(p: float, significant: bool) -> None:
    assert case(rise_p_corrected=p).rising is significant
    assert case(flat_p=p).flat is significant
    assert case(fall_p_corrected=p).fell is significant
    assert case(gain=sure(-0.1), late_p_corrected=p).lost is significant
    assert not case(gain=sure(0.1), late_p_corrected=p).lost
