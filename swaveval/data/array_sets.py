"""Arrays of two axes that are no pictures but tables: features, flattened pictures. Told over the set, never per file.

One file of N×D looks like one grey picture, and a set of a few of them like a few pictures. What gives them away is
that tables share their columns and not their rows, are far longer than wide, or have the columns of a flattened square.
"""

import math
from collections.abc import Sequence

from swaveval.data.errors import DataError
from swaveval.data.facts import ImageFacts
from swaveval.text import counted, shortened

FORMAT = "NumPy"
# A set of fewer pictures says nothing anyway, so that a wrong refusal costs little and a table read as pictures a lot.
_FEW = 30
_LONG = 8
_SMALLEST_SIDE = 8


def flattened(columns: int) -> tuple[int, int] | None:
    """(side, channels) of the square pictures whose values a row of so many columns may be: 3072 → (32, 3)."""
    for channels in (3, 1):
        side = math.isqrt(columns // channels)
        if side >= _SMALLEST_SIDE and channels * side * side == columns:
            return side, channels
    return None


def table_advice(columns: int) -> str:
    """What to do with an N×D array."""
    found = flattened(columns)
    if found is None:
        return "features have no pixels: give the images that they were made from"
    side, channels = found
    shape, first = (f"{side}, {side}, 3", f"3, {side}, {side}") if channels == 3 else (f"{side}, {side}", "")
    apart = f", or .reshape({first}).transpose(1, 2, 0) where channels come first" if first else ""
    return (
        f"if its rows are pictures ({columns:,} = {side}×{side}" + ("×3" if channels == 3 else "") + "), write each as "
        f"PNG: Image.fromarray(row.reshape({shape})).save(f'{{number}}.png') in uint8{apart}; if they are features, "
        "give the images that they were made from"
    )


def check_tables(files: Sequence[str], facts: Sequence[ImageFacts | None]) -> tuple[str, ...]:
    """A note where the pictures of a set may be tables.

    Args:
        files: printable names of the usable images. facts: of each, None where it is from no file.

    Raises:
        DataError: they are few and look like tables; or there is one.
    """
    flat = [one for one in facts if one is not None and one.format == FORMAT and one.bands == 1 and one.pages == 1]
    if not flat or len(flat) < len(files):
        return ()
    example = flat[0]
    size = f"{example.height:,}×{example.width:,}"
    like = _like_tables(flat)
    if len(flat) < _FEW and (like or len(flat) == 1):
        many = f"each of the {len(flat)} arrays" if len(flat) > 1 else "the one array"
        raise DataError(
            f"{many} there would be one grey picture (first: {shortened(files[0], 80)}, {size}): "
            f"{table_advice(example.width)}; if each is a picture, write it as PNG, or as TIFF where it is no uint8"
        )
    if like or len(flat) < _FEW:
        return (
            f"Each of {counted(len(flat), 'array')} (first: {shortened(files[0], 80)}, {size}) was read as one grey "
            "picture; rows of features or of flattened pictures would have to be written as pictures first.",
        )
    return ()


def _like_tables(flat: Sequence[ImageFacts]) -> bool:
    widths, heights = {one.width for one in flat}, {one.height for one in flat}
    one_width = len(widths) == 1
    return (
        (one_width and len(heights) > 1)
        or any(one.height >= _LONG * one.width for one in flat)
        or (one_width and flattened(next(iter(widths))) is not None and widths != heights and min(heights) > _FEW)
    )
