"""Having done of an evaluation what a budget allows, and saying what is left."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from swaveval.results import CheckpointRecord
from swaveval.runs.budget import (
    Deadline,
    Unknown,
    cheap_first,
    choose_next,
    guess,
    in_order,
    reserve,
    series_in_order,
    waiting,
)
from swaveval.runs.estimates import Estimates, kind
from swaveval.runs.executors import Executor
from swaveval.runs.job import Job
from swaveval.runs.machine import devices, workers
from swaveval.runs.outcome import Made
from swaveval.runs.performing import tell
from swaveval.runs.plan import Plan
from swaveval.runs.progress import left
from swaveval.runs.tasks import Task, backbone_tasks, series_tasks

Planner = Callable[[Sequence[CheckpointRecord]], Plan]


@dataclass(frozen=True, eq=False)
class InTime:
    """Work that has to be over at a time.

    Attributes:
        executor: who does it. job: what for. estimates: what it takes. deadline: until when.
    """

    executor: Executor
    job: Job
    estimates: Estimates
    deadline: Deadline

    def evaluate(
        self, records: Sequence[CheckpointRecord], plan: Plan, planner: Planner
    ) -> tuple[tuple[CheckpointRecord, ...], Plan, Made]:
        """Have done what there is time for.

        Args:
            records, plan: of everything. planner: makes the plan of some of the records.

        Returns:
            The records, those for which there was no time waiting; the plan of the others; how many cells were made.
        """
        workspace = self.job.workspace
        store, loader = workspace.store, workspace.loader
        by_digest = {task.cells[0].key.backbone: task for task in backbone_tasks(records, plan, loader)}
        tasks = [by_digest[digest] for record in in_order(records) if (digest := str(record.digest)) in by_digest]
        made = self._perform("evaluating", tasks)
        reached = waiting(records, plan, store)
        plan = planner(reached)
        checkpoints = sum(record.kind == "checkpoint" and record.evaluated for record in reached)
        if checkpoints:
            self.estimates.learn_series(plan, checkpoints)
            late = series_in_order(series_tasks(reached, plan, loader), self.estimates)
            made += self._perform("evaluating the series", late, guess(self.estimates, checkpoints))
        return reached, plan, made

    def _perform(self, stage: str, tasks: Iterable[Task], unknown: Unknown | None = None) -> Made:
        todo, progress = list(tasks), self.job.workspace.progress
        total, count, made = sum(len(task.cells) for task in todo), 0, Made()
        at_once = self.job.request.jobs or 1
        while batch := self._next(todo, at_once, unknown):
            progress.stage(stage, total)
            left(progress, self.deadline.left)
            for done in self.executor.run([cheap_first(task, self.estimates) for task in batch], self.job):
                count += 1
                made += Made(done.ours, not done.ours)
                self.estimates.seen(kind(done.task), done.cell)
                progress.stage(stage, total)
                progress.advance(count, total)
                left(progress, self.deadline.left)
                tell(progress, done)
        return made

    def _next(self, todo: list[Task], at_once: int, unknown: Unknown | None) -> list[Task]:
        """Tasks to do beside each other, taken out of what is to do."""
        batch: list[Task] = []
        kept = reserve(self.deadline, self.job.workspace.store)
        while len(batch) < at_once and (task := choose_next(todo, self.estimates, self.deadline, kept, unknown)):
            todo.remove(task)
            batch.append(task)
        return batch


def spread(job: Job, tasks: int) -> Job:
    """The job with the number of workers that fits so many tasks, where nobody gave one."""
    if job.request.jobs is not None:
        return job
    fits = workers(tasks, len(job.workspace.images), devices(job.request.device))
    return Job(replace(job.request, jobs=fits), job.workspace)
