"""Leases: taken once, released, taken over from the dead; two commands on one output directory do each cell once."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from swaveval.results import Artifact, Cell, Metric
from swaveval.results.cell import CellKey
from swaveval.runs import claims
from swaveval.runs.cells import difference
from swaveval.runs.claims import Claims
from swaveval.runs.plan import PlannedCell
from swaveval.runs.run import run
from swaveval.runs.specs import DRIFT
from swaveval.runs.tasks import MajorityTask
from tests.field.around_runs import environment, write_checkpoints
from tests.scale.clusters import command
from tests.scale.evaluations import cells, request
from tests.tiny_images import write_images


def task(name: str = "a") -> MajorityTask:
    key = CellKey(backbone=name, data="d", transform="t", evaluator="drift", version=1, parameters={}, seed=0)
    return MajorityTask(name, (PlannedCell(key, DRIFT, name, done=False),))


def test_a_lease_is_one_commands_until_it_is_released(tmp_path: Path) -> None:
    ours, theirs = Claims(tmp_path), Claims(tmp_path)
    assert ours.take(task())
    assert ours.take(task())  # it is ours already
    assert not theirs.take(task())
    assert theirs.take(task("b"))
    holder = theirs.holder(task())
    assert holder is not None
    assert holder.process == os.getpid()
    theirs.release(task())  # which is not theirs
    assert not theirs.take(task())
    ours.release(task())
    assert theirs.take(task())
    theirs.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", ["its process is gone", "nobody touches it", "empty, and nobody touches it"])
def test_the_lease_of_the_dead_is_taken_over(how: str, tmp_path: Path) -> None:
    code = (
        "import sys, pickle; from pathlib import Path; from swaveval.runs.claims import Claims;"
        "assert Claims(Path(sys.argv[1])).take(pickle.loads(bytes.fromhex(sys.argv[2])))"
    )
    sent = pickle.dumps(task()).hex()
    subprocess.run([sys.executable, "-c", code, str(tmp_path), sent], env=environment(), check=True)
    (lease,) = tmp_path.glob("*.lease")
    if how != "its process is gone":
        body = json.loads(lease.read_text(encoding="utf-8"))
        lease.write_text("" if how.startswith("empty") else json.dumps({**body, "host": "elsewhere"}))
        assert not Claims(tmp_path).take(task())
        old = time.time() - claims.DEAD_SECONDS - 5
        os.utime(lease, (old, old))
    taker = Claims(tmp_path)
    assert taker.take(task())
    assert not Claims(tmp_path).take(task())
    assert [path.name for path in tmp_path.iterdir()] == [lease.name]
    taker.close()


def test_what_the_dead_left_goes_though_nobody_asks_for_it(tmp_path: Path) -> None:
    """A task that another command did after its owner was killed is no task of the next command."""
    dead, living, last = Claims(tmp_path), Claims(tmp_path), Claims(tmp_path)
    dead.take(task("of the dead"))
    (left,) = tmp_path.iterdir()
    os.utime(left, (0, 0))
    living.take(task("of the living"))
    last.take(task())
    last.close()
    assert living.holder(task("of the living")) is not None
    assert last.holder(task("of the dead")) is None
    living.close()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_that_nobody_has_buried_is_dead(tmp_path: Path) -> None:
    """As in containers whose first process reaps no children."""
    code = (
        "import sys, pickle, time; from pathlib import Path; from swaveval.runs.claims import Claims;"
        "claims = Claims(Path(sys.argv[1])); assert claims.take(pickle.loads(bytes.fromhex(sys.argv[2])));"
        "print(flush=True); time.sleep(600)"
    )
    sent = pickle.dumps(task()).hex()
    called = [sys.executable, "-c", code, str(tmp_path), sent]
    with subprocess.Popen(called, env=environment(), stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        assert not Claims(tmp_path).take(task())
        os.kill(owner.pid, signal.SIGKILL)
        os.waitid(os.P_PID, owner.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays in the table
        assert Claims(tmp_path).take(task())


def test_what_lives_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "BEAT_SECONDS", 0.05)
    taker = Claims(tmp_path)
    taker.take(task())
    (lease,) = tmp_path.iterdir()
    os.utime(lease, (0, 0))
    limit = time.monotonic() + 10
    while lease.stat().st_mtime == 0 and time.monotonic() < limit:
        time.sleep(0.02)
    assert lease.stat().st_mtime > 0
    taker.close()


def test_a_taker_that_died_half_way_stops_nobody_for_long(tmp_path: Path) -> None:
    dead = Claims(tmp_path)
    dead.take(task())
    (lease,) = tmp_path.iterdir()
    taking = lease.with_suffix(".taking")
    taking.write_text("")
    for file in (lease, taking):
        os.utime(file, (0, 0))
    other = Claims(tmp_path)
    assert [other.take(task()) for _ in range(2)] == [False, True]


LOGGED = """
import os
from swaveval.plugin import Metric, Need

class Mine:
    name = "mine"
    version = 1
    needs = frozenset({Need.TRAIN_SPLIT})

    def __call__(self, features, *, seed):
        with open(LOG, "a") as log:
            log.write(f"{float(features.train[0, 0])!r} {os.getppid()}\\n")
        yield Metric("mine.first", float(features.train[0, 0]))
"""


@pytest.mark.torture
@pytest.mark.parametrize("jobs", [1, 2])
def test_two_commands_on_one_output_do_each_cell_once(jobs: int, tmp_path: Path) -> None:
    images = write_images(tmp_path / "bars", per_class=8)
    checkpoints = write_checkpoints(tmp_path / "run" / "checkpoints", count=6)
    log = tmp_path / "log.txt"
    (tmp_path / "mine.py").write_text(f"LOG = {str(log)!r}\n{LOGGED}", encoding="utf-8")
    evaluators = ("knn", "spectrum", f"{tmp_path / 'mine.py'}:Mine")
    arguments = ("run", "-c", checkpoints, "-d", images, "--precision", "fp32", "--evaluators", ",".join(evaluators))
    both = [
        subprocess.Popen(
            command(*arguments, "--out", tmp_path / "out", "--jobs", jobs, "--no-figures", "--quiet"),
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    for process in both:
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
        assert "ANOTHER RESULT" not in said
    counted = Counter(line.split()[0] for line in log.read_text(encoding="utf-8").splitlines())
    assert set(counted.values()) == {1}
    assert len(counted) >= 6
    assert not list((tmp_path / "out" / "cache" / "leases").iterdir())
    run(request(checkpoints, images, tmp_path / "alone", evaluators=evaluators))
    assert cells(tmp_path / "out") == cells(tmp_path / "alone")


def test_two_results_of_one_cell_are_told_apart() -> None:
    key = CellKey(backbone="b", data="d", transform="t", evaluator="knn", version=1, parameters={}, seed=0)

    def cell(value: float, checksum: str = "a") -> Cell:
        return Cell(
            key=key,
            status="ok",
            metrics=(Metric("knn.top1", value),),
            artifacts=((Artifact("knn.outcomes", {}).id, None, checksum),),
            seconds=value,
            created=str(value),
        )

    assert difference(None, cell(0.5)) is None
    assert difference(cell(0.5), cell(0.5)) is None
    assert "knn.top1 0.5 before and 0.25 now" in str(difference(cell(0.5), cell(0.25)))
    assert "ANOTHER RESULT" in str(difference(cell(0.5), cell(0.5, "b")))
