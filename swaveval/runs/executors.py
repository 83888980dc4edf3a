"""Who does the work: an executor is given tasks and gives finished cells, as they come.

Executors are found by name: entry points of the group `swaveval.executors`, ours like anybody's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from swaveval.results import Cell
from swaveval.runs.job import Job
from swaveval.runs.tasks import Task
from swaveval.specification import Installed, Kind

KIND = Kind("executor", "swaveval.executors", methods=("run", "close"))


@dataclass(frozen=True, slots=True)
class Done:
    """A cell that is stored, whatever its status.

    Attributes:
        task: whose cell it is.
        cell: as stored.
        ours: whether this evaluation computed it; else another command did, meanwhile.
    """

    task: Task
    cell: Cell
    ours: bool = True


@runtime_checkable
class Executor(Protocol):
    """Has tasks done, here or elsewhere. One is made for each evaluation, with the parameters the user named.

    What it promises:

    - every cell of every task is given once, as soon as it is stored, in any order;
    - a worker that dies costs its task a second attempt at the cells that are left, then stored errors
      (`runs.cells.store_failures`), never the evaluation;
    - when the iterator is closed before its end (Ctrl-C), the work is abandoned: nothing goes on in the background.

    Where it does the work, it calls `job.perform(task)`; both are picklable.
    """

    def run(self, tasks: Iterable[Task], job: Job) -> Iterator[Done]:
        """Do the tasks. It may be called again: of one evaluation, the series and baselines after the checkpoints.

        Raises:
            RunError: no worker starts at all. OSError: the disk is full or may not be written to.
        """

    def close(self) -> None:
        """End the workers; called once, at the end of the evaluation, whatever happened."""


def available() -> tuple[Installed, ...]:
    """Every installed executor, sorted by name, without importing any."""
    return KIND.available()


def make_executor(specification: str) -> Executor:
    """The executor that is named as `local`, `NAME(parameter=value)`, `module:Class` or `path.py:Class`.

    Raises:
        PluginError: it is not installed, cannot be imported, does not take these parameters, or is no executor.
    """
    executor: Executor = KIND.make(specification)
    return executor


__all__ = ["Done", "Executor", "Job", "Task", "available", "make_executor"]
