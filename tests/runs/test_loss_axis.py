"""Where the rows of a log stand among the checkpoints, worked out by hand, and as a property of regular trainings."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swaveval.runs.loss_axis import placed
from swaveval.runs.loss_fit import Moment
from swaveval.runs.loss_rows import Row


def by_epoch(*epochs: float) -> list[Row]:
    return [Row(5.0, epoch) for epoch in epochs]


def finished(rows: list[Row]) -> list[Row]:
    """As of a log that says that its epochs are over."""
    return [replace(row, finished=True) for row in rows]


def by_step(*steps: int) -> list[Row]:
    return [Row(5.0, None, step) for step in steps]


@pytest.mark.parametrize(
    ("epochs", "moments", "wanted"),
    [
        # m rows of an epoch: its i-th ends after i/m of it
        ((0, 0, 1, 1), [], [0.5, 1.0, 1.5, 2.0]),
        ((1, 1, 2, 2), [], [0.5, 1.0, 1.5, 2.0]),
        ((0, 1, 2), [(3.0, None)], [1.0, 2.0, 3.0]),
        ((1, 2, 3), [(3.0, None)], [1.0, 2.0, 3.0]),
        # begins at 1 only because the first epoch logged nothing: the checkpoints end one epoch after it
        ((1, 2), [(3.0, None)], [2.0, 3.0]),
        # the last epoch was interrupted: it is given as many rows as the one before
        ((0, 0, 0, 0, 1, 1), [], [0.25, 0.5, 0.75, 1.0, 1.25, 1.5]),
        # a last epoch with more rows than the one before has its own count
        ((0, 0, 1, 1, 1, 1), [], [0.5, 1.0, 1.25, 1.5, 1.75, 2.0]),
        ((0, 0), [], [0.5, 1.0]),
        # a run that was resumed logs an epoch again
        ((0, 1, 1, 2, 3), [], [1.0, 1.5, 2.0, 3.0, 4.0]),
    ],
)
def test_whole_epochs(epochs: tuple[float, ...], moments: list[Moment], wanted: list[float]) -> None:
    positions, axis, note = placed(by_epoch(*epochs), moments)
    assert (axis, note) == ("epoch", "")
    assert positions == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("epochs", "moments", "wanted"),
    [
        # with a loss of the untrained network, and without one of the last checkpoint
        ((0, 1, 2, 3), [(3.0, None)], [0, 1, 2, 3]),
        ((1, 2, 3, 4), [(5.0, None)], [1, 2, 3, 4]),
        ((2, 4), [(5.0, None)], [2, 4]),
        ((1, 2, 3), [], [1, 2, 3]),
        ((0, 1, 2, 3), [(1.0, None)], [0, 1, 2, 3]),  # nothing to doubt: it is of this training
        # several of an epoch: the first at its end, the others within the next; fractions are places already
        ((1, 1, 2, 2), [(2.0, None)], [1, 1.5, 2, 2.5]),
        ((1, 1, 1, 1, 2), [(2.0, None)], [1, 1.25, 1.5, 1.75, 2]),
        ((0.5, 0.5, 1), [(1.0, None)], [0.5, 0.75, 1]),
        ((0.5, 1, 1.5), [(1.5, None)], [0.5, 1, 1.5]),
    ],
)
def test_a_log_of_finished_epochs_says_where_it_stands(
    epochs: tuple[float, ...], moments: list[Moment], wanted: list[float]
) -> None:
    assert placed(finished(by_epoch(*epochs)), moments) == (pytest.approx(wanted), "epoch", "")


def test_what_is_known_of_any_log_counts_beside_it() -> None:
    """Where the training's files state no epoch, or not every row does; and where the log does not say so."""
    assert placed(finished(by_epoch(1, 2)), [(None, 30)])[1] == "row"
    assert placed(finished([*by_epoch(1, 2), Row(5.0)]), [(3.0, None)])[1] == "row"
    assert placed(finished(by_step(10, 20)), [(1.0, 10), (2.0, 20)]) == ([1.0, 2.0], "epoch", "")
    assert placed(by_epoch(1, 2), [(3.0, None)]) == ([2.0, 3.0], "epoch", "")


def test_fractions_of_epochs_are_positions_already() -> None:
    assert placed(by_epoch(0.5, 1, 1.5), []) == ([0.5, 1, 1.5], "epoch", "")
    steps_too = [Row(5.0, 0.5, 100), Row(5.0, 1.0, 200)]
    assert placed(steps_too, [(1.0, 10)]) == ([0.5, 1.0], "epoch", "")


