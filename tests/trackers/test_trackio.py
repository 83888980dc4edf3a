"""What Trackio's own reader finds in its store: once, grown, killed, and where a number is another one now."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trackio")

import trackio
from trackio import sqlite_storage, utils

from swaveval.results import Series
from swaveval.results.exporters import ExportError
from swaveval.results.places import OutputError
from swaveval.results.scalars import tracker_axis
from swaveval.trackers.on_trackio import Trackio
from tests.trackers.growing import SMALL, Expected, expected, first_of, invented

PROJECT = "mine"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return invented(tmp_path_factory.mktemp("mine") / "report")


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "trackio"
    for module in (sqlite_storage, utils):
        monkeypatch.setattr(module, "TRACKIO_DIR", place)
    for name in ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL"):
        monkeypatch.delenv(name, raising=False)
    return place


def runs() -> list[Any]:
    return list(trackio.Api().runs(PROJECT))


def history(run: Any) -> Expected:
    """Value by name and step; that none is there twice is asserted."""
    found: Expected = {}
    for row in sqlite_storage.SQLiteStorage.get_logs(PROJECT, run_id=run.id):
        for name, value in row.items():
            if name not in ("step", "timestamp"):
                assert (name, row["step"]) not in found
                found[name, row["step"]] = value
    return found


def curves(found: Expected) -> Expected:
    return {place: value for place, value in found.items() if not place[0].startswith("swaveval-baselines/")}


def wanted(series: Series) -> Expected:
    return expected(series, settled=True)


def test_what_is_written_is_read_back_and_grows(out: Path) -> None:
    short, whole = first_of(out, 2), Series.load(out)
    line = Trackio().write(short, PROJECT)
    assert line == "Trackio: see it with `trackio show --project mine`"
    assert curves(history(runs()[0])) == wanted(short) != wanted(whole)
    for _ in range(2):  # once more changes nothing
        Trackio().write(whole, PROJECT)
        (run,) = runs()
        assert curves(history(run)) == wanted(whole)
    baselines = [place for place in history(run) if place not in curves(history(run))]
    assert baselines
    assert {step for _, step in baselines} == {0}
    assert run.name == "mine"
    assert (run.config["learning_rate"], run.config["crops"]) == (0.3, [2, 6])
    assert run.config["swaveval/axis"] == tracker_axis(whole).name
    assert run.config["swaveval/verdict"] in ("learning", "inconclusive", "not-learning", "regressed", "converged")


def test_the_verdict_is_that_of_the_last_call(out: Path) -> None:
    whole = Series.load(out)
    Trackio().write(whole, PROJECT)
    hyperparameters = {**whole.manifest.hyperparameters, "note": "another"}
    Trackio().write(replace(whole, manifest=replace(whole.manifest, hyperparameters=hyperparameters)), PROJECT)
    (run,) = runs()
    assert run.config["note"] == "another"
    assert curves(history(run)) == wanted(whole)


def test_a_training_of_the_same_name_is_left_alone(out: Path) -> None:
    """Somebody's own run, by Trackio itself."""
    theirs = trackio.init(PROJECT, name="mine", config={"lr": 1}, embed=False, auto_log_cpu=False, auto_log_gpu=False)
    theirs.log({"loss": 2.5}, step=1)
    theirs.finish()
    Trackio().write(Series.load(out), PROJECT)
    own, other = sorted(runs(), key=lambda run: "loss" in {name for name, _ in history(run)})
    assert history(other) == {("loss", 1): 2.5}
    assert other.config["lr"] == 1
    assert curves(history(own)) == wanted(Series.load(out))


def test_a_number_that_is_another_now_begins_a_new_run(out: Path, tmp_path: Path) -> None:
    whole = Series.load(out)
    Trackio().write(whole, PROJECT)
    before = wanted(whole)
    place = next(iter(before))
    (run,) = runs()
    database = sqlite_storage.SQLiteStorage.get_project_db_path(PROJECT)
    with closing(sqlite3.connect(database)) as connection, connection:  # other weights stood there
        rows = connection.execute("SELECT id, metrics FROM metrics").fetchall()
        for key, metrics in rows:
            text = metrics.decode() if isinstance(metrics, bytes) else metrics
            name = f'"{place[0]}":'
            if name in text:
                text = text.replace(name, f"{name}-", 1) if f"{name}-" not in text else text
                connection.execute("UPDATE metrics SET metrics = ? WHERE id = ?", (text.encode(), key))
    changed = history(run)
    assert changed != before
    for _ in range(2):
        Trackio().write(whole, PROJECT)
        old, new = sorted(runs(), key=lambda each: len(each.id))
        assert (history(old), curves(history(new))) == (changed, before)


def test_killed_in_the_transaction_and_called_again(out: Path, store: Path) -> None:
    """All of a call or nothing of it."""
    program = (
        "import os, signal, sqlite3, sys\n"
        "from pathlib import Path\n"
        "from trackio import sqlite_storage\n"
        "from swaveval.results import Series\n"
        "from swaveval.trackers.on_trackio import Trackio\n"
        "sqlite_storage.SQLiteStorage._insert_trace_rows = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "Trackio().write(Series.load(Path(sys.argv[1])), 'mine')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(out)], env={**os.environ, "TRACKIO_DIR": str(store)}, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    assert [history(run) for run in runs()] in ([], [{}])
    Trackio().write(Series.load(out), PROJECT)
    (run,) = runs()
    assert curves(history(run)) == wanted(Series.load(out))


def test_what_cannot_be_is_said_before(out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExportError, match="name one, as in trackio:mine"):
        Trackio().check("")
    with pytest.raises(ExportError, match="not allowed"):
        Trackio().check("registry-mine")
    monkeypatch.setenv("TRACKIO_SPACE_ID", "somebody/space")
    with pytest.raises(ExportError, match=r"TRACKIO_SPACE_ID is set.*trackio sync"):
        Trackio().check(PROJECT)
    monkeypatch.delenv("TRACKIO_SPACE_ID")
    (tmp_path / "file").write_text("")
    for module in (sqlite_storage, utils):
        monkeypatch.setattr(module, "TRACKIO_DIR", tmp_path / "file")
    with pytest.raises(OutputError, match="TRACKIO_DIR"):
        Trackio().check(PROJECT)


def test_a_store_that_is_none_is_one_sentence(out: Path, store: Path) -> None:
    store.mkdir()
    sqlite_storage.SQLiteStorage.get_project_db_path(PROJECT).write_bytes(b"not a database " * 100)
    with pytest.raises(ExportError, match="trackio does not take it: "):
        Trackio().write(Series.load(out), PROJECT)


def test_hostile_names(tmp_path: Path) -> None:
    """Names of runs and settings are somebody's."""
    odd = "../../<b>\x1b[31m'; DROP TABLE metrics; --"
    plan = replace(SMALL, name=odd, hyperparameters={odd: odd, "_private": 1})
    series = Series.load(invented(tmp_path / "odd", plan))
    Trackio().write(series, PROJECT)
    (run,) = runs()
    assert curves(history(run)) == wanted(series)
    assert "\x1b" not in run.name + "".join(run.config)
    assert run.config["private"] == 1
