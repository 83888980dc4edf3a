"""Everything a page draws, read from the series once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from swaveval.convergence.verdict import Verdict
from swaveval.report import wording
from swaveval.report.glossary import Glossary
from swaveval.report.kinds import SHARED, Arrays, fault, kind_of
from swaveval.results import DamagedCell, Metric, Point, Role, Series
from swaveval.results.metric import outcomes_fault
from swaveval.results.roles import FIRST_LABEL_FREE, FIRST_LABELLED, declared

Array = np.ndarray[Any, np.dtype[Any]]

MOST_LOST = 12
LARGEST = 1e300  # of what an axis holds: half as much again must still be a number
# Curves of the first figure, all plots together; of them, of evaluators that declared one.
MOST_CURVES, MOST_DECLARED = 4, 2


@dataclass(frozen=True, eq=False)
class Contents:
    """A series as the page sees it.

    Attributes:
        series, verdict: what it was read from.
        axis: `epoch`, `step` or `checkpoint`.
        x: shape `(n,)`, position of each checkpoint on the axis, all finite.
        labels: `epoch 3` per checkpoint. names: file names, clipped for display. anchors: ids of the report cards.
        metric_ids: in page order. best: position of the checkpoint to use. tied: positions that cannot be told apart.
        artifacts: artifact id to its arrays at each checkpoint (None where it is missing).
        shared: artifacts of the whole evaluation.
        outcomes: metric id to (correct, index) at each checkpoint.
        words: what metrics are called and mean.
        damage: one sentence per stored array that could not be read.
    """

    series: Series
    verdict: Verdict
    axis: str
    x: Array
    labels: tuple[str, ...]
    names: tuple[str, ...]
    anchors: tuple[str, ...]
    metric_ids: tuple[str, ...]
    best: int | None = None
    tied: tuple[int, ...] = ()
    artifacts: Mapping[str, tuple[Arrays | None, ...]] = field(default_factory=dict)
    shared: Mapping[str, Arrays] = field(default_factory=dict)
    outcomes: Mapping[str, tuple[tuple[Array, Array] | None, ...]] = field(default_factory=dict)
    damage: tuple[str, ...] = ()
    words: Glossary = field(default_factory=Glossary)

    @property
    def points(self) -> tuple[Point, ...]:
        return self.series.points

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(wording.clipped(name, 80) for name in self.series.manifest.data.class_names)

    def metric(self, metric_id: str, position: int = -1) -> Metric | None:
        return self.points[position].metrics.get(metric_id) if self.points else None

    def sample(self, metric_id: str) -> Metric:
        """Some stored value of the metric: for its unit, direction and protocol, which all checkpoints share."""
        return next(
            p.metrics[metric_id] for p in (*reversed(self.points), *self.series.baselines) if metric_id in p.metrics
        )

    def has(self, metric_id: str) -> bool:
        """Whether at least one checkpoint has a finite value."""
        return bool(np.isfinite(self.series.values(metric_id)).any())

    def of_kind(self, kind: str) -> tuple[str, ...]:
        """Ids of the artifacts of a kind, the built-in evaluators' first."""
        return tuple(name for name in self.artifacts if kind_of(name) == kind)

    def frames(self, artifact_id: str) -> tuple[int, ...]:
        """Positions of the checkpoints that have the artifact."""
        return tuple(i for i, arrays in enumerate(self.artifacts.get(artifact_id, ())) if arrays is not None)


def gather(series: Series, verdict: Verdict) -> Contents:
    """Read every array once, checkpoint by checkpoint, so that each stored file is opened once."""
    axis, x = _axis(series)
    words = Glossary.of((series.manifest,))
    metric_ids = words.page_order(series.metric_ids)
    # Most of a long list says no more than its beginning.
    damage: dict[str, None] = {
        wording.clipped(f"{lost} could not be read; `swaveval run` computes it again", 300): None
        for lost in series.lost[:MOST_LOST]
    }
    if len(series.lost) > MOST_LOST:
        damage[f"{len(series.lost) - MOST_LOST} more results could not be read"] = None

    def read(name: str, digest: str | None) -> Arrays | None:
        try:
            return series.artifact(name, digest)
        except (DamagedCell, KeyError) as error:
            damage[wording.clipped(f"{name} could not be read: {error}", 300)] = None
            return None

    drawable = words.page_order(name for name in series.artifact_ids if kind_of(name))
    artifacts: dict[str, list[Arrays | None]] = {name: [] for name in drawable}
    outcomes: dict[str, list[tuple[Array, Array] | None]] = {name: [] for name in metric_ids}
    for point in series.points:
        for name, frames in artifacts.items():
            arrays = read(name, point.record.digest)
            if arrays is not None and (why := fault(name, arrays)):
                damage[wording.clipped(f"{name} is not drawn: {why}", 300)] = None
                arrays = None
            frames.append(arrays)
        for name, rows in outcomes.items():
            found = read(f"{name}.outcomes", point.record.digest)
            if found is not None and (why := outcomes_fault(found)):
                damage[wording.clipped(f"{name}.outcomes are not used: {why}", 300)] = None
                found = None
            if found is not None and "correct" not in found:
                found = None  # shares of several answers have no place in tests of right and wrong
            rows.append(None if found is None else (np.asarray(found["correct"], np.bool_), found["index"]))
    shared = {name: arrays for name in SHARED if (arrays := read(name, None)) is not None}
    names = [point.record.name for point in series.points]
    best = verdict.best
    return Contents(
        series=series,
        verdict=verdict,
        axis=axis,
        x=x,
        labels=_labels(axis, x, names),
        names=tuple(wording.clipped(name) for name in names),
        anchors=_anchors(axis, x, series),
        metric_ids=metric_ids,
        best=names.index(best.checkpoint) if best is not None and best.checkpoint in names else None,
        tied=() if best is None else tuple(i for i, name in enumerate(names) if name in set(best.tied_with)),
        artifacts={name: tuple(frames) for name, frames in artifacts.items() if any(f is not None for f in frames)},
        shared=shared,
        outcomes={name: tuple(rows) for name, rows in outcomes.items() if any(row is not None for row in rows)},
        damage=tuple(damage),
        words=words,
    )


