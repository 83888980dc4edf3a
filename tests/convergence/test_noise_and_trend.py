"""Both errors of a series against simulation; the slope against scipy."""

import numpy as np
import pytest
from scipy.stats import theilslopes

from swaveval.convergence import noise, trend
from swaveval.convergence.noise import Estimate
from tests.convergence.simulated import outcomes


def test_image_covariance_is_that_of_resampled_means() -> None:
    correct = outcomes([0.7, 0.8, 0.8], 400, seed=0)
    draws = trend.resampled(correct, seed=1, draws=20_000)
    assert np.cov(draws.T) == pytest.approx(noise.image_covariance(correct), rel=0.08)
    assert draws.mean(axis=0) == pytest.approx(correct.mean(axis=1), abs=0.001)


def test_the_normal_limit_for_many_patterns_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    correct = outcomes([0.7, 0.8, 0.8, 0.9], 2000, seed=0)
    exact = trend.resampled(correct, seed=1, draws=8000)
    monkeypatch.setattr(trend, "_MOST_CELLS", 1)
    limit = trend.resampled(correct, seed=1, draws=8000)
    assert np.cov(limit.T) == pytest.approx(np.cov(exact.T), rel=0.1)


def test_jitter_is_recovered_and_absent_where_there_is_none() -> None:
    truth, without, generator = 0.02, [], np.random.default_rng(0)
    found = []
    curve = 0.9 - 0.3 * np.exp(-np.arange(16) / 4)
    for seed in range(40):
        wobbled = curve + truth * generator.standard_normal(16)
        found.append(noise.measure(outcomes(np.clip(wobbled, 0.05, 0.99), 2000, seed=seed), 16).jitter)
        without.append(noise.measure(outcomes(curve, 2000, seed=seed), 16).jitter)
    assert np.sqrt(np.median(found)) == pytest.approx(truth, rel=0.3)
    assert np.sqrt(np.median(without)) < 0.004


def test_a_series_too_short_to_show_its_jitter_has_the_prior_s() -> None:
    found = noise.measure(outcomes([0.5] * 3, 100, seed=0), 3)
    assert (found.jitter, found.df) == (pytest.approx(noise.PRIOR_JITTER**2), noise.PRIOR_JITTER_DF)


def test_a_long_series_outweighs_the_prior() -> None:
    """(d₀s₀² + ds²) / (d₀ + d), by hand."""
    assert noise.moderated(0.0004, 9.0, prior=0.0001, prior_df=1.0) == (pytest.approx(0.00037), 10.0)


def test_the_jump_from_the_untrained_network_is_no_jitter() -> None:
    correct = outcomes([0.3, 0.8, 0.81, 0.82], 4000, seed=1)
    assert noise.measure(correct, 4, first=1).jitter < 0.01 * noise.measure(correct, 4).jitter


@pytest.mark.parametrize("effect", [-0.03, 0.0, 0.004, 0.03])
def test_equivalence_is_an_interval_inside_the_margins(effect: float) -> None:
    estimate = Estimate(effect, 0.002**2, 0.001**2, df=7.0)
    low, high = estimate.interval(0.90)
    assert (estimate.p_within(0.01) <= 0.05) == (low >= -0.01 and high <= 0.01)
    assert estimate.p_above() + estimate.p_below() == pytest.approx(1.0)


def test_an_estimate_without_error_is_certain() -> None:
    assert Estimate(0.1, 0.0, 0.0).p == 0.0
    assert Estimate(0.0, 0.0, 0.0).p == 1.0


def test_images_needed_brings_the_promised_power() -> None:
    estimate = Estimate(0.01, 0.01**2, 0.0)
    n = noise.images_needed(estimate, 400, distance=0.01, critical=1.645)
    assert n is not None
    z = np.random.default_rng(0).normal(0.01, 0.01 * np.sqrt(400 / n), 20_000) / (0.01 * np.sqrt(400 / n))
    assert np.mean(z > 1.645) == pytest.approx(0.8, abs=0.01)
    assert noise.images_needed(Estimate(0.01, 1e-4, 1e-4, 3.0), 400, distance=0.001, critical=1.645) is None


def test_slope_is_scipys_theil_sen() -> None:
    generator = np.random.default_rng(0)
    x = np.sort(generator.random(9)) * 10
    values = generator.random((3, 9))
    expected = [theilslopes(row, x).slope for row in values]
    assert trend.slope(x, values) == pytest.approx(expected)


def test_the_last_third_begins_at_a_checkpoint() -> None:
    assert trend.tail_start(np.asarray([0.0, 5.0, 10.0, 15.0])) == 2
    assert trend.tail_start(np.asarray([0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0])) == 5
    assert trend.tail_start(np.asarray([7.0])) == 0


def test_change_covers_the_truth() -> None:
    inside, x = 0, np.arange(8.0)
    for seed in range(150):
        correct = outcomes(np.linspace(0.70, 0.77, 8), 800, seed=seed)
        draws = trend.resampled(correct, seed=seed)
        change = trend.change(x, correct.mean(axis=1), draws, noise.measure(correct, 8))
        assert change is not None
        low, high = change.interval()
        inside += low <= 0.07 <= high
    assert inside >= 140
