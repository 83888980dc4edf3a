"""Contrasts between checkpoints and their degrees of freedom, against simulation and the textbook formulas."""

import math

import numpy as np
import pytest
from scipy import stats

from swaveval.convergence import noise, trend
from swaveval.convergence.noise import Estimate, Noise, contrast, images_needed, with_spread
from tests.convergence.simulated import LOWSHOT, together


def test_image_covariance_is_numpys() -> None:
    correct = np.random.default_rng(0).random((4, 37)) < 0.6
    assert noise.image_covariance(correct) == pytest.approx(np.cov(correct.astype(float)) / 37)
    assert noise.image_covariance(correct[:, :1]) == pytest.approx(np.zeros((4, 4)))


@pytest.mark.parametrize(("effect", "margin"), [(0.02, 0.0), (0.02, 0.01), (-0.02, 0.01), (-0.02, -0.03)])
def test_one_sided_p_is_students(effect: float, margin: float) -> None:
    estimate = Estimate(effect, 1e-4, 2e-4, df=6.0)
    assert estimate.se == pytest.approx(math.sqrt(3e-4))
    expected = 1 - stats.t.cdf((effect - margin) / math.sqrt(3e-4), 6.0)
    assert estimate.p_above(margin) == pytest.approx(expected)
    assert estimate.p_below(margin) == pytest.approx(1 - expected)
    assert estimate.p == pytest.approx(2 * min(estimate.p_above(), estimate.p_below()))
    reach = stats.t.ppf(0.95, 6.0) * math.sqrt(3e-4)
    assert estimate.interval(0.90) == pytest.approx((effect - reach, effect + reach))
    assert estimate.interval()[1] == pytest.approx(effect + stats.t.ppf(0.975, 6.0) * math.sqrt(3e-4))
    assert estimate.p_within(0.03) == pytest.approx(max(estimate.p_above(-0.03), estimate.p_below(0.03)))


def test_without_error_the_side_of_the_margin_decides() -> None:
    certain = Estimate(0.02, 0.0, 0.0)
    assert [certain.p_above(margin) for margin in (0.01, 0.02, 0.03)] == [0.0, 1.0, 1.0]
    assert [certain.p_below(margin) for margin in (0.01, 0.02, 0.03)] == [1.0, 1.0, 0.0]
    assert Estimate(0.0, 1e-4, 0.0).p == 1.0


def test_a_contrast_has_the_variance_of_a_linear_combination() -> None:
    generator = np.random.default_rng(0)
    root = generator.normal(size=(3, 3))
    covariance, weights, jittering = root @ root.T, np.asarray([1.0, -0.5, -0.5]), np.asarray([1.0, -0.5, 0.0])
    found = contrast(np.asarray([0.8, 0.5, 0.3]), weights, Noise(covariance, 0.3, 4.0, 100), jittering)
    assert found.effect == pytest.approx(0.4)
    draws = generator.multivariate_normal(np.zeros(3), covariance, 200_000) @ weights
    assert found.image_variance == pytest.approx(draws.var(), rel=0.02)
    jitters = generator.normal(0, math.sqrt(0.3), (200_000, 3)) @ jittering
    assert found.jitter_variance == pytest.approx(jitters.var(), rel=0.02)
    whole, part = found.image_variance + found.jitter_variance, found.jitter_variance
    assert found.df == pytest.approx(4.0 * whole**2 / part**2)


def test_degrees_of_freedom_are_infinite_where_nothing_was_estimated() -> None:
    values, weights = np.asarray([0.5, 0.4]), np.asarray([1.0, -1.0])
    covariance = np.eye(2) * 1e-4
    assert contrast(values, weights, Noise(covariance, 0.0, 3.0, 9), weights).df == math.inf
    assert contrast(values, weights, Noise(covariance, 0.1, 3.0, 9), np.zeros(2)).df == math.inf
    assert contrast(values, weights, Noise(-covariance, 0.0, 3.0, 9), weights).image_variance == 0.0


def test_one_more_error_adds_its_variance_and_its_degrees_of_freedom() -> None:
    """Welch–Satterthwaite: (Σ vᵢ)² / Σ vᵢ²/dfᵢ, a variance known exactly having none of its own in the sum below."""
    images, jitter, jitter_df, spread, spread_df = 4.0, 2.0, 5.0, 3.0, 7.0
    df = (images + jitter) ** 2 / (jitter**2 / jitter_df)
    found = with_spread(Estimate(0.1, images, jitter, df), spread, spread_df)
    assert (found.effect, found.image_variance, found.jitter_variance) == (0.1, images, jitter + spread)
    assert found.df == pytest.approx((images + jitter + spread) ** 2 / (jitter**2 / jitter_df + spread**2 / spread_df))
    alone = with_spread(Estimate(0.1, images, 0.0), spread, spread_df)
    assert alone.df == pytest.approx((images + spread) ** 2 / (spread**2 / spread_df))
    assert with_spread(Estimate(0.1, images, 0.0), 0.0, 0.0).df == math.inf


