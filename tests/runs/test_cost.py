"""Training time from the log that pretraining leaves."""

from pathlib import Path

import pytest

from swaveval.pretrain.loss_log import LossLog
from swaveval.runs.cost import MOST_BYTES, TrainingTime, training_time


def log_of(run: Path, *seconds: float | None) -> Path:
    """RUN/checkpoints of a run whose log has one epoch per entry."""
    (run / "checkpoints").mkdir(parents=True)
    log = LossLog(run / "metrics.csv", prototypes=10)
    log.open()
    for epoch, took in enumerate(seconds, 1):
        log.write("step", epoch=epoch, step=epoch, loss=2.0, learning_rate=0.1)
        log.write("epoch", epoch=epoch, step=epoch, loss=2.0, learning_rate=0.1, seconds=took)
    log.close()
    return run / "checkpoints"


def test_the_epochs_times_are_added_up(tmp_path: Path) -> None:
    assert training_time(log_of(tmp_path / "run", 1.5, 2.25, 3.0)) == TrainingTime(6.75, 3)


@pytest.mark.parametrize("seconds", [(), (None,), (1.0, None), (float("nan"),), (-1.0,)], ids=str)
def test_half_a_time_is_none(tmp_path: Path, seconds: tuple[float | None, ...]) -> None:
    assert training_time(log_of(tmp_path / "run", *seconds)) is None


def test_a_log_beside_one_that_is_none(tmp_path: Path) -> None:
    checkpoints = log_of(tmp_path / "run", 1.5, 2.0)
    for content in ("accuracy\n1\n", "kind,seconds\nepoch,soon\n"):
        (checkpoints / "metrics.csv").write_text(content)
        assert training_time(checkpoints) == TrainingTime(3.5, 2)
    with (checkpoints / "metrics.csv").open("wb") as file:
        file.truncate(MOST_BYTES + 1)  # takes no room on the disk
    assert training_time(checkpoints) == TrainingTime(3.5, 2)


@pytest.mark.parametrize("text", [None, "", "\0\0", "epoch,loss\n1,2\n", "kind,seconds\nepoch,soon\n"], ids=repr)
def test_somebody_elses_log_is_no_error(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "metrics.csv").write_text(text)
    assert training_time(tmp_path) is None
