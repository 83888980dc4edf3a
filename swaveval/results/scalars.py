"""The numbers of a checkpoint as trackers take them: a name and a float each, and where on the axis they belong."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from swaveval.results.metric import Metric
from swaveval.results.roles import (
    FIRST_LABEL_FREE,
    FIRST_LABELLED,
    HEALTH,
    LABEL_FREE,
    ON_TEST,
    SECTION,
    SPREAD,
    TERMINAL,
    WITNESSES,
)
from swaveval.results.series import Point, Series
from swaveval.results.words import GROUPS
from swaveval.text import printable

# Trackers fold what shares the words before the first slash into one group.
FIRST_GROUP, MORE_GROUP = "swaveval", "swaveval-more"
_FIRST = frozenset(
    [witness.metric for witness in (*WITNESSES, *ON_TEST)]
    + [witness.confirms for witness in WITNESSES if witness.confirms]
    + [*LABEL_FREE, *FIRST_LABELLED, *FIRST_LABEL_FREE, *SECTION, *TERMINAL, *HEALTH, *SPREAD]
)


def scalars(point: Point, *, settled: bool = False) -> dict[str, float]:
    """Every finite metric of a checkpoint or baseline by the name it has in a tracker.

    What the verdict rests on, what chooses and what the page shows first is called `swaveval/METRIC`, and so is what an
    evaluator that is not built in measures, but for variants with parameters; everything else `swaveval-more/METRIC`.
    Fractions are in 0…1. A metric that is NaN or infinite is left out: trackers draw it as zero, or not at all.

    Args:
        settled: leave out what an evaluator measures on the whole series (how far from the last checkpoint, say): the
            next checkpoint may change it, and some trackers cannot.

    Returns:
        Name to value, in the order of the point's metrics.
    """
    return {
        f"{_group(metric)}/{printable(name)}": float(metric.value)
        for name, metric in point.metrics.items()
        if math.isfinite(metric.value) and not (settled and metric.checkpoint is not None)
    }


def intervals(point: Point) -> dict[str, tuple[float, float]]:
    """The 95 % interval (low, high) of those metrics that stand in the first group and have a finite one.

    They are apart from `scalars`, as each would be two more curves in a tracker; those that can draw a band take them.

    Returns:
        Name, as in `scalars`, to the two ends.
    """
    return {
        f"{FIRST_GROUP}/{printable(name)}": (float(metric.ci95[0]), float(metric.ci95[1]))
        for name, metric in point.metrics.items()
        if is_first(metric) and metric.ci95 is not None and all(map(math.isfinite, (metric.value, *metric.ci95)))
    }


def is_first(metric: Metric) -> bool:
    """Whether a tracker shows it before the rest."""
    if metric.evaluator in GROUPS:
        return metric.id in _FIRST
    return "[" not in metric.id


def _group(metric: Metric) -> str:
    return FIRST_GROUP if is_first(metric) else MORE_GROUP


@dataclass(frozen=True, slots=True)
class TrackerAxis:
    """Where the checkpoints stand in a tracker.

    Attributes:
        name: `step`, `epoch`, or `checkpoint` (their positions) where the files tell neither.
        positions: whole numbers that grow, one per point of the series.
    """

    name: Literal["step", "epoch", "checkpoint"]
    positions: tuple[int, ...]


def tracker_axis(series: Series) -> TrackerAxis:
    """Optimiser steps where every checkpoint tells its own, since a training logs its loss by them; else epochs; else
    positions. Trackers count in whole numbers, so that epochs with fractions cannot be used."""
    records = [point.record for point in series.points]
    steps, epochs = [record.step for record in records], [record.epoch for record in records]
    if records and _grow(steps):
        return TrackerAxis("step", tuple(int(step) for step in steps if step is not None))
    if records and _grow(epochs) and all(epoch == int(epoch) for epoch in epochs if epoch is not None):
        return TrackerAxis("epoch", tuple(int(epoch) for epoch in epochs if epoch is not None))
    return TrackerAxis("checkpoint", tuple(range(len(records))))


def _grow(values: Sequence[int | float | None]) -> bool:
    """Whether they are all known, none below zero, and each is larger than the one before."""
    known = [value for value in values if value is not None and math.isfinite(value) and 0 <= value < 2**63]
    return len(known) == len(values) and all(later > earlier for earlier, later in pairwise(known))
