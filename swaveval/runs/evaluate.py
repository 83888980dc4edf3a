"""One cell at a time: call the evaluator, store what came of it, go on whatever happened."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial

from swaveval.evaluators.contract import Skip, unmet
from swaveval.evaluators.registry import create
from swaveval.features.features import Features, FeatureSeries
from swaveval.results import Artifact, Cell, Metric, ResultStore, Status
from swaveval.results.metric import outcomes_fault
from swaveval.runs.failures import ends_the_run, sentence
from swaveval.runs.plan import PlannedCell
from swaveval.runs.plugins import PluginFailure, Produced

Elsewhere = Callable[[PlannedCell], Produced]


def evaluate_backbone(
    cells: Iterable[PlannedCell],
    features: Callable[[], Features],
    store: ResultStore,
    *,
    elsewhere: Elsewhere | None = None,
    done: Callable[[Cell], None] = lambda _: None,
) -> list[Cell]:
    """Do the given cells of one backbone; `features` is called once, when the first cell needs it.

    A failure, of the features or of an evaluator, is the stored result of its cell; nothing is raised but
    KeyboardInterrupt, SystemExit and what tells of the machine (a full disk).

    Args:
        cells: to do.
        features: gives the features of this backbone.
        store: where results go.
        elsewhere: calls evaluators that are not ours, in a process of their own; None calls them here.
        done: told of each cell.
    """
    held: Features | None = None
    failure = ""
    results: list[Cell] = []
    for planned in cells:
        if held is None and not failure and not planned.spec.broken:
            try:
                held = features()
            except Exception as error:
                if ends_the_run(error):
                    raise
                failure = f"features could not be extracted: {sentence(error)}"
        # The forward pass is shared by all cells and counted in none.
        started = time.perf_counter()
        if failure or held is None:
            stored = _store(store, planned, "error", planned.spec.broken or failure, (), started)
        else:
            stored = _evaluate(planned, partial(_call, features=held, elsewhere=elsewhere), store, started)
        results.append(stored)
        done(stored)
    return results


def evaluate_series(
    planned: PlannedCell, series: FeatureSeries, store: ResultStore, *, elsewhere: Elsewhere | None = None
) -> Cell:
    """Do one cell of a series evaluator; needs are judged on the first checkpoint."""

    def call(planned: PlannedCell) -> Produced:
        if planned.spec.foreign and elsewhere is not None:
            return elsewhere(planned)
        evaluator = create(planned.spec.source)
        if missing := unmet(evaluator.needs, series[0]):
            raise Skip(missing)
        return tuple(evaluator(series, seed=planned.key.seed))  # type: ignore[arg-type]

    return _evaluate(planned, call, store, time.perf_counter(), owners=series.digests)


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


def _call(planned: PlannedCell, *, features: Features, elsewhere: Elsewhere | None) -> Produced:
    if planned.spec.foreign and elsewhere is not None:
        return elsewhere(planned)
    evaluator = create(planned.spec.source)
    if missing := unmet(evaluator.needs, features):
        raise Skip(missing)
    return tuple(evaluator(features, seed=planned.key.seed))  # type: ignore[arg-type]


def _evaluate(
    planned: PlannedCell,
    call: Callable[[PlannedCell], Produced],
    store: ResultStore,
    started: float,
    *,
    owners: Collection[str] | None = None,
) -> Cell:
    """Store what `call` gives, or what it raised."""
    if planned.spec.broken:
        return _store(store, planned, "error", planned.spec.broken, (), started)
    try:
        produced = call(planned)
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


def _check_types(produced: Produced, name: str) -> None:
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
