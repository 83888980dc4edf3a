"""The feature map of every checkpoint in one frame: coordinates in eleven bits, colourings as small integers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.models import BoxZoomTool, ColumnDataSource, PanTool, Range1d, ResetTool, SaveTool, WheelZoomTool

from swaveval.report import palette, wording
from swaveval.report.charts import Chart, item, plain_figure
from swaveval.report.contents import Array, Contents
from swaveval.report.kinds import IMAGES, LABELS
from swaveval.report.packing import blob, deltas
from swaveval.results.roles import RIGHT_OR_WRONG

LEVELS = 2047
MOST_POINTS = 4000
LEGEND = 40
MOST_GROUPS = 100_000
# Evaluator → name of its colouring, title, and the number of its first group as people count them.
TITLES = {"clusters": ("cluster", "k-means cluster", 1), "prototypes": ("prototype", "prototype", 0)}


@dataclass(frozen=True)
class FeatureMap:
    """The maps of all checkpoints.

    Attributes:
        images: shape `(m,)`: ImageSet positions. frames: positions of the checkpoints that have a map.
        xy: int, shape `(frames, m, 2)`, 0…LEVELS in one frame for all. colourings: see `Colouring`.
    """

    images: Array
    frames: tuple[int, ...]
    xy: Array
    colourings: tuple["Colouring", ...]

    def about(self, contents: Contents) -> dict[str, Any]:
        """What the page's script needs beside the blobs."""
        shared = contents.shared.get(IMAGES)
        files: dict[int, str] = {}
        if shared is not None and "file" in shared:
            files = {int(i): wording.clipped(name, 90) for i, name in zip(shared["index"], shared["file"], strict=True)}
        return {
            "frames": list(self.frames),
            "images": self.images,
            "levels": LEVELS,
            "files": [files.get(int(i), f"image {int(i)}") for i in self.images],
            "colourings": [colouring.about() for colouring in self.colourings],
        }

    def blobs(self) -> dict[str, str]:
        made = {"map-xy": blob(deltas(self.xy))}
        return made | {f"map-{c.name}": blob(deltas(c.codes)) for c in self.colourings}

    def thinned(self, *, points: int | None = None, frames: tuple[int, ...] | None = None) -> "FeatureMap":
        """Fewer points (evenly chosen) or only some frames."""
        rows = np.arange(len(self.images))
        if points is not None and points < len(rows):
            rows = np.unique(np.linspace(0, len(rows) - 1, points).astype(int))
        kept = [i for i, frame in enumerate(self.frames) if frames is None or frame in frames]
        colourings = tuple(c.thinned(kept, rows) for c in self.colourings)
        return FeatureMap(self.images[rows], tuple(self.frames[i] for i in kept), self.xy[kept][:, rows], colourings)


@dataclass(frozen=True)
class Colouring:
    """One way to colour the points.

    Attributes:
        name: `class`, `right`, `cluster`, `prototype` or another evaluator's. title: as the page's choice shows it.
        codes: int, shape `(frames or 1, m)`: a group per point; 0 is grey (unknown).
        groups: names of the groups 1, 2, …; colours: theirs.
    """

    name: str
    title: str
    codes: Array
    groups: tuple[str, ...]
    colours: tuple[str, ...]

    def about(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "frames": len(self.codes),
            "groups": list(self.groups),
            "colours": list(self.colours),
            "legend": LEGEND,
        }

    def thinned(self, frames: list[int], rows: Array) -> "Colouring":
        codes = self.codes if len(self.codes) == 1 else self.codes[frames]
        return Colouring(self.name, self.title, codes[:, rows], self.groups, self.colours)


