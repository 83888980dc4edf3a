"""The training loss, wherever it was found."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from swaveval.results.encoding import decode_number, encode_number

# |1 − loss / ln K|, the distance to the loss of a constant output, at most which a loss is said to be "at ln K":
# of a whole run's end as a sign of collapse, since a collapsed run's loss is ln K to about a thousandth;
LN_K_COLLAPSED = 0.005
# of one epoch while training, a warning and nothing more;
LN_K_IN_TRAINING = 0.01
# in the verdict's sentence: a high temperature compresses the whole useful range of SwaV's loss into as much.
LN_K_IN_WORDS = 0.03

LossAxis = Literal["epoch", "step", "checkpoint", "row"]
_AXES: tuple[LossAxis, ...] = ("epoch", "step", "checkpoint", "row")


@dataclass(frozen=True, slots=True)
class LossCurve:
    """A loss series, on the epochs of the checkpoints or on an axis of its own.

    Attributes:
        source: where it was read, in words the page can print: `metrics.csv`, `recomputed from head and prototypes`.
        epochs: where each value stands on `axis`, ascending: finished epochs (fractions for steps inside an epoch)
            unless `axis` says otherwise.
        values: loss in nats; NaN where training diverged.
        prototypes: K, for the reference line ln K; None when unknown or when the loss is not SwaV's.
        steps: optimiser steps at each value, or empty.
        learning_rates: learning rate at each value, or empty.
        axis: what `epochs` counts: the checkpoints' `epoch` or `step`; their positions (`checkpoint`); or the `row` of
            a log that nothing places beside them. Only an axis the checkpoints share may be drawn under them.
        note: a sentence on how it was placed where that must be known, or why it could not be.
    """

    source: str
    epochs: tuple[float, ...]
    values: tuple[float, ...]
    prototypes: int | None = None
    steps: tuple[int, ...] = ()
    learning_rates: tuple[float, ...] = ()
    axis: LossAxis = "epoch"
    note: str = ""

    def __post_init__(self) -> None:
        if len(self.epochs) != len(self.values):
            raise ValueError(f"{len(self.epochs)} epochs but {len(self.values)} loss values")

    @property
    def ln_k(self) -> float | None:
        """ln K in nats: the loss of a constant output, so of a collapsed model."""
        return math.log(self.prototypes) if self.prototypes else None

    def on(self, axis: str) -> tuple[float, ...] | None:
        """Where each value stands on the checkpoints' axis, or None where that is not known."""
        if axis == self.axis:
            return self.epochs
        return self.steps if axis == "step" and len(self.steps) == len(self.values) else None

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "epochs": [encode_number(value) for value in self.epochs],
            "values": [encode_number(value) for value in self.values],
            "prototypes": self.prototypes,
            "steps": list(self.steps),
            "learning_rates": [encode_number(value) for value in self.learning_rates],
            "axis": self.axis,
            "note": self.note,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "LossCurve":
        return cls(
            source=body.get("source", ""),
            epochs=_floats(body["epochs"]),
            values=_floats(body["values"]),
            prototypes=body.get("prototypes"),
            steps=tuple(int(step) for step in body.get("steps", ())),
            learning_rates=_floats(body.get("learning_rates", ())),
            axis=_axis(body),
            note=body.get("note", ""),
        )


def _axis(body: Mapping[str, Any]) -> LossAxis:
    """The stored axis. Curves stored before it was one said in their source that they had no epochs."""
    stored = body.get("axis")
    if stored in _AXES:
        return _AXES[_AXES.index(stored)]
    if "it names no epochs" not in body.get("source", ""):
        return "epoch"
    return "step" if body.get("steps") else "row"


def _floats(values: Any) -> tuple[float, ...]:
    decoded = (decode_number(value) for value in values)
    return tuple(math.nan if value is None else value for value in decoded)
