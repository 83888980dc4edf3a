"""VISSL: trunk and heads apart, deep inside `classy_state_dict`."""

from swaveval.checkpoints.families.family import Family

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
