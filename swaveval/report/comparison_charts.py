"""Figures of a comparison: curves and the varied setting in Bokeh, a small SVG per metric."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, FixedTicker, NumeralTickFormatter, Range1d, Span

from swaveval.report import glossary, palette, wording
from swaveval.report.charts import Chart, item, plain_figure, thinned
from swaveval.report.contents import for_axis
from swaveval.report.runs import Group
from swaveval.report.small import EDGE, HEIGHT, WIDTH, facts
from swaveval.results import Metric

CURVE_POINTS = 400


def colours(group: Group) -> list[str]:
    """One colour per setting, which its repeats share, as on a white page; greys and near-greys come last."""
    place = {run: i for i, setting in enumerate(group.settings) for run in setting.runs}
    return [palette.RUNS[place[run] % len(palette.RUNS)][0] for run in range(len(group.runs))]


def curves(group: Group) -> Chart:
    """The metric chosen on the page over the checkpoints, one line per run, and the loss as its gap to ln K below."""
    axes = {run.contents.axis for run in group.runs}
    quality = plain_figure(height=300, x_range=_x_range(group), y_range=Range1d(0, 1), name="curves")
    quality.xaxis.axis_label = axes.pop() if len(axes) == 1 else "checkpoint"
    for position, colour in enumerate(colours(group)):
        marker = palette.MARKERS[position % len(palette.MARKERS)]
        line = ColumnDataSource({"x": [], "y": []}, name=f"line-{position}")
        band = ColumnDataSource({"x": [], "low": [], "high": []}, name=f"band-{position}")
        best = ColumnDataSource({"x": [], "y": []}, name=f"best-{position}")
        name = f"run-{position}"
        quality.varea("x", "low", "high", source=band, fill_color=colour, fill_alpha=0.10, name=name)
        quality.line("x", "y", source=line, line_color=colour, line_width=2, name=name)
        quality.scatter("x", "y", source=line, marker=marker, size=6, fill_color=colour, line_color=colour, name=name)
        quality.scatter(
            "x", "y", source=best, marker="star", size=18, fill_color="#f5c518", line_color=palette.INK[0], name=name
        )
    plots = [quality]
    gaps = _gaps(group)
    if gaps:
        plots.append(_gap_plot(group, gaps, quality))
        quality.xaxis.axis_label = None
    for plot in plots:
        plot.add_layout(Span(name="cursor", dimension="height", location=0, visible=False, line_color=palette.MUTED[0]))
    said = (
        f"One curve per run for {wording.count(len(group.runs), 'run')}; stars mark the checkpoint to use of each that "
        "has one."
    )
    return Chart(item=item(column(*plots, sizing_mode="stretch_width")), about={"gap": bool(gaps)}, alternative=said)


def _gaps(group: Group) -> dict[int, tuple[Any, Any]]:
    """Run position to (epochs, 1 − L/ln K), which different K share where the loss itself does not."""
    found = {}
    for position, run in enumerate(group.runs):
        loss = run.contents.series.manifest.loss
        if (
            loss is not None
            and loss.ln_k
            and run.contents.axis == loss.axis == "epoch"
            and np.isfinite(losses := for_axis(loss.values)).any()
        ):
            x, y = thinned(np.asarray(loss.epochs), 1 - losses / loss.ln_k, CURVE_POINTS)
            keep = np.isfinite(x)
            found[position] = (x[keep], y[keep])
    return found


def _x_range(group: Group) -> Range1d:
    """From the first to the last checkpoint of any run."""
    ends = [float(x) for run in group.runs for x in run.contents.x]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    pad = 0.04 * (high - low) or 0.5
    return Range1d(low - pad, high + pad)


def _padded(gaps: dict[int, tuple[Any, Any]]) -> tuple[float, float]:
    """A range that shows every gap and zero."""
    values = np.concatenate([y[np.isfinite(y)] for _, y in gaps.values()] + [np.zeros(1)])
    pad = 0.08 * float(values.max() - values.min()) or 0.01
    return float(values.min()) - pad, float(values.max()) + pad


def _gap_plot(group: Group, gaps: dict[int, tuple[Any, Any]], quality: Any) -> Any:
    plot = plain_figure(height=170, x_range=quality.x_range, y_range=Range1d(*_padded(gaps)))
    plot.yaxis.axis_label, plot.xaxis.axis_label = "loss below ln K", "epoch"
    plot.yaxis.formatter = NumeralTickFormatter(format="0.[0] %")
    plot.add_layout(Span(dimension="width", location=0, line_color=palette.REFERENCE[0], line_dash="dashed"))
    for position, (x, y) in gaps.items():
        plot.line(x=x, y=y, line_color=colours(group)[position], line_width=2, name=f"run-{position}")
    return plot


def against(group: Group) -> Chart | None:
    """The metric chosen on the page against the setting that differs; None where none is numeric."""
    if not group.axis:
        return None
    logarithmic = min(group.x) > 0 and max(group.x) >= 4 * min(group.x)
    low, high = min(group.x), max(group.x)
    ends = (low / 1.35, high * 1.35) if logarithmic else (low - 0.08 * (high - low), high + 0.08 * (high - low))
    plot = plain_figure(
        height=300,
        x_range=Range1d(*ends),
        y_range=Range1d(0, 1),
        x_axis_type="log" if logarithmic else "linear",
        name="against",
    )
    values = sorted(set(group.x))
    plot.xaxis.ticker = FixedTicker(ticks=values, minor_ticks=[])
    plot.xaxis.major_label_overrides = {value: f"{value:g}" for value in values}
    plot.xaxis.axis_label = axis_title(group.axis) + (" (log scale)" if logarithmic else "")
    final, last, mean = (
        ColumnDataSource({"x": [], "y": []}, name=f"against-{name}") for name in ("final", "last", "mean")
    )
    best = ColumnDataSource({"x": [], "y": [], "low": [], "high": [], "colour": []}, name="against-best")
    plot.line("x", "y", source=final, line_color=palette.MUTED[0], line_dash="4 4")
    plot.scatter(
        "x", "y", source=last, marker="square", size=7, fill_color=palette.GROUND[0], line_color=palette.MUTED[0]
    )
    plot.line("x", "y", source=mean, line_color=palette.MUTED[0], line_width=1.5)
    plot.segment("x", "low", "x", "high", source=best, line_color="colour", line_width=2)
    plot.scatter("x", "y", source=best, size=10, fill_color="colour", line_color="colour")
    said = (
        f"The chosen metric against {axis_title(group.axis)}, at each run's checkpoint to use (filled) and at its last "
        "one (hollow)."
    )
    return Chart(item=item(plot), about={}, alternative=said)


def axis_title(axis: str) -> str:
    return "prototypes K" if axis == "prototypes" else wording.plot_text(axis.replace("_", " "), 40)


@dataclass(frozen=True)
class RunsTile:
    """A small chart of one metric for all runs: over the checkpoints, or against the setting.

    Attributes:
        lines: (colour, path) per run. dots, hollow: (colour, x, y). bars: (colour, x, y low, y high).
        ticks: (x, label).
    """

    metric: str
    label: str
    meaning: str
    anchor: str
    facts: str
    lines: tuple[tuple[str, str], ...]
    dots: tuple[tuple[str, float, float], ...]
    bars: tuple[tuple[str, float, float, float], ...]
    ticks: tuple[tuple[float, str], ...]
    top: str
    bottom: str
    alternative: str
    hollow: tuple[tuple[str, float, float], ...] = ()


def tiles_against(group: Group, metric_ids: tuple[str, ...]) -> tuple[RunsTile, ...]:
    """Metrics at each run's checkpoint to use, with intervals, against the setting on a log axis."""
    x = _places(group)
    return tuple(tile for name in metric_ids if (tile := _against_tile(group, name, x)) is not None)


