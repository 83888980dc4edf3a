"""`swaveval pretrain`: lightly's names, and a description of the backbone among the hyper-parameters."""

from collections.abc import Mapping
from typing import Any

from swaveval.checkpoints.families.family import Family, Hints
from swaveval.checkpoints.families.settings import swav_settings
from swaveval.checkpoints.sandbox.description import Description


def _backbone(description: Description) -> Mapping[str, Any]:
    parameters = description.scalars.get(("hyper_parameters",))
    body = parameters.get("backbone") if isinstance(parameters, Mapping) else None
    return body if isinstance(body, Mapping) and body.get("kind") in ("resnet", "timm") else {}


def _hints(description: Description) -> Hints:
    body = _backbone(description)
    stride, pool, name, size = (body.get(key) for key in ("stem_stride", "maxpool", "name", "image_size"))
    resnet = body.get("kind") == "resnet"
    return Hints(
        stem_padding=1 if resnet else None,  # of its 3×3 stem
        dilated=0 if resnet else None,
        last_stride=2 if resnet else None,
        stem_stride=stride if isinstance(stride, int) and 1 <= stride <= 4 else None,
        maxpool=pool if isinstance(pool, bool) else None,
        timm=name if body.get("kind") == "timm" and isinstance(name, str) else None,
        image_size=size if isinstance(size, int) and 1 <= size <= 4096 else None,
        settings=swav_settings(description),
    )


FAMILY = Family(
    name="swaveval",
    marks=(r"backbone\.",),
    backbone=("backbone.",),
    projection=("projection_head.layers.",),
    prototypes=("prototypes.heads.0.", "prototypes.layers."),
    ignored=(r"prototypes\.heads\.[1-9]", r"queue", r"criterion"),
    hints=_hints,
    proves=lambda description: bool(_backbone(description)),
)
