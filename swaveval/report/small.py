"""One small chart per metric, as plain SVG: it needs no script, prints, and takes its colours from the page."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from swaveval.convergence.quality import untrained
from swaveval.report import glossary, wording
from swaveval.report.contents import Contents, baseline_values
from swaveval.results import Metric
from swaveval.results.roles import GAIN_BY_COLLAPSE
from swaveval.results.term import base_id

Array = np.ndarray[Any, np.dtype[Any]]

WIDTH, HEIGHT, EDGE = 280.0, 96.0, 7.0
UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Tile:
    """A metric with its small chart, ready for the template.

    Attributes:
        metric, label, meaning, anchor: what it is. value, change, interval: at the last checkpoint, in words.
        good: whether the change is an improvement (None where that cannot be said, see `improved`, or no change).
        facts: unit, direction, n and protocol in one line; brief: the protocol cut short.
        line, band, marks, dashes: SVG geometry. top, bottom: labels of the scale. alternative: the chart in words.
    """

    metric: str
    label: str
    meaning: str
    anchor: str
    value: str
    change: str
    since: str
    interval: str
    good: bool | None
    facts: str
    brief: str
    line: str
    band: str
    last: tuple[float, float] | None
    best: tuple[float, float] | None
    dashes: tuple[tuple[float, str], ...]
    top: str
    bottom: str
    alternative: str


def tiles(contents: Contents, metric_ids: tuple[str, ...]) -> tuple[Tile, ...]:
    return tuple(tile(contents, name) for name in metric_ids)


def tile(contents: Contents, metric_id: str) -> Tile:
    """The small chart of one metric over the checkpoints."""
    term, sample = contents.words.term(metric_id), contents.sample(metric_id)
    values = contents.series.values(metric_id)
    finite = np.flatnonzero(np.isfinite(values))
    last, first = (int(finite[-1]), int(finite[0])) if len(finite) else (None, None)
    change = float(values[last] - values[first]) if last is not None and first is not None and last != first else None
    drawn = _Scale(contents, metric_id, values)
    metric = contents.metric(metric_id, last) if last is not None else None
    at_end = contents.metric(metric_id, -1)
    shown = wording.of_metric(at_end if at_end is not None else metric)
    return Tile(
        metric=metric_id,
        label=wording.clipped(term.label, 70),
        meaning=term.meaning,
        anchor=glossary.anchor(metric_id),
        value=shown,
        change=_changed(change, sample.unit),
        since="" if change is None or first is None else f"since {_moment(contents, first)}",
        interval="" if metric is None else wording.interval(metric.ci95, metric.unit),
        good=None if change is None or _changed(change, sample.unit) == UNCHANGED else improved(change, sample),
        facts=facts(contents, metric_id),
        brief=facts(contents, metric_id, 70),
        line=drawn.path(values),
        band=drawn.band(contents, metric_id),
        last=drawn.at(last),
        best=drawn.at(contents.best),
        dashes=drawn.dashes,
        top=wording.number(drawn.high, sample.unit) if drawn.wide else "",
        bottom=wording.number(drawn.low, sample.unit) if drawn.wide else "",
        alternative=_alternative(contents, metric_id, first, last, shown),
    )


def _moment(contents: Contents, position: int) -> str:
    """A checkpoint as the evidence names it: the untrained start is `step 0`."""
    return "step 0" if untrained(contents.points[position].record) else contents.labels[position]


def _changed(change: float | None, unit: str) -> str:
    if change is None:
        return ""
    said = wording.number(change, unit, signed=True)
    return said if any(digit in said for digit in "123456789∞") else UNCHANGED


def improved(change: float, sample: Metric) -> bool | None:
    """Whether a change of a metric is for the better; None where it has no direction, or collapse has the same one."""
    if sample.better == "neither" or base_id(sample.id) in GAIN_BY_COLLAPSE:
        return None
    return (change > 0) == (sample.better == "higher")


def facts(contents: Contents, metric_id: str, longest: int = 400) -> str:
    """`higher is better · n = 450 · cosine, k=20`."""
    sample = contents.sample(metric_id)
    parts = [
        {"higher": "higher is better", "lower": "lower is better", "neither": "no better direction"}[sample.better]
    ]
    if sample.unit not in ("fraction", "ratio"):
        parts.append(f"in {wording.clipped(sample.unit, 30)}")
    if sample.n is not None:
        parts.append(f"n = {sample.n:,}")
    if sample.protocol:
        parts.append(wording.shortened(sample.protocol, longest))
    return " · ".join(parts)


class _Scale:
    """From checkpoints and values to the coordinates of the small chart."""

    def __init__(self, contents: Contents, metric_id: str, values: Array) -> None:
        baselines = baseline_values(contents, metric_id)
        finite = values[np.isfinite(values)]
        ends = [end for p in contents.points if (m := p.metrics.get(metric_id)) is not None for end in m.ci95 or ()]
        pool = (
            np.concatenate([finite, [end for end in ends if math.isfinite(end)]])
            if len(finite)
            else np.asarray([0.0, 1.0])
        )
        self.low, self.high = float(pool.min()), float(pool.max())
        # One value everywhere has no scale to label.
        self.wide = bool(len(finite)) and self.low < self.high
        if self.low == self.high:
            self.low, self.high = self.low - 0.05 * (abs(self.low) or 1), self.high + 0.05 * (abs(self.high) or 1)
        baselines = self._make_room(baselines)
        x = contents.x
        span = float(x.max() - x.min()) if len(x) else 0.0
        self.x = EDGE + (WIDTH - 2 * EDGE) * ((x - x.min()) / span if span else np.full(len(x), 0.5))
        self.values = values
        self.dashes = tuple((self.y(value), name) for name, value in baselines.items()) if len(finite) else ()

    def _make_room(self, baselines: dict[str, float]) -> dict[str, float]:
        """Widen the scale for baselines, nearest first, while the checkpoints keep half of it; others are not drawn."""
        most = 2.0 * (self.high - self.low)
        drawn = {}
        for name, value in sorted(baselines.items(), key=lambda entry: max(entry[1] - self.high, self.low - entry[1])):
            low, high = min(self.low, value), max(self.high, value)
            if high - low <= most:
                self.low, self.high, drawn[name] = low, high, value
        return drawn

    def y(self, value: float) -> float:
        return round(EDGE + (HEIGHT - 2 * EDGE) * (1 - (value - self.low) / (self.high - self.low)), 1)

    def at(self, position: int | None) -> tuple[float, float] | None:
        if position is None or not math.isfinite(self.values[position]):
            return None
        return round(float(self.x[position]), 1), self.y(float(self.values[position]))

    def path(self, values: Array) -> str:
        """SVG path that breaks where values are missing."""
        drawn, pen = [], "M"
        for x, value in zip(self.x, values, strict=True):
            if not math.isfinite(value):
                pen = "M"
                continue
            drawn.append(f"{pen}{x:.1f} {self.y(float(value)):g}")
            pen = "L"
        return "".join(drawn)

    def band(self, contents: Contents, metric_id: str) -> str:
        upper, lower = [], []
        for x, point in zip(self.x, contents.points, strict=True):
            metric = point.metrics.get(metric_id)
            if metric is None or metric.ci95 is None or not all(math.isfinite(end) for end in metric.ci95):
                continue
            low, high = (min(HEIGHT, max(0.0, self.y(end))) for end in metric.ci95)
            upper.append(f"{x:.0f} {high:.0f}")
            lower.append(f"{x:.0f} {low:.0f}")
        return f"M{'L'.join(upper)}L{'L'.join(reversed(lower))}Z" if len(upper) > 1 else ""


def _alternative(contents: Contents, metric_id: str, first: int | None, last: int | None, shown: str) -> str:
    label = contents.words.term(metric_id).label
    if first is None or last is None:
        return f"{wording.clipped(label, 70)}: {shown}"
    start = wording.of_metric(contents.metric(metric_id, first))
    return f"{wording.clipped(label, 70)}: {start} at {contents.labels[first]}, {shown} at {contents.labels[last]}"
