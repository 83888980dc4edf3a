"""One picture that a program holds: bytes as they are, deeper values until the whole set says what is 0 and what 255.

Pillow's `convert("RGB")` cuts deeper values at 255, and 0…1 at 0. They are read as files of such depth are.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from swaveval.data.errors import DataError
from swaveval.data.reading import USUAL, Range, usual_range
from swaveval.data.samples import Samples, deep_grey, eight_bits, is_deep_grey, spread
from swaveval.text import counted, shortened

Array = np.ndarray[Any, np.dtype[Any]]

BYTES, FLOATS, SHARES, WHOLE, REAL = "bytes", "floats", "shares", "whole", "real"
_UNIT, _BYTE = (0.0, 1.0), (0.0, 255.0)
_ROUNDING = 1e-6
# Floats whose greatest is less than a quarter of 255 may be normalised ones without a negative value.
_DIM = 64
_COLOURS = frozenset({1, 3, 4})
_MOST_BANDS_FIRST = 16
_BY_PILLOW = {
    WHOLE: ' Pillow\'s convert("RGB") would cut them at 255.',
    REAL: ' Pillow\'s convert("RGB") would cut them to whole numbers up to 255.',
}


@dataclass(frozen=True, slots=True)
class Ranges:
    """What becomes 0…255 in every image of a set.

    Attributes:
        floats: of arrays of floating point: 0…1 or 0…255.
        whole, real: of integers of 16 bits and more, of Pillow's floating point (mode F).
    """

    floats: Range = _UNIT
    whole: Range = _BYTE
    real: Range = _UNIT


@dataclass(frozen=True, eq=False, slots=True)
class Held:
    """A picture as it came.

    Attributes:
        values: shape `(H, W, C)`: uint8 for bytes, else any real type; Samples for `whole` and `real`.
        kind: `bytes`, `floats` (an array's), `shares` (floats that can only mean 0…1), `whole`, `real`.
        low, high: smallest and largest value, of all but bytes.
        said: how it was read otherwise than it looks: ends of sentences, each with what it looked like; empty for most.
    """

    values: Array | Samples
    kind: str = BYTES
    low: float = 0.0
    high: float = 255.0
    said: tuple[tuple[str, str], ...] = ()

    def bands(self, ranges: Ranges) -> Array:
        """Shape `(H, W, C)`, uint8, C never 1: grey is three equal bands."""
        if isinstance(self.values, Samples):
            limits = self.values.nominal or (ranges.whole if self.kind == WHOLE else ranges.real)
            values = eight_bits(self.values, *limits)
        elif self.kind in (FLOATS, SHARES):
            values = np.rint(self.values * 255 if ranges.floats == _UNIT else self.values).astype(np.uint8)
        else:
            values = self.values
        return np.ascontiguousarray(np.repeat(values, 3, axis=2) if values.shape[2] == 1 else values)

    def shown(self, ranges: Ranges) -> Image.Image | Array:
        """An RGB image, or an array `(H, W, C)`, uint8, of other numbers of channels."""
        bands = self.bands(ranges)
        return Image.fromarray(bands) if bands.shape[2] == 3 else bands

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of what is shown: height, width, bands."""
        height, width, bands = self.values.values.shape if isinstance(self.values, Samples) else self.values.shape
        return height, width, 3 if bands == 1 else bands

    @property
    def content(self) -> str:
        """SHA-256 of what is shown where that is known from this picture alone, else of its values."""
        if self.kind in (BYTES, SHARES) or (self.kind == FLOATS and self.high <= 1 + _ROUNDING):
            values, head = self.bands(Ranges()), ""
        else:
            values = self.values.values if isinstance(self.values, Samples) else self.values
            head = values.dtype.str
        return hashlib.sha256(f"{head}{values.shape}".encode() + np.ascontiguousarray(values).tobytes()).hexdigest()


def held(image: Any, position: int) -> Held:
    """The picture in what a data set gives for an image.

    Args:
        image: Pillow's, of any mode; an array `(H, W[, C])` or, where the first axis can only be channels, `(C, H, W)`;
            a tensor `(C, H, W)` or `(H, W)`. Bytes; floats, finite, in 0…1 or 0…255; integers within 0…255, or of 16
            bits.
        position: of it, for messages.

    Raises:
        DataError: it is none of these; the sentence says what it is, and what to do.
    """
    if isinstance(image, Image.Image):
        return _of_pillow(image, position)
    if isinstance(image, list | tuple) and any(is_picture(part) for part in image):
        raise DataError(several_in_one(position, len(image)))
    tensor = hasattr(image, "detach")
    try:
        values = np.asarray(_on_cpu(image) if tensor else image)
    except ValueError as error:  # lists of unequal lengths
        raise DataError(_no_picture(image, position, f"a {type(image).__name__}")) from error
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or 0 in values.shape:
        raise DataError(_no_picture(image, position, _described(image, values)))
    said: tuple[tuple[str, str], ...] = ()
    if _channels_first(values.shape, tensor):
        if not tensor:
            said = (("were read with their channels first", f"of shape {values.shape}"),)
        values = values.transpose(1, 2, 0)
    if values.dtype == np.uint8:
        return Held(values, said=said)
    if values.dtype.kind == "f":
        return _of_floats(values, position, said)
    if values.dtype.kind in "iu":
        return _of_integers(image, values, position, said)
    raise DataError(
        f"image {position} of the data set is {_described(image, values)}; expected bytes, or floats in 0…1"
    )


def _on_cpu(tensor: Any) -> Any:
    """The tensor as NumPy takes it, which knows no bfloat16."""
    plain = tensor.detach().cpu()
    return plain.float() if str(plain.dtype) == "torch.bfloat16" else plain


def is_picture(part: Any) -> bool:
    """Whether a part of an item looks like an image: Pillow's, or at least two axes."""
    return isinstance(part, Image.Image) or len(getattr(part, "shape", ())) > 1


def several_in_one(position: int, count: int) -> str:
    """What is said of an item with several pictures in place of one."""
    return (
        f"image {position} of the data set holds {count} pictures in one (views, as a training is given them?): give "
        "one view an image, by the transform of an evaluation"
    )


def ranges_of(found: Sequence[tuple[str, float, float]], at: Sequence[int]) -> Ranges:
    """What a set of images is read by; one range over the set, as for files.

    Args:
        found: kind, smallest and largest value of each image. at: their positions, for messages.

    Raises:
        DataError: floating point that is neither 0…1 nor 0…255, or the one in some images and the other in others.
    """
    floats, whole, real = (_ends(found, kind) for kind in (FLOATS, WHOLE, REAL))
    placed = list(zip(at, found, strict=True))
    large = next((one for one in placed if one[1][0] == FLOATS and one[1][2] > 1 + _ROUNDING), None)
    share = next((position for position, one in placed if one[0] == SHARES), None)
    if large is not None and floats is not None:
        position, (_, low, high) = large
        if floats[1] < _DIM:
            raise DataError(_normalised(position, low, high))
        if share is not None:
            raise DataError(
                f"image {position} of the data set has values from {low:.3g} to {high:.3g}, image {share} values in "
                "0…1: give all in one range"
            )
    return Ranges(
        _UNIT if large is None else _BYTE,
        _BYTE if whole is None else usual_range(*whole, whole=True),
        _UNIT if real is None else usual_range(*real, whole=False),
    )


def range_notes(found: Sequence[tuple[str, float, float]], ranges: Ranges) -> tuple[str, ...]:
    """How values that are no bytes were read, in sentences; none for bytes and for floats in 0…1."""
    notes = []
    for kind, words, limits in (
        (WHOLE, "have more than 8 bits per channel", ranges.whole),
        (REAL, "have floating-point values", ranges.real),
        (FLOATS, "have floating-point values", ranges.floats),
    ):
        ends = _ends(found, kind)
        if ends is None or (kind == FLOATS and limits == _UNIT):
            continue
        count = sum(one[0] == kind for one in found)
        rule = (
            "the first usual range that holds them" if limits in USUAL else "from the least to the greatest of the set"
        )
        notes.append(
            f"{count:,} of {counted(len(found), 'image')} {words}, values {_number(ends[0])} … {_number(ends[1])}. "
            f"{_number(limits[0])} … {_number(limits[1])}, {rule}, becomes 0 … 255 in every image; give bytes to say "
            "otherwise." + _BY_PILLOW.get(kind, "")
        )
    return tuple(notes)


def _ends(found: Sequence[tuple[str, float, float]], kind: str) -> Range | None:
    own = [(low, high) for one, low, high in found if one == kind]
    return (min(low for low, _ in own), max(high for _, high in own)) if own else None


def _of_pillow(image: Image.Image, position: int) -> Held:
    try:
        if is_deep_grey(image):
            samples = deep_grey(image)
            samples = replace(samples, values=samples.values.astype(samples.values.dtype.newbyteorder("=")))
            own = spread(samples)
            return Held(samples, WHOLE if samples.whole else REAL, own.low, own.high)
        # Pillow converts premultiplied grey to nothing but itself.
        plain = image.convert("LA") if image.mode == "La" else image
        return Held(np.asarray(plain if plain.mode == "RGB" else plain.convert("RGB")))
    except (ValueError, OSError) as error:
        raise DataError(
            f"image {position} of the data set, of mode {image.mode}, cannot be shown by Pillow as RGB "
            f"({shortened(str(error), 80)}); leave it out, or give it in RGB"
        ) from error


def _channels_first(shape: tuple[int, ...], tensor: bool) -> bool:
    first, height, last = shape
    if tensor:
        return first <= _MOST_BANDS_FIRST and first < last
    if first in _COLOURS:
        return last not in _COLOURS and last > first
    # As many bands as the picture is wide, in a strip, is what nobody has.
    return first <= _MOST_BANDS_FIRST and first < last == height


def _of_floats(values: Array, position: int, said: tuple[tuple[str, str], ...]) -> Held:
    if not np.isfinite(values).all():
        ends = np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)  # NaN is none of them
        raise DataError(_normalised(position, *map(float, ends)))
    low, high = float(values.min()), float(values.max())
    if low < -_ROUNDING:
        raise DataError(_normalised(position, low, high))
    if high > _BYTE[1]:
        raise DataError(
            f"image {position} of the data set has values from {low:.6g} to {high:.6g}: divide them by the greatest "
            "value that they can have, so that they lie in 0…1; or give bytes"
        )
    # Whole numbers up to 1 are an image in 0…1, or a dark one in 0…255.
    shares = high <= 1 + _ROUNDING and bool((values != np.rint(values)).any())
    return Held(values, SHARES if shares else FLOATS, low, high, said)


