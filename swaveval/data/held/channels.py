"""Images in memory as a network of other channels than theirs sees them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from swaveval.data.errors import DataError
from swaveval.data.imageset import ImageSet
from swaveval.text import counted

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class _Grey:
    """Position → `(H, W, 1)`, uint8: the luminance of an RGB image."""

    open: Callable[[int], Image.Image | Array]

    def __call__(self, position: int) -> Array:
        image = self.open(position)
        whole = image if isinstance(image, Image.Image) else Image.fromarray(image)
        return np.asarray(whole.convert("L"))[..., None]


def shown_to(images: ImageSet, channels: int | None) -> ImageSet:
    """The images for a network whose first layer takes so many channels; None: nobody says.

    Raises:
        DataError: it takes others than these have, and not grey.
    """
    if channels in (None, images.channels) or not images.pictures:
        return images
    if channels == 1 and images.channels == len("RGB"):
        return replace(images, open=_Grey(images.open), channels=1)
    raise DataError(
        f"the network takes images of {counted(channels or 0, 'channel')}, and these have {images.channels}: give it "
        "images as it was trained on"
    )
