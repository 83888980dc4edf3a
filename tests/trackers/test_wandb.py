"""What W&B's own `wandb sync` reads in the runs that were written offline, and what a server holds after it."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from swaveval.results import Series
from swaveval.results.exporters import ExportError
from swaveval.results.places import OutputError
from swaveval.trackers.on_wandb import WandB
from tests.trackers.growing import Expected, expected, first_of, invented
from tests.trackers.wandb_server import Run, WandbServer


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = invented(tmp_path_factory.mktemp("mine") / "report")
    (place / "index.html").write_text("<p>the page</p>" * 1000)
    return place


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    return tmp_path / "wandb"


def history(run: Run) -> Expected:
    """Every scalar by name and step; a second value at one step is a fault."""
    held: Expected = {}
    for line in run.history:
        for name, value in line.items():
            if name.startswith(("swaveval/", "swaveval-more/")):
                assert (name, line["swaveval-step"]) not in held
                held[name, line["swaveval-step"]] = value
    return held


def offline(directory: Path) -> list[Path]:
    return sorted(directory.glob("offline-run-*"))


@pytest.mark.torture
def test_sent_grown_and_sent_again(out: Path, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_RESUME", "must")  # as a training's own script may say
    tracker = WandB(entity="team")
    earlier, whole = first_of(out, 3), Series.load(out)
    with WandbServer() as server:
        said = tracker.write(earlier, "proj")
        (place,) = offline(directory)
        assert said == f"W&B: send it with `wandb sync {place}`"
        server.sync(place)
        (run,) = server.runs.values()
        assert history(run) == expected(earlier, settled=True)
        tracker.write(whole, "proj")
        assert len(offline(directory)) == 2
        server.sync(directory)
        (run,) = server.runs.values()
        assert history(run) == expected(whole, settled=True)
        assert tracker.write(whole, "proj") == "W&B: nothing is new, and everything was sent"
        assert len(offline(directory)) == 2
    assert [line["_step"] for line in run.history] == [0, 1, 2, 3]
    assert (run.name, run.project, run.entity) == ("mine", "proj", "team")
    assert run.config["learning_rate"] == 0.3
    assert run.config["crops"] == [2, 6]
    assert run.config["swaveval/train_images"] == 40
    assert run.summary["swaveval/verdict"] in ("learning", "inconclusive", "not-learning", "converged")
    assert run.summary["swaveval/axis"] == "step"
    pixels = next(each for each in whole.baselines if each.record.name == "raw pixels")
    assert run.summary["swaveval-baselines/knn.top1/raw pixels"] == pixels.metrics["knn.top1"].value
    axis, *_, every = run.config["_wandb"]["m"]
    assert axis["1"] == "swaveval-step"
    assert (every["2"], every["5"]) == ("*", 1)  # every other metric is drawn over the first one
    assert any(size > 10_000 for name, size in run.uploads.items() if name.startswith("media/html/swaveval-page"))


@pytest.mark.torture
def test_before_anything_is_sent_there_is_one_directory_with_all(out: Path, directory: Path) -> None:
    for count in (2, 3, 4):
        WandB().write(first_of(out, count), "proj")
        (place,) = offline(directory)
    with WandbServer() as server:
        server.sync(place)
        (run,) = server.runs.values()
        assert history(run) == expected(Series.load(out), settled=True)


def marked(place: Path) -> None:
    """As `wandb sync` leaves a directory that it sent."""
    (record,) = place.glob("run-*.wandb")
    record.with_name(f"{record.name}.synced").touch()


def ids(directory: Path) -> set[str]:
    return {path.name.partition("swaveval-")[2] for path in offline(directory)}


@pytest.mark.torture
def test_what_was_sent_is_another_now(out: Path, directory: Path, tmp_path: Path) -> None:
    """Retrained in place: a new run with everything; the one that was sent stays as it is."""
    whole = Series.load(out)
    WandB().write(whole, "proj")
    (sent,) = offline(directory)
    marked(sent)
    store = replace(
        whole,
        points=tuple(
            reversed([replace(p, record=q.record) for p, q in zip(whole.points, reversed(whole.points), strict=True)])
        ),
    )
    WandB().write(store, "proj")
    assert sent in offline(directory)
    assert len(ids(directory)) == 2
    # Nor is anything missing where a directory is gone of which nobody knows whether it was sent.
    shutil.rmtree(max(offline(directory), key=lambda path: path.name.endswith("-2")))
    WandB().write(store, "proj")
    with WandbServer() as server:
        server.sync(*[path for path in offline(directory) if path != sent])
        (run,) = server.runs.values()
        assert history(run) == expected(store, settled=True)


KILLED = """
import json, os, signal, sys
import wandb
from swaveval.trackers.wandb_process import write

left = int(sys.argv[1])
logged = wandb.Run.log
def log(self, *given, **more):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    logged(self, *given, **more)
wandb.Run.log = log
write(json.load(sys.stdin))
"""


@pytest.mark.torture
@pytest.mark.parametrize("at", [1, 3, 5])
def test_killed_and_called_again(out: Path, directory: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """The process that writes dies; then the whole command, which leaves what it had begun."""
    real = subprocess.run

    def dying(command: list[str], **more: Any) -> Any:
        return real([sys.executable, "-c", KILLED, str(at)], **more)

    monkeypatch.setattr(subprocess, "run", dying)
    with pytest.raises(ExportError, match="it ended with -9"):
        WandB().write(Series.load(out), "proj")
    assert list(directory.iterdir()) == []
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(subprocess, "run", lambda *given, **more: [dying(*given, **more), os.kill(os.getpid(), 9)])
        WandB().write(Series.load(out), "proj")
        os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    (left,) = directory.iterdir()
    assert left.name.startswith(".swaveval-")
    monkeypatch.setattr(subprocess, "run", real)
    WandB().write(Series.load(out), "proj")
    (place,) = offline(directory)
    assert not list(directory.glob(".*"))
    with WandbServer() as server:
        server.sync(place)
        (run,) = server.runs.values()
        assert history(run) == expected(Series.load(out), settled=True)


@pytest.mark.torture
def test_a_run_of_the_programs_own_goes_on(out: Path, directory: Path) -> None:
    import wandb

    own = wandb.init(project="training", mode="offline", dir=str(directory.parent), settings={"silent": True})
    try:
        WandB(page=False).write(Series.load(out), "proj")
        assert wandb.run is own
        own.log({"loss": 1.0})
    finally:
        own.finish()
    assert len(offline(directory)) == 2


@pytest.mark.parametrize("target", ["", "-", "a/b", "a:b", "x" * 129])
def test_no_project(out: Path, directory: Path, target: str) -> None:
    with pytest.raises(ExportError, match="is no project of W&B"):
        WandB().write(Series.load(out), target)
    assert not directory.exists()


def test_a_missing_package_and_a_directory_that_cannot_be(
    tmp_path: Path, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="name another directory with WANDB_DIR"):
        WandB().check("proj")
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ExportError, match=r"pip install 'swaveval\[wandb\]'"):
        WandB().check("proj")
