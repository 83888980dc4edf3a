"""`--cell-timeout`: cells are made in a process beside this one, which is ended when one takes too long."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from swaveval.results import Cell
from swaveval.runs.cells import store_failures
from swaveval.runs.child import ChildDied, ChildHangs
from swaveval.runs.plan import PlannedCell
from swaveval.runs.progress import doing
from swaveval.runs.tasks import Task
from swaveval.runs.worker_process import WorkerProcess
from swaveval.runs.workspace import Workspace

_ATTEMPTS = 2


@dataclass(eq=False)
class TimedWorker:
    """The process that makes the cells, started when first needed and again after it was ended.

    Attributes:
        job: what it is given; without a limit of its own.
        seconds: that one evaluator may take on one backbone, or on the series. What cells share (reading, features) is
            not counted.
    """

    job: object
    seconds: float
    _child: WorkerProcess | None = field(default=None, repr=False)

    def perform(self, task: Task, workspace: Workspace) -> Iterator[Cell]:
        """Do a task's cells, giving each when it is stored; one over the limit is a stored error.

        Raises:
            OSError: the disk is full or may not be written to.
        """
        left, tries = list(task.cells), 0
        try:
            while left:
                try:
                    for cell in self._made(replace(task, cells=tuple(left)), workspace):
                        left = [planned for planned in left if planned.key.digest != cell.key.digest]
                        yield cell
                    return
                except ChildHangs:
                    self._child = None
                    late: list[PlannedCell] = left[:1]
                    reason = (
                        f"it took longer than {self.seconds:g} seconds (--cell-timeout) and was ended; "
                        "run again with a longer time, or without it"
                    )
                except ChildDied as death:
                    self._child = None
                    tries += 1
                    if tries < _ATTEMPTS:
                        continue
                    late, reason = left, f"the worker process {death}, twice; run again where memory is not short"
                yield from store_failures(late, reason, workspace.store)
                left = left[len(late) :]
        except BaseException:  # also when nobody wants the rest
            self.close()
            raise

    def close(self) -> None:
        """End the process and whatever it has started."""
        if self._child is not None:
            self._child.kill()
        self._child = None

    def _made(self, task: Task, workspace: Workspace) -> Iterator[Cell]:
        """What the process sends of a task; `ChildHangs` where the first cell that is left takes too long."""
        if self._child is None:
            import torch  # only here: what is not limited does not need it

            self._child = WorkerProcess()
            self._child.prepare(self.job, threads=torch.get_num_threads(), kept=workspace.loader.kept)
        self._child.begin(task)
        evaluators = {f"{task.name}: {planned.spec.name}" for planned in task.cells}
        deadline: float | None = None
        while True:
            seconds = None if deadline is None else max(0.0, deadline - time.monotonic())
            kind, content = self._child.receive(seconds=seconds)
            if kind == "doing":
                deadline = time.monotonic() + self.seconds if content in evaluators else None
                doing(workspace.progress, str(content))
            elif kind == "message":
                workspace.progress.message(str(content))
            elif kind == "cell":
                deadline = None
                yield content
            elif kind == "failed":
                raise content
            elif kind == "done":
                return
