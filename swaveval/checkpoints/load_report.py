"""What was found in a checkpoint file and how much of it the model uses. Plain values, no torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from swaveval.results import CheckpointState


@dataclass(frozen=True, slots=True)
class LoadReport:
    """One row of `swaveval inspect`; stored with every evaluation and shown on its page.

    Attributes:
        file: path as found.
        state: `ready`, or why not.
        family: recogniser that matched (`lightly`, `swav`, `solo-learn` …), or None.
        architecture: inferred architecture in words, or None.
        matched: share of the backbone's parameters (by count of elements) found in the file, 0…1.
        missing: backbone keys the file lacks.
        unexpected: keys of the file that nothing used (backbone-like only; optimiser and the like are in `size`).
        feature_dim: d, or None.
        channels: of the images that the first layer takes, or None when that cannot be told.
        prototypes: K, or None. summed: whether the training's loss is a sum, of which ln K says nothing.
        epoch: finished epochs, or None. step: optimiser steps, or None.
        named: which of the two the file does not say: they were read from its name.
        untrained: whether the file states that no step was taken yet.
        settings: training settings a run keeps from first to last (seed, learning rate …), as far as the file has them.
        digest: SHA-256 over backbone, head and prototypes, or None.
        backbone_digest: SHA-256 over the backbone alone, or None.
        dtype: of the backbone's weights.
        nonfinite: how many weights are NaN or infinite.
        size: bytes of `backbone head prototypes optimiser other`, and `file`.
        refusal: one sentence when the state is not `ready`.
        warnings: findings that do not prevent use.
        trusted: whether the user vouched for the file with --trust.
        geometry: what shapes do not tell: fact → [value, who said it], under
            `normalisation` the mean and std that the file names, under `evidence` what trying found out.
        partial: whether it was accepted under 100 % with --allow-partial.
        asleep: factors of residual blocks that let nothing through, as in a network that starts with them at zero.
        start: how baselines like it start otherwise than its library lets them; "" where they do not.
        untouched: whether its BatchNorm never saw an image, which only an untrained network's has not.
        batches: how many batches each BatchNorm has seen, the fewest; None where the file does not count them.
    """

    file: str
    state: CheckpointState
    family: str | None = None
    architecture: str | None = None
    matched: float = 0.0
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    feature_dim: int | None = None
    prototypes: int | None = None
    summed: bool = False
    epoch: float | None = None
    step: int | None = None
    digest: str | None = None
    backbone_digest: str | None = None
    dtype: str | None = None
    nonfinite: int = 0
    size: Mapping[str, int] = field(default_factory=dict)
    refusal: str = ""
    warnings: tuple[str, ...] = ()
    trusted: bool = False
    partial: bool = False
    asleep: int = 0
    start: str = ""
    untouched: bool = False
    batches: int | None = None
    named: tuple[str, ...] = ()
    untrained: bool = False
    settings: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    geometry: Mapping[str, Any] = field(default_factory=dict)
    channels: int | None = None

    def to_json(self) -> dict[str, Any]:
        body = asdict(self)
        body |= {name: dict(getattr(self, name)) for name in ("size", "settings", "geometry")}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in body.items()}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "LoadReport":
        """What `to_json` gave.

        Raises:
            TypeError: it is of another version.
        """
        fields: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in body.items()}
        return cls(**fields)
