"""What `swaveval run --watch` tells: a line for each checkpoint, a JSON object for each round."""

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from swaveval.text import printable, shortened

if TYPE_CHECKING:
    from swaveval.results import Series
    from swaveval.results.series import Point
    from swaveval.runs.log_to import Destination
    from swaveval.runs.outcome import RunOutcome
    from swaveval.runs.progress import Progress
    from swaveval.runs.published import Published
    from swaveval.runs.request import RunRequest
    from swaveval.runs.watching import Round, Watching

NUMBERS = 3


def watched(
    request: "RunRequest",
    how: "Watching",
    progress: "Progress",
    published: "Published | None",
    *,
    trackers: "Sequence[Destination]" = (),
    as_json: bool,
) -> "RunOutcome":
    """Follow the rounds to their end; gives what the last one came to."""
    from swaveval.runs.log_to import log_to
    from swaveval.runs.watching import watch

    outcome, said = None, ""
    for done in watch(request, how, progress):
        outcome = done.outcome
        if published is not None:
            published.send()
        if done.fresh:
            for problem in log_to(outcome.written.series, trackers).problems:
                progress.message(problem)
        if as_json:
            typer.echo(json.dumps(_round(done), default=str))
            continue
        for point in done.fresh:
            progress.message(_line(outcome.written.series, point))
        verdict = outcome.written.verdict
        if done.fresh and verdict.sentence != said:
            progress.message(verdict.line)
            said = verdict.sentence
    assert outcome is not None  # it ends by itself after a round only
    return outcome


def _line(series: "Series", point: "Point") -> str:
    """`12:03:11  epoch=3.ckpt  kNN 71.2 ±1.0 …`."""
    from swaveval.cli.summary import format_metric
    from swaveval.results.columns import columns_of

    shown = [
        f"{label} {format_metric(point.metrics[metric])}"
        for metric, label in columns_of(series)
        if metric in point.metrics
    ]
    failed = [name for name, cell in point.cells.items() if cell.status == "error"]
    parts = [time.strftime("%H:%M:%S"), shortened(printable(point.record.name), 60), *shown[:NUMBERS]]
    return "  ".join([*parts, *([f"failed: {', '.join(failed)}"] if failed else [])])


def _round(done: "Round") -> dict[str, Any]:
    from swaveval.cli.run import counts

    new = [point.record.name for point in done.fresh]
    return done.outcome.written.verdict.to_json() | counts(done.outcome) | {"new": new, "gone": done.gone}