def first_figure(contents: Contents) -> tuple[tuple[str, ...], ...]:
    """Metrics of the first figure, one plot for each unit: the usual ones, and what evaluators declare a headline.

    Where none of the usual ones exists, whatever shares the first unit.
    """
    usual = FIRST_LABELLED if contents.verdict.labelled else FIRST_LABEL_FREE
    asked = (contents.verdict.quality_metric,) if contents.verdict.quality_metric in contents.metric_ids else ()
    own = [name for name in declared(contents.series.manifest, Role.HEADLINE) if contents.has(name)][:MOST_DECLARED]
    chosen = [name for name in dict.fromkeys((*asked, *usual, *FIRST_LABEL_FREE)) if name in contents.metric_ids]
    chosen = (
        [name for name in chosen if contents.has(name)] or own or [n for n in contents.metric_ids if contents.has(n)]
    )
    if not chosen:
        return ()
    room = (MOST_CURVES if contents.verdict.labelled else MOST_CURVES - 1) - len(own)
    unit = contents.sample(chosen[0]).unit
    known = [name for name in chosen if contents.sample(name).unit == unit and name not in own][: max(room, 1)]
    units: dict[str, list[str]] = {unit: known} if known else {}
    for name in own:
        units.setdefault(contents.sample(name).unit, []).append(name)
    return tuple(tuple(names) for names in units.values())


def quality_metrics(contents: Contents) -> tuple[str, ...]:
    """The metrics of the first figure, in all its plots."""
    return tuple(name for plot in first_figure(contents) for name in plot)


def baseline_values(contents: Contents, metric_id: str) -> dict[str, float]:
    """Baseline name to value; repeats that differ only by their seed are averaged."""
    groups: dict[str, list[float]] = {}
    for point in contents.series.baselines:
        metric = point.metrics.get(metric_id)
        if metric is not None and math.isfinite(metric.value):
            groups.setdefault(point.record.name.split(", seed", 1)[0], []).append(metric.value)
    return {wording.plot_text(name): float(np.mean(values)) for name, values in groups.items()}


def for_axis(values: Any) -> Array:
    """Values as an axis can hold them: a gap (NaN) for infinities, and for what is so large that a margin overflows."""
    given = np.asarray(values, dtype=np.float64)
    return np.where(np.abs(given) < LARGEST, given, np.nan)


def _axis(series: Series) -> tuple[str, Array]:
    axis, x = series.axis()
    # A file may claim epoch NaN; its checkpoint still needs a place.
    return (axis, x) if np.isfinite(x).all() else ("checkpoint", np.arange(len(series.points), dtype=np.float64))


def _labels(axis: str, x: Array, names: Sequence[str]) -> tuple[str, ...]:
    """The moments; where none is known the names, with as many directories as tell them apart (`84/weights.pt`)."""
    if axis != "checkpoint":
        return tuple(f"{axis} {value:g}" for value in x)
    paths = [name.split("/") for name in names]
    deepest = max(map(len, paths), default=1)
    depth = next((d for d in range(1, deepest) if len({tuple(path[-d:]) for path in paths}) == len(paths)), deepest)
    return tuple(wording.clipped("/".join(path[-depth:]), 40) for path in paths)


def _anchors(axis: str, x: Array, series: Series) -> tuple[str, ...]:
    """Ids that stay the same when checkpoints are added."""
    if axis != "checkpoint" and len(np.unique(x)) == len(x) and all(float(v).is_integer() and v >= 0 for v in x):
        return tuple(f"checkpoint-{axis}-{int(value)}" for value in x)
    made = [f"checkpoint-{str(point.record.digest)[:12]}" for point in series.points]
    # Two files may hold the same weights, and so the same digest.
    return tuple(name if made.index(name) == i else f"{name}-{made[:i].count(name) + 1}" for i, name in enumerate(made))
