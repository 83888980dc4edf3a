"""How a user wants checkpoints to be read."""

from dataclasses import dataclass, field

from swaveval.checkpoints.geometry import Geometry


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """Attributes:
    trust: unpickle the file in full (still in the reading process): the user vouches for it. Recorded and shown.
    allow_partial: accept a backbone of which less than 100 % was found in the file. Recorded and shown.
    backbone: `timm:NAME`, `torchvision:NAME`, `module:factory` or `path/to/file.py:factory` instead of the inferred
        architecture; None infers it.
    verify_all: check every byte of the file, also those that no feature depends on (optimiser state).
    geometry: what the user says of it. evidence: what was found out by trying, for every file of a series.
    seconds: processor time the reading process may take for a small file; large files get more in proportion.
    """

    trust: bool = False
    allow_partial: bool = False
    backbone: str | None = None
    verify_all: bool = False
    geometry: Geometry = field(default_factory=Geometry)
    evidence: Geometry = field(default_factory=Geometry)
    seconds: float = 5.0
