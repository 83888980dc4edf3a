"""One picture in a NumPy array file (`.npy`): never a pickle. Which axis holds the bands is read off the shape."""

import io
import math
from typing import Any

import numpy as np

from swaveval.data.errors import Undecodable
from swaveval.data.samples import Samples

SUFFIX = ".npy"
_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 4096
_MOST_VALUES = 1 << 28
# A last axis this short holds bands whatever the others are.
_COLOURS = 4
_MOST_SIDES = 16


def is_array(content: bytes) -> bool:
    return content.startswith(_MAGIC)


def array_pictures(content: bytes) -> int:
    """How many pictures a file holds: the first axis of four, else one.

    Raises:
        Undecodable: as `array_samples`.
    """
    shape = _header(content)[0]
    return shape[0] if len(shape) == 4 else 1


def array_samples(content: bytes, position: int) -> Samples:
    """Picture `position` (from 0), shape `(H, W, B)`.

    H×W is grey. Of three axes the last holds the bands where it is 4 or shorter, else the first where that is shorter
    than the last, else the last. Four axes are pictures of three. Truth values become 0 and 255.

    Raises:
        Undecodable: Python objects, complex numbers or text; no picture's number of axes; damaged.
    """
    shape, dtype, start, fortran = _header(content)
    count = math.prod(shape)
    values = np.frombuffer(content, dtype, count, start).reshape(shape, order="F" if fortran else "C")
    if len(shape) == 4:
        values = values[position]
    if values.ndim == 2:
        values = values[..., None]
    elif values.shape[2] > _COLOURS and values.shape[0] < values.shape[2]:
        values = np.moveaxis(values, 0, -1)
    if dtype.kind == "b":
        values = values.astype(np.uint8) * np.uint8(255)
    return Samples(np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("=")), colours=0)


def _header(content: bytes) -> tuple[tuple[int, ...], np.dtype[Any], int, bool]:
    """Shape, type, where the values begin, and whether the first axis runs fastest."""
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream, max_header_size=_LONGEST_HEADER)
    except Exception as error:
        raise Undecodable(f"the header of the array cannot be read: {error}") from error
    offset = stream.tell()
    if dtype.hasobject:
        raise Undecodable("an array of Python objects, which would have to be unpickled; save numbers (uint8, float32)")
    if dtype.kind not in "biuf":
        raise Undecodable(f"an array of {dtype}; a picture is integers or floating-point numbers")
    said = "×".join(str(length) for length in shape)
    if not 2 <= len(shape) <= 4 or not all(shape):
        raise Undecodable(
            f"an array of shape {said or '()'}; a picture is H×W, H×W×C or C×H×W, and N×H×W×C holds several"
        )
    if wrong := _no_picture(shape):
        raise Undecodable(f"an array of shape {said}: {wrong}")
    if math.prod(shape) > _MOST_VALUES:
        raise Undecodable(f"an array of {said} values; more than {_MOST_VALUES:,} are not read")
    if len(content) - offset < math.prod(shape) * dtype.itemsize:
        raise Undecodable(f"the file ends before the {said} values that it announces")
    return tuple(shape), dtype, offset, bool(fortran)


def _no_picture(shape: tuple[int, ...]) -> str:
    """What an array must be that has as many axes as a picture and sides that none has; else an empty string."""
    if len(shape) == 2:
        short, long = sorted(shape)
        return (
            "rows of numbers, no picture (features, coordinates, boxes?)" if short <= 4 and long >= 16 * short else ""
        )
    height, width, bands = shape[-3:]
    if len(shape) != 3 or min(height, bands) <= _COLOURS or height < bands:
        return ""
    # The last axis is the bands, and no sensor has more of them than its picture is wide, nor strips that thin.
    if bands >= width or height > _MOST_SIDES * width:
        return (
            f"{height:,} pictures of {width}×{bands} without a channel axis? Save them as N×H×W×1 "
            f"(array[..., None]) and read them with --pages all, or write each as PNG"
        )
    return ""
