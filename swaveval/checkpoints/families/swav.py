"""facebookresearch/swav: a run's `state_dict`, or the zoo's bare dict; backbone, head and prototypes side by side."""

from swaveval.checkpoints.families.family import Family

FAMILY = Family(
    name="swav",
    marks=(r"conv1\.weight", r"projection_head\.|prototypes\."),
    backbone=("",),
    projection=("projection_head.",),
    prototypes=("prototypes.", "prototypes.prototypes0."),
    ignored=(r"prototypes\.prototypes[1-9]",),
)
