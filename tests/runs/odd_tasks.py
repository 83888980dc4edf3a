"""Tasks that end or hold up their worker process; a module of their own, so that a worker can import them."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from swaveval.results import CellKey, Metric
from swaveval.runs.plan import EvaluatorSpec, PlannedCell
from swaveval.runs.plugins import Produced
from swaveval.runs.tasks import Task
from swaveval.runs.workspace import Workspace


def planned(task: str, *names: str) -> tuple[PlannedCell, ...]:
    return tuple(
        PlannedCell(CellKey(task, "data", "transform", name, 1), EvaluatorSpec(name, name), task, False)
        for name in names
    )


@dataclass(frozen=True, slots=True)
class Odd(Task):
    """Each cell's value is the number of the process that made it; `before` a cell something may happen.

    Attributes:
        marks: a directory where attempts leave a file each.
        deaths: how many attempts end with `ending` at the last cell.
        waits_for: a file that the last cell waits for.
    """

    marks: Path
    deaths: int = 0
    ending: str = "kill"
    waits_for: Path | None = None

    def maker(self, workspace: Workspace) -> Callable[[PlannedCell], Produced]:
        (self.marks / f"{self.name}-{os.getpid()}").touch()

        def make(one: PlannedCell) -> Produced:
            if one == self.cells[-1]:
                while self.waits_for is not None and not self.waits_for.exists():
                    os.sched_yield()
                if len(list(self.marks.glob(f"{self.name}-*"))) <= self.deaths:
                    ENDINGS[self.ending]()
            return (Metric(f"{one.spec.name}.process", float(os.getpid())),)

        return make


def _segfault() -> None:
    import ctypes

    ctypes.string_at(0)


ENDINGS: dict[str, Callable[[], object]] = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segfault": _segfault,
    "exit": lambda: os._exit(3),
}
