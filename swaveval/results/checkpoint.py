"""What is known of one checkpoint file, or of a baseline that stands beside the checkpoints."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from swaveval.results.encoding import decode_number, encode_number

CheckpointState = Literal["ready", "writing", "corrupt", "unsupported", "refused", "waiting"]
CheckpointKind = Literal["checkpoint", "baseline"]
# An untrained network like the checkpoints', the pixels, a histogram of colours, the commonest class.
BaselineKind = Literal["random", "pixels", "colours", "majority"]
# What baselines were called in results stored before they had a type.
_BEFORE: tuple[tuple[str, BaselineKind], ...] = (
    ("random", "random"),
    ("raw pixels", "pixels"),
    ("colour histogram", "colours"),
    ("majority class", "majority"),
)
# What stands for the architecture of features that came without their network.
FEATURES_AS_GIVEN = "features as given"


@dataclass(frozen=True, slots=True)
class CheckpointRecord:
    """One row of the series.

    Attributes:
        name: file name relative to the checkpoint directory, or the baseline's name (`random init, seed 0`).
        kind: `checkpoint` or `baseline`.
        baseline: what kind of baseline; None for a checkpoint.
        seed: of a random baseline.
        state: `ready`, or why it could not be evaluated; `waiting`: it can be, and there was no time for it yet.
        reason: one sentence when the state is not `ready`.
        digest: SHA-256 over the backbone's weights (baselines have one too); None when nothing could be read.
        epoch: finished epochs, 0 for the untrained model; None when the file does not say.
        step: optimiser steps taken; None when the file does not say.
        same_as: name of an earlier checkpoint with the same weights; such a record is never evaluated twice.
        alias: the file is that checkpoint under another name (`last.ckpt`): it has no point of its own on the curves.
        untrained: whether the file itself says that no step was taken yet; None for records stored before this was
            kept, and for checkpoints built in memory.
        load: the load report, as `swaveval inspect --json` prints it; empty for baselines.
    """

    name: str
    kind: CheckpointKind = "checkpoint"
    baseline: BaselineKind | None = None
    seed: int | None = None
    state: CheckpointState = "ready"
    reason: str = ""
    digest: str | None = None
    epoch: float | None = None
    step: int | None = None
    same_as: str | None = None
    alias: bool = False
    untrained: bool | None = None
    load: Mapping[str, Any] = field(default_factory=dict)

    @property
    def of_features(self) -> bool:
        """Whether features were given, and nobody knows of which weights."""
        return self.load.get("architecture") == FEATURES_AS_GIVEN

    @property
    def evaluated(self) -> bool:
        """Whether this record is a point of the series (perhaps sharing the cells of `same_as`)."""
        return self.state == "ready" and not self.alias and self.digest is not None

    @property
    def is_untrained(self) -> bool:
        """Whether these are known to be the weights training started from.

        An epoch of 0 proves nothing: who counts epochs from 0 writes it after the first one.
        """
        if self.untrained is not None:
            return self.untrained
        return self.step == 0 or (self.epoch == 0 and self.step is None)

    def to_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        body["load"] = dict(self.load)
        body["epoch"] = encode_number(self.epoch)
        return body

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "CheckpointRecord":
        known = {name: body[name] for name in cls.__dataclass_fields__ if name in body}
        known["epoch"] = decode_number(known.get("epoch"))
        if known.get("kind") == "baseline" and known.get("baseline") is None:
            kinds = (kind for name, kind in _BEFORE if str(known.get("name", "")).startswith(name))
            known["baseline"] = next(kinds, None)
        return cls(**known)
