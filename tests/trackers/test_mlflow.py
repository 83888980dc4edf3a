"""What MLflow's own client finds in a store: once, grown, after kills, and where a number is another one now.

A store in files in the default suite; the database, whose tables alone take seconds to make, under `torture`.
"""

import json
import os
import shutil
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from swaveval.results import Series
from swaveval.results.exporters import ExportError
from swaveval.results.places import OutputError
from swaveval.trackers import on_mlflow
from swaveval.trackers.on_mlflow import MLflow
from tests.trackers.growing import SMALL, Expected, expected, first_of, invented

# SQLAlchemy's to MLflow.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
EVALUATION = "tags.`swaveval.evaluation` LIKE '%'"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = invented(tmp_path_factory.mktemp("mine") / "report")
    (place / "index.html").write_text("<p>the page</p>")
    return place


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With its tables, which take longest."""
    warnings.simplefilter("ignore", DeprecationWarning)
    from mlflow.tracking import MlflowClient

    place = tmp_path_factory.mktemp("database") / "empty.db"
    MlflowClient(f"sqlite:///{place}").search_experiments()
    return place


@pytest.fixture(params=["files", pytest.param("database", marks=pytest.mark.torture)])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    if request.param == "files":
        monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        yield str(tmp_path / "mlruns")
    else:
        yield str(shutil.copy(request.getfixturevalue("database"), tmp_path / "runs.db"))


def client(store: str) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(f"sqlite:///{store}" if store.endswith(".db") else store)


def runs(store: str, wanted: str = "") -> list[Any]:
    found = client(store)
    return list(found.search_runs([found.get_experiment_by_name("swaveval").experiment_id], wanted))


def history(store: str, run: Any) -> Expected:
    """Every scalar by MLflow's name and step; a second value at one step is a fault."""
    held: Expected = {}
    for name in run.data.metrics:
        for each in client(store).get_metric_history(run.info.run_id, name):
            assert (name, each.step) not in held
            if not name.startswith("swaveval-baselines/"):
                held[name, each.step] = each.value
    return held


def wanted(series: Series) -> Expected:
    return {(on_mlflow._named(name), step): value for (name, step), value in expected(series, settled=True).items()}


def test_what_is_written_is_read_back_and_grows(out: Path, store: str) -> None:
    earlier, whole = first_of(out, 3), Series.load(out)
    MLflow().write(earlier, store)
    (before,) = runs(store)
    assert history(store, before) == wanted(earlier)
    MLflow().write(whole, store)
    MLflow().write(whole, store)
    (run,) = runs(store)
    assert run.info.run_id == before.info.run_id
    assert history(store, run) == wanted(whole)
    assert (run.info.run_name, run.info.status) == ("mine", "FINISHED")
    assert run.data.params["learning_rate"] == "0.3"
    assert run.data.params["crops"] == "[2, 6]"
    tags = run.data.tags
    assert tags["swaveval.axis"] == "step"
    assert tags["swaveval.verdict"] in ("learning", "inconclusive", "not-learning", "converged")
    assert tags["swaveval.output"] == str(out.resolve())
    pixels = next(each for each in whole.baselines if each.record.name == "raw pixels")
    assert run.data.metrics["swaveval-baselines/knn.top1/raw pixels"] == pixels.metrics["knn.top1"].value
    place = Path(client(store).download_artifacts(run.info.run_id, "."))
    assert (place / "index.html").read_text() == "<p>the page</p>"
    # The whole of it, with what the next checkpoint may change.
    table = json.loads((place / "metrics.json").read_text())
    unsettled = expected(whole).keys() - expected(whole, settled=True).keys()
    assert {name.split("/", 1)[1] for name, _ in unsettled} >= {"stability.cka_last", "dse.score"}
    assert {row["metric"] for row in table} >= {name.split("/", 1)[1] for name, _ in expected(whole)}


@pytest.mark.torture
def test_a_number_that_is_another_now_begins_a_new_run(out: Path, store: str, tmp_path: Path) -> None:
    own = Path(shutil.copytree(out, tmp_path / "own"))
    MLflow().write(Series.load(own), store)
    (before,) = runs(store)
    invented(own, replace(SMALL, start=0.5))
    changed = Series.load(own)
    MLflow().write(changed, store)
    MLflow().write(changed, store)
    assert len(runs(store)) == 2
    (run,) = runs(store, EVALUATION)
    assert run.info.run_id != before.info.run_id
    assert history(store, run) == wanted(changed)
    assert history(store, client(store).get_run(before.info.run_id)) == wanted(Series.load(out))


CALLS = ("create_run", "log_batch", "log_artifact", "set_terminated")


