"""mmselfsup and mmpretrain: `backbone.*`, neck and prototypes inside the head's loss."""

from swaveval.checkpoints.families.family import Family

FAMILY = Family(
    name="mmselfsup / mmpretrain",
    marks=(r"backbone\.", r"neck\.|head\.(loss|loss_module|prototypes)"),
    backbone=("backbone.",),
    projection=("neck.projection_neck.",),
    prototypes=(
        "head.loss.prototypes.",
        "head.loss_module.prototypes.",
        "head.prototypes.",
        "head.loss.prototypes.prototypes0.",
        "head.loss_module.prototypes.prototypes0.",
        "head.prototypes.prototypes0.",
    ),
    ignored=(r"head\.", r"neck\.", r"data_preprocessor\.", r"queue", r"target_generator\."),
)