def tiles_over(group: Group, metric_ids: tuple[str, ...]) -> tuple[RunsTile, ...]:
    """Metrics over the checkpoints, one line per run."""
    return tuple(tile for name in metric_ids if (tile := _over_tile(group, name)) is not None)


def _places(group: Group) -> list[float]:
    logarithmic = min(group.x) > 0 and max(group.x) >= 4 * min(group.x)
    values = [math.log(value) if logarithmic else value for value in group.x]
    span = (max(values) - min(values)) or 1.0
    return [round(18 + (WIDTH - 36) * (value - min(values)) / span, 1) for value in values]


class _Scale:
    def __init__(self, values: list[float]) -> None:
        finite = [value for value in values if math.isfinite(value)]
        self.low, self.high = (min(finite), max(finite)) if finite else (0.0, 1.0)
        self.wide = self.low < self.high
        if self.low == self.high:
            self.low, self.high = self.low - 0.05 * (abs(self.low) or 1), self.high + 0.05 * (abs(self.high) or 1)

    def y(self, value: float) -> float:
        return round(EDGE + (HEIGHT - 2 * EDGE) * (1 - (value - self.low) / (self.high - self.low)), 1)


def _against_tile(group: Group, name: str, x: list[float]) -> RunsTile | None:
    found = {
        position: metric
        for position, run in enumerate(group.runs)
        if (metric := run.metric(name)) is not None and math.isfinite(metric.value)
    }
    if not found:
        return None
    bars = _bars(group, found)
    scale, palette_ = (
        _Scale([metric.value for metric in found.values()] + [end for _, *ends in bars for end in ends]),
        colours(group),
    )
    unit = next(iter(found.values())).unit
    said = "; ".join(f"{group.runs[position].name} {wording.of_metric(metric)}" for position, metric in found.items())
    means = [
        (x[own[0]], float(np.mean([found[position].value for position in own])))
        for setting in group.settings
        if (own := [position for position in setting.runs if position in found])
    ]
    path = "".join(f"{'L' if i else 'M'}{place:g} {scale.y(value):g}" for i, (place, value) in enumerate(means))
    points = [
        (bool(group.runs[position].unfit), (palette_[position], x[position], scale.y(metric.value)))
        for position, metric in found.items()
    ]
    return _tile(
        group,
        name,
        lines=(("currentColor", path),) if len(means) > 1 else (),
        dots=tuple(point for unfit, point in points if not unfit),
        hollow=tuple(point for unfit, point in points if unfit),
        bars=tuple((palette_[position], x[position], scale.y(low), scale.y(high)) for position, low, high in bars),
        ticks=tuple((place, f"{value:g}") for place, value in dict(zip(x, group.x, strict=True)).items()),
        top=wording.number(scale.high, unit) if scale.wide else "",
        bottom=wording.number(scale.low, unit) if scale.wide else "",
        alternative=f"{group.words.term(name).label}: {said}",
    )


