"""Figures for papers: PNG and SVG by matplotlib, one file per plot, colour-blind safe, axes with units."""

import base64
import io
import math
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from PIL import Image

from swaveval.convergence.verdict import Verdict
from swaveval.report import palette, wording
from swaveval.report.confusion import title_of
from swaveval.report.contents import (
    Array,
    Contents,
    baseline_values,
    first_figure,
    for_axis,
    gather,
    quality_metrics,
)
from swaveval.report.figure_files import KINDS, Made, source_of
from swaveval.report.fonts import drawable, families, quiet_fonts
from swaveval.report.kinds import LAYERS
from swaveval.report.map import FeatureMap, feature_map
from swaveval.results import Series
from swaveval.results.term import base_id

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e7eb",
    "axes.edgecolor": "#8a949e",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "swaveval",
    "savefig.dpi": 160,
    "text.parse_math": False,
}
COLOURS = tuple(light for light, _ in palette.SERIES)
MARKERS = "os^D"
SEQUENTIAL = "cividis"
FLOOR = 1e-9


class Drawing:
    """The figures of a run, each drawn when it is asked for. What is missing in the results has no figure.

    Attributes:
        names: of the figures, in their order.
        source: digest of what they show and what draws them.
    """

    def __init__(self, series: Series, verdict: Verdict) -> None:
        contents = gather(series, verdict)
        self._style = STYLE | _fonts(contents)
        with mpl.rc_context(self._style):
            self._figures = dict(_figures(contents))
        self.names = tuple(self._figures)
        self.source = source_of(series, verdict)

    def made(self, name: str) -> Made:
        """The bytes of a figure's files by kind, or why it could not be drawn; the same in every process."""
        try:
            with mpl.rc_context(self._style):
                drawn = self._figures[name]()
                return {kind: _encoded(drawn, kind) for kind in KINDS}
        except Exception as error:
            return f"the figure {name} could not be drawn: {type(error).__name__}: {error}"[:300]

    def all_made(self) -> Iterator[tuple[str, Made]]:
        """Each figure's name and what came of it, one after the other."""
        for name in self.names:
            yield name, self.made(name)


def overview_picture(contents: Contents) -> str:
    """The first figure as a data address, for readers without scripts; empty where there is nothing to draw."""
    with mpl.rc_context(STYLE | _fonts(contents) | {"savefig.dpi": 110}):
        drawn = overview(contents)
        if drawn is None:
            return ""
        drawn.set_dpi(mpl.rcParams["savefig.dpi"])
        canvas: Any = FigureCanvasAgg(drawn)
        with quiet_fonts():
            canvas.draw()
        # Sixty-four colours are enough for lines and bands, and a quarter of the bytes.
        pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        picture = pixels.quantize(64, dither=Image.Dither.NONE)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", optimize=True)
        return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _encoded(drawn: Figure, kind: str) -> bytes:
    """The bytes of a file. By the canvases' own methods: `savefig` lays out and draws every figure twice for each."""
    buffer = io.BytesIO()
    drawn.set_dpi(mpl.rcParams["savefig.dpi"])
    # Without dates and version, equal results give equal files.
    with quiet_fonts():
        canvas: Any = (FigureCanvasSVG if kind == "svg" else FigureCanvasAgg)(drawn)
        if kind == "svg":
            canvas.print_svg(buffer, metadata={"Date": None})
        else:
            canvas.print_png(buffer, metadata={"Software": None})
    drawn.set_layout_engine("none")  # places stay what they are in the file of the other kind
    return buffer.getvalue()


def _drawn(text: object, longest: int = 28) -> str:
    """`text` for a figure: clipped, and without what no font here can draw."""
    return drawable(wording.plot_text(text, longest))


def _fonts(contents: Contents) -> dict[Any, Any]:
    """Fonts for the names that this run brings."""
    return {"font.family": families("".join((*contents.class_names, *contents.labels)))}


