"""What is known of one decoded picture: the audit's facts, and what the rules over a whole set are made from."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from swaveval.data.picture import Picture, bands_of, extremes
from swaveval.data.samples import Samples, spread


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the audit says of one picture.

    Attributes:
        width, height: in pixels, as read, at full resolution.
        mode: Pillow's mode in the file (`RGB`, `CMYK`, `I;16` …), `uint16 × 13` for what Pillow does not open.
        format: Pillow's name of the format, whatever the extension says.
        pages: pictures in the file. page: which of them this is, from 1; 0 when all are stacked as bands.
        bands, colours, alpha: see `Bands`.
        kind: `byte` (8 bits), `whole` (integers of more), `real` (floating point).
        nominal: whether the format itself defines the range of the values.
        low, high, bulk_low, bulk_high: see `Spread`; of 8-bit pictures only the ends, of JPEG 0 and 255.
        alpha_low, alpha_high: smallest and largest value of the transparency.
        transparent: whether anything is not fully opaque.
        turn: EXIF orientation that is not applied while decoding, 1 for none.
        white_is_zero: whether values of more than 8 bits are turned round, since the file says that its least is white.
        pixels: SHA-256 of the decoded values, of pages of a file with several; else empty.
    """

    width: int
    height: int
    mode: str
    format: str
    pages: int = 1
    page: int = 1
    bands: int = 3
    colours: int = 3
    alpha: bool = False
    kind: str = "byte"
    nominal: bool = False
    low: float = 0.0
    high: float = 255.0
    bulk_low: float = 0.0
    bulk_high: float = 255.0
    alpha_low: float = 255.0
    alpha_high: float = 255.0
    transparent: bool = False
    turn: int = 1
    pixels: str = ""
    white_is_zero: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Decoded:
    """A picture with what its file says; orientation not yet applied, except by Pillow itself (TIFF)."""

    picture: Picture
    mode: str
    format: str
    width: int
    height: int
    turn: int


def facts_of(decoded: Decoded, page: int, pages: int, upright: bool) -> ImageFacts:
    """What the audit says of page `page` of `pages`; `upright`: the orientation tag will be applied."""
    picture, turn = decoded.picture, decoded.turn if 2 <= decoded.turn <= 8 else 1
    size = (decoded.height, decoded.width) if upright and turn >= 5 else (decoded.width, decoded.height)
    bands = bands_of(picture)
    facts = ImageFacts(
        *size, decoded.mode, decoded.format, pages, page, bands.count, bands.colours, bands.alpha, turn=turn
    )
    if pages > 1 and page:
        facts = replace(facts, pixels=_hash(picture))
    if isinstance(picture, Samples):
        found = spread(picture)
        facts = replace(
            facts,
            kind="whole" if picture.whole else "real",
            nominal=picture.nominal is not None,
            low=found.low,
            high=found.high,
            bulk_low=found.bulk_low,
            bulk_high=found.bulk_high,
            white_is_zero=picture.white_is_zero,
        )
        if picture.values.dtype == np.uint8:
            facts = replace(facts, kind="byte")
        if picture.alpha:
            low, high = float(picture.values[..., -1].min()), float(picture.values[..., -1].max())
            opaque = float(np.iinfo(picture.values.dtype).max) if picture.whole else 1.0
            facts = replace(facts, alpha_low=low, alpha_high=high, transparent=low < opaque)
    elif decoded.format not in {"JPEG", "MPO"}:
        # An eighth of a JPEG's resolution tells nothing of its brightest pixel.
        low, high = extremes(picture)
        facts = replace(facts, low=low, high=high, bulk_low=low, bulk_high=high)
        if bands.alpha:
            least, most = extremes(picture.convert("RGBA").getchannel("A"))
            facts = replace(facts, alpha_low=least, alpha_high=most, transparent=least < 255)
    return facts


def _hash(picture: Picture) -> str:
    values = picture.values if isinstance(picture, Samples) else np.asarray(picture.convert("RGBA"))
    kind = f"{values.dtype.str} {values.shape}".encode()
    return hashlib.sha256(kind + np.ascontiguousarray(values).tobytes()).hexdigest()
