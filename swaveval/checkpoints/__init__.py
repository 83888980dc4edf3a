"""A file nobody vouched for to a Backbone that can be trusted, or a typed refusal."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swaveval.checkpoints.architectures import build_resnet
    from swaveval.checkpoints.arrangement import Arrangement, arrange, order
    from swaveval.checkpoints.backbone import Backbone, PrototypeHead
    from swaveval.checkpoints.discovery import CheckpointFile, discover
    from swaveval.checkpoints.initial import random_backbone
    from swaveval.checkpoints.load_report import LoadReport
    from swaveval.checkpoints.loading import inspect, load
    from swaveval.checkpoints.options import LoadOptions
    from swaveval.checkpoints.refusal import CheckpointRefused
    from swaveval.checkpoints.source import CheckpointSource, Directory, Entry

# Resolved on first use: the reading process lives in this package too, and everything it does not import is memory
# it does not copy and time it does not take.
_HOMES = {
    "Arrangement": "arrangement",
    "arrange": "arrangement",
    "Backbone": "backbone",
    "CheckpointFile": "discovery",
    "CheckpointRefused": "refusal",
    "CheckpointSource": "source",
    "Directory": "source",
    "Entry": "source",
    "LoadOptions": "options",
    "LoadReport": "load_report",
    "PrototypeHead": "backbone",
    "build_resnet": "architectures",
    "discover": "discovery",
    "inspect": "loading",
    "load": "loading",
    "order": "arrangement",
    "random_backbone": "initial",
}

__all__ = [
    "Arrangement",
    "Backbone",
    "CheckpointFile",
    "CheckpointRefused",
    "CheckpointSource",
    "Directory",
    "Entry",
    "LoadOptions",
    "LoadReport",
    "PrototypeHead",
    "arrange",
    "build_resnet",
    "discover",
    "inspect",
    "load",
    "order",
    "random_backbone",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
