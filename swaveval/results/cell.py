"""A cell: one evaluator on one backbone and one data set, and whatever came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from swaveval.results.encoding import digest
from swaveval.results.metric import Metric

Status = Literal["ok", "skipped", "error", "refused", "writing"]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class CellKey:
    """Everything a result depends on; one changed field is another cell.

    Attributes:
        backbone: SHA-256 of the backbone's weights; for a series evaluator the digest of the ordered digests.
        data: fingerprint of the image set (names, contents, labels, split).
        transform: id of the eval transform and of anything else that shapes the features.
        evaluator: the evaluator's name.
        version: the evaluator's version.
        parameters: its dataclass fields as plain JSON.
        seed: the seed it was called with.
    """

    backbone: str
    data: str
    transform: str
    evaluator: str
    version: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "backbone": self.backbone,
            "data": self.data,
            "transform": self.transform,
            "evaluator": self.evaluator,
            "version": self.version,
            "parameters": dict(self.parameters),
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "CellKey":
        return cls(**{name: body[name] for name in cls.__dataclass_fields__})

    @property
    def digest(self) -> str:
        """32 hexadecimal digits; the cell's file name."""
        return digest(self.to_json())[:32]


@dataclass(frozen=True, slots=True)
class Cell:
    """The stored outcome of one evaluation.

    Attributes:
        key: what was evaluated.
        status: `ok`, or why there are no metrics.
        reason: one sentence when the status is not `ok`.
        metrics: the values.
        artifacts: (artifact id, checkpoint digest or None, SHA-256 of its array file) per artifact.
        seconds: wall-clock time it took.
        created: ISO 8601 UTC time.
    """

    key: CellKey
    status: Status = "ok"
    reason: str = ""
    metrics: tuple[Metric, ...] = ()
    artifacts: tuple[tuple[str, str | None, str], ...] = ()
    seconds: float = 0.0
    created: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA_VERSION,
            "key": self.key.to_json(),
            "status": self.status,
            "reason": self.reason,
            "metrics": [metric.to_json() for metric in self.metrics],
            "artifacts": [list(entry) for entry in self.artifacts],
            "seconds": self.seconds,
            "created": self.created,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Cell":
        if body.get("schema", 0) > SCHEMA_VERSION:
            raise ValueError(
                f"written by a newer swaveval (cell schema {body['schema']}, this one reads {SCHEMA_VERSION})"
            )
        return cls(
            key=CellKey.from_json(body["key"]),
            status=body["status"],
            reason=body.get("reason", ""),
            metrics=tuple(Metric.from_json(metric) for metric in body.get("metrics", ())),
            artifacts=tuple((name, owner, sha) for name, owner, sha in body.get("artifacts", ())),
            seconds=body.get("seconds", 0.0),
            created=body.get("created", ""),
        )
