"""Losses that W&B and MLflow keep, written by these libraries themselves and read without them."""

import math
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from swaveval.results import LossCurve
from swaveval.runs.loss_fit import Moment
from swaveval.runs.loss_mlflow import mlflow_runs
from swaveval.runs.loss_rows import Row
from swaveval.runs.loss_stores import tracked_runs
from swaveval.runs.loss_wandb import wandb_runs
from swaveval.runs.losses import Looked, find_loss, look_for_loss
from swaveval.runs.request import RunError
from tests.runs.tracker_writers import PER_EPOCH, truth

MOMENTS: list[Moment] = [(float(epoch), epoch * PER_EPOCH) for epoch in range(6)]


def written(what: str, place: Path) -> Path:
    writer = Path(__file__).with_name("tracker_writers.py")
    done = subprocess.run([sys.executable, str(writer), what, str(place)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture(scope="module")
def wandb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("wandb")
    return written("wandb", tmp_path_factory.mktemp("wandb"))


# A new database takes MLflow ten seconds of migrations.
@pytest.fixture(scope="module", params=["files", pytest.param("database", marks=pytest.mark.torture)])
def mlflow(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mlflow")
    if request.param == "database":
        pytest.importorskip("sqlalchemy")
    return written(request.param, tmp_path_factory.mktemp(request.param))


def ids(store: Path) -> dict[str, str]:
    return dict(line.split() for line in (store / "ids.txt").read_text().splitlines())


def store_of(place: Path) -> Path:
    return place / "mlflow.db" if (place / "mlflow.db").exists() else place / "mlruns"


def looked(directory: Path, *, log: Path | None = None, moments: Sequence[Moment] = MOMENTS) -> Looked:
    return look_for_loss(directory, loss_log=log, prototypes=None, moments=moments)


def named(place: str | Path, *, moments: Sequence[Moment] = MOMENTS) -> LossCurve:
    curve = looked(Path("/nowhere"), log=Path(place), moments=moments).curve
    assert curve is not None
    return curve


def assert_true(curve: LossCurve | None, last: float = 5.0) -> None:
    assert curve is not None
    assert (curve.axis, curve.note) == ("epoch", "")
    assert curve.epochs[-1] == pytest.approx(last, abs=0.11)
    # Lightning counts steps from 0, so that the checkpoints' steps place a row a step early.
    assert curve.values == pytest.approx([truth(epoch) for epoch in curve.epochs], abs=0.021)


# -- W&B ---------------------------------------------------------------------------------------------------------------
def test_a_run_of_wandb_by_its_file_its_directory_and_the_directories_above(wandb: Path) -> None:
    directory = next((wandb / "long" / "wandb").glob("offline-run-*"))
    for place in (directory / "run-long1.wandb", directory, directory.parent, wandb / "long"):
        (run,) = wandb_runs(place)
        assert (run.id, run.name, run.source) == ("long1", "long", "W&B run long (long1)")
        rows = run.read()
        assert [row.step for row in rows] == list(range(1500))
        assert [row.loss for row in rows] == [truth((s + 1) / PER_EPOCH) for s in range(1500)]
        assert [row.epoch for row in rows] == [s // PER_EPOCH for s in range(1500)]


def test_what_is_no_number_of_wandb(wandb: Path) -> None:
    (run,) = wandb_runs(wandb / "odd")
    rows = run.read()
    assert [row.epoch for row in rows] == [0, 1, 2, 3, 4, 6], "rows without a loss are passed over"
    assert [rows[0].loss, rows[1].loss, *(row.loss for row in rows[3:])] == [3, 2, math.inf, -math.inf, 1e-30]
    assert math.isnan(rows[2].loss)
    assert [row.step for row in rows] == [0, 1, 2, 3, 4, 7], "wandb's own count of calls"


def test_a_resumed_run_of_wandb_is_one_curve(wandb: Path) -> None:
    assert len(list((wandb / "resumed" / "wandb").glob("offline-run-*"))) == 2
    (run,) = wandb_runs(wandb / "resumed")
    assert run.read() == [Row(truth((s + 1) / PER_EPOCH), s // PER_EPOCH, s) for s in range(50)]
    assert_true(named(wandb / "resumed"))


def test_parts_of_a_run_that_nothing_puts_in_order_are_not_guessed(wandb: Path) -> None:
    """Offline, wandb counts its calls from 0 again in every process."""
    (run,) = wandb_runs(wandb / "unsaid")
    with pytest.raises(RunError, match=r"run unsaid1 was written in 2 parts .* do not go on one from another"):
        run.read()
    parts = sorted((wandb / "unsaid" / "wandb").glob("offline-run-*"))
    assert [row.loss for row in wandb_runs(parts[0])[0].read()] == [5, 4, 3, 2]


def test_of_several_runs_of_wandb_one_is_named(wandb: Path) -> None:
    place = wandb / "two"
    with pytest.raises(
        RunError, match=r"losses of 3 runs: other \(third1\), same \(first1\), same \(second1\); say which"
    ):
        named(place)
    with pytest.raises(RunError, match=r"2 runs called 'same': same \(first1\), same \(second1\)"):
        named(f"{place}:same")
    with pytest.raises(RunError, match=r"no run 'fourth' with a training loss; it holds other \(third1\), same"):
        named(f"{place}:fourth")
    assert_true(named(f"{place}:other"))
    assert_true(named(f"{place / 'wandb'}:third1"))
    assert set(named(f"{place}:second1").values) == {1.0}


def test_an_evaluation_that_was_logged_is_no_training(wandb: Path) -> None:
    assert [run.id for run in wandb_runs(wandb / "ours")] == ["train1"]
    assert_true(named(wandb / "ours", moments=MOMENTS[:4]), last=3)


def test_a_store_beside_the_checkpoints_is_taken_only_where_one_run_is_meant(wandb: Path, tmp_path: Path) -> None:
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    shutil.copytree(wandb / "two" / "wandb", tmp_path / "run" / "wandb")
    found = looked(tmp_path / "run" / "checkpoints")
    assert found.curve is None
    (told,) = found.told
    assert told.startswith("W&B has the losses of 3 runs beside the checkpoints (other (third1), same (first1), same")
    # From above, each run's directory is a place of its own; there are three runs all the same.
    assert looked(tmp_path / "run").told == [told]
    for id in ("first1", "second1"):
        shutil.rmtree(next((tmp_path / "run" / "wandb").glob(f"*-{id}")))
    assert_true(looked(tmp_path / "run" / "checkpoints").curve)
    assert looked(tmp_path / "run" / "checkpoints").told == []


@pytest.mark.parametrize("layout", ["project/{}/checkpoints", "trained_models/swav/{}"])
def test_the_run_whose_id_is_in_the_path_is_meant(wandb: Path, tmp_path: Path, layout: str) -> None:
    """Lightning's WandbLogger and solo-learn: `wandb/` in the directory the training was started in."""
    shutil.copytree(wandb / "two" / "wandb", tmp_path / "wandb")
    directory = tmp_path / layout.format("third1")
    directory.mkdir(parents=True)
    found = looked(directory)
    assert found.curve is not None
    assert (found.curve.source, found.told) == ("W&B run other (third1)", [])
    assert_true(found.curve)
    other = tmp_path / layout.format("unknown")
    other.mkdir(parents=True)
    assert looked(other).curve is None


def test_a_run_of_wandb_that_was_cut_off_is_read_so_far(wandb: Path, tmp_path: Path) -> None:
    """A run that goes on, or was killed: the last record, and the last block, may be anything up to whole."""
    source = next((wandb / "two" / "wandb").glob("*-third1")) / "run-third1.wandb"
    content, whole = source.read_bytes(), wandb_runs(source)[0].read()
    seen = set()
    for length in range(0, len(content), 211):
        (tmp_path / "run-third1.wandb").write_bytes(content[:length])
        rows = [row for run in wandb_runs(tmp_path / "run-third1.wandb") for row in run.read()]
        assert rows == whole[: len(rows)]
        seen.add(len(rows))
    assert len(seen) > 30
    (tmp_path / "run-third1.wandb").write_bytes(content + bytes(100_000))  # space that was made and not used
    assert wandb_runs(tmp_path / "run-third1.wandb")[0].read() == whole


def test_a_damaged_run_of_wandb_is_said_and_never_another_curve(wandb: Path, tmp_path: Path) -> None:
    source = next((wandb / "two" / "wandb").glob("*-third1")) / "run-third1.wandb"
    content, whole = source.read_bytes(), wandb_runs(source)[0].read()
    generator = np.random.default_rng(0)
    said = 0
    for place in generator.integers(0, len(content), 150):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(generator.integers(8))
        (tmp_path / "run-third1.wandb").write_bytes(damaged)
        try:
            rows = [row for run in wandb_runs(tmp_path / "run-third1.wandb") for row in run.read()]
        except RunError as error:
            said += "is damaged at byte" in str(error)
        else:
            assert rows == whole[: len(rows)]
    assert said > 100
    beside = tmp_path / "run" / "wandb" / "offline-run-20260101_000000-third1"
    beside.mkdir(parents=True)
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 255
    (beside / "run-third1.wandb").write_bytes(damaged)
    (told,) = looked(tmp_path / "run").told
    assert "the loss of W&B run other (third1) is left out" in told
    assert "damaged at byte" in told


@pytest.mark.parametrize(
    "content", [b"", b":W&B", b":W&B\xe1\xbe\x00", b":W&B\xe1\xbe\x00" + b"\xff" * 70_000, b"x" * 99]
)
def test_what_is_no_file_of_wandb(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "run-x.wandb").write_bytes(content)
    assert wandb_runs(tmp_path) == []
    with pytest.raises(RunError, match="holds no loss"):
        named(tmp_path)


def test_the_history_that_wandb_wrote_before_0_10(tmp_path: Path) -> None:
    directory = tmp_path / "wandb" / "run-20200101_000000-old1"
    directory.mkdir(parents=True)
    rows = "".join(f'{{"train_loss": {truth((s + 1) / 10)}, "epoch": {s // 10}, "_step": {s}}}\n' for s in range(50))
    (directory / "wandb-history.jsonl").write_text(rows)
    assert [run.id for run in wandb_runs(tmp_path)] == ["old1"]
    assert_true(looked(tmp_path).curve)


# -- MLflow ------------------------------------------------------------------------------------------------------------
def test_runs_of_mlflow(mlflow: Path) -> None:
    runs = {run.id: run for run in mlflow_runs(store_of(mlflow))}
    known = ids(mlflow)
    assert set(runs) == {known[name] for name in ("steps", "resumed", "odd", "bare")}, (
        "no deleted run, none without a loss"
    )
    assert {run.id for run in mlflow_runs(mlflow)} == set(runs), "from the directory that holds the store"
    rows = runs[known["steps"]].read()
    assert rows == [Row(truth((s + 1) / PER_EPOCH), s // PER_EPOCH, s) for s in range(50)]
    assert [row.loss for row in runs[known["resumed"]].read()] == [truth((s + 1) / PER_EPOCH) for s in range(50)]
    odd = runs[known["odd"]].read()
    assert [(row.step, row.loss) for row in odd if row.step != 2] == [(1, 3.0), (3, math.inf), (4, -math.inf), (6, 1.5)]
    assert math.isnan(odd[1].loss)
    assert runs[known["bare"]].read() == [Row(4.0), Row(3.0), Row(2.0), Row(1.0)], "without a step, in their order"


def test_of_several_runs_of_mlflow_one_is_named(mlflow: Path) -> None:
    store, known = store_of(mlflow), ids(mlflow)
    with pytest.raises(RunError, match=r"holds the losses of 4 runs: bare \(.*steps \(.*; say which these checkpoints"):
        named(store)
    for wanted in ("steps", known["steps"], known["resumed"], "resumed: 'again'"):
        if ":" not in wanted:
            assert_true(named(f"{store}:{wanted}"))
    with pytest.raises(RunError, match="no run 'gone' with a training loss"):
        named(f"{store}:gone")


def test_a_store_of_mlflow_beside_the_checkpoints(mlflow: Path, tmp_path: Path) -> None:
    run, store = tmp_path / "run", store_of(mlflow)
    (run / "checkpoints").mkdir(parents=True)
    (shutil.copytree if store.is_dir() else shutil.copy)(store, run / store.name)  # type: ignore[operator]
    found = looked(run / "checkpoints")
    assert found.curve is None
    (told,) = found.told
    assert told.startswith("MLflow has the losses of 4 runs beside the checkpoints (bare (")
    assert looked(run).told == [told]
    # Lightning's MLFlowLogger: EXPERIMENT/RUN/checkpoints in the store or beside it.
    inner = run / "mlruns" / "1" / ids(mlflow)["steps"] / "checkpoints"
    inner.mkdir(parents=True)
    assert_true(looked(inner).curve)


def test_nothing_is_written_beside_a_database(tmp_path: Path, wandb: Path) -> None:
    place = tmp_path / "store"
    place.mkdir()
    store(place / "mlflow.db", [("loss", 3.0, 1, 1), ("loss", 2.0, 2, 2)])
    before = {path.name: path.stat().st_mtime_ns for path in place.iterdir()}
    place.chmod(0o500)
    try:
        assert named(place / "mlflow.db", moments=[(None, 2)]).values == (3.0, 2.0)
    finally:
        place.chmod(0o700)
    assert {path.name: path.stat().st_mtime_ns for path in place.iterdir()} == before


def store(path: Path, metrics: list[tuple[str, float, int, int]], *, more: str = "") -> None:
    """A database with the tables that are read and nothing else."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            "CREATE TABLE runs (run_uuid, name, lifecycle_stage); INSERT INTO runs VALUES ('r1', 'one', 'active');"
            f"CREATE TABLE metrics (key, value, timestamp, run_uuid, step, is_nan); {more}"
        )
        database.executemany("INSERT INTO metrics VALUES (?, ?, ?, 'r1', ?, 0)", metrics)
        database.commit()


def test_a_database_that_is_written_to_meanwhile(tmp_path: Path) -> None:
    """With a write-ahead log the last rows stand in it, and in nothing else."""
    import sqlite3

    store(tmp_path / "mlflow.db", [("loss", 3.0, 1, 1)])
    writer = sqlite3.connect(tmp_path / "mlflow.db")
    try:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("INSERT INTO metrics VALUES ('loss', 2.0, 2, 'r1', 2, 0)")
        writer.commit()
        (run,) = tracked_runs(tmp_path / "mlflow.db")
        assert run.read() == [Row(3.0, None, 1), Row(2.0, None, 2)]
        assert [path.name for path in run.files] == ["mlflow.db", "mlflow.db-wal"]
    finally:
        writer.close()


def test_a_database_that_never_ends_to_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swaveval.runs.loss_mlflow._SECONDS", 0.3)
    endless = (
        "DROP TABLE metrics; CREATE VIEW metrics AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
        "SELECT 'loss' AS key, 1.0 AS value, x AS timestamp, 'r1' AS run_uuid, x AS step, 0 AS is_nan FROM n;"
    )
    with pytest.raises(RunError, match="took longer than 0 seconds"):
        tracked_runs(made(tmp_path / "mlflow.db", endless))


def made(path: Path, more: str) -> Path:
    store(path, [], more=f"{more} CREATE TEMP TABLE metrics (key, value, timestamp, run_uuid, step, is_nan);")
    return path


@pytest.mark.parametrize(
    "content", [b"SQLite format 3\0", b"SQLite format 3\0" + bytes(5000), b"SQLite format 3\0" + b"\xff" * 9000]
)
def test_what_is_no_database_of_mlflow(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(content)
    with pytest.raises(RunError, match=r"mlflow\.db cannot be read as an MLflow store: "):
        find_loss(tmp_path, loss_log=tmp_path / "mlflow.db", prototypes=None)
    (told,) = looked(tmp_path).told
    assert told.startswith("a store beside the checkpoints is left out: ")
    (tmp_path / "mlflow.db").write_bytes(b"no database")
    assert looked(tmp_path).told == []
