"""The drawn split: stratified, seeded, and blind to names and order."""

import math
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from swaveval.data.splits import stratified_split

strata = st.lists(st.integers(-1, 6), min_size=1, max_size=120).map(np.array)


def contents(n: int) -> list[str]:
    return [f"content {position}" for position in range(n)]


@given(strata, st.integers(0, 5))
def test_every_stratum_of_two_stands_on_both_sides(labels: np.ndarray, seed: int) -> None:
    is_test = stratified_split(labels, contents(len(labels)), seed=seed)
    for label, count in Counter(labels.tolist()).items():
        tested = int(is_test[labels == label].sum())
        assert (1 <= tested < count) if count > 1 else tested == 0
        assert abs(tested - count / 4) <= 1


@given(st.lists(st.integers(8, 60), min_size=1, max_size=8), st.integers(0, 3))
def test_shares_agree_with_scikit_learn(counts: list[int], seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    is_test = stratified_split(labels, contents(len(labels)), seed=seed)
    assert is_test.sum() == math.ceil(len(labels) / 4)
    _, theirs = train_test_split(labels, test_size=0.25, stratify=labels, random_state=seed)
    ours = np.bincount(labels[is_test], minlength=len(counts))
    assert np.abs(ours - np.bincount(theirs, minlength=len(counts))).max() <= 1


@given(strata, st.randoms(use_true_random=False))
def test_order_does_not_matter(labels: np.ndarray, chance: "np.random.Generator") -> None:
    names = contents(len(labels))
    order = list(range(len(labels)))
    chance.shuffle(order)
    straight = stratified_split(labels, names, seed=0)
    shuffled = stratified_split(labels[order], [names[position] for position in order], seed=0)
    np.testing.assert_array_equal(shuffled, straight[order])


@given(st.lists(st.integers(0, 8), min_size=9, max_size=80))
def test_duplicates_stay_on_one_side(which: list[int]) -> None:
    names = [f"content {number}" for number in which]
    is_test = stratified_split(np.zeros(len(names), dtype=np.int64), names, seed=1)
    assert is_test.any()
    assert not is_test.all()
    if len(set(names)) > 1:
        assert not {n for n, t in zip(names, is_test, strict=True) if t} & {
            n for n, t in zip(names, is_test, strict=True) if not t
        }


def test_a_class_of_nothing_but_duplicates_is_divided() -> None:
    is_test = stratified_split(np.zeros(8, dtype=np.int64), ["same"] * 8, seed=0)
    assert is_test.sum() == 2


def test_seeds_draw_different_splits_evenly() -> None:
    labels = np.zeros(200, dtype=np.int64)
    draws = np.array([stratified_split(labels, contents(200), seed=seed) for seed in range(60)])
    assert len({draw.tobytes() for draw in draws}) == 60
    # Binomial(60, 1/4): five standard deviations on either side of 15.
    assert np.abs(draws.sum(axis=0) - 15).max() < 5 * math.sqrt(60 * 3 / 16)


def test_one_more_image_moves_hardly_any_other() -> None:
    names = contents(401)
    before = stratified_split(np.zeros(400, dtype=np.int64), names[:400], seed=0)
    after = stratified_split(np.zeros(401, dtype=np.int64), names, seed=0)
    assert (before != after[:400]).sum() <= 2


@given(st.lists(st.integers(1, 40), min_size=1, max_size=9), st.sampled_from([0.1, 0.25, 0.5]))
def test_the_test_images_of_each_stratum_are_its_share_rounded_one_way_or_the_other(
    counts: list[int], share: float
) -> None:
    """Largest remainders: no stratum gets more than a whole image beside its share, and their sum is right."""
    labels = np.repeat(np.arange(len(counts)), counts)
    is_test = stratified_split(labels, contents(len(labels)), seed=1, share=share)
    drawn = np.bincount(labels[is_test], minlength=len(counts))
    for count, found in zip(counts, drawn, strict=True):
        least = min(1, count - 1)
        assert max(least, math.floor(count * share)) <= found <= max(least, math.ceil(count * share - 1e-9))
    if min(counts) * share >= 1:
        assert drawn.sum() == math.ceil(len(labels) * share - 1e-9)


def test_the_remainders_go_to_the_largest_and_then_to_the_larger_stratum() -> None:
    """A quarter of 7, 6, 5 and 10 is 1.75, 1.5, 1.25 and 2.5: seven of 28, so the first and the larger half."""
    labels = np.repeat(np.arange(4), [7, 6, 5, 10])
    is_test = stratified_split(labels, contents(28), seed=0)
    assert np.bincount(labels[is_test]).tolist() == [2, 1, 1, 3]


strata_of_two = st.lists(st.integers(0, 2), min_size=4, max_size=40).map(np.array)


@given(strata_of_two, st.data())
def test_no_image_that_was_trained_on_is_drawn_while_others_are_left(labels: np.ndarray, data: st.DataObject) -> None:
    names = contents(len(labels))
    trained = set(data.draw(st.lists(st.sampled_from(names), max_size=len(names), unique=True)))
    plain = stratified_split(labels, names, seed=2)
    is_test = stratified_split(labels, names, seed=2, trained=trained)
    if len(trained) == len(names):
        assert is_test.tolist() == plain.tolist()
        return
    assert not [name for name, test in zip(names, is_test, strict=True) if test and name in trained]
    for label in set(labels.tolist()):
        of_class = labels == label
        free = sum(name not in trained for name, inside in zip(names, of_class, strict=True) if inside)
        assert is_test[of_class].sum() == min(plain[of_class].sum(), free)


def test_copies_larger_than_the_test_split_are_taken_whole_where_something_is_left_to_train_on() -> None:
    one = np.zeros(8, dtype=np.int64)
    assert sorted(stratified_split(one, ["a"] * 5 + ["b"] * 3, seed=0).tolist()) == [False] * 5 + [True] * 3
    assert stratified_split(one, ["a"] * 8, seed=0).sum() == 2
