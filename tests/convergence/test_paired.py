"""Paired differences against brute-force resampling, enumeration, and the definition of family error."""

from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import norm, ttest_rel

from swaveval.convergence.paired import PairedDifference, holm, paired_difference


def test_interval_is_that_of_resampling_images() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.random(300) < 0.8, generator.random(300) < 0.7
    found = paired_difference(a, b, seed=1, draws=20_000)
    pick = generator.integers(0, 300, size=(20_000, 300))
    brute = (a[pick].astype(int) - b[pick].astype(int)).mean(axis=1)
    assert found.effect == pytest.approx(a.mean() - b.mean())
    assert found.ci95 == pytest.approx(tuple(np.quantile(brute, [0.025, 0.975])), abs=0.005)
    assert found.n == 300


@pytest.mark.parametrize(("won", "lost"), [(0, 0), (3, 0), (7, 2), (5, 5), (1, 9)])
def test_p_is_mcnemar_by_enumeration(won: int, lost: int) -> None:
    a = np.r_[np.ones(won, bool), np.zeros(lost, bool), np.ones(10, bool)]
    b = np.r_[np.zeros(won, bool), np.ones(lost, bool), np.ones(10, bool)]
    flips = [sum(signs) for signs in product((0, 1), repeat=won + lost)]
    extreme = sum(abs(2 * total - won - lost) >= abs(won - lost) for total in flips)
    assert paired_difference(a, b).p == pytest.approx(extreme / 2 ** (won + lost))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_swapping_the_two_turns_the_sign(pairs: list[tuple[bool, bool]]) -> None:
    a, b = np.asarray(pairs).T
    there, back = paired_difference(a, b, draws=400), paired_difference(b, a, draws=400)
    assert there.effect == pytest.approx(-back.effect)
    assert there.p == pytest.approx(back.p)
    assert there.ci95[0] <= there.ci95[1]


few = st.integers(0, 12)


@given(st.one_of(st.tuples(few, few), st.tuples(st.integers(0, 150), st.integers(0, 150))), st.integers(1, 600))
@example((56, 80), 424)
@settings(max_examples=150, deadline=None)
def test_the_interval_leaves_zero_out_where_p_says_so(discordant: tuple[int, int], same: int) -> None:
    won, lost = discordant
    a = np.r_[np.ones(won, bool), np.zeros(lost, bool), np.ones(same, bool)]
    b = np.r_[np.zeros(won, bool), np.ones(lost, bool), np.ones(same, bool)]
    found = paired_difference(a, b)
    low, high = found.ci95
    assert (found.p < 0.05) == (low > 0 or high < 0)
    assert low <= found.effect <= high


def test_shares_are_compared_by_students_paired_test() -> None:
    generator = np.random.default_rng(0)
    difficulty = generator.random(200)
    a, b = (np.clip(difficulty + generator.normal(shift, 0.2, 200), 0, 1) for shift in (0.05, 0.0))
    expected = ttest_rel(a, b)
    found = paired_difference(a, b)
    assert (found.effect, found.p, found.n) == (pytest.approx(np.mean(a - b)), pytest.approx(expected.pvalue), 200)
    assert found.ci95 == pytest.approx(tuple(expected.confidence_interval(0.95)))
    # A share beside a yes or no, for instance the same metric of a baseline asked once.
    mixed = paired_difference(a, b > 0.5)
    assert mixed.p == pytest.approx(ttest_rel(a, (b > 0.5).astype(float)).pvalue)


def test_shares_that_are_all_the_same_or_differ_by_the_same() -> None:
    shares = np.asarray([0.1, 0.4, 0.3])
    assert paired_difference(shares, shares) == PairedDifference(0.0, (0.0, 0.0), 1.0, 3)
    certain = paired_difference(np.asarray([0.5, 0.75]), np.asarray([0.25, 0.5]))
    assert (certain.effect, certain.ci95, certain.p) == (0.25, (0.25, 0.25), 0.0)


def test_identical_outcomes_are_no_difference() -> None:
    found = paired_difference(np.ones(5, bool), np.ones(5, bool))
    assert (found.effect, found.ci95, found.p) == (0.0, (0.0, 0.0), 1.0)


@pytest.mark.parametrize("shapes", [((3,), (4,)), ((0,), (0,)), ((2, 2), (2, 2)), ((), ())])
def test_outcomes_that_do_not_pair_are_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="paired"):
        paired_difference(np.zeros(shapes[0], bool), np.zeros(shapes[1], bool))


def test_holm_by_hand() -> None:
    # Sorted .01 .02 .04 times 3, 2, 1.
    assert holm([0.04, 0.01, 0.02]) == pytest.approx((0.04, 0.03, 0.04))
    assert holm([]) == ()
    assert holm([0.9, 0.8]) == (1.0, 1.0)


def test_weighted_holm_by_hand() -> None:
    # p over weight: .04/.5 = .08, .01/.3 = .033, .02/.2 = .1. In that order: .01·1/.3, then .04·.7/.5, then .02·.2/.2.
    assert holm([0.04, 0.01, 0.02], weights=[0.5, 0.3, 0.2]) == pytest.approx((0.056, 0.1 / 3, 0.056))
    assert holm([0.04, 0.01, 0.02], weights=[2, 2, 2]) == pytest.approx(holm([0.04, 0.01, 0.02]))


@pytest.mark.parametrize("weights", [[0.5], [0.5, 0.0], [0.5, -1.0], [0.5, float("nan")]])
def test_weights_that_are_none_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="positive weights"):
        holm([0.5, 0.1], weights=weights)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_lies_between_none_and_bonferroni(p_values: list[float]) -> None:
    for plain, corrected in zip(p_values, holm(p_values), strict=True):
        assert plain <= corrected <= min(1.0, plain * len(p_values)) + 1e-12


def test_holm_keeps_the_family_error() -> None:
    p = norm.sf(np.random.default_rng(0).standard_normal((4000, 5)))
    wrong = np.mean([min(holm(row)) <= 0.05 for row in p.tolist()])
    assert 0.04 < wrong < 0.06
    wrong = np.mean([min(holm(row, weights=[5, 2, 1, 1, 1])) <= 0.05 for row in p.tolist()])
    assert 0.04 < wrong < 0.06


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="0…1"):
        holm([0.5, bad])
