"""One cell at a time: have it made, store what came of it, go on whatever happened."""

import time
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime

from swaveval.evaluators.contract import Skip
from swaveval.features.features import search_seconds
from swaveval.results import Artifact, Cell, DamagedCell, Metric, ResultStore, Status
from swaveval.results.metric import outcomes_fault
from swaveval.runs.failures import ends_the_run, sentence
from swaveval.runs.plan import PlannedCell
from swaveval.runs.plugins import PluginFailure, Produced
from swaveval.runs.progress import doing
from swaveval.runs.tasks import Maker, Task
from swaveval.runs.workspace import Workspace

# What the cells of a task share, while it is made.
FEATURES = "features"


def perform(task: Task, workspace: Workspace) -> Iterator[Cell]:
    """Do a task's cells one after another, giving each when it is stored.

    A failure, of what they share or of one, is the stored result of its cells; nothing is raised but KeyboardInterrupt,
    SystemExit and what tells of the machine (a full disk).
    """
    make: Maker | None = None
    failure = ""
    for planned in task.cells:
        if make is None and not failure and not planned.spec.broken:
            doing(workspace.progress, f"{task.name}: {FEATURES}")
            try:
                make = task.maker(workspace)
            except Exception as error:
                if ends_the_run(error):
                    raise
                failure = f"features could not be extracted: {sentence(error)}"
        doing(workspace.progress, f"{task.name}: {planned.spec.name}")
        started, searched, before = time.perf_counter(), search_seconds(), _held(workspace.store, planned)
        if make is None or planned.spec.broken:
            yield _store(workspace.store, planned, "error", planned.spec.broken or failure, (), started)
        else:
            cell = _made(planned, make, workspace.store, started, owners=task.owners)
            workspace.store.seconds.searched(planned.key, search_seconds() - searched)
            if (other := difference(before, cell)) is not None:
                workspace.progress.message(f"{planned.spec.name} of {task.name}: {other}")
            yield cell


def difference(before: Cell | None, after: Cell) -> str | None:
    """One sentence where two results of one cell are not the same bit for bit; they should be."""
    if before is None or after.status != "ok":
        return None
    old, new = ({(item.id, item.checkpoint): item.value for item in cell.metrics} for cell in (before, after))
    if before.artifacts == after.artifacts and [repr(item) for item in before.metrics] == [
        repr(item) for item in after.metrics
    ]:
        return None
    moved = [name for name in new if repr(old.get(name)) != repr(new[name])]
    shown = f", {moved[0][0]} {old.get(moved[0])} before and {new[moved[0]]} now" if moved else ""
    return (
        f"ANOTHER RESULT than the one that was stored for the same weights, images and settings{shown}; the new one is "
        "kept. Another kind of processor or GPU, or another version of a library, rounds otherwise; an evaluator that "
        "is not deterministic is wrong"
    )


def _held(store: ResultStore, planned: PlannedCell) -> Cell | None:
    """A whole result that is about to be replaced."""
    try:
        cell = store.get(planned.key)
    except DamagedCell:
        return None
    return cell if cell is not None and cell.status == "ok" else None


def store_failures(cells: Sequence[PlannedCell], reason: str, store: ResultStore) -> list[Cell]:
    """Store `reason` as the error of each of these cells."""
    return [_store(store, planned, "error", reason, (), time.perf_counter()) for planned in cells]


def misplaced(produced: Produced, name: str, owners: Collection[str] | None = None) -> str:
    """One sentence if something in a cell does not belong to it, or has not the form its id says; else empty.

    An evaluator owns the ids that begin with its name: another's number must not be replaced by its own.
    """
    seen: set[tuple[str, str | None]] = set()
    for item in produced:
        kind = "metric" if isinstance(item, Metric) else "artifact"
        owner = item.id.split(".", 1)[0]
        if owner != name:
            return (
                f"{name} yielded the {kind} {item.id}, which belongs to {owner}: the ids of {name} begin with {name}. "
                "and nothing else, so nothing of it is kept"
            )
        if (item.id, item.checkpoint) in seen:
            return f"{name} yielded the {kind} {item.id} twice, so nothing of it is kept"
        if isinstance(item, Artifact) and item.id.endswith(".outcomes") and (why := outcomes_fault(item.arrays)):
            return f"{name} yielded {item.id} of another form, so nothing of it is kept: {why}"
        seen.add((item.id, item.checkpoint))
        if owners is not None and item.checkpoint is not None and item.checkpoint not in owners:
            return f"{name} yielded {item.id} for a checkpoint that is not in the series"
    return ""


def _made(
    planned: PlannedCell, make: Maker, store: ResultStore, started: float, *, owners: Collection[str] | None
) -> Cell:
    """Store what `make` gives, or what it raised."""
    try:
        produced = make(planned)
        _check_types(produced, planned.spec.name)
        if reason := misplaced(produced, planned.spec.name, owners):
            return _store(store, planned, "error", reason, (), started)
        return _store(store, planned, "ok", "", produced, started)
    except Skip as skip:
        return _store(store, planned, "skipped", str(skip), (), started)
    except PluginFailure as failure:
        return _store(store, planned, "error", str(failure), (), started)
    except Exception as error:
        if ends_the_run(error):
            raise
        return _store(store, planned, "error", sentence(error), (), started)


def _check_types(produced: Sequence[object], name: str) -> None:
    for item in produced:
        if not isinstance(item, Metric | Artifact):
            raise PluginFailure(f"{name} yielded a {type(item).__name__}, neither a Metric nor an Artifact")


def _store(
    store: ResultStore, planned: PlannedCell, status: Status, reason: str, produced: Produced, started: float
) -> Cell:
    cell = Cell(
        key=planned.key,
        status=status,
        reason=reason,
        metrics=tuple(item for item in produced if isinstance(item, Metric)),
        seconds=time.perf_counter() - started,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return store.put(cell, [item for item in produced if isinstance(item, Artifact)])
