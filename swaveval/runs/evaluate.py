"""One cell at a time: call the evaluator, store what came of it, go on whatever happened."""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from swaveval.evaluators.contract import Skip, unmet
from swaveval.evaluators.registry import create
from swaveval.features.features import Features, FeatureSeries
from swaveval.results import Artifact, Cell, Metric, ResultStore, Status
from swaveval.runs.plan import PlannedCell


def evaluate_backbone(
    cells: Iterable[PlannedCell],
    features: Callable[[], Features],
    store: ResultStore,
    *,
    done: Callable[[Cell], None] = lambda _: None,
) -> list[Cell]:
    """Do the given cells of one backbone; `features` is called once, when the first cell needs it.

    A failure, of the features or of an evaluator, is the stored result of its cell; nothing is raised but
    KeyboardInterrupt and SystemExit.
    """
    held: Features | None = None
    failure = ""
    results: list[Cell] = []
    for planned in cells:
        if held is None and not failure and not planned.spec.broken:
            try:
                held = features()
            except Exception as error:
                failure = f"features could not be extracted: {sentence(error)}"
        # The forward pass is shared by all cells and counted in none.
        started = time.perf_counter()
        reason = planned.spec.broken or failure
        if reason or held is None:
            stored = _store(store, planned, "error", reason, (), started)
        else:
            stored = _evaluate(planned, held, store, started)
        results.append(stored)
        done(stored)
    return results


def evaluate_series(planned: PlannedCell, series: FeatureSeries, store: ResultStore) -> Cell:
    """Do one cell of a series evaluator; needs are judged on the first checkpoint."""
    started = time.perf_counter()
    try:
        if planned.spec.broken:
            return _store(store, planned, "error", planned.spec.broken, (), started)
        evaluator = create(planned.spec.source)
        if missing := unmet(evaluator.needs, series[0]):
            return _store(store, planned, "skipped", missing, (), started)
        produced = tuple(evaluator(series, seed=planned.key.seed))  # type: ignore[arg-type]
        return _store(store, planned, "ok", "", produced, started)
    except Skip as skip:
        return _store(store, planned, "skipped", str(skip), (), started)
    except Exception as error:
        return _store(store, planned, "error", sentence(error), (), started)


def sentence(error: BaseException) -> str:
    """An exception as one line of at most 500 characters."""
    text = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {text}"[:500]


def _evaluate(planned: PlannedCell, features: Features, store: ResultStore, started: float) -> Cell:
    try:
        evaluator = create(planned.spec.source)
        if missing := unmet(evaluator.needs, features):
            return _store(store, planned, "skipped", missing, (), started)
        produced = tuple(evaluator(features, seed=planned.key.seed))  # type: ignore[arg-type]
        return _store(store, planned, "ok", "", produced, started)
    except Skip as skip:
        return _store(store, planned, "skipped", str(skip), (), started)
    except Exception as error:
        return _store(store, planned, "error", sentence(error), (), started)


def _store(
    store: ResultStore,
    planned: PlannedCell,
    status: Status,
    reason: str,
    produced: tuple[Metric | Artifact, ...],
    started: float,
) -> Cell:
    strangers = [item for item in produced if not isinstance(item, Metric | Artifact)]
    if strangers:
        status, produced = "error", ()
        reason = f"{planned.spec.name} yielded a {type(strangers[0]).__name__}, neither a Metric nor an Artifact"
    cell = Cell(
        key=planned.key,
        status=status,
        reason=reason,
        metrics=tuple(item for item in produced if isinstance(item, Metric)),
        seconds=time.perf_counter() - started,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return store.put(cell, [item for item in produced if isinstance(item, Artifact)])
