"""What is said of a loss curve, against its definition worked out by hand on curves of known shape."""

import math
from dataclasses import astuple

import numpy as np
import pytest

from swaveval.convergence.loss import FLAT, Since, by_epoch, loss_state, since_third
from swaveval.convergence.wording import loss_clause
from swaveval.results import LossCurve
from swaveval.results.loss import LN_K_IN_WORDS


def curve(values: list[float], *, per_epoch: int = 1, prototypes: int | None = None) -> LossCurve:
    epochs = tuple((place + 1) / per_epoch for place in range(len(values)))
    return LossCurve("metrics.csv", epochs, tuple(values), prototypes)


def test_an_epoch_is_the_mean_of_its_steps() -> None:
    epochs, values = by_epoch(curve([6.0, 4.0, 3.0, 1.0, 2.0, 5.0], per_epoch=2))
    assert epochs.tolist() == [1, 2, 3]
    assert values.tolist() == [5.0, 2.0, 3.5]


def test_a_step_that_rounding_puts_past_its_epoch_belongs_to_it() -> None:
    epochs = (0.5, 1 + 4e-7, 1.5, 2 + 4e-7, 2.5, 3 + 4e-7)
    places, values = by_epoch(LossCurve("csv", epochs, (1.0, 3.0, 5.0, 7.0, 9.0, 11.0)))
    assert places.tolist() == [1, 2, 3]
    assert values.tolist() == [2.0, 6.0, 10.0]


def test_a_curve_of_two_epochs_stays_as_fine_as_it_is() -> None:
    epochs, values = by_epoch(curve([6.0, 4.0, 3.0, 1.0], per_epoch=2))
    assert epochs.tolist() == [0.5, 1.0, 1.5, 2.0]
    assert values.tolist() == [6.0, 4.0, 3.0, 1.0]


def test_nan_stays_in_its_epoch() -> None:
    _, values = by_epoch(curve([6.0, math.nan, 3.0, 1.0, 2.0, 5.0], per_epoch=2))
    assert np.isnan(values[0])
    assert values[1:].tolist() == [2.0, 3.5]


# Squares, so that every epoch has a value of its own: epoch e has (40 - e)².
@pytest.mark.parametrize(
    ("length", "third", "around", "last"),
    [
        (3, 2, [2], [3]),  # 1 + 2/3 lies before epoch 2
        (10, 4, [4], [10]),  # 1 + 9/3 is epoch 4
        (19, 7, [7], [19]),
        (20, 8, [7, 8], [19, 20]),  # a tenth is two epochs
        (30, 11, [10, 11, 12], [28, 29, 30]),
    ],
)
def test_change_since_one_third_of_the_way(length: int, third: int, around: list[int], last: list[int]) -> None:
    found = since_third(curve([(40.0 - epoch) ** 2 for epoch in range(1, length + 1)]))
    assert found is not None
    before, after = (float(np.median([(40.0 - epoch) ** 2 for epoch in places])) for places in (around, last))
    assert (found.place, found.range) == (third, None)
    assert found.change == pytest.approx((after - before) / before)


@pytest.mark.parametrize("shift", [-9.0, -3.0, -1.0, 0.0])
def test_a_loss_whose_zero_means_nothing_is_judged_by_its_range(shift: float) -> None:
    """A cosine's loss from −0.3 to −1.4 has not fallen by so many percent; where its zero lies changes nothing."""
    values = [3.0, 2.0, 1.0, 0.0]
    found, state = (
        since_third(curve([value + shift for value in values])),
        loss_state(curve([v + shift for v in values])),
    )
    assert found is not None
    assert astuple(found) == pytest.approx((2.0, -2 / 3, 3.0))
    assert (state.state, state.change) == ("falling", None)
    still = loss_state(curve([shift, shift - 1.0, shift - 1.0, shift - 1.02]))
    assert (still.state, still.change) == ("flat", None)
    words = loss_clause(state, found)
    assert "%" not in words
    assert words == f"the loss fell from {3 + shift:.2f} to {shift:.2f}".replace("-", "−")


def test_a_loss_that_never_moves_is_flat_wherever_it_lies() -> None:
    for value in (-1.0, 0.0, 2.0):
        assert loss_state(curve([value] * 4)).state == "flat"


def test_epochs_without_a_finite_loss_are_left_out() -> None:
    assert since_third(curve([8.0, math.nan, 4.0, 2.0])) == Since(3.0, -0.5, None)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [1.0, math.nan, 2.0]])
def test_no_change_without_three_finite_epochs(values: list[float]) -> None:
    assert since_third(curve(values)) is None
    assert since_third(None) is None


def test_state_of_a_falling_loss() -> None:
    values = [10.0, 8.0, *np.linspace(6.0, 3.0, 18).tolist()]
    state = loss_state(curve(values, prototypes=100))
    assert (state.state, state.source, state.start) == ("falling", "metrics.csv", 10.0)
    end = (values[-1] + values[-2]) / 2
    assert state.end == pytest.approx(end)
    assert state.change == pytest.approx((end - 10) / 10)
    assert state.ln_k == pytest.approx(math.log(100))
    assert state.gap == pytest.approx(1 - end / math.log(100))
    assert not state.at_ln_k


@pytest.mark.parametrize(
    ("change", "expected"),
    [(-2 * FLAT, "falling"), (-0.9 * FLAT, "flat"), (0.0, "flat"), (0.9 * FLAT, "flat"), (2 * FLAT, "rising")],
)
def test_a_loss_is_called_by_its_change_since_one_third(change: float, expected: str) -> None:
    assert loss_state(curve([9.0, 4.0, 4.0 * (1 + change)])).state == expected


@pytest.mark.parametrize(("off", "at"), [(-0.9, True), (0.9, True), (-1.1, False), (1.1, False)])
def test_at_ln_k_on_either_side(off: float, at: bool) -> None:
    end = math.log(30) * (1 - off * LN_K_IN_WORDS)
    state = loss_state(curve([end] * 4, prototypes=30))
    assert state.at_ln_k is at
    assert state.gap == pytest.approx(off * LN_K_IN_WORDS)


def test_a_loss_that_ends_in_nan_has_diverged() -> None:
    assert loss_state(curve([3.0, 2.0, 1.0, math.nan])).state == "nan"
    assert loss_state(curve([math.nan, math.inf])).state == "nan"
    assert loss_state(curve([math.nan, 3.0, 2.0, 1.0])).state == "falling"
    assert loss_state(curve([4.0, math.nan, 2.0, 1.0])).state == "falling"


def test_what_is_unknown_stays_unknown() -> None:
    assert loss_state(None).state == "unknown"
    assert loss_state(curve([])).state == "unknown"
    short = loss_state(curve([0.0, 2.0]))
    assert (short.state, short.start, short.end, short.change, short.ln_k, short.gap) == (
        "unknown",
        0.0,
        2.0,
        None,
        None,
        None,
    )
    assert not short.at_ln_k


@pytest.mark.parametrize(
    "values, clause",
    [
        ([1.6, 0.7, 0.2, 0.5, 0.3], "the loss fell 81 % in all and has risen 50 % since epoch 3"),
        ([1.0, 3.0, 4.0, 3.0, 2.0], "the loss rose 100 % in all and has fallen 50 % since epoch 3"),
        ([5.0, 4.0, 3.0, 2.0, 1.0], "the loss fell 80 %"),
    ],
)
def test_a_loss_that_turned_is_told_with_its_turn(values: list[float], clause: str) -> None:
    """The connective of a sentence goes by the last two thirds; its words may not say the opposite."""
    given = curve(values)
    assert loss_clause(loss_state(given), since_third(given)) == clause
