"""Executors are anybody's: named like evaluators, given picklable tasks, and the results are the same bit for bit."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from swaveval.runs.executors import available, make_executor
from swaveval.runs.request import RunError, RunRequest
from swaveval.runs.run import run
from swaveval.specification import PluginError
from tests.field.around_runs import environment, write_checkpoints, write_plugin
from tests.scale.evaluations import cells
from tests.tiny_images import write_images

EVALUATORS = ("knn", "spectrum", "views", "drift", "stability")
DOCUMENT = Path(__file__).parents[2] / "docs" / "executors-and-exporters.md"
# The one of the documentation, with a log.
LOGGED = """

class Logged(Pool):
    def run(self, tasks, job):
        for done in super().run(tasks, job):
            self.note(f"{type(done.task).__name__} {done.task.name}")
            yield done

    def close(self):
        super().close()
        self.note("closed")

    def note(self, line):
        with open(LOG, "a") as log:
            log.write(line + "\\n")
"""


@pytest.fixture
def somebody(tmp_path: Path) -> str:
    """An executor that is not ours; what it does stands in `log.txt`."""
    blocks = re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    log = f"LOG = {str(tmp_path / 'log.txt')!r}\n"
    (tmp_path / "logged.py").write_text(blocks[0] + LOGGED + log, encoding="utf-8")
    return f"{tmp_path / 'logged.py'}:Logged(at_once=1)"


@pytest.mark.torture
def test_whoever_does_the_work_the_results_are_the_same(
    somebody: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    images = write_images(tmp_path / "bars", per_class=8)
    checkpoints = write_checkpoints(tmp_path / "run" / "checkpoints", count=2)
    plugin = write_plugin(tmp_path / "mine.py")

    def evaluated(name: str, executor: str, jobs: int) -> dict[str, object]:
        request = RunRequest(
            checkpoints=checkpoints,
            out=tmp_path / name,
            data=str(images),
            evaluators=(*EVALUATORS, plugin),
            executor=executor,
            jobs=jobs,
        )
        outcome = run(request)
        assert not outcome.failed
        return cells(tmp_path / name)

    here = evaluated("here", "local", 1)
    assert len(here) > 30
    assert evaluated("workers", "local", 2) == here
    assert evaluated("elsewhere", somebody, 1) == here
    lines = (tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "closed"
    assert {"BackboneTask epoch=1.ckpt", "MajorityTask majority class", "PicturesTask all images"} <= set(lines)
    assert lines.count("SeriesTask all checkpoints") == 2


def test_what_is_no_executor_is_said() -> None:
    assert "local" in {each.name for each in available()}
    with pytest.raises(PluginError, match=r"no executor called 'lokal' \(did you mean local\?\); installed are"):
        make_executor("lokal")
    with pytest.raises(PluginError, match="has no methods run and close"):
        make_executor("swaveval.results:Metric(id='a.b', value=1.0)")
    with pytest.raises(PluginError, match="cannot be made: TypeError"):
        make_executor("local(threads=3)")


def test_what_is_in_memory_stays_here(somebody: str) -> None:
    import numpy as np

    import swaveval

    rows = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)
    with pytest.raises(RunError, match="in memory is evaluated where it is"):
        swaveval.evaluate(features={"a": rows}, executor=somebody)


def test_the_command_line_names_one(tmp_path: Path) -> None:
    """A mistake in the name costs nothing: it is said before a checkpoint is read."""
    finished = subprocess.run(
        [sys.executable, "-m", "swaveval.cli.app", "run", "-c", str(tmp_path), "--executor", "nobody"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 2
    assert "no executor called 'nobody'" in finished.stderr
    assert not finished.stdout
