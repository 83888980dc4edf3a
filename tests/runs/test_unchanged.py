"""A second run says again what the first said exactly while nothing it depends on has changed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from swaveval.convergence import Verdict
from swaveval.runs import unchanged
from swaveval.runs.outcome import RunOutcome
from swaveval.runs.progress import Told
from swaveval.runs.request import RunRequest
from swaveval.runs.run import run
from tests.field.around_runs import environment, write_checkpoints
from tests.tiny_images import write_images

ROOT = Path(__file__).parents[2]
PLUGIN = """
class Mine:
    name, version, needs = "mine", 1, frozenset()
    def __call__(self, features, *, seed):
        return []
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunOutcome]:
    """A directory with a run, its images, its labels, and a plugin; evaluated once. Not to be spoilt."""
    place = tmp_path_factory.mktemp("finished")
    images = write_images(place / "bars", per_class=8)
    write_checkpoints(place / "run" / "checkpoints", count=2)
    (place / "run" / "metrics.csv").write_text("epoch,loss\n1,3.0\n2,2.0\n", encoding="utf-8")
    table = [f"{path.relative_to(images)},{path.parent.name}" for path in sorted(images.rglob("*.png"))]
    (place / "labels.csv").write_text("\n".join(["filename,label", *table]) + "\n", encoding="utf-8")
    (place / "mine.py").write_text(PLUGIN, encoding="utf-8")
    return place, run(request_in(place))


def request_in(place: Path) -> RunRequest:
    return RunRequest(
        checkpoints=place / "run" / "checkpoints",
        out=place / "run" / "report",
        data=str(place / "bars"),
        labels=place / "labels.csv",
        evaluators=("knn", "spectrum", f"{place / 'mine.py'}:Mine"),
    )


class Listening:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def stage(self, name: str, total: int) -> None:
        pass

    def advance(self, done: int, total: int) -> None:
        pass

    def message(self, text: str) -> None:
        self.heard.append(text)


@pytest.fixture
def done(finished: tuple[Path, RunOutcome], tmp_path: Path) -> Path:
    """The same in a place of its own, as if it had been evaluated there."""
    first_place, outcome = finished
    place = tmp_path / "place"
    shutil.copytree(first_place, place)
    request = request_in(place)
    assert unchanged.earlier(request) is None
    unchanged.remember(request, outcome, unchanged.inputs(request), ())
    return place


def test_nothing_has_changed(done: Path) -> None:
    listening = Listening()
    again = run(request_in(done), listening)
    found = unchanged.earlier(replace(request_in(done), command="swaveval run, said otherwise"))
    assert found is not None
    outcome, told = found
    assert list(told) == listening.heard
    assert (outcome.computed, outcome.unusable) == (0, again.unusable)
    assert outcome.written.verdict == again.written.verdict
    assert outcome.written.series.manifest == again.written.series.manifest
    assert outcome.written.page == again.written.page


def rewritten(path: Path, content: bytes) -> None:
    """As many bytes, and the time of the last change set back: only the file system's own record tells."""
    before = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    rewritten(path, bytes(content))


def first(place: Path, pattern: str) -> Path:
    return sorted(place.glob(pattern))[0]


CHANGES: dict[str, Callable[[Path], object]] = {
    "a checkpoint of the same size and time": lambda place: flipped(first(place, "run/checkpoints/*")),
    "one more checkpoint": lambda place: shutil.copy(
        place / "run/checkpoints/epoch=2.ckpt", place / "run/checkpoints/epoch=3.ckpt"
    ),
    "one checkpoint fewer": lambda place: first(place, "run/checkpoints/*").unlink(),
    "a checkpoint renamed": lambda place: first(place, "run/checkpoints/*").rename(place / "run/checkpoints/z.ckpt"),
    "an image of the same size and time": lambda place: flipped(first(place, "bars/*/*.png")),
    "one more image": lambda place: shutil.copy(first(place, "bars/*/*.png"), place / "bars/bar 0/new.png"),
    "an image moved to another class": lambda place: (place / "bars/bar 0/0.png").rename(place / "bars/bar 1/x.png"),
    "labels": lambda place: flipped(place / "labels.csv"),
    "the log": lambda place: (place / "run/metrics.csv").write_text("epoch,loss\n1,3.0\n2,9.0\n", encoding="utf-8"),
    "a run.json that was not there": lambda place: (place / "run/run.json").write_text("{}", encoding="utf-8"),
    "a log that was not there": lambda place: (place / "run/other.csv").write_text("epoch,loss\n", encoding="utf-8"),
    "the code of a plugin": lambda place: (place / "mine.py").write_text(PLUGIN + "# more\n", encoding="utf-8"),
    "the plugin gone": lambda place: (place / "mine.py").unlink(),
    "the page": lambda place: flipped(place / "run/report/index.html"),
    "the page gone": lambda place: (place / "run/report/index.html").unlink(),
    "the verdict": lambda place: flipped(place / "run/report/verdict.json"),
    "a stored result": lambda place: flipped(first(place, "run/report/results/cells/*.json")),
    "stored arrays": lambda place: flipped(first(place, "run/report/results/cells/*.npz")),
    "a stored result gone": lambda place: first(place, "run/report/results/cells/*.json").unlink(),
    "the manifest": lambda place: flipped(place / "run/report/results/run.json"),
    "what the run left": lambda place: flipped(place / "run/report/cache/finished.json"),
    "what the run left, torn": lambda place: (place / "run/report/cache/finished.json").write_bytes(b'{"sha256": 1'),
}


