"""One number that knows itself, and the named arrays that go with it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from swaveval.results.encoding import decode_number, encode_number

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A measured value with everything a reader needs to trust it.

    Attributes:
        id: dotted name, the evaluator's first: `knn.top1`, `lowshot.top1[shots=5]`.
        value: the measurement; NaN where it is undefined. Fractions are in 0…1 (shown as percent).
        unit: `fraction`, `nats`, `count`, `dimensions`, `ratio`, `seconds`, `bytes` …
        better: which direction is an improvement.
        bounds: smallest and largest possible value; None where unbounded.
        ci95: 95 % interval (low, high), or None where the evaluator cannot give one.
        n: how many samples the value rests on (test images, draws, …), or None.
        protocol: how it was computed, in words a paper could use.
        checkpoint: for series evaluators only: the backbone digest this value belongs to.
    """

    id: str
    value: float
    unit: str = "fraction"
    better: Better = "higher"
    bounds: tuple[float | None, float | None] = (None, None)
    ci95: tuple[float, float] | None = None
    n: int | None = None
    protocol: str = ""
    checkpoint: str | None = None

    def __post_init__(self) -> None:
        # What numpy computes is a number of numpy's own kinds, which JSON does not hold.
        for name in ("value", "n"):
            object.__setattr__(self, name, _plain(getattr(self, name)))
        object.__setattr__(self, "bounds", (_plain(self.bounds[0]), _plain(self.bounds[1])))
        if self.ci95 is not None:
            object.__setattr__(self, "ci95", (_plain(self.ci95[0]), _plain(self.ci95[1])))
        if not self.id or self.id != self.id.strip():
            raise ValueError(f"metric id {self.id!r} is empty or has surrounding spaces")
        low, high = self.bounds
        # A rounding error past a bound is not a fault; a value that is not the metric at all is.
        slack = 1e-6 * max(1.0, abs(self.value)) if math.isfinite(self.value) else 0.0
        if low is not None and self.value < low - slack or high is not None and self.value > high + slack:
            raise ValueError(f"{self.id} = {self.value} lies outside its bounds {self.bounds}")

    @property
    def evaluator(self) -> str:
        """The part of the id before the first dot."""
        return self.id.split(".", 1)[0]

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "value": encode_number(self.value),
            "unit": self.unit,
            "better": self.better,
            "bounds": [encode_number(bound) for bound in self.bounds],
            "ci95": None if self.ci95 is None else [encode_number(end) for end in self.ci95],
            "n": self.n,
            "protocol": self.protocol,
            "checkpoint": self.checkpoint,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Metric":
        value = decode_number(body["value"])
        interval = body.get("ci95")
        low, high = body.get("bounds", (None, None))
        return cls(
            id=body["id"],
            value=math.nan if value is None else value,
            unit=body.get("unit", "fraction"),
            better=body.get("better", "higher"),
            bounds=(decode_number(low), decode_number(high)),
            ci95=None if interval is None else (_float(interval[0]), _float(interval[1])),
            n=body.get("n"),
            protocol=body.get("protocol", ""),
            checkpoint=body.get("checkpoint"),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Artifact:
    """Named arrays beside the metrics: per-image outcomes, a confusion matrix, map coordinates.

    Per-image outcomes follow one convention, so that paired tests find them without knowing the evaluator: the
    artifact of metric `M` is called `M.outcomes` and holds `correct`, a bool array of shape `(n,)`, and `index`, an
    int32 array of shape `(n,)` with the position of each image in its ImageSet. Where an image is asked several times,
    `share`, a float array of shape `(n,)` in 0…1, stands in place of `correct`.

    Attributes:
        id: dotted name, the evaluator's first: `knn.top1.outcomes`, `umap.map`.
        arrays: arrays of bool, integer, float or fixed-width unicode dtype; never objects (no pickle is ever written).
        checkpoint: for series evaluators only: the backbone digest these arrays belong to.
    """

    id: str
    arrays: Mapping[str, np.ndarray[Any, np.dtype[Any]]] = field(default_factory=dict)
    checkpoint: str | None = None

    def __post_init__(self) -> None:
        for name, array in self.arrays.items():
            if np.asarray(array).dtype.kind not in "biufU":
                raise ValueError(f"artifact {self.id}: array {name!r} has dtype {np.asarray(array).dtype}")


def metric_fault(metric: Metric) -> str:
    """Why a metric's numbers contradict one another, as a clause; empty where they do not."""
    value, unit = metric.value, metric.unit
    slack = 1e-6 * max(1.0, abs(value)) if math.isfinite(value) else 0.0
    if unit == "fraction" and math.isfinite(value) and abs(value) > 1 + slack:
        return f"{metric.id} is {value:g} and called a fraction, which is at most 1; divide it, or give another unit"
    if metric.ci95 is None:
        return ""
    low, high = metric.ci95
    said = f"{metric.id} has the interval ({low:g}, {high:g})"
    if low > high + slack:
        return f"{said}, whose lower end is above its upper one; give (low, high)"
    least, most = metric.bounds
    if (least is not None and low < least - slack) or (most is not None and high > most + slack):
        return f"{said} within bounds {metric.bounds}; clip it to them"
    if value < low - slack or value > high + slack:
        return f"{said}, which does not hold its value {value:g}; give the interval of this value, or none"
    return ""


def outcomes_fault(arrays: Mapping[str, np.ndarray[Any, np.dtype[Any]]]) -> str:
    """Why arrays are no per-image outcomes, as a clause; empty where they are."""
    correct, share, index = arrays.get("correct"), arrays.get("share"), arrays.get("index")
    if index is None or (correct is None) == (share is None):
        return "outcomes need the arrays correct (or share) and index"
    if correct is not None and (
        correct.ndim != 1 or correct.dtype.kind not in "biu" or not np.isin(correct, (0, 1)).all()
    ):
        return f"correct is {correct.dtype} of shape {correct.shape}, not one bool an image"
    if share is not None and (share.ndim != 1 or share.dtype.kind != "f" or not np.all((share >= 0) & (share <= 1))):
        return f"share is {share.dtype} of shape {share.shape}, not one number in 0…1 an image"
    said = correct if share is None else share
    assert said is not None
    if index.shape != said.shape or index.dtype.kind not in "iu":
        return f"index is {index.dtype} of shape {index.shape}, not one position an image"
    return ""


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _float(value: float | str | None) -> float:
    number = decode_number(value)
    return math.nan if number is None else number