@pytest.mark.parametrize(
    ("end", "last", "axis"),
    [(5.0, 10.0, "epoch"), (4.9, 10.0, "row"), (15.0, 10.0, "epoch"), (15.1, 10.0, "row"), (7.5, 0.0, "epoch")],
)
def test_a_log_far_from_the_checkpoints_end_is_another_runs(end: float, last: float, axis: str) -> None:
    positions, found, note = placed(by_epoch(0.25, end), [(last, None)])
    assert found == axis
    if axis == "row":
        assert positions == [1.0, 2.0]
        assert note == (
            f"its epochs go to {end:g}, the checkpoints' to {last:g}: it is of another run, or of a part of this one"
        )


EVERY_TWO: list[Moment] = [(0.0, 0), (2.0, 20)]


@pytest.mark.parametrize(
    ("rows", "moments", "axis"),
    [
        # A training that broke off in its second epoch, or in its second stretch of two.
        (by_epoch(0.5, 1.57), [(0.0, 0), (1.0, 7)], "epoch"),
        (by_epoch(0.5, 1.57), [(1.0, None)], "epoch"),
        (by_epoch(0.5, 2.1), [(1.0, None)], "row"),
        (by_epoch(0.5, 4.0), EVERY_TWO, "epoch"),
        (by_epoch(0.5, 4.1), EVERY_TWO, "row"),
        (by_step(1, 40), EVERY_TWO, "epoch"),
        (by_step(1, 41), EVERY_TWO, "row"),
        (by_step(1, 20), [(1.0, 10)], "epoch"),
        (by_step(1, 21), [(1.0, 10)], "row"),
        (by_step(1, 40), [(None, 0), (None, 20)], "step"),
        (by_step(1, 41), [(None, 0), (None, 20)], "row"),
        (by_step(1, 31), [(None, 20)], "row"),  # nothing tells how far apart checkpoints are
    ],
)
def test_a_log_may_go_on_until_the_next_checkpoint(rows: list[Row], moments: list[Moment], axis: str) -> None:
    assert placed(rows, moments)[1] == axis


@pytest.mark.parametrize(("end", "said"), [(16.9, True), (17.0, False), (20.5, False), (24.5, False)])
def test_a_log_that_ends_early_says_so(end: float, said: bool) -> None:
    """One epoch and a tenth are forgiven."""
    _, axis, note = placed(by_epoch(0.5, end), [(20.0, None)])
    assert axis == "epoch"
    assert note == (f"it ends at epoch {end:g}, the checkpoints at 20" if said else "")


@pytest.mark.parametrize(
    ("steps", "moments", "wanted"),
    [
        ((5, 10, 20, 30), [(1.0, 10), (2.0, 20)], [0.5, 1.0, 2.0, 3.0]),  # beyond the last at the mean pace
        ((10, 40, 80), [(1.0, 20), (2.0, 80)], [0.5, 4 / 3, 2.0]),
        # of two checkpoints in one epoch the earlier is at its end
        ((10, 15, 20), [(1.0, 10), (1.0, 15), (2.0, 20)], [1.0, 1.5, 2.0]),
        # the untrained network and what has no epoch or step tell no pace
        ((10, 20), [(0.0, 0), (0.0, 3), (1.0, 10), (None, 15), (1.5, None), (2.0, 20)], [1.0, 2.0]),
        ((10, 10, 20), [(1.0, 10), (2.0, 20)], [1.0, 1.0, 2.0]),
        ((10, 20), [(1.0, 0), (2.0, 20)], [1.0, 2.0]),  # an epoch without a step tells no pace
        ((1, 5, 9), [(1.0, 1), (2.0, 9)], [1.0, 1.5, 2.0]),  # one step is an epoch of one batch
    ],
)
def test_steps_are_epochs_through_the_checkpoints(
    steps: tuple[int, ...], moments: list[Moment], wanted: list[float]
) -> None:
    positions, axis, note = placed(by_step(*steps), moments)
    assert (axis, note) == ("epoch", "")
    assert positions == pytest.approx(wanted)


