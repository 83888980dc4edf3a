"""Many small pictures as one: a sheet of tiles, as large as its share of the page allows."""

import base64
import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray[Any, np.dtype[Any]]

SIDES = (96, 80, 64, 56, 48, 40, 32, 28, 24, 20, 16)
GOOD, ROUGH = 66, 42


@dataclass(frozen=True)
class Sheet:
    """One picture holding many.

    Attributes:
        uri: the sheet as a data address. side: pixels of one square tile. columns: tiles in a row.
        images: positions in the ImageSet, in tile order.
    """

    uri: str
    side: int
    columns: int
    images: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "side": self.side,
            "columns": self.columns,
            "rows": math.ceil(len(self.images) / self.columns),
            "images": list(self.images),
        }


def sheet(thumbnails: Array, images: Array, *, budget_bytes: int, largest: int = 96) -> Sheet:
    """The largest and best-looking sheet that fits.

    Args:
        thumbnails: uint8, shape `(m, h, w, 3)`.
        images: shape `(m,)`, the ImageSet position of each.
        budget_bytes: of the compressed sheet; the smallest tiles are taken even where they pass it.
        largest: no tile is larger than this many pixels, nor than the thumbnails are.
    """
    limit = min(largest, max(thumbnails.shape[1:3]))
    sides = sorted({limit, *(side for side in SIDES if side < limit)}, reverse=True)
    columns = max(1, math.ceil(math.sqrt(len(thumbnails))))
    place = 0
    while True:
        tiled = _tile(thumbnails, sides[place], columns)
        encoded = _webp(tiled, GOOD)
        if len(encoded) > budget_bytes and (len(encoded) <= 1.5 * budget_bytes or place == len(sides) - 1):
            encoded = _webp(tiled, ROUGH)
        if len(encoded) <= budget_bytes or place == len(sides) - 1:
            return Sheet(_uri(encoded), sides[place], columns, tuple(int(i) for i in images))
        # Bytes go with the area: jump to the side that should fit, rather than try all of them.
        wanted = sides[place] * math.sqrt(1.4 * budget_bytes / len(encoded))
        place = next((i for i in range(place + 1, len(sides)) if sides[i] <= wanted), len(sides) - 1)


def _tile(thumbnails: Array, side: int, columns: int) -> Image.Image:
    canvas = Image.new("RGB", (columns * side, math.ceil(len(thumbnails) / columns) * side), (128, 128, 128))
    for position, pixels in enumerate(thumbnails):
        picture = Image.fromarray(np.ascontiguousarray(pixels))
        if picture.size != (side, side):
            # Digits and other tiny pictures keep their pixels; photographs are smoothed.
            smooth = Image.Resampling.NEAREST if side > max(picture.size) else Image.Resampling.LANCZOS
            scale = side / max(picture.size)
            picture = picture.resize(
                (max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), smooth
            )
        left, top = (side - picture.width) // 2, (side - picture.height) // 2
        canvas.paste(picture, (position % columns * side + left, position // columns * side + top))
    return canvas


def _webp(picture: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=2)
    return buffer.getvalue()


def _uri(encoded: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(encoded).decode("ascii")
