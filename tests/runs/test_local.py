"""The executor `local`: in this process or in workers that may die; each cell is told once, when it is stored."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from swaveval.checkpoints.kept import KeptBackbones
from swaveval.results import Cell, ResultStore
from swaveval.runs.child import Child, ChildDied
from swaveval.runs.executors import Done, Executor, make_executor
from swaveval.runs.job import Job
from swaveval.runs.local import Local
from swaveval.runs.request import RunError, RunRequest
from swaveval.runs.worker_process import WorkerProcess
from tests.field.process_table import wait_until
from tests.runs.odd_tasks import Odd, planned
from tests.tiny_images import write_images

# A worker shows a segmentation fault where it sees one.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("local") / "bars", per_class=4)


@pytest.fixture
def job(images: Path, tmp_path: Path) -> Job:
    request = RunRequest(checkpoints=tmp_path, out=tmp_path / "out", data=str(images), split_seed=0, jobs=2)
    return Job(request)


@pytest.fixture
def local() -> Iterator[Local]:
    executor = make_executor("local")
    assert isinstance(executor, Local)
    yield executor
    executor.close()


def odd(name: str, marks: Path, *, deaths: int = 0, ending: str = "kill", waits_for: Path | None = None) -> Odd:
    return Odd(name, planned(name, "first", "second", "third"), marks, deaths, ending, waits_for)


def told(done: list[Done]) -> dict[str, dict[str, Cell]]:
    """Task and evaluator to cell; no cell is told twice."""
    found: dict[str, dict[str, Cell]] = {}
    for each in done:
        assert found.setdefault(each.task.name, {}).setdefault(each.cell.key.evaluator, each.cell) is each.cell
    return found


@pytest.mark.parametrize(
    "ending", ["kill", *(pytest.param(ending, marks=pytest.mark.torture) for ending in ("segfault", "exit"))]
)
def test_a_worker_that_dies_costs_a_second_attempt_or_the_cells_that_are_left(
    ending: str, job: Job, local: Local, tmp_path: Path
) -> None:
    """One task's worker dies once, another's always, a third's never; each of the nine cells is told once."""
    tasks = [
        odd("once", tmp_path, deaths=1, ending=ending),
        odd("always", tmp_path, deaths=9, ending=ending),
        odd("never", tmp_path),
    ]
    found = told(list(local.run(tasks, job)))
    assert {name: [cell.status for cell in cells.values()] for name, cells in found.items()} == {
        "once": ["ok", "ok", "ok"],
        "always": ["ok", "ok", "error"],
        "never": ["ok", "ok", "ok"],
    }
    how = {"kill": "SIGKILL (out of memory?)", "segfault": "SIGSEGV", "exit": "left with exit status 3"}[ending]
    reason = found["always"]["third"].reason
    assert how in reason
    assert "twice" in reason
    assert len(list(tmp_path.glob("always-*"))) == 2
    once = [cell.metrics[0].value for cell in found["once"].values()]
    assert once[0] == once[1] != once[2], "what was stored is not made again"
    store = ResultStore(job.request.out / "results")
    assert all(store.get(cell.key) == cell for cells in found.values() for cell in cells.values())
    assert os.getpid() not in once


def test_cells_are_told_as_they_come_and_workers_stay(job: Job, local: Local, tmp_path: Path) -> None:
    """The last cell of each task waits for a file that is made when the ones before it were told. Then the same
    workers do another task, and end with the executor."""
    go_on = tmp_path / "go on"
    processes: list[int] = []
    for seen, done in enumerate(local.run([odd(name, tmp_path, waits_for=go_on) for name in "ab"], job), start=1):
        processes.append(int(done.cell.metrics[0].value))
        assert (done.cell.key.evaluator == "third") == (seen > 4)
        if seen == 4:
            go_on.touch()
    assert len(processes) == 6
    (again,) = {int(done.cell.metrics[0].value) for done in local.run([odd("c", tmp_path)], job)}
    assert again in processes
    local.close()
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_the_work_is_abandoned_when_nobody_wants_the_rest(job: Job, local: Local, tmp_path: Path) -> None:
    never = tmp_path / "never"
    running = local.run([odd(name, tmp_path, waits_for=never) for name in "ab"], job)
    processes = {int(next(running).cell.metrics[0].value) for _ in range(4)}
    running.close()
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_task_or_one_job_needs_no_worker(jobs: int, images: Path, local: Local, tmp_path: Path) -> None:
    request = RunRequest(checkpoints=tmp_path, out=tmp_path / "out", data=str(images), split_seed=0, jobs=jobs)
    tasks = [odd(name, tmp_path) for name in ("ab" if jobs == 1 else "a")]
    for done in local.run(tasks, Job(request)):
        assert done.cell.metrics[0].value == os.getpid()


def test_one_that_died_before_it_was_told_anything_is_told_to_have(job: Job, tmp_path: Path) -> None:
    """Where networks are handed over, too, which is done by the system and not by the connection."""
    kept = KeptBackbones.below(tmp_path)
    worker = WorkerProcess()
    os.kill(worker.pid, signal.SIGKILL)
    try:
        assert wait_until(lambda: not worker.lives, 20)
        with pytest.raises(ChildDied, match="SIGKILL"):
            worker.prepare(job, threads=1, kept=kept)
    finally:
        kept.close()


def test_workers_that_cannot_start_end_the_run(local: Local, tmp_path: Path) -> None:
    """Images that are not there: the worker says so, in the words it would have here."""
    request = RunRequest(checkpoints=tmp_path, out=tmp_path / "out", data=str(tmp_path / "none"), split_seed=0, jobs=2)
    with pytest.raises(Exception, match="none") as raised:
        list(local.run([odd("a", tmp_path), odd("b", tmp_path)], Job(request)))
    assert not isinstance(raised.value, RunError)


def test_a_pickled_job_is_its_request(job: Job) -> None:
    import pickle

    _ = job.workspace.pixels
    restored = pickle.loads(pickle.dumps(job))
    assert restored.request == job.request
    assert restored._workspace is None
    assert restored.workspace.images.fingerprint == job.workspace.images.fingerprint
    assert restored.workspace.settings == job.workspace.settings


def test_local_is_an_executor() -> None:
    assert isinstance(Local(), Executor)
    assert not isinstance(Child, Executor)
