"""VISSL: trunk and heads apart, deep inside `classy_state_dict`."""

from swaveval.checkpoints.families.family import Family
from swaveval.checkpoints.sandbox.description import Description

_MODEL = ("classy_state_dict", "base_model", "model")

FAMILY = Family(
    name="vissl",
    views=(
        (((*_MODEL, "trunk"), "trunk."), ((*_MODEL, "heads"), "heads.")),
        ((("model_state_dict", "trunk"), "trunk."), (("model_state_dict", "heads"), "heads.")),
    ),
    marks=(r"trunk\.",),
    backbone=("trunk._feature_blocks.", "trunk.base_model._feature_blocks.", "trunk."),
    projection=("heads.0.projection_head.",),
    prototypes=("heads.0.prototypes0.", "heads.0.prototypes."),
    ignored=(r"heads\.0\.prototypes[1-9]", r"heads\.[1-9]"),
)


def piece_of(description: Description) -> str:
    """What to do about one piece of a checkpoint that VISSL spread over processes; "" where it is whole."""
    kind = description.scalars.get(("type",))
    if "classy_state_dict" not in description.keys or kind not in ("shard", "sharded", "sliced"):
        return ""
    return (
        f"one piece ({kind}) of a checkpoint that VISSL spread over processes; put together by: "
        "python extra_scripts/convert_sharded_checkpoint.py -i CHECKPOINT -o WHOLE -t consolidated"
    )
