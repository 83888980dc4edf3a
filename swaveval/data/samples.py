"""Pictures whose samples are not 8-bit greyscale or colour: their values as stored, and what is known of them.

Pillow keeps the upper byte of 16-bit colour; both bytes are had by unpacking twice, once with each byte order. What
Pillow cannot open at all (many bands, planes apart, 32- and 64-bit colour) is read by tifffile.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageFile, TiffImagePlugin

Array = np.ndarray[Any, np.dtype[Any]]

# The largest share of values that may be outliers: the audit says where all others lie.
OUTLIERS = 0.001
_QUANTILE_VALUES = 1 << 20
_BLOCK_VALUES = 1 << 22

BITS, ORIENTATION, SAMPLES_PER_PIXEL, PLANES, SAMPLE_FORMAT, NO_DATA = 258, 274, 277, 284, 339, 42113
PHOTOMETRIC, WHITE_IS_ZERO = 262, 0
_NOMINAL_16 = (0.0, 65535.0)


@dataclass(frozen=True, eq=False, slots=True)
class Samples:
    """The values of one picture as the file holds them.

    Attributes:
        values: shape `(H, W, B)`, any real type.
        colours: of how many of the first bands the file says what they are: 3 RGB, 1 grey, 0 unknown.
        alpha: whether the last band is transparency.
        nominal: (low, high) that the format itself defines, or None.
        no_data: the value that stands for a missing one, or None.
        white_is_zero: whether the file says that its least value is white (TIFF's photometric interpretation 0): its
            grey levels are turned round after the range has been mapped, as Pillow does with those of 8 bits.
    """

    values: Array
    colours: int
    alpha: bool = False
    nominal: tuple[float, float] | None = None
    no_data: float | None = None
    white_is_zero: bool = False

    @property
    def whole(self) -> bool:
        """Whether the values are integers."""
        return bool(self.values.dtype.kind in "iub")

    @property
    def measured(self) -> Array:
        """Every band but transparency."""
        return self.values[..., :-1] if self.alpha else self.values


@dataclass(frozen=True, slots=True)
class Spread:
    """Where the values of a picture lie, missing ones aside.

    Attributes:
        low, high: smallest and largest.
        bulk_low, bulk_high: all but `OUTLIERS` of the values at either end.
    """

    low: float
    high: float
    bulk_low: float
    bulk_high: float


def spread(samples: Samples) -> Spread:
    """Of all bands together; 0…0 for a picture without a single finite value."""
    values = samples.measured.reshape(-1)
    if not samples.whole or samples.no_data is not None:
        values = values[_present(values, samples.no_data)]
    if not len(values):
        return Spread(0.0, 0.0, 0.0, 0.0)
    # Quantiles of an even sample of large pictures; the ends are exact.
    sample = values[:: max(1, len(values) // _QUANTILE_VALUES)]
    bulk = np.quantile(sample, [OUTLIERS, 1 - OUTLIERS], method="nearest")
    return Spread(float(values.min()), float(values.max()), float(bulk[0]), float(bulk[1]))


def eight_bits(samples: Samples, low: float, high: float) -> Array:
    """`low … high` to 0 … 255, cut at both ends, rounded; missing values become 0. Transparency keeps its own range."""
    mapped = np.empty(samples.measured.shape, np.uint8)
    step = max(1, _BLOCK_VALUES // max(1, mapped[0].size))  # a whole large picture in 64 bits would not fit a laptop
    for start in range(0, len(mapped), step):
        stored = samples.measured[start : start + step]
        present = _present(stored, samples.no_data)
        numbers = np.where(present, stored, low).astype(np.float64)
        levels = np.rint(((numbers - low) * (255 / (high - low))).clip(0, 255))
        mapped[start : start + step] = np.where(present, 255 - levels, 0) if samples.white_is_zero else levels
    if not samples.alpha:
        return mapped
    opaque = samples.values[..., -1:].astype(np.float64)
    full = float(np.iinfo(samples.values.dtype).max) if samples.whole else max(1.0, float(np.nanmax(opaque)))
    return np.concatenate([mapped, np.rint((opaque * (255 / full)).clip(0, 255)).astype(np.uint8)], axis=2)


def _present(values: Array, no_data: float | None) -> Array:
    present = np.isfinite(values)
    return present if no_data is None else present & (values != np.asarray(no_data).astype(values.dtype))


def is_deep_grey(image: Image.Image) -> bool:
    """Whether Pillow itself holds more than 8 bits a pixel: modes `I`, `I;16`, `F` and their kin."""
    return image.mode.startswith("I") or image.mode == "F"


def deep_grey(image: Image.Image) -> Samples:
    """The values of such a picture, and what its file says of them if it is still one."""
    image.load()
    values = np.asarray(image)[..., None]
    # Pillow has scaled these two to 16 bits by the depth that they declare.
    nominal = _NOMINAL_16 if image.format in {"PPM", "JPEG2000"} else None
    if isinstance(image, TiffImagePlugin.TiffImageFile) and tuple(tag(image, BITS)) == (12,):
        nominal = (0.0, 4095.0)
    return Samples(values, colours=1, nominal=nominal, no_data=_no_data(image), white_is_zero=_white_is_zero(image))


def deep_samples(image: ImageFile.ImageFile, reopen: Callable[[], ImageFile.ImageFile]) -> Samples | None:
    """The values of a picture that Pillow can open but would cut to 8 bits; None when it has 8 bits anyway.

    Args:
        image: opened at the right page, not loaded.
        reopen: gives the same once more.
    """
    if is_deep_grey(image):
        return deep_grey(image)
    mode, no_data = image.mode, _no_data(image)
    raw = {_raw_mode(tile) for tile in image.tile}
    if raw == {"LA;16B"}:  # 4 bytes a pixel, which is 8-bit RGBA to the decoder
        parts = np.asarray(_unpacked(image, "RGBA")).astype(np.uint16)
        return Samples(parts[..., 0::2] << 8 | parts[..., 1::2], colours=1, alpha=True)
    if raw == {"RGBX"} and mode == "RGB":  # a fourth band that is no transparency, which Pillow leaves out
        return Samples(np.asarray(_unpacked(image, "RGBX")), colours=3, no_data=no_data)
    if len(raw) != 1 or mode not in {"RGB", "RGBA"}:
        return None
    layout, _, order = next(iter(raw)).partition(";16")
    if layout not in {"RGB", "RGBA", "RGBX"} or order not in {"L", "B", "N"}:
        return None
    four = layout.replace("X", "A")
    second = np.asarray(_unpacked(image, f"{four};16L")).astype(np.uint16)
    first = np.asarray(_unpacked(reopen(), f"{four};16B"))
    little = order == "L" or (order == "N" and np.little_endian)
    values = (second << 8 | first) if little else (first.astype(np.uint16) << 8 | second)
    return Samples(values, colours=3, alpha=layout == "RGBA", no_data=no_data)


def beyond_pillow(image: TiffImagePlugin.TiffImageFile) -> bool:
    """Whether Pillow opens this TIFF but would lose bands or values: more than four bands, planes of wide samples,
    unsigned integers of 32 bits."""
    bits, planes = tag(image, BITS), tag(image, PLANES)
    many, wide = next(iter(tag(image, SAMPLES_PER_PIXEL)), 1), max((int(b) for b in bits), default=1)
    unsigned = next(iter(tag(image, SAMPLE_FORMAT)), 1) == 1
    return many > 4 or (wide > 8 and many > 1 and planes == (2,)) or (wide == 32 and image.mode == "I" and unsigned)


def tag(image: TiffImagePlugin.TiffImageFile, number: int) -> tuple[Any, ...]:
    """A TIFF tag's values; empty where it is missing or damaged."""
    try:
        value = image.tag_v2.get(number, ())
    except Exception:  # a damaged tag is a missing one
        return ()
    return value if isinstance(value, tuple) else (value,)


def _white_is_zero(image: Image.Image) -> bool:
    return isinstance(image, TiffImagePlugin.TiffImageFile) and tag(image, PHOTOMETRIC) == (WHITE_IS_ZERO,)


def _no_data(image: Image.Image) -> float | None:
    """GDAL's word for missing values."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile) or not (found := tag(image, NO_DATA)):
        return None
    return as_number(found[0])


def as_number(text: Any) -> float | None:
    """A finite number from a tag's text, or None."""
    try:
        number = float(str(text).strip("\0 \n"))
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _raw_mode(tile: Any) -> str:
    arguments = tile[3]
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def _unpacked(image: ImageFile.ImageFile, raw_mode: str) -> ImageFile.ImageFile:
    """The picture loaded with another unpacker of as many bytes a pixel."""
    image._mode = raw_mode.partition(";")[0]
    image.tile = [
        tile._replace(args=(raw_mode, *tile.args[1:]) if isinstance(tile.args, tuple) else raw_mode)
        for tile in image.tile
    ]
    image.load()
    return image