def _figures(contents: Contents) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """The name of each figure and what draws it."""
    first = overview(contents)
    if first is not None:
        yield "overview", partial(_given, first)
    for name in contents.metric_ids:
        # One protocol's other settings crowd the folder; their numbers are in the page's table and the export.
        variant = base_id(name) != name and base_id(name) in contents.metric_ids
        if contents.has(name) and not variant:
            yield f"metric-{_slug(name)}", partial(metric, contents, name)
    maps = feature_map(contents)
    if maps is not None:
        for row, frame in enumerate(maps.frames):
            yield (
                f"map-{_slug(contents.anchors[frame].removeprefix('checkpoint-'))}",
                partial(still_map, contents, maps, (row,)),
            )
        spread = tuple(
            dict.fromkeys(np.linspace(0, len(maps.frames) - 1, min(6, len(maps.frames))).astype(int).tolist())
        )
        yield "map-series", partial(still_map, contents, maps, spread)
    shown = contents.best if contents.best is not None else len(contents.points) - 1
    for name in contents.of_kind("confusion"):
        arrays = contents.artifacts[name][shown] if contents.points else None
        if arrays is not None and arrays["counts"].size:
            yield (
                f"confusion-{_slug(name.split('.', 1)[0])}",
                partial(confusion, contents, arrays["counts"], f"{title_of(name)}, {contents.labels[shown]}"),
            )
    for name in contents.of_kind("usage")[:1]:
        yield "prototype-usage", partial(prototype_usage, contents, contents.artifacts[name])
    for name in contents.of_kind("eigenvalues")[:1]:
        yield "spectrum", partial(spectrum, contents, contents.artifacts[name])
    moved = contents.shared.get(LAYERS)
    if moved is not None:
        for key, title in (
            ("from_first", "since the first checkpoint"),
            ("relative_l2", "since the checkpoint before"),
        ):
            if key in moved and np.isfinite(moved[key]).any():
                yield f"drift-{_slug(title).removeprefix('since-the-')}", partial(drift, contents, moved, key, title)


def _given(drawn: Figure) -> Figure:
    return drawn


def overview(contents: Contents) -> Figure | None:
    """Loss above, quality below, on one axis."""
    chosen = quality_metrics(contents)
    curve = contents.series.manifest.loss
    losses = for_axis(curve.values if curve is not None else ())
    placed = curve.on(contents.axis) if curve is not None and np.isfinite(losses).any() else None
    if not chosen and placed is None:
        return None
    plots = first_figure(contents)
    heights = ([1.0] if placed is not None else []) + [1.0 if place else 2.0 for place in range(len(plots))]
    drawn = Figure(figsize=(7.2, 1.6 * max(sum(heights), 2.0)), layout="constrained")
    axes = drawn.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    if curve is not None and placed is not None:
        axes[0].plot(placed, losses, color="#4a5058")
        if curve.ln_k is not None:
            axes[0].axhline(curve.ln_k, color=palette.REFERENCE[0], linestyle="--", linewidth=1)
            axes[0].annotate(
                f"ln {curve.prototypes} = {curve.ln_k:.3f}",
                (0, curve.ln_k),
                xytext=(2, 3),
                textcoords="offset points",
                color=palette.REFERENCE[0],
            )
        if np.nanmin(losses) >= 0:
            axes[0].set_ylim(0, 1.2 * max(np.nanmax(losses), curve.ln_k or 0) or 1)
        axes[0].set_ylabel("loss (nats)")
    for place, names in enumerate(plots):
        _draw(axes[len(heights) - len(plots) + place], contents, names)
    axes[-1].set_xlabel(contents.axis)
    return drawn


def metric(contents: Contents, name: str) -> Figure:
    """One metric over the checkpoints with interval and baselines."""
    drawn = Figure(figsize=(5.2, 3.2), layout="constrained")
    axis = drawn.subplots()
    _draw(axis, contents, (name,))
    axis.set_xlabel(contents.axis)
    axis.set_title(_drawn(contents.words.term(name).label, 60), loc="left", fontsize=10)
    return drawn


