"""How image files become pixels: what the user may say, and what is taken where nothing is said.

The default is what the usual training loaders do (torchvision's and timm's `ImageFolder`, lightly's `LightlyDataset`:
`PIL.Image.open(path).convert("RGB")`), except that values of more than 8 bits are mapped to 0…255 and not cut at 255.
"""

import math
import re
from dataclasses import dataclass, fields
from typing import Literal

from swaveval.data.errors import DataError
from swaveval.text import shortened

Range = tuple[float, float]
Alpha = Literal["drop", "white", "black"]
Exif = Literal["ignore", "apply"]

FULL = "full"
FIRST, ALL, AS_BANDS = "first", "all", "bands"


@dataclass(frozen=True, slots=True)
class Reading:
    """What was said about the pixels; every default is what training loaders do, or a rule over the whole set.

    Attributes:
        range: (low, high) that becomes 0…255; `full`, the whole range of the file's number type; None: the rule of
            `usual_range` over all images of the set. For samples of more than 8 bits; for 8-bit images where it
            lies within 0…255.
        bands: one-based numbers of the bands to take, in the order the network is to see them; None: RGB, or all where
            the network takes as many.
        pages: `first`, `all` (each an image of its own), `bands` (pages stacked as bands) or the number of one.
        alpha: `drop` (as `convert("RGB")` does) or composite on `white` or `black`.
        exif: `ignore` the orientation tag (as the loaders do) or `apply` it.
    """

    range: Range | Literal["full"] | None = None
    bands: tuple[int, ...] | None = None
    pages: Literal["first", "all", "bands"] | int = "first"
    alpha: Alpha = "drop"
    exif: Exif = "ignore"

    def words(self) -> dict[str, str]:
        """Option name → its text, for everything that is not the default; `reading_from` reads it back."""
        said: dict[str, str] = {}
        if self.range is not None:
            said["range"] = self.range if isinstance(self.range, str) else ":".join(f"{end:.17g}" for end in self.range)
        if self.bands is not None:
            said["bands"] = ",".join(str(band) for band in self.bands)
        for name, default in (("pages", FIRST), ("alpha", "drop"), ("exif", "ignore")):
            if (value := getattr(self, name)) != default:
                said[name] = str(value)
        return said


AS_LOADERS = Reading()
# What versions before these options did, for runs that they recorded.
BEFORE_OPTIONS = Reading(range="full", alpha="white", exif="apply")
OPTIONS = tuple(field.name for field in fields(Reading))


def reading_from(
    *, range: str | None = None, bands: str | None = None, pages: str | None = None, alpha: str | None = None,
    exif: str | None = None,
) -> Reading:  # fmt: skip
    """The options' texts (None and empty: not said) as a `Reading`.

    Raises:
        DataError: the first option that says nothing usable, with an example.
    """
    return Reading(
        range=_range(range) if range else None,
        bands=_bands(bands) if bands else None,
        pages=_pages(pages) if pages else "first",
        alpha=_one_of("alpha", alpha, ("drop", "white", "black")) if alpha else "drop",  # type: ignore[arg-type]
        exif=_one_of("exif", exif, ("ignore", "apply")) if exif else "ignore",  # type: ignore[arg-type]
    )


def _range(text: str) -> Range | Literal["full"]:
    if text.strip() == FULL:
        return "full"
    low, _, high = text.partition(":")
    try:
        ends = float(low), float(high)
    except ValueError:
        ends = (0.0, 0.0)
    if not (math.isfinite(ends[0]) and math.isfinite(ends[1]) and ends[0] < ends[1]):
        raise DataError(
            f"--range takes LOW:HIGH with LOW below HIGH, such as 0:4095, or full; not {shortened(text, 40)}"
        )
    return ends


def _bands(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"[1-9][0-9]{0,4}", part) for part in parts):
        raise DataError(f"--bands takes one-based numbers with commas, such as 4,3,2; not {shortened(text, 40)}")
    return tuple(int(part) for part in parts)


def _pages(text: str) -> Literal["first", "all", "bands"] | int:
    word = text.strip()
    if word == FIRST:
        return "first"
    if word == ALL:
        return "all"
    if word == AS_BANDS:
        return "bands"
    if re.fullmatch(r"[1-9][0-9]{0,6}", word):
        return int(word)
    raise DataError(
        f"--pages takes first, all, bands (pages are bands of one image) or the number of a page; "
        f"not {shortened(text, 40)}"
    )


def _one_of(option: str, text: str, allowed: tuple[str, ...]) -> str:
    if text.strip() not in allowed:
        raise DataError(f"--{option} takes {' or '.join(allowed)}; not {shortened(text, 40)}")
    return text.strip()


# Ranges that data of more than 8 bits usually have: 8 to 16 bits, reflectance × 10,000, Hounsfield units.
_WHOLE = ((0, 255), (0, 1023), (0, 4095), (0, 10_000), (0, 16_383), (0, 65_535), (-1024, 3071))
_REAL = ((0.0, 1.0), (-1.0, 1.0), *_WHOLE)
USUAL = frozenset((float(low), float(high)) for low, high in _REAL)
# A range of which less than this is filled is not the one the data were made for.
_FILLED = 0.25


def usual_range(low: float, high: float, *, whole: bool) -> Range:
    """The range that a whole set of images with values `low … high` is read by.

    The first of 0…255, 1023, 4095, 10000, 16383, 65535 and -1024…3071 (before them 0…1 and -1…1 for floating point)
    that holds all values and of which they fill at least a quarter; else low … high. Over the set, never per image:
    otherwise exposure would be equalised, and with it what tells images apart.

    Args:
        low, high: smallest and largest value of the set, finite.
        whole: whether the values are integers.
    """
    for candidate in _WHOLE if whole else _REAL:
        if candidate[0] <= low and high <= candidate[1] and high - low >= _FILLED * (candidate[1] - candidate[0]):
            return float(candidate[0]), float(candidate[1])
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1.0)
