"""What is known of how a run was trained: its settings, and the method that its checkpoints show."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from swaveval.results import Series

# `dino`: a teacher whose outputs are centred and sharpened. Empty where files and settings do not tell: two views with
# negatives, a predictor or a variance term leave the same backbone and projection head.
Method = Literal["swav", "dino", ""]
_OF_SWAV = ("epsilon", "sinkhorn_iterations", "frozen_prototype_steps", "prototypes")


@dataclass(frozen=True, slots=True)
class Training:
    """Attributes: settings of the run; classes that are told apart, 0 without labels; method."""

    settings: Mapping[str, Any]
    classes: int
    method: Method = ""


def training_of(series: Series, *, labelled: bool) -> Training:
    """Read off the manifest."""
    manifest = series.manifest
    loads = [record.load for record in manifest.checkpoints if record.load.get("prototypes")]
    method: Method = ""
    if any(load.get("family") == "dino" for load in loads):
        method = "dino"
    elif loads or any(name in manifest.hyperparameters for name in _OF_SWAV):
        method = "swav"
    return Training(manifest.hyperparameters, len(manifest.data.class_names) if labelled else 0, method)