def _of_integers(image: Any, values: Array, position: int, said: tuple[tuple[str, str], ...]) -> Held:
    low, high = int(values.min()), int(values.max())
    if values.dtype.itemsize == 2:
        return Held(Samples(np.ascontiguousarray(values), colours=0), WHOLE, float(low), float(high), said)
    if low < 0 or high > _BYTE[1]:
        raise DataError(
            f"image {position} of the data set is {_described(image, values)}, values from {low:,} "
            f"to {high:,}: give bytes, or 16 bits (.astype('uint16')), which are read by one range over the set"
        )
    return Held(values.astype(np.uint8), said=(*said, ("were read as bytes", f"of {values.dtype}")))


def _normalised(position: int, low: float, high: float) -> str:
    return (
        f"image {position} of the data set has values from {low:.3g} to {high:.3g}: give images that are not "
        "normalised (no transforms.Normalize), in 0…1 or as bytes; the normalisation is the evaluation's part"
    )


def _no_picture(image: Any, position: int, described: str) -> str:
    if hasattr(image, "__fspath__") or isinstance(image, str):
        return (
            f"image {position} of the data set is a {type(image).__name__}, no picture: of paths, give their directory "
            "as data (and a table as labels), or each picture opened by PIL.Image.open"
        )
    return f"image {position} of the data set is {described}; expected a picture"


def _described(image: Any, values: Array) -> str:
    return f"a {type(image).__name__} of shape {values.shape} and type {values.dtype}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:.4g}"
