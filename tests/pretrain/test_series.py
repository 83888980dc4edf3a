"""Which checkpoints are kept, how they reach the disk, and the loss log beside them."""

import csv
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swaveval.pretrain.errors import ConfigError
from swaveval.pretrain.loss_log import COLUMNS, LossLog
from swaveval.pretrain.series import AtomicCheckpointIO, due_epochs, newest, progress_of, remove_temporaries


def test_the_epochs_that_are_kept() -> None:
    assert sorted(due_epochs("1", 3)) == [0, 1, 2, 3]
    assert sorted(due_epochs("4", 10)) == [0, 4, 8, 10]
    assert sorted(due_epochs("log", 100)) == [0, 1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 100]


@given(epochs=st.integers(1, 5000), every=st.one_of(st.just("log"), st.integers(1, 6000).map(str)))
def test_the_start_and_the_end_are_always_kept(epochs: int, every: str) -> None:
    due = due_epochs(every, epochs)
    assert {0, epochs} <= due
    assert all(0 <= epoch <= epochs for epoch in due)
    if every == "log":
        gaps = [later / earlier for earlier, later in zip(sorted(due - {0}), sorted(due - {0})[1:], strict=False)]
        assert all(gap <= 2 for gap in gaps)


class Bomb:
    """Pickling it fails half-way through the file."""

    def __reduce__(self) -> str:
        raise RuntimeError("disk full")


def test_a_checkpoint_is_whole_or_absent(tmp_path: Path) -> None:
    target = tmp_path / "epoch=1-step=2.ckpt"
    writer = AtomicCheckpointIO()
    writer.save_checkpoint({"state_dict": {"w": torch.ones(3)}}, target)
    before = target.read_bytes()
    with pytest.raises(RuntimeError, match="disk full"):
        writer.save_checkpoint({"state_dict": {"w": torch.zeros(100_000)}, "bomb": Bomb()}, target)
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_equal_contents_are_equal_files(tmp_path: Path) -> None:
    writer = AtomicCheckpointIO()
    for name in ("a.ckpt", "b.ckpt"):
        writer.save_checkpoint({"w": torch.arange(5)}, tmp_path / name)
    assert (tmp_path / "a.ckpt").read_bytes() == (tmp_path / "b.ckpt").read_bytes()


def test_the_newest_checkpoint_is_last_or_else_the_one_with_most_steps(tmp_path: Path) -> None:
    assert newest(tmp_path) is None
    for name in ("epoch=2-step=20.ckpt", "epoch=10-step=100.ckpt", "epoch=9-step=90.ckpt", "epoch=x-step=999.ckpt"):
        (tmp_path / name).touch()
    assert newest(tmp_path) == tmp_path / "epoch=10-step=100.ckpt"
    (tmp_path / "last.ckpt").touch()
    assert newest(tmp_path) == tmp_path / "last.ckpt"


def test_a_foreign_or_broken_file_cannot_be_resumed(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "foreign.ckpt")
    (tmp_path / "broken.ckpt").write_bytes(b"PK not really")
    for name in ("foreign.ckpt", "broken.ckpt"):
        with pytest.raises(ConfigError, match="cannot resume from"):
            progress_of(tmp_path / name)


def test_what_a_killed_writer_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    for name in (".last.ckpt.abc123.tmp", "last.ckpt", "notes.tmp", ".hidden"):
        (tmp_path / name).touch()
    remove_temporaries(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "last.ckpt", "notes.tmp"]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_log_is_on_disk_before_it_is_closed_and_knows_the_gap(tmp_path: Path) -> None:
    log = LossLog(tmp_path / "metrics.csv", prototypes=100)
    log.write("step", epoch=0.5, step=1, loss=1.0, learning_rate=0.1)
    assert not (tmp_path / "metrics.csv").exists()
    log.open()
    log.write("step", epoch=0.5, step=1, loss=math.log(100), learning_rate=0.1)
    log.write("epoch", epoch=1, step=2, loss=4.476, learning_rate=0.2, seconds=1.5)
    found = rows(tmp_path / "metrics.csv")
    log.close()
    assert tuple(found[0]) == COLUMNS
    assert float(found[0]["gap"]) == 0
    assert float(found[1]["gap"]) == pytest.approx(1 - 4.476 / math.log(100), abs=1e-6)
    assert [row["kind"] for row in found] == ["step", "epoch"]
    assert float(found[0]["loss"]) == math.log(100)
    assert [row["seconds"] for row in found] == ["", "1.5"]


def test_a_log_without_times_is_resumed_with_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("kind,epoch,step,loss,learning_rate,gap\nstep,1,1,2.25,0.1,0.02\nepoch,1,1,2.25,0.1,0.02\n")
    resumed = LossLog(path, prototypes=10, step=1)
    resumed.open()
    resumed.write("epoch", epoch=2, step=2, loss=2.2, learning_rate=0.1, seconds=3.25)
    resumed.close()
    assert [(row["kind"], row["loss"], row["seconds"]) for row in rows(path)] == [
        ("step", "2.25", ""),
        ("epoch", "2.25", ""),
        ("epoch", "2.2", "3.25"),
    ]


def test_a_resumed_log_drops_the_steps_taken_again_and_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    log = LossLog(path, prototypes=10)
    log.open()
    for step in range(1, 6):
        log.write("step", epoch=step / 2, step=step, loss=float(step), learning_rate=0.1)
        if step % 2 == 0:
            log.write("epoch", epoch=step // 2, step=step, loss=float(step), learning_rate=0.1)
    log.close()
    with path.open("a") as stream:
        stream.write("step,3.0,6")
    resumed = LossLog(path, prototypes=10, step=4)
    resumed.open()
    resumed.write("step", epoch=2.5, step=5, loss=50.0, learning_rate=0.1)
    resumed.close()
    assert [(row["kind"], row["step"], row["loss"]) for row in rows(path)] == [
        ("step", "1", "1.0"),
        ("step", "2", "2.0"),
        ("epoch", "2", "2.0"),
        ("step", "3", "3.0"),
        ("step", "4", "4.0"),
        ("epoch", "4", "4.0"),
        ("step", "5", "50.0"),
    ]
