"""Having the tasks of an evaluation done, and telling of each cell as it comes."""

import math
import time
from collections.abc import Sequence

from swaveval.runs.estimates import Estimates, kind
from swaveval.runs.executors import Done, Executor
from swaveval.runs.job import Job
from swaveval.runs.outcome import Made
from swaveval.runs.progress import Progress, left
from swaveval.runs.tasks import BackboneTask, Task
from swaveval.runs.workspace import Workspace


def perform_all(stage: str, tasks: Sequence[Task], executor: Executor, job: Job, estimates: Estimates) -> Made:
    """Have tasks done, telling of each cell as it comes and how long the rest will take; gives how many."""
    ahead, progress = _Ahead(tasks, estimates), job.workspace.progress
    if not ahead.total:
        return Made()
    progress.stage(stage, ahead.total)
    fetch_ahead(tasks, job.workspace)
    left(progress, ahead.seconds)
    made = Made()
    for count, done in enumerate(executor.run(tasks, job), start=1):
        progress.stage(stage, ahead.total)  # the features may have had a stage of their own
        progress.advance(count, ahead.total)
        ahead.over(done)
        left(progress, ahead.seconds)
        tell(progress, done)
        made += Made(done.ours, not done.ours)
    return made


def fetch_ahead(tasks: Sequence[Task], workspace: Workspace) -> None:
    """Say which checkpoints the tasks will read, where files lie elsewhere."""
    loader = workspace.loader
    if not loader.elsewhere:
        return
    wanted = [task for task in tasks if isinstance(task, BackboneTask) and task.record.kind == "checkpoint"]
    loader.expect(
        [task.entry for task in wanted if not loader.holds(task.model) and workspace.held_features(task.model) is None]
    )


def tell(progress: Progress, done: Done) -> None:
    """Say what failed."""
    if done.cell.status == "error":
        progress.message(f"{done.cell.key.evaluator} failed on {done.task.name}: {done.cell.reason}")


class _Ahead:
    """The cells that are still to be made, and what they will take at the pace of those that were."""

    def __init__(self, tasks: Sequence[Task], estimates: Estimates) -> None:
        self._estimates = estimates
        self._tasks = {task.name: task for task in tasks}
        self._cells = {task.name: {planned.key.digest: planned for planned in task.cells} for task in tasks}
        self._begun: set[str] = set()
        self._started = time.perf_counter()
        self._done = 0.0
        self.total = sum(len(task.cells) for task in tasks)

    def over(self, done: Done) -> None:
        """A cell was made."""
        self._estimates.seen(kind(done.task), done.cell)
        planned = self._cells.get(done.task.name, {}).pop(done.cell.key.digest, None)
        if planned is not None:
            took = self._estimates.of(done.task, [planned], begun=done.task.name in self._begun)
            self._done += took or 0.0
            self._begun.add(done.task.name)

    @property
    def seconds(self) -> float | None:
        """None before enough was seen. Workers beside each other, and what nobody counts, show in the pace."""
        parts = [
            self._estimates.of(self._tasks[name], cells.values(), begun=name in self._begun)
            for name, cells in self._cells.items()
            if cells
        ]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        pace = (time.perf_counter() - self._started) / self._done if self._done else 1.0
        return pace * math.fsum(known)
