"""The correction for asking many witnesses, against closed forms, resampled images and simulated null series."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from swaveval.convergence.family import DRAWS, Question, corrected, correlation, question
from swaveval.convergence.noise import Estimate, contrast
from swaveval.convergence.paired import holm
from swaveval.convergence.quality import Quality, read
from tests.convergence.simulated import KNN, LINEAR, LOWSHOT, PURITY, image_variance, series, together

# Of a share counted among so many draws, four standard errors.
NEAR = 4 * 0.5 / math.sqrt(DRAWS)
METRICS = (KNN, LINEAR, LOWSHOT, PURITY)


def independent(p_values: list[float]) -> list[Question]:
    """Each asked of images of its own."""
    generator = np.random.default_rng(0)
    asked = []
    for place, p in enumerate(p_values):
        contribution = generator.standard_normal(50)
        asked.append(
            Question(p, contribution, np.arange(50 * place, 50 * (place + 1)), float(np.linalg.norm(contribution)))
        )
    return asked


def the_same(p_values: list[float]) -> list[Question]:
    """Each asked of the same images with the same answers."""
    (first,) = independent([0.5])
    return [replace(first, p=p) for p in p_values]


def read_all(accuracy: list[float], n: int, *, seed: int, alike: float = 0.0) -> list[Quality]:
    """Four witnesses of the same images, which answer the same as the first of them for a share `alike`."""
    run = series(together(dict.fromkeys(METRICS, accuracy), n, seed=seed))
    found = [one for metric in METRICS if (one := read(run, metric)) is not None]
    copied = np.random.default_rng(seed).random(n) < alike
    return [found[0], *(replace(one, correct=np.where(copied, found[0].correct, one.correct)) for one in found[1:])]


def last_against_first(quality: Quality) -> Question:
    """With the errors of images alone."""
    weights = np.zeros(quality.length)
    weights[-1], weights[0] = 1.0, -1.0
    estimate = contrast(quality.values, weights, quality.noise, np.zeros_like(weights))
    return question(estimate.p_above(), quality, weights, estimate)


def test_one_question_is_its_own_p() -> None:
    assert corrected(independent([0.0123]), [0.3], seed=0) == [0.0123]
    assert corrected([], [], seed=0) == []


def test_independent_questions_get_the_distribution_of_the_smallest_p() -> None:
    """Of m - j not yet answered the smallest p lies below the j-th with probability 1 - (1 - p)^(m - j)."""
    p = [0.3, 0.01, 0.04, 0.6]
    order = np.argsort(p)
    expected, reached = np.empty(4), 0.0
    for place, which in enumerate(order):
        reached = max(reached, 1 - (1 - p[which]) ** (4 - place))
        expected[which] = reached
    assert corrected(independent(p), [1, 1, 1, 1], seed=0) == pytest.approx(expected, abs=NEAR)


def test_weights_divide_the_error() -> None:
    """P(any pᵢ/wᵢ ≤ c) = 1 − Π(1 − wᵢc) of independent questions, with the weights' sum free."""
    p, weights = [0.02, 0.004, 0.5], [0.85, 0.05, 0.1]
    found = corrected(independent(p), weights, seed=0)
    # In order of p over weight: .02/.85, .004/.05, .5/.1.
    first = 0.02 / 0.85
    assert found[0] == pytest.approx(1 - np.prod([1 - w * first for w in weights]), abs=NEAR)
    second = 0.004 / 0.05
    assert found[1] == pytest.approx(1 - np.prod([1 - w * second for w in weights[1:]]), abs=NEAR)
    assert found[2] == pytest.approx(0.5)
    assert corrected(independent(p), [20 * weight for weight in weights], seed=0) == found


def test_questions_with_the_same_answer_need_no_correction() -> None:
    p = [0.03, 0.2, 0.01]
    assert corrected(the_same(p), [1, 1, 1], seed=0) == pytest.approx(p, abs=NEAR)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 1)), min_size=2, max_size=6), st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_never_below_what_was_asked_nor_out_of_order(asked: list[tuple[float, float]], seed: int) -> None:
    p, weights = map(list, zip(*asked, strict=True))
    for build in (independent, the_same):
        found = np.asarray(corrected(build(p), weights, seed=seed, draws=500))
        assert np.all(found >= p)
        assert np.all(found <= 1)
        assert np.all(np.diff(found[np.argsort(np.asarray(p) / weights, kind="stable")]) >= 0)
        assert found.tolist() == corrected(build(p), weights, seed=seed, draws=500)