def killed_at(call: int, act: Callable[[], object]) -> bool:
    """Do something in a process that is killed before its nth call of the store; whether it came to that."""
    from mlflow.tracking import MlflowClient

    child = os.fork()
    if child == 0:
        left = [call]
        for name in CALLS:
            real = getattr(MlflowClient, name)

            def counted(self: Any, *given: Any, real: Any = real, **more: Any) -> Any:
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(self, *given, **more)

            setattr(MlflowClient, name, counted)
        try:
            act()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("step", [6, pytest.param(1, marks=pytest.mark.torture)])
def test_killed_anywhere_and_called_again(out: Path, store: str, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    monkeypatch.setattr(on_mlflow, "_METRICS", 20)
    whole = Series.load(out)
    calls = 1
    # Each goes on from what the one before left.
    while killed_at(calls, lambda: MLflow().write(whole, store)):
        for run in runs(store):
            assert history(store, run).items() <= wanted(whole).items()
        calls += step
    assert calls > 4
    MLflow().write(whole, store)
    (run,) = runs(store)
    assert history(store, run) == wanted(whole)
    assert run.data.params.keys() >= {"learning_rate", "swaveval/data"}
    assert run.info.status == "FINISHED"


def test_names_are_what_mlflow_takes_and_different(store: str) -> None:
    from mlflow.utils.validation import _validate_metric_name

    odd = [
        "swaveval/lowshot.top1[shots=5]", "swaveval/lowshot.top1[shots=50]", "swaveval/lowshot.top1{shots=5}",
        "swaveval-more/knn.top1[k=20,euclidean,w=1/(d+1e-5)]", "swaveval-more/knn.top1[k=20,euclidean,w=1/d]",
        "swaveval/a..b", "swaveval/../b", "swaveval//b", "swaveval/ä", "swaveval/ö", "swaveval/" + "x" * 300,
        "swaveval/" + "x" * 301, "swaveval/a/", "swaveval/.",
    ]  # fmt: skip
    named = [on_mlflow._named(name) for name in odd]
    for name in named:
        _validate_metric_name(name)
    assert len(set(named)) == len(odd)
    assert named[0] == "swaveval/lowshot.top1 shots:5"


@pytest.mark.parametrize(
    ("target", "database"),
    [
        ("sqlite:////a/b.db", Path("/a/b.db")),
        ("sqlite:///b.db", Path("b.db").absolute()),
        ("x/b.sqlite", Path("x/b.sqlite").absolute()),
        ("http://host:5000", None),
        ("postgresql://host/b.db", None),
        ("runs", None),
    ],
)
def test_what_is_a_database(target: str, database: Path | None) -> None:
    assert on_mlflow._database(target) == database


def test_what_cannot_be_is_said_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    with pytest.raises(ExportError, match=r"name a database, as in mlflow:runs\.db"):
        MLflow().check("runs/")
    for target in ("", "-"):
        with pytest.raises(ExportError, match="mlflow takes a store"):
            MLflow().check(target)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        MLflow().check(f"{tmp_path}/file/runs.db")
    with pytest.raises(ExportError, match="is a directory, which MLflow takes no more"):
        MLflow().check(str(tmp_path))
    for target in ("nosuchthing", f"{tmp_path}/file"):
        with pytest.raises(ExportError, match=r"is neither a database \(FILE.*; name a database, as in mlflow:.*\.db"):
            MLflow().check(target)
    (tmp_path / "dir.db").mkdir()
    (tmp_path / "text.db").write_text("no database")
    for name in ("dir.db", "text.db"):
        with pytest.raises(ExportError, match=f"mlflow does not take it: .*{name} is no SQLite database"):
            MLflow().check(f"{tmp_path}/{name}")
    (tmp_path / "empty.db").touch()
    for name in ("empty.db", "new.db", "deep/new.db"):
        MLflow().check(f"{tmp_path}/{name}")
    assert not (tmp_path / "deep").exists()
    if Path("/proc/self").is_dir():  # root may write everywhere, and yet not there: MLflow tried for 45 seconds
        with pytest.raises(OutputError, match=r"cannot write to /proc/.*; name another"):
            MLflow().check("/proc/x.db")
    monkeypatch.setitem(sys.modules, "alembic", None)
    with pytest.raises(ExportError, match=r"pip install 'swaveval\[mlflow\]'"):
        MLflow().check(f"{tmp_path}/runs.db")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ExportError, match=r"pip install 'swaveval\[mlflow\]'"):
        MLflow().check(str(tmp_path))


def test_a_store_that_refuses_is_one_sentence(out: Path, tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_text("no database")
    with pytest.raises(ExportError, match="mlflow does not take it"):
        MLflow().write(Series.load(out), str(tmp_path / "runs.db"))
