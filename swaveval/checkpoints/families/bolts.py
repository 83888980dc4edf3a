"""lightning-bolts' SwAV: a copy of swav's network under `model.`."""

from swaveval.checkpoints.families.family import Family, Hints
from swaveval.checkpoints.families.settings import swav_settings

FAMILY = Family(
    name="bolts",
    views=(((("state_dict",), ""),),),
    marks=(r"model\.conv1\.weight", r"model\.(projection_head|prototypes)\."),
    backbone=("model.",),
    projection=("model.projection_head.",),
    prototypes=("model.prototypes.", "model.prototypes.prototypes0."),
    ignored=(r"model\.prototypes\.prototypes[1-9]",),
    hints=lambda description: Hints(settings=swav_settings(description)),
)
