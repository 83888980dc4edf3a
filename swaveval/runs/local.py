"""The executor `local`: this process, or several worker processes on this machine."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait

from swaveval.runs.attempts import Attempt
from swaveval.runs.child import ChildDied
from swaveval.runs.executors import Done
from swaveval.runs.job import Job
from swaveval.runs.machine import cores, devices, least_taken, workers
from swaveval.runs.progress import doing
from swaveval.runs.request import RunError
from swaveval.runs.sharing import Shared
from swaveval.runs.tasks import Task
from swaveval.runs.worker_process import WorkerProcess

_ATTEMPTS = 2
_LOOK_SECONDS = 1.0
BESIDE = " · "  # between what several workers do


class Local:
    """Does one task after another in this process; with more than one job, as many at a time in worker processes.

    Every worker builds its own workspace from the request; pixels are decoded before, so that workers share the map of
    them. Where there are several GPUs, each worker has one of its own. Workers stay for the next call of `run`.
    """

    def __init__(self) -> None:
        self._workers: _Workers | None = None

    def run(self, tasks: Iterable[Task], job: Job) -> Iterator[Done]:
        todo = list(tasks)
        most = _most(job, todo)
        with Shared(todo, job) as shared:
            if self._workers is None and (most <= 1 or len(todo) <= 1):
                yield from _here(shared, job)
                return
            if any(task.looks_at_images for task in todo):
                _ = job.workspace.pixels
            if self._workers is None:
                self._workers = _Workers(job, most)
            try:
                yield from self._workers.run(shared)
            except BaseException:  # also when nobody wants the rest
                self.close()
                raise

    def close(self) -> None:
        if self._workers is not None:
            self._workers.close()
            self._workers = None


def _here(shared: Shared, job: Job) -> Iterator[Done]:
    """Do the tasks in this process."""
    while shared.waiting:
        if (attempt := shared.take()) is None:
            yield from shared.watch()
            time.sleep(_LOOK_SECONDS)
            continue
        yield from shared.done_by_others(attempt)
        if attempt.left:
            for cell in job.perform(attempt.rest):
                yield attempt.done(cell)
        shared.over(attempt)


def _most(job: Job, tasks: Sequence[Task]) -> int:
    """How many tasks to do at the same time."""
    if job.request.jobs is not None:
        return job.request.jobs
    return workers(len(tasks), len(job.workspace.images), devices(job.request.device))


class _Workers:
    """Worker processes with at most one task each."""

    def __init__(self, job: Job, most: int) -> None:
        self._job = job
        self._most = most
        self._threads = max(1, cores() // most)
        self._busy: dict[WorkerProcess, Attempt] = {}
        self._idle: list[WorkerProcess] = []
        self._any_worked = False
        self._doing: dict[WorkerProcess, str] = {}
        self._devices = devices(job.request.device)
        self._device: dict[WorkerProcess, str] = {}

    def run(self, shared: Shared) -> Iterator[Done]:
        while shared.waiting or self._busy:
            while len(self._busy) < self._most and (attempt := shared.take()) is not None:
                yield from shared.done_by_others(attempt)
                if attempt.left:
                    yield from self._begin(attempt, shared)
                else:
                    shared.over(attempt)
            if shared.waiting and len(self._busy) < self._most:
                yield from shared.watch()
            by_connection: dict[Connection, WorkerProcess] = {child.connection: child for child in self._busy}
            if not by_connection:
                time.sleep(_LOOK_SECONDS if shared.waiting else 0)
                continue
            ready = {
                by_connection[found] for found in wait(list(by_connection), _LOOK_SECONDS) if found in by_connection
            }
            for child in list(self._busy):
                if child in ready or not child.lives:
                    yield from self._hear(child, shared)

    def close(self) -> None:
        for child in (*self._busy, *self._idle):
            child.kill()

    def _begin(self, attempt: Attempt, shared: Shared) -> Iterator[Done]:
        """Give a task to a worker; gives its cells as errors where it is lost already."""
        attempt.tries += 1
        child = self._idle.pop() if self._idle else None
        try:
            if child is None:
                child = WorkerProcess()
                living = [device for one, device in self._device.items() if one.lives]
                self._device[child] = least_taken(self._devices, living)
                job = Job(replace(self._job.request, device=self._device[child]))
                child.prepare(job, threads=self._threads, kept=self._job.workspace.loader.kept)
            child.begin(attempt.rest)
        except ChildDied as death:
            yield from self._lost(attempt, str(death), shared)
            return
        self._busy[child] = attempt

    def _hear(self, child: WorkerProcess, shared: Shared) -> Iterator[Done]:
        """Take one message of a worker."""
        attempt = self._busy[child]
        try:
            kind, content = child.read()
        except ChildDied as death:
            del self._busy[child]
            self._doing.pop(child, None)
            yield from self._lost(attempt, str(death), shared)
            return
        self._any_worked = True
        if kind == "cell":
            yield attempt.done(content)
        elif kind == "message":
            self._job.workspace.progress.message(str(content))
        elif kind == "doing":
            self._doing[child] = str(content)
            doing(self._job.workspace.progress, BESIDE.join(self._doing.values()))
        elif kind == "failed":
            raise content
        elif kind == "done":
            shared.over(self._busy.pop(child))
            self._doing.pop(child, None)
            self._idle.append(child)

    def _lost(self, attempt: Attempt, death: str, shared: Shared) -> Iterator[Done]:
        """What becomes of a task whose worker is gone: another attempt, then errors."""
        if attempt.tries < _ATTEMPTS and attempt.left:
            shared.again(attempt)
            return
        if not self._any_worked:
            raise RunError(f"the worker processes do not start (the last one {death}); run with --jobs 1")
        reason = f"the worker process {death}, twice; run again, with fewer --jobs where memory is short"
        yield from attempt.failed(reason, self._job.workspace.store)
        shared.over(attempt)
