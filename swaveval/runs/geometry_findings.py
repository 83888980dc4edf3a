"""What a sample of the images says of a series' network, as it is remembered."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from swaveval.checkpoints.geometry import Geometry
from swaveval.data.transforms import EvalTransform

Doubt = Literal["images", "pre-processing"]
# What evidence goes with a doubt.
_RESTS_ON: Mapping[Doubt, str] = {"images": "others", "pre-processing": "fitting"}


@dataclass(frozen=True, slots=True)
class Findings:
    """What the sample says.

    Attributes:
        geometry: to be taken for every file of the series; empty where the geometry read from shapes stands.
        transform: the pre-processing to be taken, or None.
        confirmed: whether the geometry that was read fits at least as well as every other.
        notes: sentences for the page.
        evidence: the candidates with their mismatch, for the load report. `others`: whether the images are not like
            those of the training. `fitting`: options of a pre-processing that fits, where the present one, which nobody
            told, does not.
        doubts: which of the notes doubt the images, and which the pre-processing.
    """

    geometry: Geometry = field(default_factory=Geometry)
    transform: EvalTransform | None = None
    confirmed: bool = False
    notes: tuple[str, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    doubts: Mapping[str, Doubt] = field(default_factory=dict)

    def without_doubts(self, *kinds: Doubt) -> "Findings":
        """The same where such doubts cannot be: what was trained with is recorded, or nothing bears witness yet."""
        doubts = {note: kind for note, kind in self.doubts.items() if kind not in kinds}
        notes = tuple(note for note in self.notes if self.doubts.get(note) not in kinds)
        dropped = {key for kind, key in _RESTS_ON.items() if kind in kinds}
        evidence = {key: value for key, value in self.evidence.items() if key not in dropped}
        return replace(self, notes=notes, doubts=doubts, evidence=evidence)

    def to_json(self) -> dict[str, Any]:
        body = asdict(self) | {"geometry": self.geometry.said, "evidence": dict(self.evidence)}
        plain: dict[str, Any] = json.loads(json.dumps(body))
        return plain

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Findings":
        """What `to_json` gave.

        Raises:
            KeyError, TypeError: it is of another version.
        """
        stored = body["transform"]
        if stored is not None:
            stored = EvalTransform(**(stored | {"mean": tuple(stored["mean"]), "std": tuple(stored["std"])}))
        return cls(
            Geometry(**body["geometry"]),
            stored,
            bool(body["confirmed"]),
            tuple(body["notes"]),
            dict(body["evidence"]),
            dict(body["doubts"]),
        )
