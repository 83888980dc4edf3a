"""A path to an ImageSet: sources, splits, audit, fingerprint, and pixels decoded once."""

from swaveval.data.decoded import BUDGET_BYTES, DecodedImages, decode
from swaveval.data.errors import DataError
from swaveval.data.imageset import ImageSet
from swaveval.data.named import NAMES
from swaveval.data.parallel import Progress
from swaveval.data.reading import Reading, reading_from
from swaveval.data.sources import open_images
from swaveval.data.transforms import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    EvalTransform,
    Interpolation,
    default_transform,
    fitted,
    square,
)

__all__ = [
    "BUDGET_BYTES",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "NAMES",
    "DataError",
    "DecodedImages",
    "EvalTransform",
    "ImageSet",
    "Interpolation",
    "Progress",
    "Reading",
    "decode",
    "default_transform",
    "fitted",
    "open_images",
    "reading_from",
    "square",
]
