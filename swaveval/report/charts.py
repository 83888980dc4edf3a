"""The first figure: loss above, quality below, on one axis. Bokeh draws; the page's script moves cursor and colours."""

import itertools
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.core.properties import value as constant
from bokeh.embed import json_item
from bokeh.layouts import column
from bokeh.models import (
    ColumnDataSource,
    DataRange1d,
    NumeralTickFormatter,
    Range1d,
    Span,
)
from bokeh.plotting import figure

from swaveval.report import baseline_names, palette, wording
from swaveval.report.contents import Contents, baseline_values, first_figure, for_axis, quality_metrics
from swaveval.report.packing import numbered
from swaveval.results import LossCurve

Array = np.ndarray[Any, np.dtype[Any]]

LOSS_POINTS = 1200


@dataclass(frozen=True)
class Chart:
    """A Bokeh figure ready to embed, with what the page's script needs to know about it.

    Attributes:
        item: Bokeh's JSON. about: plain JSON for the script. alternative: the figure in one sentence.
    """

    item: str
    about: dict[str, Any]
    alternative: str


def overview(contents: Contents) -> Chart | None:
    """Loss and quality over the checkpoints; None when there is neither."""
    plots_of = first_figure(contents)
    chosen = quality_metrics(contents)
    curve = contents.series.manifest.loss
    placed = _place_loss(contents, curve)
    if not chosen and placed is None:
        return None
    shared = _range(contents, placed)
    plots: list[Any] = []
    about: dict[str, Any] = {"axis": contents.axis, "series": [], "loss": None}
    if placed is not None and curve is not None:
        plot, about["loss"] = _loss_plot(curve, placed, shared if _linked(contents, curve) else DataRange1d())
        if not _linked(contents, curve):
            plot.xaxis.axis_label = f"{curve.axis} of {wording.plot_text(curve.source, 40)}"
        about["loss"]["at"] = _loss_at(contents, placed) if _linked(contents, curve) else []
        plots.append(plot)
    for names in plots_of:
        plot, series = _quality_plot(contents, names, shared, first=len(about["series"]))
        about["series"] += series
        plots.append(plot)
    plots[-1].xaxis.axis_label = contents.axis
    for above, below in itertools.pairwise(plots):
        if above.x_range is below.x_range:
            above.xaxis.major_label_text_font_size = "0px"
            above.xaxis.major_tick_line_color = None
    for plot in plots:
        plot.add_layout(Span(name="cursor", dimension="height", location=0, visible=False, line_color=palette.MUTED[0]))
        if contents.best is not None and (plot.x_range is shared or len(plots) == 1):
            plot.add_layout(
                Span(
                    dimension="height",
                    location=float(contents.x[contents.best]),
                    line_color=palette.SERIES[0][0],
                    line_alpha=0.35,
                    line_width=2,
                )
            )
        if any(baseline_values(contents, names[0]) for names in plots_of):
            plot.min_border_right = baseline_names.WIDTH  # in both, so that one epoch stays above the other
    layout = column(*plots, sizing_mode="stretch_width", spacing=2)
    return Chart(item=item(layout), about=about, alternative=_alternative(contents, chosen))


def item(layout: Any) -> str:
    """Bokeh's JSON of a layout, the same bytes for the same layout."""
    return numbered(json.dumps(json_item(layout), separators=(",", ":")))


def plain_figure(*, height: int, x_range: Any = None, **settings: Any) -> Any:
    """A figure in the page's style: no frame, quiet grid, see-through ground, no tools that take the scroll wheel."""
    ranged = {} if x_range is None else {"x_range": x_range}
    plot = figure(
        height=height, sizing_mode="stretch_width", **({"tools": "", "toolbar_location": None} | ranged | settings)
    )
    plot.background_fill_color = plot.border_fill_color = None
    plot.outline_line_color = None
    plot.min_border_left, plot.min_border_right = 62, 18
    plot.xgrid.grid_line_color, plot.ygrid.grid_line_color = None, palette.GRID[0]
    for axis in plot.axis:
        _style(axis)
    return plot


def _style(axis: Any) -> None:
    axis.axis_line_color = axis.major_tick_line_color = palette.GRID[0]
    axis.minor_tick_line_color = None
    axis.major_label_text_color = axis.axis_label_text_color = palette.MUTED[0]
    axis.major_label_text_font = axis.axis_label_text_font = palette.FONT
    axis.major_label_text_font_size = axis.axis_label_text_font_size = "12px"
    axis.axis_label_text_font_style = "normal"


