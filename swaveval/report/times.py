"""The table of where the time went, checkpoint by stage."""

import math
from dataclasses import dataclass

from swaveval.report import wording
from swaveval.report.contents import Contents
from swaveval.report.cost import duration
from swaveval.results.seconds import DECODING, OF_BACKBONE, PAGE, SEARCHES
from swaveval.results.spent import EVALUATION, Spent, has_stages, spent

# Of a longer series the middle is added up in one row.
MOST_ROWS = 40
_STAGES = {**OF_BACKBONE, SEARCHES: "search"}
# Figures for papers are drawn after the page; `swaveval export` has their time.
_WHOLE = {DECODING: "decoding the images, once for all", PAGE: "judging and this page"}


@dataclass(frozen=True)
class Times:
    """What the page shows.

    Attributes:
        headline: the total, and its largest parts.
        head: names of the columns. rows: name, then seconds by column. total: their sums.
        whole: (what, seconds) of what was done once for the whole evaluation.
    """

    headline: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    total: tuple[str, ...]
    whole: tuple[tuple[str, str], ...]


def times(contents: Contents, page_seconds: float | None = None) -> Times | None:
    """None where nothing but the evaluators' own times was kept.

    Args:
        page_seconds: what the page took until now, where it is being made for the first time.
    """
    series = contents.series
    if not has_stages(series):
        return None
    found = spent(series)
    backbones = [row for row in found if row.name != EVALUATION]
    shared = {name: seconds for row in found for name, seconds in row.stages.items() if name in _WHOLE}
    if page_seconds is not None:
        shared[PAGE] = page_seconds
    stages = [name for name in _STAGES if any(name in row.stages for row in backbones)]
    named = [name for name, _, _ in series.manifest.evaluators]
    evaluators = [name for name in named if any(name in row.evaluators for row in backbones)]

    def cells(row: Spent) -> list[float | None]:
        return [*(row.stages.get(name) for name in stages), *(row.evaluators.get(name) for name in evaluators)]

    values = [(wording.clipped(row.name, 60), cells(row)) for row in backbones]
    sums = [_sum([row[place] for _, row in values]) for place in range(len(stages) + len(evaluators))]
    if len(values) > MOST_ROWS:
        half, left = MOST_ROWS // 2, values[MOST_ROWS // 2 : -MOST_ROWS // 2]
        middle = [_sum([row[place] for _, row in left]) for place in range(len(sums))]
        values = [*values[:half], (f"{len(left):,} more, added up", middle), *values[-half:]]
    total = math.fsum([*(value or 0.0 for value in sums), *shared.values()])
    parts = {"evaluators": _sum(sums[len(stages) :]), **dict(zip((_STAGES[s] for s in stages), sums, strict=False))}
    parts |= {"decoding": shared.get(DECODING), "page": shared.get(PAGE)}
    largest = sorted(((value, name) for name, value in parts.items() if value), reverse=True)[:3]
    said = ", ".join(f"{name} {duration(value)}" for value, name in largest)
    return Times(
        headline=f"{duration(total)}: {said}",
        head=("", "together", *(_STAGES[name] for name in stages), *(wording.clipped(name, 30) for name in evaluators)),
        rows=tuple((name, _seconds(_sum(row)), *map(_seconds, row)) for name, row in values),
        total=("together", _seconds(_sum(sums)), *map(_seconds, sums)),
        whole=tuple((words, duration(shared[name])) for name, words in _WHOLE.items() if name in shared),
    )


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) if known else None


def _seconds(value: float | None) -> str:
    """Two digits that say something; whole seconds from ten on."""
    if value is None:
        return "–"
    if value < 0.005:
        return "0"
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.095 else f"{value:.2f}"
