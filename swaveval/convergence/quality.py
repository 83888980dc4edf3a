"""What stands for quality: per-image outcomes of one metric at the checkpoints and at untrained networks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np

from swaveval.convergence.noise import PRIOR_JITTER, PRIOR_SPREAD, Noise, measure
from swaveval.convergence.trend import resampled
from swaveval.results import CheckpointRecord, Point, Series
from swaveval.results.metric import outcomes_fault
from swaveval.results.roles import SPOKEN
from swaveval.results.term import base_id

Array = np.ndarray[Any, np.dtype[Any]]
StartKind = Literal["step 0", "random initialisations", "first checkpoint"]


@dataclass(frozen=True, eq=False)
class Quality:
    """Outcomes of one metric, the same images in every row.

    Attributes:
        metric: its id. called: what a sentence calls it.
        points: the checkpoints that have outcomes, in order; the first T rows.
        x: shape `(T,)`: their epochs, else steps, else positions. axis: which of these.
        correct: shape `(T + m, n)`: T checkpoints, then m random initialisations. bool, or float in 0…1 where an image
            is asked several times.
        index: int, shape `(n,)`: position of each image in its set.
        jitter: standard deviation between neighbouring checkpoints that is assumed before any is seen. spread: the same
            between untrained networks. In fractions.
    """

    metric: str
    points: tuple[Point, ...]
    axis: str
    x: Array
    correct: Array
    index: Array
    called: str = ""
    jitter: float = PRIOR_JITTER
    spread: float = PRIOR_SPREAD

    @property
    def name(self) -> str:
        """The metric in words."""
        return SPOKEN.get(self.metric) or self.called or self.metric

    @property
    def length(self) -> int:
        """T."""
        return len(self.points)

    @property
    def n(self) -> int:
        """Images."""
        return int(self.correct.shape[1])

    @cached_property
    def values(self) -> Array:
        """Accuracy of every row, shape `(T + m,)`."""
        return self.correct.mean(axis=1)

    @cached_property
    def noise(self) -> Noise:
        return measure(self.correct, self.length, first=1 if self.untrained_first else 0, prior=self.jitter)

    @lru_cache(maxsize=4)  # noqa: B019 a Quality lives as long as one call of judge
    def draws(self, seed: int) -> Array:
        """The checkpoints' accuracies on resampled images, shape `(b, T)`."""
        return resampled(self.correct[: self.length], seed=seed)

    @property
    def random(self) -> tuple[int, ...]:
        """Rows of the random initialisations."""
        return tuple(range(self.length, len(self.correct)))

    @property
    def untrained_first(self) -> bool:
        """Whether the first checkpoint is this run's own untrained network."""
        return bool(self.points) and untrained(self.points[0].record)

    @property
    def start(self) -> StartKind:
        """What the last checkpoint is compared with."""
        if self.untrained_first:
            return "step 0"
        return "random initialisations" if self.random else "first checkpoint"

    @property
    def start_rows(self) -> tuple[int, ...]:
        return self.random if self.start == "random initialisations" else (0,)

    def moment(self, position: int) -> str:
        """A checkpoint in words: `epoch 12`."""
        if self.axis == "checkpoint":
            return self.points[position].record.name
        return f"{self.axis} {self.x[position]:g}"


def find(series: Series, metrics: Sequence[str]) -> Quality | None:
    """The first of `metrics` with outcomes at two checkpoints, or at one beside random initialisations."""
    return next((quality for metric in metrics if (quality := read(series, metric)) is not None), None)


def read(series: Series, metric: str, *, jitter: float = PRIOR_JITTER, spread: float = PRIOR_SPREAD) -> Quality | None:
    """The outcomes of one metric at two checkpoints, or at one beside random initialisations.

    Checkpoints without outcomes, or with non-finite weights, are left out. `jitter`, `spread`: see `Quality`.
    """
    axis, x = series.axis()
    given = [
        (float(place), point, found)
        for place, point in zip(x, series.points, strict=True)
        if (found := series.artifact(f"{metric}.outcomes", point.record.digest)) is not None
        and not broken(point.record)
        and not outcomes_fault(found)
        and len(found["index"])
    ]
    if not given:
        return None
    # The images that most checkpoints were measured on; a checkpoint on others cannot be compared with them.
    images = Counter(found["index"].tobytes() for _, _, found in given).most_common(1)[0][0]
    same = [entry for entry in given if entry[2]["index"].tobytes() == images]
    points, positions = [point for _, point, _ in same], [place for place, _, _ in same]
    rows = [asked(found) for _, _, found in same]
    index = same[0][2]["index"]
    for point in series.baselines:
        found = series.artifact(f"{metric}.outcomes", point.record.digest) if is_random(point.record) else None
        if found is not None and not outcomes_fault(found) and np.array_equal(index, found["index"]):
            rows.append(asked(found))
    if len(rows) < 2:
        return None
    term = series.manifest.terms.get(base_id(metric))
    called = "" if term is None else term.brief
    return Quality(
        metric, tuple(points), axis, np.asarray(positions), np.stack(rows), index, called, jitter=jitter, spread=spread
    )


def asked(outcomes: Mapping[str, Array]) -> Array:
    """What stored outcomes say of each image: bool, or float64 in 0…1 where it was asked several times."""
    share = outcomes.get("share")
    return np.asarray(outcomes["correct"], dtype=np.bool_) if share is None else np.asarray(share, dtype=np.float64)


def is_random(record: CheckpointRecord) -> bool:
    """Whether a baseline is the same architecture at random initialisation."""
    return record.baseline == "random"


def untrained(record: CheckpointRecord) -> bool:
    """Whether a checkpoint is known to be this run's own untrained network."""
    return record.is_untrained


def broken(record: CheckpointRecord) -> bool:
    """Whether the weights are not all finite."""
    return int(record.load.get("nonfinite", 0) or 0) > 0


def diverged(series: Series) -> CheckpointRecord | None:
    """The first of an unbroken run of non-finite checkpoints that ends the series, or None."""
    records = [record for record in series.manifest.checkpoints if record.kind == "checkpoint" and not record.alias]
    first = None
    for record in reversed(records):
        if not broken(record):
            break
        first = record
    return first
