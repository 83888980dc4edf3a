"""The end against the start and against untrained networks, on series with known truth."""

import math
from dataclasses import replace

import numpy as np
import pytest

from swaveval.convergence import start
from swaveval.convergence.findings import analyse
from swaveval.convergence.noise import PRIOR_SPREAD, PRIOR_SPREAD_DF
from swaveval.convergence.thresholds import GAIN
from tests.convergence.simulated import ASKED, image_variance, measured

LEARNING = [0.3, 0.5, 0.6, 0.65, 0.68, 0.7, 0.71]


def test_a_trained_checkpoint_jitters_and_the_untrained_network_does_not() -> None:
    own, later = measured(LEARNING), measured(LEARNING, first=1)
    for last in (1, 6):
        assert start.gain_over_start(own, [last]).jitter_variance == pytest.approx(own.noise.jitter)
        assert start.gain_over_start(later, [last]).jitter_variance == pytest.approx(2 * later.noise.jitter)


def test_a_start_of_random_initialisations_counts_them_as_a_prediction() -> None:
    run = measured([0.5, 0.5], first=1, random=[0.30, 0.36, 0.42])
    found = start.gain_over_start(run, [1])
    spread, df = start.initial_spread(run)
    assert found.effect == pytest.approx(run.values[1] - run.values[2:].mean())
    assert found.image_variance == pytest.approx(image_variance(run, [0, 1, -1 / 3, -1 / 3, -1 / 3]))
    assert found.jitter_variance == pytest.approx(run.noise.jitter + spread * (1 + 1 / 3))
    assert spread > 0
    assert df > 0
    assert not analyse(ASKED, run, confirm=None, seed=0).by_shape


@pytest.mark.parametrize("truth", [0.0, 0.04])
def test_the_spread_of_many_initialisations_is_recovered_apart_from_the_images(truth: float) -> None:
    generator = np.random.default_rng(0)
    inits = (0.5 + truth * generator.standard_normal(400)).tolist()
    spread, df = start.initial_spread(measured([0.5, 0.5], n=300, random=inits))
    assert math.sqrt(spread) == pytest.approx(truth, abs=0.006)
    assert df - PRIOR_SPREAD_DF == 399


def test_untrained_networks_are_a_set_whose_mean_is_uncertain() -> None:
    run = measured([0.3, 0.5, 0.52], random=[0.30, 0.36])
    found = start.over_random(run, [1, 2])
    spread, _ = start.initial_spread(run)
    assert found is not None
    assert found.effect == pytest.approx(run.values[1:3].mean() - run.values[3:].mean())
    assert found.image_variance == pytest.approx(image_variance(run, [0, 0.5, 0.5, -0.5, -0.5]))
    # The mean of two checkpoints jitters with half the variance of one.
    assert found.jitter_variance == pytest.approx(spread / 2 + run.noise.jitter / 2)
    these = start.over_random(run, [1, 2], spread=False)
    assert these is not None
    assert these.jitter_variance == pytest.approx(run.noise.jitter / 2)
    assert these.effect == found.effect
    assert start.over_random(measured([0.3, 0.5]), [1]) is None


def test_the_spread_of_two_is_half_their_squared_difference_without_the_images_part() -> None:
    run = measured([0.5, 0.5], n=300, random=[0.30, 0.50])
    difference = run.correct[2].astype(float) - run.correct[3]
    own = difference.mean() ** 2 / 2 - difference.var(ddof=1) / 300 / 2
    weight = PRIOR_SPREAD_DF
    expected = (weight * PRIOR_SPREAD**2 + own) / (weight + 1)
    assert start.initial_spread(run) == pytest.approx((expected, weight + 1))


def test_either_look_excludes_a_gain_at_twice_its_p() -> None:
    run = measured([0.5, 0.5, 0.5], n=4000, random=[0.55, 0.55])
    gain, random = start.gain_over_start(run, [2]), start.over_random(run, [2])
    assert random is not None
    assert start.no_gain_p(gain, gain, None) == pytest.approx(gain.p_below(GAIN))
    both = 2 * min(gain.p_below(GAIN), random.p_below(GAIN))
    assert start.no_gain_p(gain, gain, random) == pytest.approx(both)
    larger = 2 * min(gain.p_below(3 * GAIN), random.p_below(3 * GAIN))
    assert start.no_gain_p(gain, gain, random, 3 * GAIN) == pytest.approx(larger)


def test_what_is_known_of_a_witness_beforehand_is_the_prior_of_its_spread() -> None:
    run = replace(measured([0.5, 0.5], n=300, random=[0.30]), spread=0.07)
    assert start.initial_spread(run) == pytest.approx((0.07**2, PRIOR_SPREAD_DF))
