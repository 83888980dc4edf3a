"""Prints of Slurm's jobs, and the logs of VISSL and solo-learn."""

import json
from pathlib import Path

import pytest

from swaveval.results import LossCurve
from swaveval.runs.loss_columns import column_of
from swaveval.runs.losses import Looked, look_for_loss

MOMENTS = [(5.0, 50)]


def looked(directory: Path) -> Looked:
    return look_for_loss(directory, loss_log=None, prototypes=None, moments=MOMENTS)


def job(path: Path, first: int, last: int, *, start: float = 7.0) -> None:
    lines = [f"epoch {s / 10:.1f} step {s} loss {start - s / 50}" for s in range(first, last + 1)]
    path.write_text("\n".join(["srun: job queued", *lines, "JobID State"]) + "\n")


def assert_one(curve: LossCurve | None, source: str) -> None:
    assert curve is not None
    assert (curve.source, curve.axis) == (source, "epoch")
    assert curve.epochs == pytest.approx([s / 10 for s in range(1, 51)])
    assert curve.values == pytest.approx([7 - s / 50 for s in range(1, 51)])


def test_the_prints_of_a_job_are_found(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    job(tmp_path / "slurm-123.out", 1, 50)
    (tmp_path / "slurm-124.out").write_text("srun: no loss here\n")
    assert_one(looked(tmp_path / "checkpoints").curve, "slurm-123.out")


def test_jobs_that_go_on_where_another_ends_are_one_curve(tmp_path: Path) -> None:
    job(tmp_path / "slurm-9.out", 1, 30)
    job(tmp_path / "slurm-10_4.out", 25, 50)
    assert_one(looked(tmp_path).curve, "slurm-9.out and slurm-10_4.out")


def test_jobs_of_several_trainings_are_not_guessed(tmp_path: Path) -> None:
    job(tmp_path / "slurm-9.out", 1, 50)
    job(tmp_path / "slurm-10.out", 1, 50, start=6)
    found = looked(tmp_path)
    assert found.curve is None
    (told,) = found.told
    assert told.startswith(
        "2 jobs printed a loss (slurm-9.out, slurm-10.out), and whose checkpoints these are is not said"
    )
    job(tmp_path / "slurm-11.out", 45, 60)  # which of the two does it go on from?
    assert "3 jobs" in looked(tmp_path).told[0]
    (tmp_path / "metrics.csv").write_text("epoch,loss\n1,3\n5,2\n")
    assert looked(tmp_path).told == [], "a log of its own is surer"


def vissl(rows: int) -> list[dict[str, object]]:
    """As VISSL's LogLossLrEtaHook makes them: iterations of all epochs, phases from 0, sometimes a list of rates."""
    return [
        {"Rank": 0, "ep": (s - 1) // 10, "iter": s, "lr": [0.3, 0.3] if s % 2 else 0.3, "loss": 7 - s / 50,
         "btime(ms)": 812, "eta": "3:12:01", "peak_mem(M)": 9102} | ({"max_iterations": 50} if s == 1 else {})
        for s in range(1, rows + 1)
    ]  # fmt: skip


def test_vissl_json_lines(tmp_path: Path) -> None:
    (tmp_path / "stdout.json").write_text("".join(json.dumps(row) + "\n" for row in vissl(50)))
    assert_one(looked(tmp_path).curve, "stdout.json")
    # Checkpoints of whole phases, which state no iteration.
    found = look_for_loss(tmp_path, loss_log=None, prototypes=None, moments=[(5.0, None)]).curve
    assert_one(found, "stdout.json")


def test_vissl_text(tmp_path: Path) -> None:
    lines = ["INFO 2021-03-01 10:00:00,000 train_task.py: 181: Not using Automatic Mixed Precision"]
    for row in vissl(50):
        said = "".join(f"[{k}: {v}] " if k == "ep" else f"{k}: {v}; " for k, v in row.items()).strip()
        lines.append(f"INFO 2021-03-01 10:00:01,000 log_hooks.py: 277: {said}")
    (tmp_path / "log.txt").write_text("\n".join([*lines, ""]))
    assert_one(looked(tmp_path).curve, "log.txt")
    found = look_for_loss(tmp_path, loss_log=None, prototypes=None, moments=[(5.0, None)]).curve
    assert_one(found, "log.txt")


def test_the_online_classifier_of_solo_learn_is_another_loss() -> None:
    names = ("lr-SGD", "train_acc1_step", "train_class_loss_step", "train_barlow_loss_step", "epoch")
    column = column_of([dict.fromkeys(names, 1.0)])
    assert column is not None
    assert column.name == "train_barlow_loss_step"


def test_what_an_evaluation_measured_is_no_training_loss() -> None:
    for name in ("prototypes.loss", "swaveval/prototypes.loss", "swaveval-more/prototypes.loss[views=2]"):
        assert column_of([{name: 1.0, "epoch": 1.0}]) is None
