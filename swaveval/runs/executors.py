"""Who does the work: this process, or several. The unit is one backbone with all its cells."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from swaveval.results import Cell, CheckpointRecord
from swaveval.runs.evaluate import evaluate_backbone
from swaveval.runs.majority import majority_cells
from swaveval.runs.plan import PlannedCell
from swaveval.runs.workspace import MAJORITY, Workspace


@dataclass(frozen=True, slots=True)
class Task:
    """One backbone to evaluate.

    Attributes:
        record: the checkpoint or baseline.
        path: the checkpoint file; for a baseline the file whose architecture it takes.
        cells: what is to do.
    """

    record: CheckpointRecord
    path: Path
    cells: tuple[PlannedCell, ...]


def run_task(workspace: Workspace, task: Task) -> list[Cell]:
    """Do a task; failures are stored results, so this returns whatever happens."""
    if task.record.name == MAJORITY:
        return majority_cells(workspace, task.cells)
    source = workspace.checkpoint_features if task.record.kind == "checkpoint" else workspace.baseline_features
    return evaluate_backbone(task.cells, lambda: source(task.record, task.path), workspace.store)


def run_local(
    tasks: Sequence[Task], workspace: Workspace, *, jobs: int, rebuild: Callable[[], Workspace]
) -> Iterator[tuple[Task, list[Cell]]]:
    """Do the tasks, `jobs` at a time, yielding each with its cells as it finishes.

    With more than one job every worker process builds its own workspace by `rebuild` (a picklable callable); the
    pixels are decoded before, so that workers share the memmap.
    """
    if jobs <= 1 or len(tasks) <= 1:
        for task in tasks:
            yield task, run_task(workspace, task)
        return
    _ = workspace.pixels
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with ProcessPoolExecutor(
        min(jobs, len(tasks)), mp_context=get_context("spawn"), initializer=_prepare, initargs=(rebuild, threads)
    ) as pool:
        waiting = {pool.submit(_run_in_worker, task): task for task in tasks}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_workspace: Workspace | None = None


def _prepare(rebuild: Callable[[], Workspace], threads: int) -> None:
    """Build the worker's workspace once; its threads share the cores with the other workers."""
    global _workspace
    import torch

    torch.set_num_threads(threads)
    _workspace = rebuild()


def _run_in_worker(task: Task) -> list[Cell]:
    assert _workspace is not None
    return run_task(_workspace, task)
