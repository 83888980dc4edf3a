"""The training loss, wherever it was found."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swaveval.results.encoding import decode_number, encode_number


@dataclass(frozen=True, slots=True)
class LossCurve:
    """A loss series on the epoch axis of the checkpoints.

    Attributes:
        source: where it was read, in words the page can print: `metrics.csv`, `recomputed from head and prototypes`.
        epochs: finished epochs at each value (fractions for steps inside an epoch), ascending.
        values: loss in nats; NaN where training diverged.
        prototypes: K, for the reference line ln K; None when unknown or when the loss is not SwaV's.
        steps: optimiser steps at each value, or empty.
        learning_rates: learning rate at each value, or empty.
    """

    source: str
    epochs: tuple[float, ...]
    values: tuple[float, ...]
    prototypes: int | None = None
    steps: tuple[int, ...] = ()
    learning_rates: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.epochs) != len(self.values):
            raise ValueError(f"{len(self.epochs)} epochs but {len(self.values)} loss values")

    @property
    def ln_k(self) -> float | None:
        """ln K in nats: the loss of a constant output, so of a collapsed model."""
        return math.log(self.prototypes) if self.prototypes else None

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "epochs": [encode_number(value) for value in self.epochs],
            "values": [encode_number(value) for value in self.values],
            "prototypes": self.prototypes,
            "steps": list(self.steps),
            "learning_rates": [encode_number(value) for value in self.learning_rates],
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
        )


def _floats(values: Any) -> tuple[float, ...]:
    decoded = (decode_number(value) for value in values)
    return tuple(math.nan if value is None else value for value in decoded)