def test_images_behind_a_link_are_looked_at(done: Path, finished: tuple[Path, RunOutcome]) -> None:
    """A class folder that is a link to a directory elsewhere; one that leads back up has no end and is left."""
    elsewhere = done / "elsewhere"
    (done / "bars" / "bar 0").rename(elsewhere)
    (done / "bars" / "bar 0").symlink_to(elsewhere)
    (done / "bars" / "back").symlink_to(done / "bars")
    request = request_in(done)
    unchanged.remember(request, finished[1], unchanged.inputs(request), ())
    assert unchanged.earlier(request) is not None
    flipped(first(elsewhere, "*.png"))
    assert unchanged.earlier(request) is None


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_has_changed_is_looked_at(change: str, done: Path) -> None:
    assert unchanged.earlier(request_in(done)) is not None
    CHANGES[change](done)
    assert unchanged.earlier(request_in(done)) is None


@pytest.mark.parametrize(
    "other",
    [{"seed": 1}, {"evaluators": ("knn",)}, {"force": True}, {"images": False}, {"figures": True}, {"name": "other"}],
    ids=str,
)
def test_another_question_is_another_run(other: dict[str, object], done: Path) -> None:
    assert unchanged.earlier(replace(request_in(done), **other)) is None  # type: ignore[arg-type]


def test_what_changed_while_it_ran_is_new_to_the_next(done: Path, finished: tuple[Path, RunOutcome]) -> None:
    request, (_, outcome) = request_in(done), finished
    before = unchanged.inputs(request)
    flipped(first(done, "bars/*/*.png"))
    unchanged.remember(request, outcome, before, ())
    assert unchanged.earlier(request) is None


def test_among_too_many_files_there_is_no_shortcut(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unchanged, "MOST_FILES", 5)
    assert unchanged.inputs(request_in(done)) is None
    assert unchanged.earlier(request_in(done)) is None


def test_after_a_failure_everything_is_tried_again(done: Path) -> None:
    failing = PLUGIN.replace("return []", "return 1 / 0").replace('"mine", 1', '"mine", 2')
    (done / "mine.py").write_text(failing, encoding="utf-8")
    assert run(request_in(done)).failed
    assert unchanged.earlier(request_in(done)) is None


def test_a_verdict_is_read_back_as_it_was(finished: tuple[Path, RunOutcome]) -> None:
    verdict = finished[1].written.verdict
    assert Verdict.from_json(verdict.to_json()) == verdict
    with pytest.raises(ValueError, match="no verdict"):
        Verdict.from_json({**verdict.to_json(), "verdict": "splendid"})
    with pytest.raises(TypeError):
        Verdict.from_json({**verdict.to_json(), "mood": "good"})


def test_everything_that_is_told_passes_through() -> None:
    listening = Listening()
    told = Told(listening)
    told.stage("reading", 3)
    told.advance(1, 3)
    told.message("one line")
    assert told.messages == listening.heard == ["one line"]


def test_the_second_command_imports_neither_torch_nor_scipy(done: Path) -> None:
    """What the command prints is the same; only that nothing was computed is new."""
    code = (
        "import sys, atexit; from swaveval.cli.app import main\n"
        "atexit.register(lambda: print('heavy', sorted({'torch', 'scipy', 'bokeh'} & set(sys.modules))))\n"
        "main()"
    )
    arguments = ["run", "-c", "run/checkpoints", "-d", "bars", "-e", "knn,spectrum", "--no-figures"]
    command = [sys.executable, "-c", code, *arguments]
    said = [
        subprocess.run(command, cwd=done, env=environment(), capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert "'torch'" in said[0].stdout
    assert said[1].stdout.endswith("heavy []\n")
    first_said, second_said = (one.stdout.rpartition("heavy")[0] for one in said)
    assert first_said == second_said
    assert "0 cells computed, 0 failed" in said[1].stderr


def test_the_store_of_a_tracker_further_above_is_a_log_too(done: Path, finished: tuple[Path, RunOutcome]) -> None:
    """Lightning's and solo-learn's layout: the store lies where the training was started."""
    tracked = done / "mlruns" / "1" / "run"
    (tracked / "metrics").mkdir(parents=True)
    (tracked.parent / "meta.yaml").write_text("name: training\n")
    (tracked / "meta.yaml").write_text("run_id: run\nlifecycle_stage: active\n")
    (tracked / "metrics" / "loss").write_text("1 3.0 1\n2 2.0 2\n")
    request = request_in(done)
    assert unchanged.earlier(request) is None
    unchanged.remember(request, finished[1], unchanged.inputs(request), ())
    assert unchanged.earlier(request) is not None
    (tracked / "metrics" / "loss").write_text("1 3.0 1\n2 2.0 2\n3 1.0 3\n")
    assert unchanged.earlier(request) is None


def test_the_store_of_a_tracker_that_is_named_is_a_log_too(done: Path) -> None:
    tracked = done / "elsewhere" / "1" / "abc"
    (tracked / "metrics").mkdir(parents=True)
    (tracked / "meta.yaml").write_text("run_id: abc\nlifecycle_stage: active\n")
    (tracked / "metrics" / "loss").write_text("1 3.0 1\n2 2.0 2\n")
    request = replace(request_in(done), loss_log=Path(f"{done / 'elsewhere'}:abc"))
    stamps = unchanged.inputs(request)
    assert stamps is not None
    assert str((tracked / "metrics" / "loss").resolve()) in stamps
