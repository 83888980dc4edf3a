"""The two shapes of a rise: against enumeration, against least squares, and against simulation."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from swaveval.convergence.noise import PRIOR_JITTER, Estimate, image_covariance
from swaveval.convergence.order import shapes
from swaveval.convergence.rise import either_p, residual_noise, rise
from tests.convergence.simulated import outcomes

STEADY = np.linspace(0.70, 0.80, 10)
EARLY = 0.70 + 0.10 * (1 - np.exp(-5 * np.linspace(0, 1, 10)))


def sharp(accuracy: np.ndarray, n: int = 10_000) -> np.ndarray:
    """Outcomes in which every image's series is monotone in accuracy: nearly no image error."""
    return np.arange(n) / n < np.asarray(accuracy)[:, None]


def test_a_shape_is_a_contrast_of_norm_one() -> None:
    found = shapes(7)
    assert found.sum(axis=1) == pytest.approx([0, 0], abs=1e-12)
    assert np.linalg.norm(found, axis=1) == pytest.approx([1, 1])
    assert np.diff(found[0]) == pytest.approx(np.full(6, np.diff(found[0])[0]))
    # An early rise has four fifths of its height after a third of the way.
    at_third = (found[1][2] - found[1][0]) / (found[1][-1] - found[1][0])
    assert at_third == pytest.approx((1 - np.exp(-5 / 3)) / (1 - np.exp(-5)))


@pytest.mark.parametrize("accuracy", [STEADY, EARLY])
def test_the_effect_is_the_height_of_the_fitted_curve(accuracy: np.ndarray) -> None:
    found = rise(sharp(accuracy), first=0, seed=0)
    assert found is not None
    assert found.estimate.effect == pytest.approx(accuracy[-1] - accuracy[0], abs=2e-4)
    assert found.p < 1e-6


def test_the_fit_is_least_squares() -> None:
    correct = outcomes(STEADY, 500, seed=3)
    found = rise(correct, first=0, seed=0)
    assert found is not None
    slope, _ = np.polyfit(np.arange(10), correct.mean(axis=1), 1)
    assert found.estimate.effect == pytest.approx(9 * slope)
    weights = np.arange(10) - 4.5
    weights *= 9 / (weights @ weights)
    assert found.estimate.image_variance == pytest.approx(weights @ image_covariance(correct) @ weights)
    assert found.estimate.jitter_variance == pytest.approx(residual_noise(correct, first=0).jitter * weights @ weights)


def test_a_margin_moves_p_and_nothing_else() -> None:
    correct = outcomes(STEADY, 800, seed=3)
    plain, beyond = (rise(correct, first=0, seed=0, margin=margin) for margin in (0.0, 0.05))
    assert plain is not None
    assert beyond is not None
    assert (beyond.estimate, beyond.order_p, beyond.images_p) == (plain.estimate, plain.order_p, plain.images_p)
    assert plain.p < 0.5 * beyond.p
    assert beyond.estimate.p_above(0.05) <= beyond.p <= 2 * beyond.estimate.p_above(0.05)


def test_too_few_checkpoints_have_no_shape() -> None:
    assert rise(outcomes([0.5, 0.6, 0.7, 0.8], 500, seed=0), first=0, seed=0) is None
    assert rise(outcomes([0.5, 0.6, 0.7, 0.8, 0.9], 500, seed=0), first=0, seed=0) is not None


@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.8, 1.0])
@pytest.mark.parametrize("p", [1e-6, 0.02, 0.3])
def test_p_of_the_better_of_two(p: float, correlation: float) -> None:
    z = norm.isf(p)
    below = multivariate_normal.cdf([z, z], cov=[[1, correlation], [correlation, 1]], allow_singular=True)
    assert either_p(p, 0.9, correlation) == pytest.approx(1 - below, abs=2e-5)
    assert p <= either_p(0.9, p, correlation) <= 2 * p
    assert either_p(p, p, 1.0) == pytest.approx(p, rel=1e-3)


