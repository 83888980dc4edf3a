"""The tests on one series against their definitions, and what each flag is made of."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from swaveval.convergence import findings, quality, trend
from swaveval.convergence.family import DRAWS
from swaveval.convergence.findings import END_ABOVE, WEIGHTS, Findings
from swaveval.convergence.noise import Estimate
from swaveval.convergence.paired import holm
from swaveval.convergence.quality import Quality
from swaveval.convergence.rise import Rise, rise
from swaveval.convergence.start import over_random
from swaveval.convergence.thresholds import ALPHA, GAIN, PLATEAU
from swaveval.results.roles import WITNESSES
from tests.convergence.simulated import ASKED, KNN, heard, image_variance, measured, outcomes, series

LEARNING = [0.3, 0.5, 0.6, 0.65, 0.68, 0.7, 0.71]
SURE = 1e-8
# A corrected p is counted among so many draws.
COUNTED = 3 / DRAWS


def findings_of(run: Quality, **changes: Any) -> Findings:
    """The tests of one witness, corrected; what is known of it beforehand may be changed."""
    return heard(run, witness=replace(ASKED, **changes)).findings


def test_each_estimate_is_its_difference_with_the_images_variance() -> None:
    run = measured(LEARNING)
    found = findings_of(run)
    values = run.values
    assert found.tail_begin == 4
    assert found.gain.effect == pytest.approx(values[6] - values[0])
    assert found.gain.image_variance == pytest.approx(image_variance(run, [-1, 0, 0, 0, 0, 0, 1]))
    assert found.late.effect == pytest.approx((values[5] + values[6]) / 2 - values[0])
    assert found.late.image_variance == pytest.approx(image_variance(run, [-1, 0, 0, 0, 0, 0.5, 0.5]))
    assert found.overall == trend.change(run.x, values, run.draws(0), run.noise)
    assert found.tail is not None
    assert found.tail.effect == pytest.approx(
        np.median([values[5] - values[4], values[6] - values[5], (values[6] - values[4]) / 2]) * 2
    )


def test_the_mean_of_two_has_half_the_jitter_of_one() -> None:
    run = measured(LEARNING)
    alone, both, of_start = (findings.gain_over_start(run, late).jitter_variance for late in ([6], [5, 6], [0]))
    assert of_start == pytest.approx(0)
    assert alone - both == pytest.approx(run.noise.jitter / 2)


def test_what_the_flags_and_the_correction_are_made_of() -> None:
    run = measured(LEARNING)
    found = findings_of(run)
    assert found.fall is not None
    assert found.tail is not None
    expected = rise(run.correct, first=1, seed=0)
    assert found.by_shape
    assert found.rise is not None
    assert expected is not None
    assert (found.rise.estimate, found.rise.p, found.rise.order_p) == (expected.estimate, expected.p, expected.order_p)
    assert (found.gain_p, found.loss_p) == (found.rise.p, found.late.p_below())
    corrected = (found.gain_p_corrected, found.fall_p_corrected, found.loss_p_corrected)
    asked = [found.gain_p, found.fall.p, found.loss_p]
    # Never above what Holm's correction gives, which knows of no correlation; nor below what was asked.
    most = holm(asked, weights=[WEIGHTS[name] for name in ("gain", "fall", "loss")])
    for one, plain, limit in zip(corrected, asked, most, strict=True):
        assert plain <= one <= limit + COUNTED
    assert found.rise_p_corrected == max(found.gain_p_corrected, found.rise_p / WEIGHTS["gain"])
    assert found.flat_p == pytest.approx(found.tail.p_within(PLATEAU))
    assert found.none_p == pytest.approx(max(found.gain.p_below(GAIN), found.late.p_below(GAIN)))
    assert found.none_p > 0.999
    assert found.above_random
    assert found.end_above
    assert not found.unchanged
    assert found.gained
    assert found.rising
    assert not found.fell
    assert not found.lost


def test_the_shares_of_the_familys_error_are_the_whole() -> None:
    assert sum(WEIGHTS.values()) == pytest.approx(1)
    assert max(WEIGHTS, key=lambda name: WEIGHTS[name]) == "gain"


def test_a_loss_is_one() -> None:
    found = findings_of(measured(LEARNING[::-1]))
    assert found.lost
    assert not found.gained
    assert found.gain_p > 0.99
    assert found.shown_p == found.loss_p_corrected
    assert not found.end_above
    assert found.rise_p_corrected == 1.0


def test_the_shape_decides_only_where_the_series_begins_at_the_start() -> None:
    level = findings_of(measured([0.7] * 7, first=1, random=[0.3, 0.3]))
    assert not level.by_shape
    assert not level.along
    assert level.gain_p == 2 * level.late.p_above()
    assert findings_of(measured(LEARNING, first=1)).by_shape
    few = findings_of(measured(LEARNING[:4]))
    assert not few.by_shape
    assert few.gain_p == few.late.p_above()


# Untrained networks scatter so widely that a run whose step 0 was not saved cannot be told from another one of them.
WIDE = [0.20, 0.42]


def test_a_rise_since_the_first_checkpoint_is_a_gain_where_untrained_networks_scatter_too_widely() -> None:
    run = measured([0.34, 0.36, 0.38, 0.40, 0.42, 0.43, 0.44], first=1, n=3000, random=WIDE)
    found = findings_of(run)
    assert found.rise is not None
    assert found.along
    assert not found.by_shape
    assert found.late.p_above() > ALPHA > found.gain_p
    assert found.gain_p == 2 * found.rise.p
    assert found.gained
    assert found.since_first
    assert found.shown == found.rise.estimate
    # One that only comes back to what untrained networks give has gained nothing.
    back = findings_of(measured([0.14, 0.17, 0.20, 0.23, 0.26, 0.28, 0.29], first=1, n=3000, random=WIDE))
    assert back.along
    assert back.gain_p <= ALPHA
    assert not back.gained
    # A start that was saved is the better one.
    assert not findings_of(measured([0.34, 0.36, 0.38, 0.40, 0.42, 0.43, 0.44], n=3000, random=WIDE)).along


def test_a_gain_over_untrained_networks_is_quoted_before_a_rise_since_the_first_checkpoint() -> None:
    found = findings_of(measured(LEARNING, first=1, random=[0.3, 0.3]))
    assert found.along
    assert found.shown == found.gain
    assert not found.since_first


def test_a_fall_takes_over_the_share_of_a_gain_that_counts_only() -> None:
    curve, n = [0.50, 0.62, 0.64, 0.66, 0.64, 0.63, 0.61], 4000
    alone, below = findings_of(measured(curve, n=n)), findings_of(measured(curve, n=n, random=[0.7, 0.7]))
    assert alone.fall is not None
    assert below.fall is not None
    assert below.gain_p < ALPHA / 10
    assert below.above_p > 0.99
    weights = [WEIGHTS[name] for name in ("gain", "fall", "loss")]
    for found, gain_p in ((alone, alone.gain_p), (below, max(below.gain_p, below.above_p))):
        assert found.fall is not None
        most = holm([gain_p, found.fall.p, found.loss_p], weights=weights)
        assert found.fall.p <= found.fall_p_corrected <= most[1] + 0.01
    assert below.fall_p_corrected > 2 * alone.fall_p_corrected
    # The gain over the start is asked in a family of its own, and so is that over untrained networks.
    assert below.gain_p_corrected == pytest.approx(alone.gain_p_corrected, abs=COUNTED)
    assert below.above_p_corrected == below.above_p
    assert not below.gained


def test_without_untrained_networks_nothing_is_asked_of_them() -> None:
    found = findings_of(measured(LEARNING))
    assert (found.above_p, found.above_p_corrected, found.above_asked) == (0.0, 0.0, None)


def test_what_the_family_hears_is_the_contrast_that_was_tested() -> None:
    for run in (measured(LEARNING), measured(LEARNING, first=1, random=[0.3, 0.35])):
        found = findings_of(run)
        estimates = [(found.gain_asked, found.late, found.gain_p), (found.loss_asked, found.late, found.loss_p)]
        if found.by_shape or found.along:
            assert found.rise is not None
            estimates[0] = (found.gain_asked, found.rise.estimate, found.gain_p)
        if not found.by_shape:
            these = over_random(run, [5, 6], spread=False)
            assert these is not None
            assert found.above_asked is not None
            estimates.append((found.above_asked, these, found.above_p))
        for asked, estimate, p in estimates:
            assert (asked.p, asked.se) == (p, estimate.se)
            assert np.sum(asked.contribution**2) == pytest.approx(estimate.image_variance)
            assert np.array_equal(asked.index, run.index)


def test_sizes_are_the_witness_s_own() -> None:
    run = measured(LEARNING)
    purity = next(one for one in WITNESSES if one.metric == "clusters.train_purity")
    found = heard(run, witness=purity).findings
    assert (found.size, found.plateau, found.flat_p, found.flat) == (purity.gain, None, 1.0, False)
    assert found.none_p == pytest.approx(max(found.gain.p_below(purity.gain), found.late.p_below(purity.gain)))
    wider = findings_of(run, plateau=0.2)
    assert wider.tail is not None
    assert wider.flat_p == wider.tail.p_within(0.2)


def test_a_margin_is_what_a_gain_has_to_exceed() -> None:
    for first, random in ((0.0, None), (1.0, [0.3, 0.3])):
        run = measured(LEARNING, first=first, random=random)
        plain, beyond, above = (findings_of(run, margin=margin) for margin in (0.0, 0.2, max(LEARNING)))
        assert plain.gain_p < beyond.gain_p < above.gain_p
        assert beyond.gained
        assert not above.gained
        assert (beyond.margin, beyond.gain) == (0.2, plain.gain)


def test_a_rise_that_was_lost_again_does_not_end_above_the_start() -> None:
    back = [0.60, 0.64, 0.66, 0.65, 0.64, 0.63, 0.62, 0.61, 0.60, 0.59]
    found = findings_of(measured(back, n=4000))
    assert found.end_above is (found.late.on_images.p_above() <= END_ABOVE)
    assert not found.gained


def test_nothing_can_be_said_of_too_few_checkpoints() -> None:
    one = findings_of(measured([0.5], first=1, random=[0.3, 0.3, 0.3]))
    assert (one.rise_p, one.fall, one.fall_p_corrected, one.tail, one.flat_p) == (1.0, None, 1.0, None, 1.0)
    assert not one.unchanged
    two = findings_of(measured([0.3, 0.5]))
    assert (two.fall, two.tail, two.overall) == (None, None, None)
    assert two.gain.effect == two.late.effect
    four, five = (findings_of(measured(LEARNING[:count])) for count in (4, 5))
    assert (four.overall, four.rise) == (None, None)
    assert four.fall is not None
    assert five.overall is not None
    assert five.rise is not None


def test_the_same_outcomes_throughout_are_unchanged() -> None:
    correct = np.repeat(outcomes([0.6], 50, seed=0), 4, axis=0)
    run = quality.read(series({KNN: correct}), KNN)
    assert run is not None
    assert findings_of(run).unchanged
    for image in (np.flatnonzero(correct[3])[0], np.flatnonzero(~correct[3])[0]):
        other = correct.copy()
        other[3, image] = ~other[3, image]
        one_image = quality.read(series({KNN: other}), KNN)
        assert one_image is not None
        assert not findings_of(one_image).unchanged


def test_above_random_is_a_second_condition() -> None:
    learned = [0.2, 0.5, 0.5]
    assert findings_of(measured(learned)).above_random
    assert findings_of(measured(learned, random=[0.3, 0.3, 0.3])).above_random
    assert not findings_of(measured(learned, random=[0.5, 0.5, 0.5])).above_random
    assert not findings_of(measured(learned, random=[0.6, 0.6, 0.6])).above_random


def test_above_random_asks_about_these_initialisations_and_what_is_shown_about_all() -> None:
    run = measured([0.30, 0.50, 0.52], n=3000, random=[0.48, 0.50])
    found = findings_of(run)
    assert found.over_random == over_random(run, [2])
    these = over_random(run, [2], spread=False)
    assert these is not None
    assert found.over_random is not None
    assert these.p_above() < ALPHA < found.over_random.p_above()
    assert found.above_random


def test_jitter_of_the_second_half_is_used_for_the_tail_where_it_shows() -> None:
    wobbling = [0.3, 0.6, 0.35, 0.65, 0.4, 0.7, 0.7, 0.7, 0.7, 0.7]
    run = measured(wobbling, n=3000)
    late = findings.late_noise(run)
    assert late.jitter < run.noise.jitter / 10
    assert late.covariance.shape == (5, 5)
    assert findings.late_noise(measured(wobbling[:8])).covariance.shape == (8, 8)
    assert findings.late_noise(measured(wobbling[:9])).covariance.shape == (5, 5)


def test_the_order_of_the_checkpoints_shows_a_rise_on_any_images() -> None:
    for accuracy in (LEARNING, LEARNING[::-1], [0.5] * 7):
        run = measured(accuracy)
        risen = rise(run.correct, first=1, seed=0)
        assert risen is not None
        assert findings.rise_p(run, risen) == max(risen.order_p, risen.images_p)
    # Five images cannot carry any order.
    few = measured([0.50, 0.51, 0.52, 0.53, 0.54], n=5)
    assert findings.rise_p(few, rise(few.correct, first=1, seed=0)) > 0.05


def test_of_few_checkpoints_the_last_is_compared_with_the_first() -> None:
    run = measured([0.5, 0.52, 0.54])
    images, jitter = image_variance(run, [-1, 0, 1]), 2 * run.noise.jitter
    df = run.noise.df * ((images + jitter) / jitter) ** 2
    expected = Estimate(float(run.values[2] - run.values[0]), images, jitter, df)
    assert findings.rise_p(run, None) == pytest.approx(expected.p_above())
    assert findings.rise_p(measured([0.5], random=[0.4]), None) == 1.0
    assert findings.rise_p(measured([0.5, 0.7]), None) < 1e-3


def sure(effect: float) -> Estimate:
    return Estimate(effect, SURE, 0.0)


FITTED = Rise(sure(0.2), np.ones(3), 0.001, 0.001, 0.001)


def case(**changes: Any) -> Findings:
    """Findings of a run that clearly learned, with some of them changed."""
    settled = {"gain_p_corrected": 0.001, "rise_p_corrected": 0.001, "fall_p_corrected": 1.0, "loss_p_corrected": 1.0}
    settled["above_p_corrected"] = 0.001
    known = {"gain": sure(0.3), "late": sure(0.25), "rise": FITTED, "by_shape": True, "flat_p": 1.0}
    passed = {"above_p": 0.001, "end_above": True}
    run = findings_of(measured([0.3, 0.5, 0.6]))
    return replace(run, **{**settled, **known, **passed, **changes})


NOT = ALPHA + 0.001


@pytest.mark.parametrize(
    ("changes", "gained"),
    [
        ({}, True),
        ({"gain_p_corrected": ALPHA}, True),
        ({"gain_p_corrected": NOT}, False),
        ({"end_above": False}, False),
        ({"above_p_corrected": ALPHA}, True),
        ({"above_p_corrected": NOT}, False),
        ({"above_p": NOT}, True),  # the family's p decides
        ({"settled_statistics": True}, False),
        ({"contracted": (-2.0, -1.0)}, False),
        ({"gain": sure(-0.01)}, False),
        ({"gain": sure(PLATEAU / 2), "late": sure(PLATEAU / 2)}, False),  # significant, and too little to matter
        ({"gain": sure(2 * PLATEAU), "late": sure(2 * PLATEAU)}, True),
        ({"gain": sure(PLATEAU / 2)}, True),  # the last third as a whole gained
    ],
)
def test_gained(changes: dict[str, Any], gained: bool) -> None:
    assert case(**changes).gained is gained


UNSURE = Estimate(0.05, 1.0, 0.0)


def test_the_estimate_quoted_of_a_gain_excludes_zero() -> None:
    assert case().shown == sure(0.3)
    assert case().shown_p == 0.001
    assert case(gain=UNSURE).shown == sure(0.25)
    assert case(gain=UNSURE, late=UNSURE).shown == sure(0.2)
    # Where a gain has to exceed a margin, so has the estimate.
    assert case(gain=sure(0.01), margin=0.02).shown == sure(0.25)
    lost = case(gain=sure(-0.3), late=sure(-0.3), gain_p_corrected=1.0, loss_p_corrected=0.002)
    assert (lost.shown, lost.shown_p) == (sure(-0.3), 0.002)


def test_the_estimate_quoted_of_nothing_is_the_last_third_which_the_curve_shows() -> None:
    """A fitted rise of 25.5 points beside 31.1 % at the start and 35.0 % at the end contradicts the page."""
    nothing = {"gain": UNSURE, "late": Estimate(0.06, 1.0, 0.0), "gain_p_corrected": NOT}
    assert case(**nothing).shown == nothing["late"]
    assert case(**nothing).tested == FITTED.estimate
    assert case(**nothing).shown_p == NOT
    assert case(**nothing, by_shape=False).shown == case(**nothing, by_shape=False).tested == nothing["late"]


def test_the_estimate_quoted_where_a_gain_is_excluded_is_the_less_favourable() -> None:
    lower, higher = (Estimate(effect, 0.005**2, 0.0) for effect in (0.001, 0.003))
    for gain, late in ((lower, higher), (higher, lower)):
        found = case(gain=gain, late=late, gain_p_corrected=NOT)
        assert found.excluded
        assert found.shown == higher
    assert not case(gain=lower, late=UNSURE, gain_p_corrected=NOT).excluded


@pytest.mark.parametrize(("p", "significant"), [(ALPHA, True), (NOT, False)])
def test_each_flag_is_its_p_at_alpha(p: float, significant: bool) -> None:
    assert case(rise_p_corrected=p).rising is significant
    assert case(flat_p=p).flat is significant
    assert case(fall_p_corrected=p).fell is significant
    assert case(gain=sure(-0.1), loss_p_corrected=p).lost is significant
    assert not case(gain=sure(0.1), loss_p_corrected=p).lost
