"""Whether checkpoints come in an order: against enumeration, against scipy's own p, and against simulation."""

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import permutation_test

from swaveval.convergence.order import PERMUTATIONS, corrected_orders, order_p, shapes


def test_order_p_is_that_of_every_order() -> None:
    values = np.asarray([0.1, 0.3, 0.2, 0.5, 0.6])
    found = shapes(5)
    scores = [float(np.max(found @ np.asarray(order))) for order in permutations(values.tolist())]
    expected = np.mean([score >= float(np.max(found @ values)) - 1e-12 for score in scores])
    assert order_p(values, seed=0) == pytest.approx(expected)
    assert order_p(np.sort(values), seed=0) == pytest.approx(1 / 120)
    assert order_p(np.full(9, 0.5), seed=0) == 1.0
    assert order_p(np.asarray([0.1, 0.2, 0.3, 0.4]), seed=0) == 1.0


def test_order_p_of_a_long_series_is_seeded_and_uniform_without_order() -> None:
    generator = np.random.default_rng(0)
    drawn = [order_p(generator.standard_normal(9), seed=seed) for seed in range(300)]
    assert np.mean(np.asarray(drawn) <= 0.05) <= 0.09
    assert np.mean(drawn) == pytest.approx(0.5, abs=0.06)
    values = generator.standard_normal(9)
    assert order_p(values, seed=1) == order_p(values, seed=1)
    assert order_p(np.arange(20.0), seed=0) == pytest.approx(1 / PERMUTATIONS)


@pytest.mark.parametrize("length", [5, 6, 7, 30])
def test_order_p_is_that_of_scipy(length: int) -> None:
    values = np.round(np.random.default_rng(length).random(length), 2)
    expected = permutation_test(
        (values,),
        lambda ordered: float(np.max(shapes(length) @ ordered)),
        permutation_type="pairings",
        n_resamples=PERMUTATIONS - 1,
        alternative="greater",
        vectorized=False,
        rng=np.random.default_rng(0),
    )
    assert order_p(values, seed=0) == pytest.approx(expected.pvalue)


def test_one_series_is_its_own_p() -> None:
    values = np.random.default_rng(2).random(8)
    assert corrected_orders([values], [0.05], seed=0) == [order_p(values, seed=0)]
    assert corrected_orders([], [], seed=0) == []


def test_series_that_rise_and_fall_together_cost_nothing() -> None:
    values = np.random.default_rng(2).random(8) + np.linspace(0, 1, 8)
    together = corrected_orders([values, 2 * values + 1, values - 3], [1, 1, 1], seed=0)
    assert together == pytest.approx([order_p(values, seed=0)] * 3)


def test_others_cost_at_most_what_bonferroni_takes() -> None:
    generator = np.random.default_rng(5)
    drawn = [generator.random(9) + rise * np.linspace(0, 1, 9) for rise in (0.6, 0.0, 0.3)]
    weights = [0.85, 0.05, 0.05]
    alone = [order_p(values, seed=0) for values in drawn]
    found = corrected_orders(drawn, weights, seed=0)
    for p, own, weight in zip(found, alone, weights, strict=True):
        assert own <= p <= min(1.0, own * sum(weights) / weight)
    assert found[0] > alone[0]


def test_series_of_another_length_are_corrected_by_bonferroni() -> None:
    values = np.arange(8.0), np.asarray([0.1, 0.5, 0.2, 0.4, 0.6, 0.3])
    found = corrected_orders(values, [0.6, 0.2], seed=0)
    assert found[0] == pytest.approx(order_p(values[0], seed=0) * 0.8 / 0.6)
    assert found[1] == pytest.approx(min(1.0, order_p(values[1], seed=0) * 0.8 / 0.2))


@pytest.mark.parametrize("alike", [0.0, 0.7, 1.0])
def test_of_series_without_an_order_few_show_one(alike: float) -> None:
    """Whatever moves the witnesses of a checkpoint together: a family errs in 5 % of cases, and not in far fewer."""
    generator = np.random.default_rng(7)
    wrong = []
    for seed in range(400):
        shared = generator.standard_t(2, size=9)
        series = [alike * shared + (1 - alike) * generator.standard_t(2, size=9) for _ in range(4)]
        wrong.append(min(corrected_orders(series, [0.85, 0.05, 0.05, 0.05], seed=seed)) <= 0.05)
    assert 0.02 <= np.mean(wrong) <= 0.085
