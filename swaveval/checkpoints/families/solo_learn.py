"""solo-learn: torchvision names under `backbone.` (once `encoder.`), a projector, weight-normed prototypes.

For CIFAR it replaces the stem by a 3×3 convolution with *padding 2* and drops the max-pooling; shapes do not tell.
"""

from swaveval.checkpoints.families.family import Family, Hints
from swaveval.checkpoints.families.settings import swav_settings

FAMILY = Family(
    name="solo-learn",
    marks=(r"(backbone|encoder)\.", r"projector\.", r"classifier\.|prototypes\.(weight_g|parametrizations)"),
    backbone=("backbone.", "encoder."),
    projection=("projector.",),
    prototypes=("prototypes.",),
    ignored=(r"classifier\.", r"queue", r"momentum_", r"predictor\."),
    hints=lambda description: Hints(
        stem_padding=2, conventional=frozenset({"stem_padding"}), settings=swav_settings(description)
    ),
)
