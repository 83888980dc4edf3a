"""The tasks of a run as they are given out, where other commands may work on the same output directory."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import TracebackType

from swaveval.runs.attempts import Attempt
from swaveval.runs.claims import Claims
from swaveval.runs.executors import Done
from swaveval.runs.job import Job
from swaveval.runs.progress import doing
from swaveval.runs.tasks import Task


class Shared:
    """Gives out tasks that nobody else works on; what others have done meanwhile is not done again.

    A context: at its end nothing is claimed any more.
    """

    def __init__(self, tasks: Iterable[Task], job: Job) -> None:
        self._waiting = deque(Attempt(task) for task in tasks if task.cells)
        self._job = job
        self._claims = None if job.request.in_memory else Claims(job.request.out / "cache" / "leases")

    def __enter__(self) -> "Shared":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._claims is not None:
            self._claims.close()

    @property
    def waiting(self) -> bool:
        """Whether a task is neither given out nor done."""
        return bool(self._waiting)

    def take(self) -> Attempt | None:
        """A task that is ours from now on; None where others work on all that are left, or there is none."""
        for _ in range(len(self._waiting)):
            attempt = self._waiting.popleft()
            if self._claims is None or self._claims.take(attempt.task):
                return attempt
            self._waiting.append(attempt)
        return None

    def done_by_others(self, attempt: Attempt) -> Iterator[Done]:
        """Cells of a task that another command has stored since it was planned."""
        for cell in attempt.stored(self._job.workspace.store):
            if cell.status != "error":
                yield replace(attempt.done(cell), ours=False)

    def watch(self) -> Iterator[Done]:
        """Look what others have done of the tasks they work on."""
        for attempt in list(self._waiting):
            yield from self.done_by_others(attempt)
            if not attempt.left:
                self._waiting.remove(attempt)
        if self._waiting and self._claims is not None and (owner := self._claims.holder(self._waiting[0].task)):
            doing(self._job.workspace.progress, f"{self._waiting[0].task.name}: {owner} is at it")

    def again(self, attempt: Attempt) -> None:
        """Somebody of ours was lost with it; it stays ours."""
        self._waiting.appendleft(attempt)

    def over(self, attempt: Attempt) -> None:
        """It is done, or given up."""
        if self._claims is not None:
            self._claims.release(attempt.task)
