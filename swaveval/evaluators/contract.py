"""What an evaluator is. A plugin author needs this file, `Features`, `Metric` and `Artifact`, and nothing else."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from swaveval.errors import SwavevalError
from swaveval.features.features import Features, FeatureSeries
from swaveval.results import Artifact, Metric, Role, Term
from swaveval.results.term import roles_to_json, terms_to_json


class Need(StrEnum):
    """What an evaluator cannot do without. Unmet, its cell is `skipped` with the reason, never an error."""

    LABELS = "labels"
    TRAIN_SPLIT = "train split"
    VIEWS = "augmented views"
    PROTOTYPES = "SwaV prototypes"
    IMAGES = "images"


class Skip(Exception):
    """Raised by an evaluator that finds it cannot say anything on this input; the message is one full sentence."""


class NotFinite(SwavevalError, ValueError):
    """The features hold NaN or infinities, so that no number about them would mean anything."""


@runtime_checkable
class Evaluator(Protocol):
    """Features of one checkpoint in, metrics and artifacts out.

    An evaluator is a frozen dataclass: its fields are its parameters, and with name and version they name its results.
    It is deterministic in (features, seed) and knows nothing of files, models, devices or epochs.

    It may also carry `terms`, a mapping of metric id (without parameters) to `Term`, and `roles`, one of metric id to
    a tuple of `Role`s or of their values; both are stored with the results, see `words`.

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


class BadWords(ValueError):
    """What an evaluator declares about its metrics is not what it may declare; the message is a clause."""


def words(evaluator: object) -> tuple[dict[str, Term], dict[str, tuple[str, ...]]]:
    """The `terms` and `roles` that an evaluator declares, {} where it declares none.

    Raises:
        BadWords: they are no mappings of its own metrics' ids, or hold something else than terms and roles.
    """
    terms, roles = getattr(evaluator, "terms", None), getattr(evaluator, "roles", None)
    name = str(getattr(evaluator, "name", ""))
    for kind, given in (("terms", terms), ("roles", roles)):
        if given is not None and not isinstance(given, Mapping):
            raise BadWords(f"declares {kind} that are a {type(given).__name__}, not a mapping of metric id to {kind}")
        strange = [str(metric) for metric in given or () if not str(metric).startswith(f"{name}.")]
        if strange:
            raise BadWords(f"declares {kind} for {strange[0]}, which is not one of its own metrics ({name}.…)")
    for metric, term in (terms or {}).items():
        if not isinstance(term, Term) or not all(isinstance(text, str) for text in term.to_json()):
            raise BadWords(f"declares for {metric} words that are no Term of texts")
    known = {role.value for role in Role}
    for metric, entries in (roles or {}).items():
        if isinstance(entries, str) or not isinstance(entries, Iterable):
            raise BadWords(f"declares for {metric} roles that are no tuple")
        unknown = [str(role) for role in entries if str(role) not in known]
        if unknown:
            raise BadWords(f"declares {metric} to be {unknown[0]!r}; a role is one of {', '.join(sorted(known))}")
    return (
        {str(metric): term for metric, term in (terms or {}).items()},
        {str(metric): tuple(str(role) for role in entries) for metric, entries in (roles or {}).items()},
    )


def described(evaluator: Evaluator | SeriesEvaluator) -> dict[str, Any]:
    """What is to be known of an evaluator before it is called, as plain JSON."""
    terms, roles = words(evaluator)
    return {
        "name": evaluator.name,
        "version": evaluator.version,
        "parameters": parameters(evaluator),
        "over_series": is_over_series(evaluator),
        "needs": sorted(need.value for need in evaluator.needs),
        "summary": (type(evaluator).__doc__ or "").strip().split("\n")[0],
        "terms": terms_to_json(terms),
        "roles": roles_to_json(roles),
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
