"""A small set of images with known pixels, and what a variant of it is."""

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray[Any, np.dtype[Any]]
N, SIDE = 4, 24


def pattern(seed: int, bands: int = 3) -> Array:
    """`(24, 24, bands)` in 0 … 1, smooth, with both ends in it; images differ in brightness."""
    chance = np.random.default_rng(seed)
    coarse = chance.random((4, 4, bands))
    fine = np.kron(coarse, np.ones((6, 6, 1))) * (0.5 + 0.5 * (seed + 1) / N) + 0.02 * chance.random(
        (SIDE, SIDE, bands)
    )
    fine = np.clip(fine / 1.1, 0, 1)
    fine[0, 0], fine[0, 1] = 0, 1
    return fine


@dataclass(frozen=True)
class Variant:
    """A form of the set.

    Attributes:
        write: puts image number `seed` into a file, without extension.
        truth: its pixels, uint8 `(H, W, C)`; with pages several.
        mend: options that make it right where the defaults do not. channels: of the network.
    """

    kind: str
    name: str
    write: Callable[[Path, int], None]
    truth: Callable[[int], list[Array]]
    mend: Mapping[str, str] = field(default_factory=dict)
    channels: int | None = None
    tolerance: int = 1


def levels(values: Array) -> Array:
    """0 … 1 to 0 … 255."""
    return np.rint(values * 255).astype(np.uint8)


def rgb(seed: int) -> Array:
    return levels(pattern(seed))


def grey(seed: int) -> Array:
    return np.repeat(levels(pattern(seed, 1)), 3, axis=2)


def scaled(seed: int, bands: int, low: float, high: float, dtype: Any) -> Array:
    values = low + pattern(seed, bands) * (high - low)
    whole = np.issubdtype(dtype, np.integer)
    result = (np.rint(values) if whole else values).astype(dtype)
    return result[..., 0] if bands == 1 else result


def png16(values: Array, *, grey_alpha: bool = False) -> bytes:
    """16-bit RGB(A) or grey with transparency, which Pillow does not write."""
    height, width, bands = values.shape
    kind = {2: 4, 3: 2, 4: 6}[bands]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def saved(image: Image.Image, kind: str, suffix: str, **options: Any) -> Callable[[Path], None]:
    return lambda path: image.save(path.with_suffix(suffix), kind, **options)


# -- the variants ----------------------------------------------------------------------------------------------------
