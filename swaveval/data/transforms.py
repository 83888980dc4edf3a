"""The eval transform: part of the protocol, so it has an id that results are keyed by."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from swaveval.data.errors import DataError
from swaveval.data.imageset import ImageSet
from swaveval.text import counted

Array = np.ndarray[Any, np.dtype[Any]]
Interpolation = Literal["bilinear", "bicubic"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# The largest mean and deviation of pixels in 0…1; of pixels counted otherwise the deviation may be a little above.
LARGEST = {"mean": 1.0, "std": 1.5}


@dataclass(frozen=True, slots=True)
class EvalTransform:
    """Resize the short side, crop the centre, normalise.

    For size > 64 the short side becomes round(size · 256/224) and the centre size×size is kept; up to 64 px images are
    resized to size×size without a crop (non-square images are centre-cropped to a square first).

    Attributes:
        size: side of the network's input in pixels.
        interpolation: `bilinear` (lightly, VISSL, swav) or `bicubic` (DINO).
        mean, std: per channel, of pixels in 0…1.
        order: of the channels that the network takes; mean and std are in this order too.

    Raises:
        DataError: mean or std are not of pixels in 0…1.
    """

    size: int = 224
    interpolation: Interpolation = "bilinear"
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    order: Literal["RGB", "BGR"] = "RGB"

    def __post_init__(self) -> None:
        if (
            min(self.mean) < 0
            or max(self.mean) > LARGEST["mean"]
            or not 0 < min(self.std) <= max(self.std) <= LARGEST["std"]
        ):
            raise DataError(
                f"the mean {self.mean} and the standard deviation {self.std} are not of pixels in 0…1; divide those of "
                "pixels in 0…255 by 255"
            )

    @property
    def short_side(self) -> int:
        """What the short side is resized to before the crop, in pixels."""
        return self.size if self.size <= 64 else round(self.size * 256 / 224)

    @property
    def id(self) -> str:
        """A stable text that names every setting, e.g. `resize256-crop224-bilinear-mean0.485,0.456,0.406-std…`."""
        mean = ",".join(f"{value:g}" for value in self.mean)
        std = ",".join(f"{value:g}" for value in self.std)
        return f"resize{self.short_side}-crop{self.size}-{self.interpolation}-mean{mean}-std{std}" + (
            "" if self.order == "RGB" else f"-{self.order}"
        )


def fitted(transform: EvalTransform, channels: int) -> EvalTransform:
    """The transform for images of so many channels: ImageNet's normalisation becomes its mean over RGB for each.

    As timm does for other numbers of channels (0.449 and 0.226). A normalisation that was named stays.

    Raises:
        DataError: a mean or standard deviation was named for another number of channels.
    """
    if len(transform.mean) == channels == len(transform.std):
        return transform
    if (transform.mean, transform.std) != (IMAGENET_MEAN, IMAGENET_STD):
        raise DataError(
            f"the normalisation has {len(transform.mean)} means and {len(transform.std)} standard deviations, and the "
            f"images have {counted(channels, 'channel')}; name {channels} of each"
        )
    grey = tuple(round(sum(values) / 3, 3) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return replace(transform, mean=(grey[0],) * channels, std=(grey[1],) * channels)


# Beyond this aspect ratio the middle is cut out before resizing: a 20000×1 image would become 5 million pixels wide.
LONGEST_ASPECT = 8
_SAMPLE = 64


def square(image: Image.Image | Array, transform: EvalTransform) -> UInt8[np.ndarray, "size size c"]:
    """What the network sees of an image, before normalisation.

    Resized with antialiasing by Pillow, with the rounding of torchvision's `Resize` and `CenterCrop`.

    Args:
        image: RGB, or shape `(H, W, C)`, uint8.

    Returns:
        Shape `(size, size, C)`, uint8.
    """
    if not isinstance(image, Image.Image):
        # Pillow resizes each band of an image by itself, so this is what it would do with C bands.
        bands = [square(Image.fromarray(image[..., band]), transform) for band in range(image.shape[2])]
        return np.concatenate(bands, axis=2)
    resampling = Image.Resampling.BILINEAR if transform.interpolation == "bilinear" else Image.Resampling.BICUBIC
    width, height = image.size
    short = min(width, height)
    if transform.size <= 64:
        square_image = _centre(image, short, short)
        target = (transform.size, transform.size)
    else:
        if max(width, height) > LONGEST_ASPECT * short:
            image = _centre(image, min(width, LONGEST_ASPECT * short), min(height, LONGEST_ASPECT * short))
            width, height = image.size
        long_side = int(transform.short_side * max(width, height) / short)
        target = (transform.short_side, long_side) if width <= height else (long_side, transform.short_side)
        square_image = image
    if square_image.size != target:
        square_image = square_image.resize(target, resampling)
    shown = np.asarray(_centre(square_image, transform.size, transform.size))
    return shown if shown.ndim == 3 else shown[..., None]


def short_side(image: Image.Image | Array) -> int:
    """Of an RGB image or one of shape `(H, W, C)`, in pixels."""
    return min(image.size) if isinstance(image, Image.Image) else min(image.shape[:2])


def default_transform(images: ImageSet) -> EvalTransform:
    """The eval transform for images of this size: 32, 64, 128 or 224 px by the median short side.

    A median of at most 40 px gives 32, 64 gives 64, 160 gives 128.
    """
    sizes = images.audit.get("sizes", {})
    short = sizes.get("median_short_side")
    if short is None:  # an image set that did not come from `open_images`
        positions = np.unique(np.linspace(0, len(images) - 1, _SAMPLE).round().astype(int))
        short = float(np.median([short_side(images.open(int(position))) for position in positions]))
    for limit, size in ((40, 32), (64, 64), (160, 128)):
        if short <= limit:
            return fitted(EvalTransform(size=size), images.channels)
    return fitted(EvalTransform(), images.channels)


def _centre(image: Image.Image, width: int, height: int) -> Image.Image:
    """The middle of the image, with torchvision's rounding (half to even)."""
    if image.size == (width, height):
        return image
    left, top = round((image.width - width) / 2), round((image.height - height) / 2)
    return image.crop((left, top, left + width, top + height))
