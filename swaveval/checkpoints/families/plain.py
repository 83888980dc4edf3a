"""A backbone by itself: torchvision, timm, DINO and lightly-train exports, under any of the usual wrappers."""

from swaveval.checkpoints.families.family import Family

FAMILY = Family(
    name="plain backbone",
    marks=(r".*",),
    backbone=("", "backbone.", "encoder.", "encoder_q.", "model.", "model.backbone.", "resnet.", "trunk."),
    ignored=(r"projector\.", r"momentum_", r"encoder_k\.", r"queue"),
)
