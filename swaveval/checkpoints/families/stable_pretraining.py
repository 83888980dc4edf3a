"""stable-pretraining and Lightning modules like it: `backbone.*` beside a projector, prototypes and online probes."""

from swaveval.checkpoints.families.family import Family, Hints
from swaveval.checkpoints.families.settings import swav_settings

FAMILY = Family(
    name="stable-pretraining",
    marks=(r"backbone\.",),
    backbone=("backbone.", "model.backbone.", "backbone.model."),
    projection=("projector.", "projection_head.", "projector.layers."),
    prototypes=("prototypes.", "prototypes.heads.0."),
    ignored=(r"_?callbacks_", r"probes?\.", r"projector\.", r"classifier\.", r"queue", r"online_"),
    hints=lambda description: Hints(settings=swav_settings(description)),
)
