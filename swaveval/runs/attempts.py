"""A task that an executor has given to somebody: how far it is, and what becomes of it where that somebody is lost."""

from contextlib import suppress
from dataclasses import dataclass, field, replace

from swaveval.results import Cell, DamagedCell, ResultStore
from swaveval.runs.cells import store_failures
from swaveval.runs.executors import Done
from swaveval.runs.plan import PlannedCell
from swaveval.runs.tasks import Task


@dataclass
class Attempt:
    """A task and how far it is.

    Attributes:
        tries: how often it was begun.
        finished: digests of the cells that were heard of.
    """

    task: Task
    tries: int = 0
    finished: set[str] = field(default_factory=set)

    @property
    def left(self) -> tuple[PlannedCell, ...]:
        return tuple(planned for planned in self.task.cells if planned.key.digest not in self.finished)

    @property
    def rest(self) -> Task:
        """The task of the cells that are left."""
        return replace(self.task, cells=self.left)

    def stored(self, store: ResultStore) -> list[Cell]:
        """Cells that are left here and that somebody has stored since they were planned."""
        found = []
        for planned in self.left:
            if store.stamp(planned.key) in (0, planned.stamp):
                continue
            with suppress(DamagedCell):  # a disk that is slow to show what was written elsewhere
                if (cell := store.get(planned.key)) is not None:
                    found.append(cell)
        return found

    def done(self, cell: Cell) -> Done:
        self.finished.add(cell.key.digest)
        return Done(self.task, cell)

    def failed(self, reason: str, store: ResultStore) -> list[Done]:
        """Store `reason` as the error of the cells that are left."""
        return [self.done(cell) for cell in store_failures(self.left, reason, store)]
