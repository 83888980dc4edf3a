"""Who does the work: this process, or several. The unit is one backbone with all its cells."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait

from swaveval.checkpoints import Entry
from swaveval.features.features import Features
from swaveval.results import Cell, CheckpointRecord
from swaveval.runs.child import Child, ChildDied
from swaveval.runs.evaluate import evaluate_backbone, store_failures
from swaveval.runs.majority import majority_cells
from swaveval.runs.plan import PlannedCell
from swaveval.runs.plugins import Produced
from swaveval.runs.request import RunError
from swaveval.runs.workspace import Workspace

_ATTEMPTS = 2
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Task:
    """One backbone to evaluate.

    Attributes:
        record: the checkpoint or baseline.
        model: digest of the checkpoint; for a baseline of the one whose architecture it takes. entry: that holds it.
        cells: what is to do.
    """

    record: CheckpointRecord
    model: str
    entry: Entry
    cells: tuple[PlannedCell, ...]


def run_task(workspace: Workspace, task: Task, *, done: Callable[[Cell], None] = lambda _: None) -> list[Cell]:
    """Do a task; failures are stored results, so this returns whatever happens (but for a full disk)."""
    if task.record.baseline == "majority":
        cells = majority_cells(workspace, task.cells)
        for cell in cells:
            done(cell)
        return cells
    workspace.loader.entries[task.model] = task.entry  # which a worker process has not read

    def features() -> Features:
        if task.record.kind == "checkpoint":
            return workspace.checkpoint_features(task.record)
        return workspace.baseline_features(task.record, task.model)

    def elsewhere(planned: PlannedCell) -> Produced:
        held = features()  # or a map of a file: nothing is computed again
        place = workspace.stored_features(planned.key.backbone, held)
        return workspace.plugins[planned.spec.source].evaluate(
            [place], seed=planned.key.seed, checkpoint=task.record.name
        )

    return evaluate_backbone(task.cells, features, workspace.store, elsewhere=elsewhere, done=done)


def run_local(
    tasks: Sequence[Task], workspace: Workspace, *, jobs: int, rebuild: Callable[[], Workspace]
) -> Iterator[tuple[Task, list[Cell]]]:
    """Do the tasks, `jobs` at a time, yielding each with its cells as it finishes.

    With more than one job every worker process builds its own workspace by `rebuild` (a picklable callable); the
    pixels are decoded before, so that workers share the memmap. A worker that dies costs its task a second attempt in
    a fresh process, then stored errors of the cells that were not done; never the run.

    Raises:
        RunError: no worker process starts at all. OSError: the disk is full or may not be written to.
    """
    if jobs <= 1 or len(tasks) <= 1:
        for task in tasks:
            yield task, run_task(workspace, task)
        return
    _ = workspace.pixels
    pool = _Pool(tasks, workspace, rebuild=rebuild, threads=max(1, (os.cpu_count() or 1) // jobs))
    try:
        yield from pool.run(min(jobs, len(tasks)))
    finally:
        pool.close()


@dataclass
class _Attempt:
    """A task and how far it is."""

    task: Task
    tries: int = 0
    cells: list[Cell] = field(default_factory=list)

    @property
    def left(self) -> tuple[PlannedCell, ...]:
        finished = {cell.key.digest for cell in self.cells}
        return tuple(planned for planned in self.task.cells if planned.key.digest not in finished)


class _Pool:
    """Worker processes with at most one task each."""

    def __init__(
        self, tasks: Sequence[Task], workspace: Workspace, *, rebuild: Callable[[], Workspace], threads: int
    ) -> None:
        self._waiting = deque(_Attempt(task) for task in tasks)
        self._workspace = workspace
        self._start_with = ("prepare", rebuild, threads)
        self._busy: dict[Child, _Attempt] = {}
        self._idle: list[Child] = []
        self._any_worked = False

    def run(self, workers: int) -> Iterator[tuple[Task, list[Cell]]]:
        while self._waiting or self._busy:
            while self._waiting and len(self._busy) < workers:
                attempt = self._waiting.popleft()
                if (ended := self._begin(attempt)) is not None:
                    yield ended
            by_connection: dict[Connection, Child] = {child.connection: child for child in self._busy}
            ready = {
                by_connection[found] for found in wait(list(by_connection), _LOOK_SECONDS) if found in by_connection
            }
            for child in list(self._busy):
                if (child in ready or not child.lives) and (ended := self._hear(child)) is not None:
                    yield ended

    def close(self) -> None:
        for child in (*self._busy, *self._idle):
            child.kill()

    def _begin(self, attempt: _Attempt) -> tuple[Task, list[Cell]] | None:
        """Give a task to a worker; gives the task back where it is lost already."""
        attempt.tries += 1
        child = self._idle.pop() if self._idle else None
        try:
            if child is None:
                child = Child("swaveval.runs.worker")
                child.send(self._start_with)
            child.send(("task", replace(attempt.task, cells=attempt.left)))
        except ChildDied as death:
            return self._lost(attempt, str(death))
        self._busy[child] = attempt
        return None

    def _hear(self, child: Child) -> tuple[Task, list[Cell]] | None:
        """Take one message of a worker; gives its task where that is over."""
        attempt = self._busy[child]
        try:
            kind, content = child.read()
        except ChildDied as death:
            del self._busy[child]
            return self._lost(attempt, str(death))
        self._any_worked = True
        if kind == "cell":
            attempt.cells.append(content)
            return None
        if kind == "failed":
            raise content
        if kind == "done":
            del self._busy[child]
            self._idle.append(child)
            return attempt.task, attempt.cells
        return None

    def _lost(self, attempt: _Attempt, death: str) -> tuple[Task, list[Cell]] | None:
        """What becomes of a task whose worker is gone: another attempt, then errors."""
        if attempt.tries < _ATTEMPTS and attempt.left:
            self._waiting.append(attempt)
            return None
        if not self._any_worked:
            raise RunError(f"the worker processes do not start (the last one {death}); run with --jobs 1")
        reason = f"the worker process {death}, twice; run again, with fewer --jobs where memory is short"
        attempt.cells += store_failures(attempt.left, reason, self._workspace.store)
        return attempt.task, attempt.cells


def cores() -> int:
    """Processors this process may use."""
    with suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