@pytest.mark.parametrize(
    "accuracy",
    [
        [0.99, 0.6, 0.62, 0.6, 0.64, 0.66],
        [0.60, 0.66, 0.65, 0.66, 0.65, 0.66],
        [0.60, 0.60, 0.60, 0.61, 0.62, 0.65],  # steady, where an early rise would be over
    ],
)
def test_p_of_the_better_shape_is_that_of_simulated_series(accuracy: list[float]) -> None:
    # The two contrasts are not equally noisy: the first checkpoint's errors weigh more in the early shape.
    correct = outcomes(accuracy, 400, seed=2)
    found = rise(correct, first=0, seed=0)
    assert found is not None
    covariance, contrasts = image_covariance(correct), shapes(6)
    scale = np.sqrt(np.diag(contrasts @ covariance @ contrasts.T))
    observed = np.max(contrasts @ correct.mean(axis=1) / scale)
    drawn = np.random.default_rng(0).multivariate_normal(np.zeros(6), covariance, 400_000) @ contrasts.T / scale
    assert found.images_p == pytest.approx(np.mean(drawn.max(axis=1) >= observed), abs=0.004)


def test_images_that_all_agree_leave_nothing_to_find() -> None:
    same = np.repeat(outcomes([0.7], 90, seed=0), 7, axis=0)
    found = rise(same, first=1, seed=0)
    assert found is not None
    assert (found.order_p, found.estimate.image_variance) == (1.0, pytest.approx(0.0, abs=1e-18))
    assert found.p == pytest.approx(0.5, abs=0.2)


def test_where_no_image_changes_both_shapes_are_one_question() -> None:
    found = rise(np.ones((6, 50), np.bool_), first=0, seed=0)
    assert found is not None
    assert 0 <= found.images_p <= 1
    assert 0 <= found.p <= 1


def test_what_is_certain_stays_so() -> None:
    assert either_p(0.0, 1.0, 0.8) == 0.0
    assert either_p(1.0, 1.0, 0.8) == 1.0


def test_jitter_is_recovered_from_the_residuals() -> None:
    generator = np.random.default_rng(0)
    drawn = [residual_noise(sharp(EARLY + generator.normal(0, 0.02, 10)), first=0).jitter for _ in range(200)]
    # Moderated: (d₀ s₀² + d σ²) / (d₀ + d) with one prior degree of freedom and seven of its own.
    assert np.mean(drawn) == pytest.approx((PRIOR_JITTER**2 + 7 * 0.02**2) / 8, rel=0.08)


def test_a_jump_from_the_untrained_network_is_no_jitter() -> None:
    jump = np.r_[0.4, STEADY[1:]]
    assert residual_noise(sharp(jump), first=1).jitter == pytest.approx(PRIOR_JITTER**2 / 7, rel=0.05)
    assert residual_noise(sharp(jump), first=0).jitter > 100 * residual_noise(sharp(jump), first=1).jitter
    few = residual_noise(outcomes([0.5, 0.6, 0.7], 100, seed=0), first=0)
    assert (few.jitter, few.df, few.n) == (pytest.approx(PRIOR_JITTER**2), 1.0, 100)


def test_jitter_counts_in_p_and_not_in_images_p() -> None:
    wobbling = STEADY + np.resize([0.08, -0.08], 10)
    found = rise(sharp(wobbling), first=0, seed=0)
    assert found is not None
    assert found.images_p < 1e-6
    assert found.p > 0.02
    assert found.order_p > 0.02


def test_nothing_is_found_where_nothing_rises() -> None:
    found = [rise(outcomes([0.8] * 8, 1000, seed=seed), first=1, seed=seed) for seed in range(300)]
    assert all(each is not None for each in found)
    assert np.mean([each.images_p <= 0.05 for each in found if each]) == pytest.approx(0.05, abs=0.03)
    assert np.mean([each.p <= 0.05 for each in found if each]) < 0.05
    assert all(isinstance(each.estimate, Estimate) for each in found if each)
