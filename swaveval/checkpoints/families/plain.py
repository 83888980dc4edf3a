"""A backbone by itself: torchvision, timm, DINO and lightly-train exports, under any of the usual wrappers."""

from swaveval.checkpoints.families.family import Family

FAMILY = Family(
    name="plain backbone",
    views=tuple(
        ((path, ""),)
        for path in (
            ("state_dict_ema",),
            ("model_ema",),
            ("state_dict",),
            ("model_state_dict",),
            ("model",),
            ("teacher",),
            ("student",),
            ("backbone",),
            ("encoder",),
            (),
        )
    ),
    marks=(r".*",),
    backbone=("", "backbone.", "encoder.", "model.", "model.backbone.", "resnet.", "feature_extractor.", "trunk."),
    ignored=(r"(.*\.)?(fc|head|head_dist|classifier|norm_head)\.(weight|bias)", r"projector\.", r"momentum_"),
)
