"""lightly's examples and benchmarks (Lightning): Sequential of torchvision's or lightly's own children, or names.

Heads before 2022-10 were `prototypes.layers`, without a bias.
"""

from swaveval.checkpoints.families.family import Family, Hints
from swaveval.checkpoints.families.settings import swav_settings

FAMILY = Family(
    name="lightly",
    marks=(r"backbone\.", r"projection_head\.layers\.|prototypes\.(heads|layers)\."),
    backbone=("backbone.", "model.backbone."),
    projection=("projection_head.layers.", "model.projection_head.layers."),
    prototypes=("prototypes.heads.0.", "prototypes.layers.", "model.prototypes.heads.0.", "model.prototypes.layers."),
    ignored=(r"prototypes\.heads\.[1-9]", r"online_classifier\.", r"queue", r"criterion", r"knn"),
    hints=lambda description: Hints(settings=swav_settings(description)),
)
