"""What an evaluator is. A plugin author needs this file, `Features`, `Metric` and `Artifact`, and nothing else."""

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from swaveval.features.features import Features, FeatureSeries
from swaveval.results import Artifact, Metric


class Need(StrEnum):
    """What an evaluator cannot do without. Unmet, its cell is `skipped` with the reason, never an error."""

    LABELS = "labels"
    TRAIN_SPLIT = "train split"
    VIEWS = "augmented views"
    PROTOTYPES = "SwaV prototypes"
    IMAGES = "images"


class Skip(Exception):
    """Raised by an evaluator that finds it cannot say anything on this input; the message is one full sentence."""


class NotFinite(ValueError):
    """The features hold NaN or infinities, so that no number about them would mean anything."""


@runtime_checkable
class Evaluator(Protocol):
    """Features of one checkpoint in, metrics and artifacts out.

    An evaluator is a frozen dataclass: its fields are its parameters, and with name and version they name its results.
    It is deterministic in (features, seed) and knows nothing of files, models, devices or epochs.

    Attributes:
        name: `knn`; the metric ids it yields begin with `knn.`.
        version: raised whenever numbers may change.
        needs: what it cannot do without.
    """

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def needs(self) -> frozenset[Need]: ...

    def __call__(self, features: Features, *, seed: int) -> Iterable[Metric | Artifact]: ...


@runtime_checkable
class SeriesEvaluator(Protocol):
    """Like `Evaluator`, over the ordered checkpoints: stability, CKA, aligned maps.

    Each Metric and Artifact it yields names the checkpoint it belongs to in its `checkpoint` field (one of
    `series.digests`), or None where it belongs to the whole series. It carries `over_series = True`.
    """

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def needs(self) -> frozenset[Need]: ...
    @property
    def over_series(self) -> bool: ...

    def __call__(self, series: FeatureSeries, *, seed: int) -> Iterable[Metric | Artifact]: ...


def parameters(evaluator: object) -> dict[str, Any]:
    """The evaluator's dataclass fields as plain JSON (tuples become lists); {} for one without fields."""
    if not is_dataclass(evaluator):
        return {}  # a plugin that is a plain object has no parameters to name
    return {entry.name: _plain(getattr(evaluator, entry.name)) for entry in fields(evaluator)}


def described(evaluator: Evaluator | SeriesEvaluator) -> dict[str, Any]:
    """What is to be known of an evaluator before it is called, as plain JSON."""
    return {
        "name": evaluator.name,
        "version": evaluator.version,
        "parameters": parameters(evaluator),
        "over_series": is_over_series(evaluator),
        "needs": sorted(need.value for need in evaluator.needs),
        "summary": (type(evaluator).__doc__ or "").strip().split("\n")[0],
    }


def unmet(needs: frozenset[Need], features: Features) -> str:
    """One sentence naming what is missing for `needs`, or an empty string."""
    available = {
        Need.LABELS: features.labelled,
        Need.TRAIN_SPLIT: len(features.train) > 0 and len(features.test) > 0,
        Need.VIEWS: features.views is not None,
        Need.PROTOTYPES: features.prototypes is not None,
        Need.IMAGES: features.pictures,
    }
    missing = sorted(need.value for need in needs if not available[need])
    return f"needs {' and '.join(missing)}, which this evaluation does not have" if missing else ""


def is_over_series(evaluator: Evaluator | SeriesEvaluator) -> bool:
    """Whether it is called once with the whole series, not once per checkpoint."""
    return bool(getattr(evaluator, "over_series", False))


def require_finite(features: Features) -> None:
    """Raise unless every feature is a finite number.

    Raises:
        NotFinite: how many images have NaN or infinite features, of how many.
    """
    if features.nonfinite:
        raise NotFinite(
            f"{features.nonfinite} of {len(features.train) + len(features.test)} images have NaN or infinite features: "
            "the training diverged before this checkpoint; use an earlier one"
        )


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value
