"""Which C the linear probe takes, and where larger ones are left out. The choice inside train: test_linear.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swaveval.evaluators.linear import AS_ACCURATE, chosen_by, past_the_best


@pytest.mark.parametrize(
    "wrong, losses, chosen",
    [
        ((10, 9, 8), (0.2, 0.3, 0.4), 0),  # one image more or less tells nothing: the lowest log loss
        ((40, 9, 8), (0.2, 0.3, 0.4), 1),  # thirty images do tell
        ((40, 9, 8), (0.2, 0.4, 0.3), 2),
        ((8, 8, 8), (0.3, 0.2, 0.2), 1),  # all the same: the smallest such C
        ((0, 100, 100), (9.0, 0.1, 0.2), 0),  # worse on every image, without any spread
        ((9,), (0.3,), 0),
    ],
)
def test_log_loss_chooses_among_the_equally_accurate(
    wrong: tuple[int, ...], losses: tuple[float, ...], chosen: int
) -> None:
    assert chosen_by([np.arange(100) >= count for count in wrong], losses) == chosen


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 300))
def test_the_chosen_c_is_never_shown_to_be_less_accurate(seed: int, values: int, images: int) -> None:
    """By McNemar's statistic, written out anew; and none of those left has a lower log loss."""
    draw = np.random.default_rng(seed)
    right, losses = draw.random((values, images)) < draw.random((values, 1)), draw.random(values)
    chosen, best = chosen_by(list(right), list(losses)), right.sum(axis=1).max()

    def errors_below(one: np.ndarray, other: np.ndarray) -> float:
        lost, won = int((other & ~one).sum()), int((one & ~other).sum())
        spread = np.sqrt(lost + won - (lost - won) ** 2 / images)
        return (lost - won) / spread if spread > 0 else np.inf if lost > won else 0.0

    rivals = [row for row in right if row.sum() == best]
    assert any(errors_below(right[chosen], rival) <= AS_ACCURATE + 1e-9 for rival in rivals)
    for position, row in enumerate(right):
        if losses[position] < losses[chosen]:
            assert any(errors_below(row, rival) > AS_ACCURATE - 1e-9 for rival in rivals)


@pytest.mark.parametrize(
    "wrong, losses, past",
    [
        ((9, 8, 8), (0.2, 0.3, 0.4), False),  # one in a row
        ((8, 8, 8), (0.2, 0.3, 0.4), True),  # two; as accurate is no better
        ((8, 8, 8), (0.3, 0.2, 0.4), False),
        ((8, 9, 7), (0.2, 0.3, 0.4), False),  # more accurate, whatever the log loss
        ((8, 7, 9, 9), (0.2, 0.3, 0.4, 0.4), True),
        ((8,), (0.2,), False),
    ],
)
def test_the_path_ends_after_two_that_are_no_better(
    wrong: tuple[int, ...], losses: tuple[float, ...], past: bool
) -> None:
    assert past_the_best([np.arange(100) >= count for count in wrong], losses) == past