def _bars(group: Group, found: Mapping[int, Metric]) -> list[tuple[int, float, float]]:
    """(run, low, high): the 95 % interval of a run on its own; of repeats the smallest and the largest value."""
    bars = []
    for setting in group.settings:
        own = [position for position in setting.runs if position in found]
        if len(setting.runs) > 1 and own:
            values = [found[position].value for position in own]
            bars.append((own[0], min(values), max(values)))
            continue
        for position in own:
            ends = found[position].ci95
            if ends is not None and all(math.isfinite(end) for end in ends):
                bars.append((position, *ends))
    return bars


def _over_tile(group: Group, name: str) -> RunsTile | None:
    rows = [(run.contents.x, run.contents.series.values(name)) for run in group.runs]
    finite = np.concatenate([values[np.isfinite(values)] for _, values in rows])
    if len(finite) == 0:
        return None
    scale = _Scale(finite.tolist())
    low = min(float(x.min()) for x, _ in rows if len(x))
    span = (max(float(x.max()) for x, _ in rows if len(x)) - low) or 1.0
    lines, dots = [], []
    for (x, values), colour in zip(rows, colours(group), strict=True):
        at = [
            (EDGE + (WIDTH - 2 * EDGE) * (float(p) - low) / span, float(v))
            for p, v in zip(x, values, strict=True)
            if math.isfinite(v)
        ]
        if at:
            lines.append((colour, "".join(f"{'L' if i else 'M'}{p:.1f} {scale.y(v):g}" for i, (p, v) in enumerate(at))))
            dots.append((colour, round(at[-1][0], 1), scale.y(at[-1][1])))
    unit = next(run.contents.sample(name).unit for run in group.runs if run.contents.has(name))
    said = "; ".join(f"{run.name} ends at {wording.of_metric(run.metric(name, final=True))}" for run in group.runs)
    return _tile(
        group,
        name,
        lines=tuple(lines),
        dots=tuple(dots),
        bars=(),
        ticks=(),
        top=wording.number(scale.high, unit) if scale.wide else "",
        bottom=wording.number(scale.low, unit) if scale.wide else "",
        alternative=f"{group.words.term(name).label}: {said}",
    )


def _tile(group: Group, name: str, **drawn: Any) -> RunsTile:
    term = group.words.term(name)
    contents = next(run.contents for run in group.runs if run.contents.has(name))
    return RunsTile(
        metric=name,
        label=wording.clipped(term.label, 70),
        meaning=term.meaning,
        anchor=glossary.anchor(name),
        facts=facts(contents, name),
        **drawn,
    )
