"""Intervals against scipy's, and at the edges where the textbook formulas break."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from swaveval.evaluators.intervals import (
    basic_bootstrap,
    bootstrap,
    effective,
    small_sample,
    student,
    wilson,
    wilson_mean,
    wilson_share,
)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_wilson_is_scipys(counts: tuple[int, int], confidence: float) -> None:
    hits, n = counts
    expected = stats.binomtest(hits, n).proportion_ci(confidence, method="wilson")
    assert wilson(hits, n, confidence=confidence) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_wilson_at_the_ends_is_exact_and_has_a_width() -> None:
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == 1.0
    assert wilson(0, 10)[1] > 0.2
    assert wilson(10, 10)[0] < 0.8


def test_wilson_of_nothing_is_none() -> None:
    assert wilson(0, 0) is None


@pytest.mark.parametrize("hits, n", [(-1, 5), (6, 5)])
def test_wilson_refuses_impossible_counts(hits: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"{hits} successes in {n}"):
        wilson(hits, n)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_mean_of_one_proportion_is_that_proportion(counts: tuple[int, int]) -> None:
    hits, n = counts
    assert wilson_mean(np.array([hits]), np.array([n])) == pytest.approx(wilson(hits, n), abs=1e-12)


def test_mean_of_equal_classes_is_nearly_their_pooled_proportion() -> None:
    found = wilson_mean(np.array([300, 300, 300]), np.array([400, 400, 400]))
    assert found == pytest.approx(wilson(900, 1200), abs=1e-3)
    # A class with few images weighs as much as the others, so the interval is wider than that of all images.
    few = wilson_mean(np.array([300, 300, 6]), np.array([400, 400, 8]))
    assert few[1] - few[0] > 2 * (found[1] - found[0])


def test_effective_number_of_trials() -> None:
    assert effective(0.5, 100, 0.05) == pytest.approx(100)
    assert effective(0.5, 100, 0.1) == pytest.approx(25)
    assert effective(0.5, 100, 0.01) == 100
    assert effective(1.0, 100, 0.1) == 100
    assert effective(0.0, 100, 0.1) == 100
    assert effective(0.5, 100, 0.0) == 100


@given(st.floats(0, 1), st.floats(1, 1e5))
def test_a_share_lies_within_its_interval_within_the_bounds(share: float, n: float) -> None:
    low, high = wilson_share(share, n)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1


def test_mean_of_no_proportions_is_none() -> None:
    assert wilson_mean(np.zeros(0, int), np.zeros(0, int)) is None


def test_mean_of_perfect_classes_stays_inside() -> None:
    low, high = wilson_mean(np.array([3, 4, 5]), np.array([3, 4, 5]))
    assert high == 1.0
    assert 0.3 < low < 1.0
    assert wilson_mean(np.array([0, 0]), np.array([3, 4]))[0] == 0.0


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_student_is_scipys(values: list[float]) -> None:
    array = np.asarray(values)
    error = stats.sem(array)
    if error == 0:
        assert student(array) == pytest.approx((array[0], array[0]))
    else:
        assert student(array) == pytest.approx(stats.t.interval(0.95, len(array) - 1, array.mean(), error), abs=1e-9)


def test_student_stays_in_bounds_and_needs_two() -> None:
    assert student(np.array([0.99, 1.0]), bounds=(0.0, 1.0))[1] == 1.0
    assert student(np.array([0.0, 0.01]), bounds=(0.0, 1.0))[0] == 0.0
    assert student(np.array([0.5])) is None


def test_bootstrap_of_a_mean_agrees_with_the_normal_theory() -> None:
    values = np.random.default_rng(0).normal(2.0, 3.0, 400)
    low, high = bootstrap(lambda rows: float(values[rows].mean()), 400, seed=1, repeats=4000)
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.03)
    assert high == pytest.approx(values.mean() + half, abs=0.03)


def test_bootstrap_is_the_seeds_alone() -> None:
    def statistic(rows: np.ndarray) -> float:
        return float(rows.mean())

    assert bootstrap(statistic, 50, seed=3) == bootstrap(statistic, 50, seed=3)
    assert bootstrap(statistic, 50, seed=3) != bootstrap(statistic, 50, seed=4)
    assert bootstrap(statistic, 1, seed=3) is None


def test_bootstrap_draws_all_positions_with_replacement() -> None:
    seen: set[int] = set()

    def statistic(rows: np.ndarray) -> float:
        assert rows.shape == (7,)
        seen.update(rows.tolist())
        return float(len(set(rows.tolist())))

    low, high = bootstrap(statistic, 7, seed=0, repeats=200)
    assert seen == set(range(7))
    assert 1 <= low < high <= 7


def test_basic_bootstrap_is_scipys_on_the_same_resamples() -> None:
    values = np.random.default_rng(5).exponential(size=80)
    theirs = stats.bootstrap((values,), np.var, method="basic", n_resamples=999, rng=np.random.default_rng(0))
    expected = theirs.confidence_interval
    found = basic_bootstrap(float(np.var(values)), theirs.bootstrap_distribution, bounds=(0.0, np.inf))
    assert found == pytest.approx((expected.low, expected.high))


def test_basic_bootstrap_is_clipped_and_refuses_what_it_cannot_use() -> None:
    assert basic_bootstrap(0.99, np.linspace(0.9, 1.0, 100), bounds=(0.0, 1.0))[1] == 1.0
    assert basic_bootstrap(0.5, np.array([0.5]), bounds=(0.0, 1.0)) is None
    assert basic_bootstrap(0.5, np.array([0.5, np.nan]), bounds=(0.0, 1.0)) is None


def test_small_samples_are_named() -> None:
    assert small_sample(30) == ""
    assert small_sample(29).startswith("only 29 images")
    assert small_sample(1).startswith("only 1 image:")


def test_bootstrap_takes_the_outer_fortieths() -> None:
    count = iter(range(1001))
    assert bootstrap(lambda rows: float(next(count)), 5, seed=0, repeats=1001) == (25.0, 975.0)


def test_wilson_touches_the_ends_exactly_for_every_n() -> None:
    assert {wilson(0, n)[0] for n in range(1, 500)} == {0.0}
    assert {wilson(n, n)[1] for n in range(1, 500)} == {1.0}