def feature_map(contents: Contents) -> FeatureMap | None:
    """The maps with their colourings; None where no evaluator drew one. Of several the first is shown."""
    name = next(iter(contents.of_kind("map")), "")
    frames = contents.frames(name)
    maps = [contents.artifacts[name][i] for i in frames]
    found = [arrays for arrays in maps if arrays is not None]
    if not found:
        return None
    images = found[0]["index"]
    for arrays in found[1:]:
        images = np.intersect1d(images, arrays["index"])
    if len(images) > MOST_POINTS:
        images = images[np.unique(np.linspace(0, len(images) - 1, MOST_POINTS).astype(int))]
    if len(images) == 0:
        return None
    xy = np.stack([_rows(arrays["xy"], arrays["index"], images) for arrays in found]).astype(np.float64)
    return FeatureMap(images=images, frames=frames, xy=_quantised(xy), colourings=_colourings(contents, images, frames))


def chart(drawn: FeatureMap) -> Chart:
    """The empty Bokeh plot that the page's script fills frame by frame."""
    low, high = drawn.xy.reshape(-1, 2).min(0), drawn.xy.reshape(-1, 2).max(0)
    pad = 0.04 * max(1, int((high - low).max()))
    plot = plain_figure(
        height=520,
        tools=[PanTool(), BoxZoomTool(), WheelZoomTool(), ResetTool(), SaveTool()],
        active_drag=None,
        active_scroll=None,
        toolbar_location="above",
        x_range=Range1d(low[0] - pad, high[0] + pad),
        y_range=Range1d(low[1] - pad, high[1] + pad),
        name="map-plot",
    )
    plot.toolbar.logo = None
    plot.axis.visible = False
    plot.ygrid.grid_line_color = None
    plot.min_border_left = plot.min_border_right = 4
    columns = {"map-trails": ("xs", "ys"), "map-trail": ("x", "y"), "map-picked": ("x", "y")}
    sources = {name: ColumnDataSource({key: [] for key in keys}, name=name) for name, keys in columns.items()}
    points = ColumnDataSource({"x": [], "y": [], "colour": [], "alpha": [], "size": []}, name="map-points")
    plot.multi_line(
        "xs", "ys", source=sources["map-trails"], line_color=palette.MUTED[0], line_alpha=0.28, line_width=1
    )
    plot.scatter("x", "y", source=points, size="size", fill_color="colour", fill_alpha="alpha", line_color=None)
    plot.line("x", "y", source=sources["map-trail"], line_color=palette.INK[0], line_width=1.6)
    plot.scatter("x", "y", source=sources["map-trail"], size=4, fill_color=palette.INK[0], line_color=None)
    plot.scatter(
        "x", "y", source=sources["map-picked"], size=16, fill_color=None, line_color=palette.INK[0], line_width=2
    )
    said = (
        f"A map of {len(drawn.images):,} images at {wording.count(len(drawn.frames), 'checkpoint')}: images with "
        "similar features lie close together."
    )
    return Chart(item=item(plot), about={}, alternative=said)


def _rows(values: Array, index: Array, wanted: Array) -> Array:
    order = np.argsort(index, kind="stable")
    return values[order[np.searchsorted(index[order], wanted)]]


def _quantised(xy: Array) -> Array:
    """One scale for all frames and both axes, so that shapes keep their proportions; lost points go to the middle."""
    finite = xy[np.isfinite(xy).all(-1)]
    low, high = (finite.min(0), finite.max(0)) if len(finite) else (np.zeros(2), np.ones(2))
    span = float((high - low).max()) or 1.0
    centred = np.where(np.isfinite(xy), (xy - (low + high) / 2) / span + 0.5, 0.5)
    return np.clip(np.round(centred * LEVELS), 0, LEVELS).astype(np.int32)


def _colourings(contents: Contents, images: Array, frames: tuple[int, ...]) -> tuple[Colouring, ...]:
    made = [
        _classes(contents, images),
        _right_or_wrong(contents, images, frames),
        *(_groups(contents, images, frames, name) for name in contents.of_kind("assignment")),
    ]
    return tuple(colouring for colouring in made if colouring is not None)