@pytest.mark.parametrize("jitter", [0.0, 2e-5])
def test_images_needed_leaves_exactly_eighty_percent_power(jitter: float) -> None:
    estimate = Estimate(0.01, 0.01**2, jitter, 9.0)
    n = images_needed(estimate, 400, distance=0.015, critical=1.645)
    assert n is not None

    def power(images: int) -> float:
        return float(stats.norm.sf(1.645 - 0.015 / math.sqrt(estimate.image_variance * 400 / images + jitter)))

    assert power(n - 1) < 0.8 <= power(n)
    assert images_needed(Estimate(0.01, 1e-12, jitter, 9.0), 400, distance=0.015, critical=1.645) == 400
    limit = (0.015 / (1.645 + stats.norm.ppf(0.8))) ** 2
    assert images_needed(Estimate(0.01, 1e-4, limit * 1.001, 9.0), 400, distance=0.015, critical=1.645) is None
    assert images_needed(Estimate(0.01, 1e-4, limit * 0.999, 9.0), 400, distance=0.015, critical=1.645) is not None


def test_change_is_the_slope_times_the_length_with_the_errors_of_a_slope() -> None:
    x = np.asarray([0.0, 1.0, 3.0, 4.0, 7.0])
    generator = np.random.default_rng(0)
    values = 0.5 + 0.02 * x
    draws = values + generator.normal(0, 0.01, (400, 5))
    found = trend.change(x, values, draws, Noise(np.eye(5), 2e-4, 3.0, 100))
    assert found is not None
    assert found.effect == pytest.approx(0.14)
    slopes = [stats.theilslopes(row, x).slope for row in draws]
    assert found.image_variance == pytest.approx(np.var(slopes) * 49)
    # Of a least-squares slope under independent errors: σ²/Σ(x - x̄)².
    assert found.jitter_variance == pytest.approx(2e-4 * 49 / np.sum((x - 3) ** 2))
    total = found.image_variance + found.jitter_variance
    assert found.df == pytest.approx(3.0 * (total / found.jitter_variance) ** 2)
    without = trend.change(x, values, draws, Noise(np.eye(5), 0.0, 3.0, 100))
    assert without is not None
    assert without.df == math.inf


def test_change_of_a_tail_is_that_of_the_tail_alone() -> None:
    x, values = np.arange(8.0), np.asarray([0.1, 0.2, 0.3, 0.4, 0.5, 0.52, 0.54, 0.56])
    draws = values + np.random.default_rng(0).normal(0, 0.01, (50, 8))
    nothing = Noise(np.eye(8), 0.0, 3.0, 100)
    tail = trend.change(x, values, draws, nothing, begin=4)
    alone = trend.change(x[4:], values[4:], draws[:, 4:], nothing)
    assert tail == alone
    assert tail is not None
    assert tail.effect == pytest.approx(0.06)
    assert trend.change(x, values, draws, nothing, begin=5) is not None
    assert trend.change(x, values, draws, nothing, begin=6) is None
    assert trend.change(np.zeros(8), values, draws, nothing) is None


def test_a_long_series_is_thinned_over_its_whole_length() -> None:
    x = np.arange(200.0)
    values = 0.2 + 0.001 * x
    draws = values + np.random.default_rng(0).normal(0, 0.01, (20, 200))
    found = trend.change(x, values, draws, Noise(np.eye(200), 0.0, 3.0, 100), begin=50)
    assert found is not None
    assert found.effect == pytest.approx(0.149)


def test_slopes_between_equal_positions_do_not_count() -> None:
    assert trend.slope(np.asarray([0.0, 1.0, 1.0, 2.0]), np.asarray([0.0, 1.0, 5.0, 2.0])) == pytest.approx(
        np.median([1, 5, 1, 1, -3])
    )


@pytest.mark.parametrize("rows", [3, 8, 9, 32, 33, 64, 70])
def test_resampling_keeps_each_images_series_together(rows: int) -> None:
    """Rows in pairs, one the opposite of the other: in every resample they add up to one."""
    generator = np.random.default_rng(0)
    half = generator.random((rows, 40)) < 0.4
    correct = np.concatenate([half, ~half])
    draws = trend.resampled(correct, seed=1, draws=300)
    assert draws.shape == (300, 2 * rows)
    assert draws[:, :rows] + draws[:, rows:] == pytest.approx(np.ones((300, rows)))
    assert draws.mean(axis=0) == pytest.approx(correct.mean(axis=1), abs=0.03)
    assert draws[:, 0].var() == pytest.approx(correct[0].var() / 40, rel=0.35)


def test_shares_are_resampled_as_images_are() -> None:
    """Low-shot outcomes are shares: against a bootstrap of the images themselves."""
    shares = together({LOWSHOT: [0.3, 0.5, 0.55]}, 250, seed=0)[LOWSHOT]
    found = trend.resampled(shares, seed=1, draws=8000)
    images = np.random.default_rng(2).integers(0, 250, (8000, 250))
    real = np.stack([row[images].mean(axis=1) for row in shares])
    assert found.shape == (8000, 3)
    assert found.mean(axis=0) == pytest.approx(real.mean(axis=1), abs=0.002)
    assert np.cov(found.T) == pytest.approx(np.cov(real), rel=0.1)


def test_where_the_last_third_begins_despite_rounding() -> None:
    assert trend.tail_start(np.asarray([0.1, 0.2, 0.3, 0.4])) == 2
    assert trend.tail_start(np.asarray([1.0, 2.0, 3.0, 4.0]) * 1e6) == 2
    assert trend.tail_start(np.asarray([0.0, 9.0, 9.1])) == 0
    assert trend.tail_start(np.asarray([5.0, 6.9, 7.1, 8.0])) == 1
    assert trend.last_third(2, 6) == [3, 4, 5]
    assert trend.last_third(0, 1) == [0]