@given(
    epochs=st.integers(2, 60),
    per_epoch=st.integers(1, 40),
    every=st.integers(1, 5),
    first=st.sampled_from([0, 1]),
)
def test_every_way_to_count_is_the_same_place(epochs: int, per_epoch: int, every: int, first: int) -> None:
    """Steps, epochs from 0, epochs from 1: the row after step s stands at s / steps per epoch."""
    moments: list[Moment] = [(float(e), e * per_epoch) for e in range(every, epochs + 1, every)] or [
        (float(epochs), epochs * per_epoch)
    ]
    if moments[-1][0] != epochs:
        moments.append((float(epochs), epochs * per_epoch))
    steps = range(1, epochs * per_epoch + 1)
    wanted = pytest.approx([step / per_epoch for step in steps])
    counted, axis, note = placed(by_step(*steps), moments)
    assert (counted, axis, note) == (wanted, "epoch", "")
    named, axis, note = placed(by_epoch(*((step - 1) // per_epoch + first for step in steps)), moments)
    assert (named, axis, note) == (wanted, "epoch", "")


@pytest.mark.parametrize(
    ("rows", "moments", "axis", "note"),
    [
        (by_step(1, 2, 3), [], "step", "it names no epochs"),
        (by_step(1, 2, 3), [(None, None)], "step", "it names no epochs"),
        (by_step(1, 2, 3), [(None, 3)], "step", ""),
        (by_step(1, 2, 3), [(0.0, 3)], "step", ""),  # an endless data set has one epoch
        (
            by_step(1, 2, 4),
            [(3.0, None)],
            "step",
            "it counts steps, and the checkpoints do not say which epochs those are in",
        ),
        # epochs and steps of the checkpoints do not grow together: no pace, but steps are steps
        (by_step(10, 20), [(1.0, 20), (2.0, 10)], "step", ""),
        (
            by_step(1, 2, 300),
            [(None, 30)],
            "row",
            "its steps go to 300, the checkpoints' to 30: it counts something else or is of another run",
        ),
        (
            by_step(1, 2, 3),
            [(1.0, 30)],
            "row",
            "its steps go to 3, the checkpoints' to 30: it counts something else or is of another run",
        ),
        (by_epoch(0, 1, 2), [(None, 30)], "row", "it counts epochs and the checkpoints state none"),
        (by_step(7, 7, 7), [(1.0, 7)], "row", "it names no epochs, and the same step in every row (7)"),
        ([Row(1.0), Row(2.0), Row(3.0)], [], "row", "it names neither epochs nor steps"),
        ([Row(1.0, 1.0, 1), Row(2.0), Row(3.0, 3.0, 3)], [], "row", "2 of its 3 rows name an epoch or a step"),
        ([Row(1.0, 1.0), Row(2.0, None, 2)], [], "row", "some of its rows name an epoch and others a step"),
        ([Row(1.0), Row(2.0), Row(3.0)], [(4.0, None)], "row", "it names neither epochs nor steps"),
    ],
)
def test_logs_that_are_not_on_the_checkpoints_epochs(
    rows: list[Row], moments: list[Moment], axis: str, note: str
) -> None:
    positions, found, said = placed(rows, moments)
    assert (found, said) == (axis, note)
    assert positions == ([float(row.step or 0) for row in rows] if axis == "step" else [1.0, 2.0, 3.0][: len(rows)])


@pytest.mark.parametrize("first", [0, 1])
def test_one_step_an_epoch_is_an_epoch(first: int) -> None:
    """`log_metric("loss", loss, step=epoch)`, beside checkpoints that count optimiser steps."""
    rows = by_step(first, first + 1, first + 2)
    for moments in ([(3.0, 300)], [(1.0, None), (3.0, None)]):
        positions, axis, note = placed(rows, moments)
        assert (positions, axis) == ([1.0, 2.0, 3.0], "epoch")
        assert note.startswith("its steps are taken for epochs")
    assert placed(rows, [(4.0, 300)])[1] == "row", "as many as there are epochs, no other number"
    assert placed(by_step(first, first + 2, first + 3), [(3.0, 300)])[1] == "row", "each of them"


@pytest.mark.parametrize(("last", "axis"), [(20, "step"), (60, "step"), (19, "row"), (61, "row")])
def test_how_far_steps_may_be_from_those_of_the_checkpoints(last: int, axis: str) -> None:
    """From half to one and a half of the checkpoints' last, whichever comes first."""
    assert placed(by_step(1, last), [(None, 40), (None, 30)])[1] == axis


@pytest.mark.parametrize("nowhere", [math.inf, -math.inf, math.nan])
def test_an_epoch_that_is_no_number_is_none(nowhere: float) -> None:
    """`epoch 999…9` of a text log: an OverflowError at the end of the evaluation, it was."""
    rows = [Row(5.0, 1.0, 10), Row(5.0, nowhere, 20)]
    assert placed(rows, []) == ([10.0, 20.0], "step", "it names no epochs")
    assert placed([replace(row, step=None) for row in rows], [])[1] == "row"


def test_a_counter_that_begins_anew_in_each_epoch_is_no_step() -> None:
    rows = [Row(5.0, float(epoch), step) for epoch in range(3) for step in range(2)]
    positions, axis, note = placed(rows, [(3.0, 6)])
    assert (positions, axis, note) == ([0.5, 1.0, 1.5, 2.0, 2.5, 3.0], "epoch", "")


def test_a_few_falls_are_forgiven() -> None:
    """Rows of several processes, or a resumed run: one in fifty may fall back."""
    steps = [*range(1, 30), *range(20, 41)]
    assert len(steps) == 50
    assert placed(by_step(*steps), [(None, 40)])[1:] == ("step", "")
    assert placed(by_step(*steps[1:]), [(None, 40)])[1] == "row"
