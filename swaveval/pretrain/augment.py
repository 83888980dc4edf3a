"""Views of an image: lightly's SwaVTransform with the settings of a preset."""

import os

# lightly would otherwise be free to ask its servers for a newer version when imported.
os.environ.setdefault("LIGHTLY_DID_VERSION_CHECK", "True")

from dataclasses import dataclass

from lightly.transforms.swav_transform import SwaVTransform

from swaveval.data.transforms import IMAGENET_MEAN, IMAGENET_STD, EvalTransform
from swaveval.pretrain.config import AugmentationConfig
from swaveval.pretrain.defaults import SMALL_SIDE


@dataclass(frozen=True, slots=True)
class Strengths:
    """How strongly views are changed; the defaults are lightly's.

    Attributes:
        flip, jitter, grey, blur: share of views that are mirrored, change colours, lose them, are blurred.
        degrees: largest rotation to either side, of every view.
        brightness, contrast, saturation: factors lie within 1 ± this. hue: turns, in shares of the circle.
        sigmas: of the blur, in pixels.
    """

    flip: float = 0.5
    degrees: float = 0.0
    jitter: float = 0.8
    brightness: float = 0.8
    contrast: float = 0.8
    saturation: float = 0.8
    hue: float = 0.2
    grey: float = 0.2
    blur: float = 0.5
    sigmas: tuple[float, float] = (0.1, 2.0)


def strengths(config: AugmentationConfig) -> Strengths:
    """Those of a preset at the size of its crops."""
    if config.preset == "digits":
        return Strengths(
            flip=0.0, degrees=15.0, brightness=0.4, contrast=0.4, saturation=0.0, hue=0.0, grey=0.0, blur=0.0
        )
    if config.crop_sizes[0] <= SMALL_SIDE:
        # lightly's CIFAR-10 benchmark: half the colour strength, no blur, which at 32 px would leave little to see.
        return Strengths(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1, blur=0.0)
    return Strengths()


def swav_transform(config: AugmentationConfig) -> SwaVTransform:
    """PIL image → list of `sum(crop_counts)` float32 tensors `(3, side, side)`, large crops first."""
    by = strengths(config)
    return SwaVTransform(
        crop_sizes=config.crop_sizes,
        crop_counts=config.crop_counts,
        crop_min_scales=config.crop_min_scales,
        crop_max_scales=config.crop_max_scales,
        hf_prob=by.flip,
        rr_prob=1.0 if by.degrees else 0.0,
        rr_degrees=by.degrees or None,
        cj_prob=by.jitter,
        cj_bright=by.brightness,
        cj_contrast=by.contrast,
        cj_sat=by.saturation,
        cj_hue=by.hue,
        random_gray_scale=by.grey,
        gaussian_blur=by.blur,
        sigmas=by.sigmas,
        normalize={"mean": list(IMAGENET_MEAN), "std": list(IMAGENET_STD)},
    )


def eval_transform(config: AugmentationConfig) -> EvalTransform:
    """What the finished backbone should be shown: whole images at the size of its large crops."""
    return EvalTransform(size=config.crop_sizes[0])