def _range(contents: Contents, placed: tuple[Array, Array] | None) -> Range1d:
    ends = [contents.x] if len(contents.x) else []
    if (
        placed is not None
        and contents.series.manifest.loss is not None
        and _linked(contents, contents.series.manifest.loss)
    ):
        ends.append(placed[0])
    low, high = (float(np.min(np.concatenate(ends))), float(np.max(np.concatenate(ends)))) if ends else (0.0, 1.0)
    pad = 0.03 * (high - low) or 0.5
    return Range1d(low - pad, high + pad)


def _linked(contents: Contents, curve: LossCurve) -> bool:
    """Whether the loss can be put on the checkpoints' axis."""
    return curve.on(contents.axis) is not None


def _place_loss(contents: Contents, curve: LossCurve | None) -> tuple[Array, Array] | None:
    if curve is None or not curve.values:
        return None
    x = np.asarray(curve.on(contents.axis) or curve.epochs, dtype=np.float64)
    y = for_axis(curve.values)
    keep = np.isfinite(x)
    return thinned(x[keep], y[keep], LOSS_POINTS) if np.isfinite(y[keep]).any() else None


def thinned(x: Array, y: Array, most: int) -> tuple[Array, Array]:
    """At most `most` points of a curve, the lowest and highest of every stretch among them: no spike is lost."""
    if len(x) <= most:
        return x, y
    keep: set[int] = {0, len(x) - 1}
    for part in np.array_split(np.arange(len(x)), most // 2):
        values = np.where(np.isfinite(y[part]), y[part], np.nan)
        if np.isnan(values).all():
            keep.add(int(part[0]))
        else:
            keep |= {int(part[np.nanargmin(values)]), int(part[np.nanargmax(values)])}
    chosen = np.asarray(sorted(keep))
    return x[chosen], y[chosen]


def _loss_at(contents: Contents, placed: tuple[Array, Array]) -> list[float | None]:
    """Loss at each checkpoint: the nearest value at or before it."""
    x, y = placed
    order = np.argsort(x, kind="stable")
    rows = np.searchsorted(x[order], contents.x + 1e-9, side="right") - 1
    return [float(y[order][row]) if row >= 0 and math.isfinite(y[order][row]) else None for row in rows]


def _loss_plot(curve: LossCurve, placed: tuple[Array, Array], x_range: Any) -> tuple[Any, dict[str, Any]]:
    x, y = placed
    ln_k = curve.ln_k
    values = y[np.isfinite(y)]
    fit = _padded(float(values.min()), float(values.max()), 0.12)
    if ln_k is not None:
        fit = _padded(min(float(values.min()), ln_k), max(float(values.max()), ln_k), 0.12)
    full = (0.0, max(float(values.max()), ln_k or 0.0) * 1.22 or 1.0) if values.min() >= 0 else fit
    plot = plain_figure(height=176, x_range=x_range, y_range=Range1d(*full, name="loss-range"), name="overview-loss")
    plot.yaxis.axis_label = "loss (nats)" if ln_k is not None else "loss"
    plot.yaxis.ticker.desired_num_ticks = 4
    source = ColumnDataSource({"x": x, "y": y})
    if ln_k is not None:
        plot.varea(
            x=x,
            y1=np.where(np.isfinite(y), y, ln_k),
            y2=np.full_like(y, ln_k),
            fill_color=palette.REFERENCE[0],
            fill_alpha=0.10,
        )
        plot.add_layout(
            Span(dimension="width", location=ln_k, line_color=palette.REFERENCE[0], line_dash="dashed", line_width=1.5)
        )
        # Its name stands at the end where the loss is lower, so that they do not cross.
        side = "left" if values[0] <= values[-1] or values[0] <= ln_k else "right"
        plot.text(
            x=[float(np.min(x) if side == "left" else np.max(x))],
            y=[ln_k],
            text=[f"ln {curve.prototypes} = {ln_k:.3f}: a constant output"],
            text_align=side,
            y_offset=-4,
            text_font=constant(palette.FONT),
            text_font_size="12px",
            text_color=palette.REFERENCE[0],
        )
    plot.line("x", "y", source=source, line_color=palette.LOSS[0], line_width=2)
    return plot, {"full": list(full), "fit": list(fit), "ln_k": ln_k}


def _quality_plot(
    contents: Contents, chosen: tuple[str, ...], x_range: Any, *, first: int = 0
) -> tuple[Any, list[dict[str, Any]]]:
    """Curves of one unit; `first`: how many curves the plots above it have."""
    unit = contents.sample(chosen[0]).unit
    rows = {name: _rows(contents, name) for name in chosen}
    dashed = baseline_values(contents, chosen[0])
    everything = np.concatenate([*(np.stack(row).ravel() for row in rows.values()), np.asarray(list(dashed.values()))])
    finite = everything[np.isfinite(everything)]
    low, high = _padded(float(finite.min()), float(finite.max()), 0.06) if len(finite) else (0.0, 1.0)
    if unit == "fraction":
        low, high = max(low, -0.01 if finite.min() >= 0 else -1.0), min(high, 1.01)
    height = 176 if first else 304
    plot = plain_figure(height=height, x_range=x_range, y_range=Range1d(low, high), name="overview-quality")
    called = wording.plot_text(contents.words.term(chosen[0]).brief) if first else "quality"
    plot.yaxis.axis_label = called if unit == "fraction" else f"{called} ({wording.plot_text(unit)})"
    if first:
        plot.yaxis.ticker.desired_num_ticks = 4
    if unit == "fraction":
        plot.yaxis.formatter = NumeralTickFormatter(format="0 %")
    baseline_names.draw(plot, dashed, (low, high))
    about: list[dict[str, Any]] = []
    # The headline is drawn last, on top; its legend entry still comes first.
    for position in reversed(range(len(chosen))):
        name = chosen[position]
        place = first + position
        colour, marker = palette.SERIES[place][0], palette.MARKERS[place]
        value, lower, upper = rows[name]
        if np.isfinite(lower).any():
            keep = np.isfinite(lower) & np.isfinite(upper)
            plot.varea(
                x=contents.x[keep],
                y1=lower[keep],
                y2=upper[keep],
                fill_color=colour,
                fill_alpha=0.16,
                name=f"series-{place}",
            )
            if len(contents.x) == 1:
                plot.segment(
                    x0=contents.x[keep],
                    x1=contents.x[keep],
                    y0=lower[keep],
                    y1=upper[keep],
                    line_color=colour,
                    line_width=2,
                    name=f"series-{place}",
                )
        source = ColumnDataSource({"x": contents.x, "y": value})
        width = 2.6 if position == 0 else 1.8
        plot.line("x", "y", source=source, line_color=colour, line_width=width, name=f"series-{place}")
        size = 7 if len(contents.x) <= 40 else 4
        plot.scatter(
            "x",
            "y",
            source=source,
            marker=marker,
            size=size,
            fill_color=colour,
            line_color=colour,
            name=f"series-{place}",
        )
        about.insert(0, {"metric": name, "label": contents.words.term(name).brief, "marker": marker, "colour": place})
    headline = rows[chosen[0]][0]
    if contents.tied:
        tied = list(contents.tied)
        plot.scatter(
            x=contents.x[tied],
            y=headline[tied],
            marker="circle",
            size=15,
            fill_color=None,
            line_color=palette.INK[0],
            line_width=1.5,
            name=f"series-{first}",
        )
    if contents.best is not None:
        plot.scatter(
            x=contents.x[[contents.best]],
            y=headline[[contents.best]],
            marker="star",
            size=22,
            fill_color="#f5c518",
            line_color=palette.INK[0],
            line_width=1.2,
            name=f"series-{first}",
        )
    return plot, about


def _rows(contents: Contents, metric_id: str) -> tuple[Array, Array, Array]:
    """Value, lower and upper end of the interval at each checkpoint; infinities are left out of the plot."""
    values = contents.series.values(metric_id)
    ends = [
        (m.ci95 if (m := point.metrics.get(metric_id)) is not None and m.ci95 is not None else (math.nan, math.nan))
        for point in contents.points
    ]
    table = np.column_stack([values, np.asarray(ends, dtype=np.float64).reshape(len(values), 2)])
    table = for_axis(table)
    return table[:, 0], table[:, 1], table[:, 2]


def _padded(low: float, high: float, share: float) -> tuple[float, float]:
    pad = share * (high - low) or abs(high) * 0.05 or 0.05
    return low - pad, high + pad


def _alternative(contents: Contents, chosen: tuple[str, ...]) -> str:
    """The figure in words, for those who do not see it."""
    said = []
    loss = contents.verdict.loss
    if loss.start is not None and loss.end is not None:
        said.append(f"The loss goes from {wording.number(loss.start)} to {wording.number(loss.end)}")
        if loss.ln_k is not None:
            said[-1] += f" (ln K is {loss.ln_k:.3f})"
    for name in chosen:
        first, last = contents.metric(name, 0), contents.metric(name, -1)
        if first is not None and last is not None:
            value = wording.of_metric(last)
            moved = f"from {wording.of_metric(first)} to {value}" if len(contents.labels) > 1 else value
            said.append(f"{contents.words.term(name).label} {moved}")
    where = f" between {contents.labels[0]} and {contents.labels[-1]}" if len(contents.labels) > 1 else ""
    return "; ".join(said) + where + "."
