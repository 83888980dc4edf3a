"""A first run reads each checkpoint once, a second one none, and few networks are in memory at a time."""

import gc
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from swaveval.checkpoints import Backbone, Directory, Entry, LoadOptions
from swaveval.runs.job import Job
from swaveval.runs.local import Local
from swaveval.runs.request import RunRequest
from swaveval.runs.run import prepare, run
from swaveval.runs.tasks import rounds
from tests.field.around_runs import write_checkpoints
from tests.tiny_images import write_images


@dataclass(eq=False)
class Counting(Directory):
    """A directory that counts what is read from it, and how many networks are alive then."""

    read: Counter[str] = field(default_factory=Counter)
    most_alive: int = 0

    def backbone(self, entry: Entry, options: LoadOptions) -> Backbone:
        self.read[entry.name] += 1
        backbone = super().backbone(entry, options)
        self.most_alive = max(self.most_alive, alive())
        return backbone


def alive() -> int:
    """Networks whose weights are in memory."""
    gc.collect()
    found = [thing for thing in gc.get_objects() if type(thing) is Backbone]
    return sum(any(value.device.type != "meta" for value in one.module.parameters()) for one in found)


def request(source: Counting, out: Path, images: Path) -> RunRequest:
    return RunRequest(
        checkpoints=source.path, out=out, data=str(images), source=source, evaluators=("knn", "drift", "stability")
    )


def test_each_checkpoint_is_read_once(tmp_path: Path) -> None:
    """Features, three untrained networks, drift and evidence take the weights from what was read."""
    images = write_images(tmp_path / "bars", per_class=12)
    source = Counting(write_checkpoints(tmp_path / "run" / "checkpoints", count=4))
    before = alive()
    outcome = run(request(source, tmp_path / "report", images))
    assert not outcome.failed
    assert source.read == dict.fromkeys((f"epoch={epoch}.ckpt" for epoch in range(1, 5)), 1)
    assert source.most_alive - before <= 2

    again = Counting(source.path)
    assert run(request(again, tmp_path / "report", images)).computed == 0
    assert not again.read

    shutil.copy(source.path / "epoch=4.ckpt", source.path / "epoch=9.ckpt")  # another name is no other network
    write_checkpoints(tmp_path / "longer", count=5)
    shutil.copy(tmp_path / "longer" / "epoch=5.ckpt", source.path / "epoch=5.ckpt")
    more = Counting(source.path)
    run(request(more, tmp_path / "report", images))
    assert more.read["epoch=5.ckpt"] == 1


@pytest.mark.torture
def test_cells_are_the_same_as_when_each_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from swaveval.runs.loader import CheckpointLoader

    images = write_images(tmp_path / "bars", per_class=8)
    source = Counting(write_checkpoints(tmp_path / "run" / "checkpoints", count=2))
    kept = run(request(source, tmp_path / "kept", images))
    monkeypatch.setattr(CheckpointLoader, "keep", lambda self, directory: None)
    anew = run(request(source, tmp_path / "anew", images))
    assert max(source.read.values()) > 2
    assert values(kept.written.series) == values(anew.written.series)


def values(series: object) -> dict[tuple[str, str], float]:
    return {
        (point.record.name, name): metric.value
        for point in (*series.points, *series.baselines)  # type: ignore[attr-defined]
        for name, metric in point.metrics.items()
    }


def traces() -> bool:
    """Whether system calls can be watched here."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0


def test_worker_processes_read_nothing(tmp_path: Path) -> None:
    """The files are gone when they begin: features, untrained networks and drift take what the command kept."""
    images = write_images(tmp_path / "bars", per_class=12)
    source = Directory(write_checkpoints(tmp_path / "run" / "checkpoints", count=3))
    asked = RunRequest(
        checkpoints=source.path, out=tmp_path / "report", data=str(images), evaluators=("knn", "drift"), jobs=2
    )
    prepared = prepare(asked, keep=True)
    shutil.rmtree(source.path)
    job, local = Job(prepared.request, prepared.workspace), Local()
    try:
        todo = rounds(prepared.records, prepared.plan, prepared.workspace.loader)
        cells = [done.cell for _, tasks in todo for done in local.run(tasks, job)]
    finally:
        local.close()
        prepared.workspace.loader.close()
    assert len(cells) == 3 + 6 + 1  # kNN of checkpoints and baselines; drift
    assert {cell.status for cell in cells} == {"ok"}, [cell.reason for cell in cells]


@pytest.mark.torture
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.skipif(not traces(), reason="strace is not installed, or may not trace")
def test_the_file_is_opened_once_as_the_system_sees_it(jobs: int, tmp_path: Path) -> None:
    images = write_images(tmp_path / "bars", per_class=12)
    checkpoints = write_checkpoints(tmp_path / "run" / "checkpoints", count=3)
    command = [sys.executable, "-m", "swaveval.cli.app", "run", "-c", str(checkpoints), "-d", str(images), "-e", "knn"]
    command += ["--jobs", str(jobs)]
    trace = tmp_path / "trace"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run(
        ["strace", "-f", "--seccomp-bpf", "-e", "trace=open,openat", "-o", str(trace), *command],
        check=True,
        capture_output=True,
        env=environment,
    )
    opened = Counter(
        name for line in trace.read_text(errors="replace").splitlines() for name in [line] if '.ckpt"' in name
    )
    by_file = Counter(line.split('"')[1] for line in opened.elements() if " = -1 " not in line)
    assert by_file == {str(checkpoints / f"epoch={epoch}.ckpt"): 1 for epoch in range(1, 4)}