def _classes(contents: Contents, images: Array) -> Colouring | None:
    labels = image_labels(contents, images)
    if labels is None or not (labels >= 0).any():
        return None
    count = max(int(labels.max()) + 1, len(contents.class_names))
    names = tuple(contents.class_names[i] if i < len(contents.class_names) else f"class {i}" for i in range(count))
    return Colouring("class", "class", labels[None].astype(np.int32) + 1, names, tuple(palette.categories(count)))


def image_labels(contents: Contents, images: Array) -> Array | None:
    """The class of each image, -1 where it has none; None where nothing is labelled."""
    for name in (LABELS, IMAGES):
        arrays = contents.shared.get(name)
        if arrays is not None and "label" in arrays:
            known = dict(zip(arrays["index"].tolist(), arrays["label"].tolist(), strict=True))
            labels = np.asarray([known.get(int(image), -1) for image in images], dtype=np.int64)
            return labels if (labels >= 0).any() else None
    return None


def _right_or_wrong(contents: Contents, images: Array, frames: tuple[int, ...]) -> Colouring | None:
    metric = next((name for name in RIGHT_OR_WRONG if name in contents.outcomes), None)
    if metric is None:
        return None
    codes = np.zeros((len(frames), len(images)), dtype=np.int32)
    for row, frame in enumerate(frames):
        found = contents.outcomes[metric][frame]
        if found is not None:
            known = dict(zip(found[1].tolist(), found[0].tolist(), strict=True))
            codes[row] = [{True: 1, False: 2, None: 0}[known.get(int(image))] for image in images]
    if not codes.any():
        return None
    return Colouring(
        "right",
        f"right or wrong ({contents.words.term(metric).brief})",
        codes,
        ("right", "wrong"),
        ("#3f90da", "#e76300"),
    )


def _groups(contents: Contents, images: Array, frames: tuple[int, ...], artifact: str) -> Colouring | None:
    """The groups that an evaluator put the images into: prototypes keep their numbers, clusters are numbered anew.

    None unless all frames have the group of every image (train then test).
    """
    every, rows = contents.shared.get(LABELS), contents.artifacts[artifact]
    if every is None:
        return None
    given = [arrays for i in frames if (arrays := rows[i]) is not None]
    key = next((name for name in ("prototype", "cluster") if given and all(name in arrays for arrays in given)), "")
    found = [arrays[key] for arrays in given] if key else []
    if not found or len(found) != len(frames) or not all(_numbers(values, len(every["index"])) for values in found):
        return None
    count = max(int(values.max()) for values in found) + 1
    matched = found if key == "prototype" else _followed(found, count)
    codes = np.stack([_rows(values, every["index"], images) for values in matched]).astype(np.int32) + 1
    own = artifact.split(".", 1)[0]
    name, title, first = TITLES.get(own, (own, f"{wording.clipped(own, 40)}: {key}", 0))
    groups = tuple(f"{key} {i + first}" for i in range(count))
    return Colouring(name, title, codes, groups, tuple(palette.categories(count)))


def _numbers(values: Array, images: int) -> bool:
    """Whether these are the groups of so many images, by number."""
    if values.shape != (images,) or images == 0 or values.dtype.kind not in "iu":
        return False
    return int(values.min()) >= 0 and int(values.max()) < MOST_GROUPS


def _followed(found: list[Array], count: int) -> list[Array]:
    matched = [found[-1]]
    for values in reversed(found[:-1]):
        matched.append(_match(values, matched[-1], count))
    return matched[::-1]


def _match(values: Array, following: Array, count: int) -> Array:
    """Rename clusters after those of the next checkpoint they share most images with: k-means numbers them anew."""
    from scipy.optimize import linear_sum_assignment

    shared = np.bincount(values.astype(np.int64) * count + following, minlength=count * count).reshape(count, count)
    rows, columns = linear_sum_assignment(-shared)
    renamed = np.empty(count, dtype=np.int64)
    renamed[rows] = columns
    return renamed[values]
