"""A series as a flat table, one metric per row."""

from typing import Any

from swaveval.results.encoding import encode_number
from swaveval.results.series import Point, Series
from swaveval.results.spent import Spent, spent

COLUMNS = (
    "run",
    "checkpoint",
    "digest",
    "epoch",
    "step",
    "evaluator",
    "metric",
    "value",
    "ci_low",
    "ci_high",
    "n",
    "unit",
    "better",
    "protocol",
    "status",
)

SECONDS = "seconds"
PROTOCOL = "wall-clock seconds, the last time it was done"


def rows(series: Series) -> list[dict[str, Any]]:
    """One row per metric of every checkpoint and baseline, and one without a metric per cell that has none.

    Values are JSON numbers; NaN and the infinities appear by name. The reason of a cell that is not `ok` stands under
    `protocol`. A result that is lost has a row with the status `lost`.
    """
    run = series.manifest.name
    table = [row for point in (*series.points, *series.baselines) for row in _rows(run, point)]
    for lost in series.lost:
        row = {"run": run, "checkpoint": lost.checkpoint, "evaluator": lost.evaluator}
        table.append(dict.fromkeys(COLUMNS) | row | {"protocol": lost.why, "status": "lost"})
    return table


def time_rows(series: Series) -> list[dict[str, Any]]:
    """One row per stage of every checkpoint, every baseline, the series and the whole: where the time went.

    An evaluator's row has the metric `seconds`; a stage's has no evaluator and the metric `seconds.reading`,
    `seconds.forward` … The status is `time`: whoever looks at results with status `ok` does not meet them. Older
    results know the evaluators' times alone.
    """
    records = {point.record.digest: point.record for point in (*series.baselines, *reversed(series.points))}
    table = []
    for row in spent(series):
        record = records.get(row.digest) if row.digest is not None else None
        common: dict[str, Any] = {"run": series.manifest.name, "checkpoint": row.name, "digest": row.digest}
        common |= {"epoch": None, "step": None} if record is None else {"epoch": record.epoch, "step": record.step}
        facts = {"unit": "s", "better": "lower", "protocol": PROTOCOL, "status": "time"}
        named: list[tuple[str | None, str, float]] = [
            (None, f"seconds.{stage}", seconds) for stage, seconds in row.stages.items()
        ]
        named += [(evaluator, "seconds", seconds) for evaluator, seconds in row.evaluators.items()]
        for evaluator, metric, seconds in named:
            own = {"evaluator": evaluator, "metric": metric, "value": encode_number(seconds)}
            table.append(dict.fromkeys(COLUMNS) | common | facts | own)
    return table


def _of_evaluators(row: Spent) -> dict[Any, float]:
    return {(evaluator, SECONDS): seconds for evaluator, seconds in row.evaluators.items()}


def _rows(run: str, point: Point) -> list[dict[str, Any]]:
    record = point.record
    common = {
        "run": run,
        "checkpoint": record.name,
        "digest": record.digest,
        "epoch": record.epoch,
        "step": record.step,
    }
    table: list[dict[str, Any]] = []
    for metric in point.metrics.values():
        low, high = metric.ci95 or (None, None)
        table.append(
            common
            | {
                "evaluator": metric.evaluator,
                "metric": metric.id,
                "value": encode_number(metric.value),
                "ci_low": encode_number(low),
                "ci_high": encode_number(high),
                "n": metric.n,
                "unit": metric.unit,
                "better": metric.better,
                "protocol": metric.protocol,
                "status": "ok",
            }
        )
    for name, cell in point.cells.items():
        if cell.status != "ok":
            empty = dict.fromkeys(COLUMNS)
            table.append(empty | common | {"evaluator": name, "protocol": cell.reason, "status": cell.status})
    return table
