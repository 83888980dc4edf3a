"""After a run: the verdict, a compact table, the path of the page."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from swaveval.cli.images_of import images_of
from swaveval.data.names import described_labels
from swaveval.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable

    from swaveval.convergence import Verdict
    from swaveval.results import CheckpointRecord, Metric, Series

BLOCKS = "▁▂▃▄▅▆▇█"
ROWS = 12
SPARKS = 10
PIPE_WIDTH = 120
UNBOUNDED = 1000
# Numbers outside these limits are written with a power of ten.
SMALLEST, LARGEST = 1e-3, 1e6
MOST_DECIMALS = 4


def print_summary(series: "Series", verdict: "Verdict", page: str, console: Console | None = None) -> None:
    """Print what a person wants to know first; every string from disk goes through Text, never through markup."""
    from swaveval.convergence.verdict import WORDS
    from swaveval.results.columns import columns_of

    console = console or _console()
    console.print(Text(verdict.verdict, style=WORDS[verdict.verdict].style), end="  ")
    console.print(Text(verdict.sentence))
    columns = columns_of(series)
    if columns and series.points:
        table, shown = _fitting(series, columns, verdict, console)
        console.print(table)
        if images := images_of(series, shown, verdict):
            console.print(Text(images, style="dim"))
    for advice in verdict.advice[:3]:
        console.print(Text(f"→ {advice.action}: {advice.reason}"))
    if said := left_out(series.manifest.checkpoints):
        console.print(Text(said, style="yellow"), soft_wrap=True)
    data = series.manifest.data
    labels = described_labels(data.class_names if data.labelled else (), data.label_origin)
    console.print(Text(f"images: {data.n_train:,} + {data.n_test:,} for test, {labels}"), soft_wrap=True)
    if data.sample:
        console.print(Text(f"sample: {data.sample}"), soft_wrap=True)
    console.print(Text(f"page: {page}"), soft_wrap=True)


def left_out(records: Sequence["CheckpointRecord"]) -> str:
    """How many files the series lacks, and why, by the first; empty where none. Copies lack nothing, and what waits or
    is still being written comes later."""
    own = [record for record in records if record.kind == "checkpoint" and not record.alias]
    lost = [record for record in own if record.state not in ("ready", "writing", "waiting")]
    if not lost:
        return ""
    first = f"{shortened(lost[0].name, 80)}: {shortened(lost[0].reason or lost[0].state, 200)}"
    more = ", …" if len(lost) > 1 else ""
    return f"left out: {len(lost):,} of {len(own):,} checkpoint files ({first}{more})"


def _console() -> Console:
    """The terminal at its width; a pipe or a log file has no width of its own and gets room for the whole table."""
    console = Console()
    return console if console.is_terminal else Console(width=PIPE_WIDTH)


def _fitting(
    series: "Series", columns: list[tuple[str, str]], verdict: "Verdict", console: Console
) -> tuple[Table, list[tuple[str, str]]]:
    """The table with as many columns, the most important first, as can be read without being cut; and these."""
    table, unbounded = _table(series, columns, verdict), console.options.update(width=UNBOUNDED)
    while len(columns) > 1 and console.measure(table, options=unbounded).maximum > console.width:
        columns = columns[:-1]
        table = _table(series, columns, verdict)
    return table, columns


def sparkline(values: list[float]) -> str:
    """One block per value, lowest to highest, thinned evenly to at most 10; a space where there is none."""
    if len(values) > SPARKS:
        values = [values[round(place * (len(values) - 1) / (SPARKS - 1))] for place in range(SPARKS)]
    finite = [value for value in values if value == value and abs(value) != float("inf")]
    if not finite:
        return ""
    low, span = min(finite), max(finite) - min(finite)
    steps = [BLOCKS[int((value - low) / span * 7.999)] if span else BLOCKS[3] for value in finite]
    remaining = iter(steps)
    return "".join(next(remaining) if value == value and abs(value) != float("inf") else " " for value in values)


def format_metric(metric: "Metric | None", *, decimals: int | None = None) -> str:
    """`97.6 ±1.4` for a fraction; for the rest three significant digits, whose intervals stand on the page.

    Args:
        decimals: of a column, so that its numbers can be compared at a glance (`column_decimals`).
    """
    if metric is None or metric.value != metric.value:
        return "–"
    if metric.unit == "fraction":
        text = f"{metric.value * 100:.1f}"
        return text if metric.ci95 is None else f"{text} ±{(metric.ci95[1] - metric.ci95[0]) / 2 * 100:.1f}"
    decimals = column_decimals([metric.value]) if decimals is None else decimals
    return f"{metric.value:.3g}" if decimals is None else f"{metric.value:.{decimals}f}"


def column_decimals(values: "Iterable[float]") -> int | None:
    """How many decimals give the largest number three digits and the smallest two; None where nothing but powers do."""
    sizes = [abs(value) for value in values if math.isfinite(value) and value]
    if not sizes:
        return 0
    if max(sizes) >= LARGEST or max(sizes) < SMALLEST:
        return None
    wanted = max(2 - math.floor(math.log10(max(sizes))), 1 - math.floor(math.log10(min(sizes))))
    return min(max(wanted, 0), MOST_DECIMALS)


def _table(series: "Series", columns: list[tuple[str, str]], verdict: "Verdict") -> Table:
    axis, positions = series.axis()
    rows = (*series.points, *series.baselines)
    decimals = {
        metric: column_decimals(row.metrics[metric].value for row in rows if metric in row.metrics)
        for metric, _ in columns
    }
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(axis, justify="right", no_wrap=True)
    for metric, label in columns:
        unit = next((p.metrics[metric].unit for p in series.points if metric in p.metrics), "")
        table.add_column(Text(f"{label} %" if unit == "fraction" else label), justify="right", no_wrap=True)
    table.add_row("", *(sparkline([float(value) for value in series.values(metric)]) for metric, _ in columns))
    shown = range(len(series.points))
    if len(shown) > ROWS:
        step = (len(shown) - 1) / (ROWS - 1)
        shown_rows = sorted({round(position * step) for position in range(ROWS)})
    else:
        shown_rows = list(shown)
    for position in shown_rows:
        point = series.points[position]
        best = verdict.best is not None and point.record.name == verdict.best.checkpoint
        cells = [Text(format_metric(point.metrics.get(metric), decimals=decimals[metric])) for metric, _ in columns]
        table.add_row(Text(f"{positions[position]:g}{' *' if best else ''}"), *cells, style="bold" if best else "")
    for baseline in series.baselines:
        cells = [Text(format_metric(baseline.metrics.get(metric), decimals=decimals[metric])) for metric, _ in columns]
        if any(cell.plain != "–" for cell in cells):
            table.add_row(Text(baseline.record.name), *cells, style="dim")
    return table
