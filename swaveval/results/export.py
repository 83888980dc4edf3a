"""A series as a flat table, one metric per row."""

from typing import Any

from swaveval.results.encoding import encode_number
from swaveval.results.series import Point, Series

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