def _draw(axis: Any, contents: Contents, chosen: tuple[str, ...]) -> None:
    sample = contents.sample(chosen[0])
    scale = 100.0 if sample.unit == "fraction" else 1.0
    for position, name in enumerate(chosen):
        values = scale * for_axis(contents.series.values(name))
        colour = COLOURS[position % 4]
        axis.plot(
            contents.x,
            values,
            color=colour,
            marker=MARKERS[position % 4],
            markersize=4 if len(values) < 40 else 2,
            label=_drawn(contents.words.term(name).brief),
        )
        ends = [
            (m.ci95 if (m := point.metrics.get(name)) is not None and m.ci95 is not None else (math.nan, math.nan))
            for point in contents.points
        ]
        low, high = scale * for_axis(np.asarray(ends, dtype=np.float64).reshape(-1, 2)).T
        if np.isfinite(low).any():
            axis.fill_between(contents.x, low, high, color=colour, alpha=0.16, linewidth=0)
    for baseline, value in baseline_values(contents, chosen[0]).items():
        axis.axhline(scale * value, color="#5b6570", linestyle=(0, (3, 3)), linewidth=0.8)
        axis.annotate(
            baseline,
            (1, scale * value),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize=7,
            color="#5b6570",
        )
    if contents.best is not None and math.isfinite(contents.series.values(chosen[0])[contents.best]):
        axis.plot(
            contents.x[contents.best],
            scale * contents.series.values(chosen[0])[contents.best],
            marker="*",
            markersize=13,
            color="#f5c518",
            markeredgecolor="#1c2126",
            linestyle="none",
            label="checkpoint to use",
        )
    unit = "%" if sample.unit == "fraction" else _drawn(sample.unit)
    axis.set_ylabel(f"{'quality' if len(chosen) > 1 else _drawn(contents.words.term(chosen[0]).brief)} ({unit})")
    if len(chosen) > 1:
        axis.legend(ncols=5, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, fontsize=8, columnspacing=1.2)


