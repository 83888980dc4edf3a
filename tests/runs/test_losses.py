"""Loss curves from every place people leave them."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from swaveval.results import CheckpointRecord, DataSummary, Metric, Point, RunManifest, Series
from swaveval.runs.losses import MOST_POINTS, find_loss, recomputed
from swaveval.runs.request import RunError


def write_csv(path: Path, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)


def test_beside_the_checkpoints(tmp_path: Path) -> None:
    checkpoints = tmp_path / "run" / "checkpoints"
    checkpoints.mkdir(parents=True)
    rows = [{"step": s, "epoch": s // 4, "loss": 5 - 0.1 * s, "learning_rate": 0.01} for s in range(12)]
    write_csv(tmp_path / "run" / "metrics.csv", rows)
    curve = find_loss(checkpoints, loss_log=None, prototypes=300)
    assert curve is not None
    assert curve.source == "metrics.csv"
    assert curve.epochs == tuple((s + 1) / 4 for s in range(12))
    assert curve.values == pytest.approx([5 - 0.1 * s for s in range(12)])
    assert curve.steps == tuple(range(12))
    assert curve.learning_rates == (0.01,) * 12
    assert curve.ln_k == pytest.approx(math.log(300))


def test_epoch_rows_of_our_own_log_are_the_step_rows_again(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"kind": "step", "epoch": 0.5, "step": 1, "loss": 4.0},
        {"kind": "step", "epoch": 1, "step": 2, "loss": 3.0},
        {"kind": "epoch", "epoch": 1, "step": 2, "loss": 3.5},
        {"kind": "step", "epoch": 1.5, "step": 3, "loss": "nan"},
    ]
    write_csv(tmp_path / "metrics.csv", rows)
    curve = find_loss(tmp_path / "checkpoints", loss_log=None, prototypes=None)
    assert curve is not None
    assert curve.epochs == (0.5, 1.0, 1.5)
    assert curve.values[:2] == (4.0, 3.0)
    assert math.isnan(curve.values[2])


def test_lightning_rows_without_a_loss_are_passed_over(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"epoch": 0, "step": 9, "lr-AdamW": 0.1, "train_loss_step": ""},
        {"epoch": 0, "step": 9, "lr-AdamW": "", "train_loss_step": 3.0},
        {"epoch": 0, "step": 9, "val_loss": 9.0},
        {"epoch": 1, "step": 19, "lr-AdamW": "", "train_loss_step": 2.0},
        {"epoch": 2, "step": 29, "lr-AdamW": "", "train_loss_step": "nan"},
    ]
    write_csv(tmp_path / "lightning_logs" / "version_0" / "metrics.csv", rows)
    curve = find_loss(tmp_path, loss_log=None, prototypes=None)
    assert curve is not None
    assert curve.source == "lightning_logs/version_0/metrics.csv"
    assert curve.epochs == (1.0, 2.0, 3.0)
    assert curve.values[:2] == (3.0, 2.0)
    assert math.isnan(curve.values[2])
    assert curve.learning_rates == (0.1, 0.1, 0.1)
    assert curve.ln_k is None


def test_event_files(tmp_path: Path) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    writer = tensorboard.SummaryWriter(str(tmp_path))
    for step in range(6):
        writer.add_scalar("train_loss", 4 - step / 2, step)
        writer.add_scalar("epoch", step // 2, step)
    writer.close()
    curve = find_loss(tmp_path / "checkpoints", loss_log=None, prototypes=8)
    assert curve is not None
    assert curve.epochs == (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
    assert curve.values == (4.0, 3.5, 3.0, 2.5, 2.0, 1.5)


def test_event_files_of_a_resumed_run_are_one_curve(tmp_path: Path) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    for version, steps in enumerate((range(5), range(5, 9))):
        writer = tensorboard.SummaryWriter(str(tmp_path / f"version_{version}"))
        for step in steps:
            writer.add_scalar("train_loss", 4 - step / 2, step)
        writer.close()
    curve = find_loss(tmp_path, loss_log=None, prototypes=None)
    assert curve is not None
    assert curve.steps == tuple(range(9))
    assert curve.values == tuple(4 - step / 2 for step in range(9))
    assert curve.source == "TensorBoard event files (by step)"


def test_event_files_full_of_noise_are_no_error(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 4096, dtype=np.uint8).tobytes()
    (tmp_path / "events.out.tfevents.1").write_bytes(noise)
    assert find_loss(tmp_path, loss_log=None, prototypes=None) is None


def test_json_lines_as_dino_writes_them(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("".join(json.dumps({"train_lr": 0.1, "train_loss": 9.0 - e, "epoch": e}) + "\n" for e in range(4)))
    curve = find_loss(tmp_path, loss_log=log, prototypes=None)
    assert curve is not None
    assert curve.source == "log.txt"
    assert curve.epochs == (1.0, 2.0, 3.0, 4.0)
    assert curve.values == (9.0, 8.0, 7.0, 6.0)


def test_epochs_that_begin_at_one_are_finished_ones(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    write_csv(log, [{"epoch": e, "loss": 1.0 / e} for e in (1, 2, 3)])
    curve = find_loss(tmp_path, loss_log=log, prototypes=None)
    assert curve is not None
    assert curve.epochs == (1.0, 2.0, 3.0)


def test_a_log_by_step_says_so(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    write_csv(log, [{"step": s, "loss": 1.0} for s in (10, 20, 30)])
    curve = find_loss(tmp_path, loss_log=log, prototypes=None)
    assert curve is not None
    assert curve.epochs == (10.0, 20.0, 30.0)
    assert "by step" in curve.source


def test_a_long_log_is_averaged_and_keeps_its_nan(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    losses = np.linspace(6, 5, 20_000)
    losses[-1] = np.nan
    write_csv(log, [{"step": s, "epoch": s // 100, "loss": value} for s, value in enumerate(losses)])
    curve = find_loss(tmp_path, loss_log=log, prototypes=None)
    assert curve is not None
    assert len(curve.values) == MOST_POINTS
    assert curve.values[0] == pytest.approx(np.mean(losses[:20]))
    assert math.isnan(curve.values[-1])
    assert curve.epochs[-1] == 200.0


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n3,4\n", "loss\nx\ny\n", "{not json\n", '{"lr": 1}\n', "\0\0\0\n"])
def test_a_named_log_without_a_loss_is_refused(tmp_path: Path, content: str) -> None:
    log = tmp_path / "log.csv"
    log.write_text(content)
    with pytest.raises(RunError, match="loss log"):
        find_loss(tmp_path, loss_log=log, prototypes=None)


def test_a_named_log_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot be read: No such file or directory$"):
        find_loss(tmp_path, loss_log=tmp_path / "absent.csv", prototypes=None)


def test_nothing_to_find(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("accuracy\n0.5\n0.6\n")
    assert find_loss(tmp_path, loss_log=None, prototypes=None) is None
    assert find_loss(tmp_path / "absent", loss_log=None, prototypes=None) is None


def series(values: list[float | None]) -> Series:
    records = tuple(
        CheckpointRecord(f"{i}.ckpt", digest=f"d{i}", epoch=float(i), load={"prototypes": 30})
        for i in range(len(values))
    )
    points = tuple(
        Point(record, {} if value is None else {"prototypes.loss": Metric("prototypes.loss", value, unit="nats")})
        for record, value in zip(records, values, strict=True)
    )
    data = DataSummary(name="d", path="", fingerprint="f", n_train=1, n_test=1)
    return Series(manifest=RunManifest(name="r", data=data, checkpoints=records), points=points)


def test_recomputed_from_head_and_prototypes() -> None:
    curve = recomputed(series([3.5, None, 3.4]))
    assert curve is not None
    assert curve.epochs == (0.0, 2.0)
    assert curve.values == (3.5, 3.4)
    assert curve.ln_k == pytest.approx(math.log(30))
    assert "recomputed" in curve.source


def test_one_value_is_no_curve() -> None:
    assert recomputed(series([3.5, None])) is None
