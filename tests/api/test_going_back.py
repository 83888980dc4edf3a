"""A training that goes back within one monitor replaces what it told, and epochs are never compared with steps."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import swaveval
from swaveval.api.losses import LossFile
from swaveval.api.moments import Clock
from swaveval.checkpoints.live import backbone_of
from swaveval.checkpoints.snapshots import Moment
from tests.api.trainings import pictures


@pytest.mark.parametrize(
    ("calls", "since"),
    [
        ([Moment(2), Moment(1)], Moment(1)),
        ([Moment(2), Moment(2)], None),  # several calls in one epoch
        ([Moment(2, 20), Moment(1, 10)], Moment(1, 10)),
        ([Moment(2, 20), Moment(2, 10)], Moment(2, 10)),
        ([Moment(None, 20), Moment(None, 10)], Moment(None, 10)),
        # The epoch fell and the count of steps goes on: by steps nothing would be of a discarded epoch.
        ([Moment(2, 20), Moment(1, 30)], Moment(1)),
        # Steps that are counted in each epoch anew are no way back.
        ([Moment(1, 5), Moment(2, 0)], None),
        # One of the two alone, after the other: they cannot be compared.
        ([Moment(7), Moment(None, 100), Moment(8)], None),
        ([Moment(None, 100), Moment(3), Moment(None, 50)], Moment(None, 50)),
        ([Moment(7), Moment(None, 100), Moment(6)], Moment(6)),
        ([Moment(3), Moment(1), Moment(2)], None),  # after it the training goes on
    ],
)
def test_where_a_training_went_back_to(calls: list[Moment], since: Moment | None) -> None:
    clock = Clock(every=1)
    assert [clock.tell(moment) for moment in calls][-1] == since


@pytest.mark.parametrize(
    ("every", "calls", "due"),
    [
        (1, [Moment(e) for e in (0, 1, 1, 2)], [True, True, False, True]),
        (5, [Moment(e) for e in (1, 4, 5, 9.5, 10, 13)], [True, False, True, False, True, False]),
        (100, [Moment(None, s) for s in (0, 50, 150, 199, 200)], [True, False, True, False, True]),
        # A step of 100 is no epoch of 100.
        (1, [Moment(7), Moment(None, 100), Moment(8), Moment(9), Moment(None, 101)], [True] * 5),
        # What a training takes again is due again, from the first call on.
        (5, [Moment(5), Moment(10), Moment(7), Moment(8), Moment(10)], [True, True, True, False, True]),
    ],
)
def test_when_an_evaluation_is_due(every: int, calls: list[Moment], due: list[bool]) -> None:
    clock, found = Clock(every), []
    for moment in calls:
        clock.tell(moment)
        found.append(clock.is_due(moment))
        if found[-1]:
            clock.evaluated(moment)
    assert found == due


@pytest.mark.parametrize(
    ("told", "counted", "warned"),
    [
        ([0, 1, 2, 0, 1, 2, 0], [0, 1, 2, 3, 4, 5, 6], True),  # enumerate(loader)
        ([1, 2, 3, 1, 2, 3], [1, 2, 3, 4, 5, 6], True),
        ([0, 100, 200, 0, 100, 200], [0, 100, 200, 300, 400, 500], True),  # every hundredth step
        ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4], False),
        ([10, 20, 30, 10, 20], [10, 20, 30, 10, 20], False),  # to a checkpoint of before
        ([0, 10, 20, 30, 10, 20], [0, 10, 20, 30, 10, 20], False),
        ([0, 0, 1], [0, 0, 1], False),  # told twice
    ],
)
def test_steps_that_begin_anew_in_each_epoch_are_counted_on(
    told: list[int], counted: list[int], warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Taken for going back, each epoch would leave out all snapshots of those before it."""
    clock, found = Clock(every=1), []
    for step in told:
        moment = clock.counted(Moment(None, step))
        clock.tell(moment)
        found.append(moment.step)
    assert found == counted
    assert caplog.text.count("the steps begin anew") == int(warned)
    # With an epoch beside them they are what they are.
    assert clock.counted(Moment(3, 0)) == Moment(3, 0)


def test_losses_that_are_told_again_replace_those_before(tmp_path: Path) -> None:
    losses = LossFile(tmp_path / "loss.csv")
    losses.open(Moment(0))
    for epoch in range(4):
        losses.write(Moment(epoch), 5.0 - epoch)
    losses.open(Moment(2))
    losses.write(Moment(2), 9.0)
    losses.close()
    assert (tmp_path / "loss.csv").read_text(encoding="utf-8").split() == [
        "finished_epochs,step,loss",
        "0,,5.0",
        "1,,4.0",
        "2,,9.0",
    ]


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())


def digests(place: Path) -> dict[str, str | None]:
    return {point.record.name: point.record.digest for point in swaveval.Evaluation.load(place).series.points}


@pytest.mark.parametrize("mode", ["process", pytest.param("background", marks=pytest.mark.torture)])
def test_the_discarded_weights_leave_the_page(tmp_path: Path, mode: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Epoch 2 is told with other weights each time, and epoch 3 is never told again."""
    options: Any = {"size": 16, "evaluators": ("spectrum",), "device": "cpu", "threads": 1, "keep_all": True}
    with swaveval.Monitor(pictures(60), out=tmp_path, mode=mode, **options) as monitor:
        for epoch, seed in ((0, 0), (1, 1), (2, 2), (3, 3), (2, 12)):
            with caplog.at_level(logging.WARNING):
                monitor.step(network(seed), epoch=epoch, loss=float(seed))
        monitor.step(network(22), epoch=2, evaluate=True)  # once more, at the moment of the last
    assert "went back to epoch 2; snapshots from there on are left out: 2" in caplog.text
    found = digests(tmp_path)
    assert list(found) == ["epoch 0", "epoch 1", "epoch 2"]
    for epoch, seed in ((0, 0), (1, 1), (2, 22)):
        assert found[f"epoch {epoch}"] == backbone_of("", network(seed)).digest
    assert (tmp_path / "loss.csv").read_text(encoding="utf-8").split()[1:] == ["0,,0.0", "1,,1.0", "2,,12.0"]
