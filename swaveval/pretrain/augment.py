"""Views of an image: lightly's SwaVTransform with the settings of a preset."""

import os

# lightly would otherwise be free to ask its servers for a newer version when imported.
os.environ.setdefault("LIGHTLY_DID_VERSION_CHECK", "True")

from lightly.transforms.swav_transform import SwaVTransform

from swaveval.data.transforms import IMAGENET_MEAN, IMAGENET_STD, EvalTransform
from swaveval.pretrain.config import AugmentationConfig
from swaveval.pretrain.defaults import SMALL_SIDE


def swav_transform(config: AugmentationConfig) -> SwaVTransform:
    """PIL image → list of `sum(crop_counts)` float32 tensors `(3, side, side)`, large crops first."""
    crops = {
        "crop_sizes": config.crop_sizes,
        "crop_counts": config.crop_counts,
        "crop_min_scales": config.crop_min_scales,
        "crop_max_scales": config.crop_max_scales,
        "normalize": {"mean": list(IMAGENET_MEAN), "std": list(IMAGENET_STD)},
    }
    if config.preset == "digits":
        return SwaVTransform(
            **crops,
            hf_prob=0.0,
            rr_prob=1.0,
            rr_degrees=15.0,
            cj_bright=0.4,
            cj_contrast=0.4,
            cj_sat=0.0,
            cj_hue=0.0,
            random_gray_scale=0.0,
            gaussian_blur=0.0,
        )
    if config.crop_sizes[0] <= SMALL_SIDE:
        # lightly's CIFAR-10 benchmark: half the colour strength, no blur, which at 32 px would leave little to see.
        return SwaVTransform(**crops, cj_strength=0.5, gaussian_blur=0.0)
    return SwaVTransform(**crops)


def eval_transform(config: AugmentationConfig) -> EvalTransform:
    """What the finished backbone should be shown: whole images at the size of its large crops."""
    return EvalTransform(size=config.crop_sizes[0])