def test_no_more_than_holm_s_correction() -> None:
    generator = np.random.default_rng(0)
    for seed in range(20):
        p, weights = generator.random(5) ** 3, generator.uniform(0.1, 1, 5)
        found = corrected(independent(p.tolist()), weights.tolist(), seed=seed)
        assert np.all(np.asarray(found) <= np.asarray(holm(p.tolist(), weights=weights.tolist())) + NEAR)


def test_the_correlation_is_that_of_images_resampled_jointly() -> None:
    """Witnesses that were asked of the same images, of half of them, and of none of them."""
    n = 240
    first, second, third, fourth = read_all([0.5, 0.6], n, seed=1, alike=0.8)
    half, rest = np.arange(0, n, 2), np.arange(1, n, 2)
    second = replace(second, correct=second.correct[:, half], index=second.index[half])
    third = replace(third, correct=third.correct[:, rest], index=third.index[rest])
    asked = [last_against_first(one) for one in (first, second, third, fourth)]
    found = correlation(asked)
    generator = np.random.default_rng(2)
    drawn = []
    for _ in range(4000):
        even, odd = generator.choice(half, len(half)), generator.choice(rest, len(rest))
        both = np.concatenate([even, odd])
        sets = [(first, both), (second, even // 2), (third, odd // 2), (fourth, both)]
        drawn.append([np.diff(one.correct[:, images].mean(axis=1))[0] for one, images in sets])
    assert found == pytest.approx(np.corrcoef(np.transpose(drawn)), abs=0.06)
    assert found[1, 2] == 0.0
    assert found[0, 1] > 0.1


def test_what_checkpoints_jitter_by_is_not_shared() -> None:
    first, second, *_ = read_all([0.5, 0.6], 300, seed=1, alike=0.8)
    weights = np.asarray([-1.0, 1.0])
    exact = [last_against_first(one) for one in (first, second)]
    jitter = [
        question(0.5, one, weights, Estimate(0.1, image_variance(one, weights), 0.04**2)) for one in (first, second)
    ]
    scale = np.prod([one.se for one in exact]) / np.prod([one.se for one in jitter])
    assert correlation(jitter)[0, 1] == pytest.approx(correlation(exact)[0, 1] * scale)
    assert correlation(exact)[0, 0] == 1.0


def test_the_contribution_of_each_image_adds_up_to_the_variance() -> None:
    for one in read_all([0.5, 0.6, 0.7], 200, seed=3):
        weights = np.asarray([-1.0, 0.25, 0.75])
        asked = question(0.2, one, weights, Estimate(0.1, 0.0, 0.0))
        assert np.sum(asked.contribution**2) == pytest.approx(image_variance(one, weights))
        assert np.sum(asked.contribution) == pytest.approx(0, abs=1e-12)
        assert asked.index.tolist() == list(range(200))


@pytest.mark.parametrize("alike", [0.0, 0.9])
def test_the_family_errs_in_five_of_a_hundred_null_series(alike: float) -> None:
    """Real outcomes of four witnesses of the same images, nothing learned: how often any of them shows a gain."""
    wrong, holms, count = 0, 0, 300
    for seed in range(count):
        asked = [last_against_first(one) for one in read_all([0.6, 0.6], 150, seed=seed, alike=alike)]
        wrong += min(corrected(asked, [1, 1, 1, 1], seed=seed, draws=2000)) <= 0.05
        holms += min(holm([one.p for one in asked])) <= 0.05
    error = math.sqrt(0.05 * 0.95 / count)
    assert 0.05 - 3 * error < wrong / count < 0.05 + 2.5 * error
    if alike:
        assert holms < 0.7 * wrong  # what it costs to know of no correlation


def test_two_sides_of_one_question_and_images_that_say_nothing() -> None:
    """A gain and a loss by the same contrast; a contrast in which no image differs."""
    (one,) = independent([0.5])
    gain, loss = replace(one, p=0.01), replace(one, p=0.99, contribution=-one.contribution)
    assert correlation([gain, loss])[0, 1] == pytest.approx(-1)
    found = corrected([gain, loss], [0.8, 0.2], seed=0)
    # The smaller of Z and −Z: P(p/.8 ≤ c or (1 − p)/.2 ≤ c) = c, c = .01/.8.
    assert found[0] == pytest.approx(0.01 / 0.8, abs=NEAR)
    nothing = replace(one, contribution=np.zeros(50), se=0.0)
    assert correlation([one, nothing])[0, 1] == 0.0
    assert all(math.isfinite(p) for p in corrected([one, nothing], [1, 1], seed=0))
    assert norm.sf(0) == 0.5