def still_map(contents: Contents, maps: FeatureMap, rows: tuple[int, ...]) -> Figure:
    """The map at some checkpoints, side by side, all in one frame."""
    columns = min(3, len(rows))
    lines = -(-len(rows) // columns)
    drawn = Figure(figsize=(3.4 * columns, 3.5 * lines), layout="constrained")
    colouring = maps.colourings[0] if maps.colourings else None
    for place, row in enumerate(rows):
        axis = drawn.add_subplot(lines, columns, place + 1)
        codes = (
            colouring.codes[min(row, len(colouring.codes) - 1)]
            if colouring is not None
            else np.zeros(len(maps.images), int)
        )
        colours = np.asarray(["#b9c0c7", *(colouring.colours if colouring is not None else ())])[codes]
        # Thousands of vector points make an SVG that no program opens gladly.
        axis.scatter(
            maps.xy[row][:, 0],
            maps.xy[row][:, 1],
            s=5,
            c=colours,
            linewidths=0,
            alpha=0.85,
            rasterized=len(maps.images) > 800,
        )
        axis.set(xticks=[], yticks=[], aspect="equal", xlim=(-60, 2107), ylim=(-60, 2107))
        axis.set_title(_drawn(contents.labels[maps.frames[row]], 40), loc="left", fontsize=9)
        axis.grid(False)
    if colouring is not None and len(colouring.groups) <= 12:
        handles = [
            mpl.lines.Line2D([], [], marker="o", linestyle="none", markersize=5, color=c, label=_drawn(g, 20))
            for g, c in zip(colouring.groups, colouring.colours, strict=True)
        ]
        drawn.legend(handles=handles, loc="outside lower center", ncols=min(5, len(handles)), fontsize=8)
    return drawn


def confusion(contents: Contents, counts: Array, title: str) -> Figure:
    """Rows true, columns predicted, each row summing to 100 %."""
    size = len(counts)
    shares = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    drawn = Figure(figsize=(5.2, 4.6), layout="constrained")
    axis = drawn.subplots()
    image = axis.imshow(shares, cmap=SEQUENTIAL, vmin=0, vmax=100)
    axis.set(xlabel="predicted class", ylabel="true class")
    axis.set_title(_drawn(title, 60), loc="left", fontsize=10)
    axis.grid(False)
    if size <= 25:
        names = [_drawn(contents.class_names[c] if c < len(contents.class_names) else str(c), 16) for c in range(size)]
        axis.set_xticks(range(size), names, rotation=45, ha="right", fontsize=7)
        axis.set_yticks(range(size), names, fontsize=7)
    drawn.colorbar(image, ax=axis, label="share of the true class (%)")
    return drawn


def prototype_usage(contents: Contents, usage: tuple[Any, ...]) -> Figure:
    """Images per prototype, fullest first, at the first, middle and last checkpoint."""
    drawn = Figure(figsize=(5.2, 3.2), layout="constrained")
    axis = drawn.subplots()
    for position, frame in enumerate(_spread(usage)):
        count = np.sort(usage[frame]["count"])[::-1]
        axis.plot(
            np.arange(1, len(count) + 1),
            count,
            color=COLOURS[position],
            label=_drawn(contents.labels[frame]),
            linewidth=1.6,
        )
    axis.set(xlabel="prototypes, fullest first (rank)", ylabel="images (count)")
    axis.legend()
    return drawn


def spectrum(contents: Contents, spectra: tuple[Any, ...]) -> Figure:
    """Eigenvalues of the feature covariance at the first, middle and last checkpoint."""
    drawn = Figure(figsize=(5.2, 3.2), layout="constrained")
    axis = drawn.subplots()
    for position, frame in enumerate(_spread(spectra)):
        values = for_axis(spectra[frame]["values"].astype(np.float64))
        # What lies far below the largest is rounding: it would take most of the axis.
        values[~(values > FLOOR * np.nanmax(values))] = np.nan
        if np.isfinite(values).any():
            axis.loglog(
                np.arange(1, len(values) + 1),
                values,
                color=COLOURS[position],
                label=_drawn(contents.labels[frame]),
                linewidth=1.6,
            )
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_formatter(lambda value, _: f"{value:g}")
        side.set_minor_formatter(lambda value, _: "")
    axis.set(xlabel="rank of the eigenvalue", ylabel="eigenvalue (variance)")
    axis.legend()
    return drawn


def drift(contents: Contents, moved: Any, key: str, title: str) -> Figure:
    """How far each layer moved, relative to its size."""
    values = moved[key].astype(np.float64)
    drawn = Figure(figsize=(6.4, max(2.8, min(9.0, 0.16 * len(values) + 1.2))), layout="constrained")
    axis = drawn.subplots()
    image = axis.imshow(values, cmap=SEQUENTIAL, norm=PowerNorm(0.5), aspect="auto", interpolation="nearest")
    every = max(1, len(values) // 45)
    axis.set_yticks(range(0, len(values), every), [_drawn(name, 30) for name in moved["names"][::every]], fontsize=6)
    steps = values.shape[1]
    if steps == len(contents.labels):
        ticks = np.unique(np.linspace(0, steps - 1, min(8, steps)).astype(int))
        axis.set_xticks(ticks, [f"{contents.x[t]:g}" for t in ticks])
    axis.set_xlabel(contents.axis)
    axis.set_title(f"Movement of the weights {title}", loc="left", fontsize=10)
    axis.grid(False)
    drawn.colorbar(image, ax=axis, label="distance moved / size (ratio)")
    return drawn


def _spread(frames: tuple[Any, ...]) -> tuple[int, ...]:
    present = [i for i, arrays in enumerate(frames) if arrays is not None]
    return tuple(dict.fromkeys((present[0], present[len(present) // 2], present[-1])))


def _slug(text: str) -> str:
    """A file name for a metric or a checkpoint, whatever they are called."""
    return re.sub(r"[^A-Za-z0-9.=]+", "-", text).strip("-.")[:80] or "unnamed"
