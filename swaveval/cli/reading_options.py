"""The options that say how image files become pixels; the same in `run`, `plan`, `pretrain` and `sweep`."""

from dataclasses import dataclass
from typing import Annotated

import typer

PIXELS = "Pixels"

Range = Annotated[
    str | None,
    typer.Option(
        "--range",
        help="LOW:HIGH of images with more than 8 bits that becomes 0…255, e.g. 0:4095; full: of their number type. "
        "Default: a usual range that holds the whole set; the audit says which.",
        rich_help_panel=PIXELS,
    ),
]
Bands = Annotated[
    str | None,
    typer.Option(
        "--bands",
        help="One-based bands in the network's order, e.g. 4,3,2. Default: RGB, or all if the network takes as many.",
        rich_help_panel=PIXELS,
    ),
]
Pages = Annotated[
    str | None,
    typer.Option(
        "--pages",
        help="Of TIFF, GIF … with several: first (default), all (each an image), a number, or bands (stacked).",
        rich_help_panel=PIXELS,
    ),
]
Alpha = Annotated[
    str | None,
    typer.Option(
        "--alpha",
        help="Transparency: drop (default, as training loaders do), white or black.",
        rich_help_panel=PIXELS,
    ),
]
Exif = Annotated[
    str | None,
    typer.Option(
        "--exif",
        help="Orientation tag of photos: ignore (default, as training loaders do) or apply.",
        rich_help_panel=PIXELS,
    ),
]


def said(
    range: str | None, bands: str | None, pages: str | None, alpha: str | None, exif: str | None
) -> dict[str, str]:
    """The options that were given, under the names of `Reading`."""
    given = {"range": range, "bands": bands, "pages": pages, "alpha": alpha, "exif": exif}
    return {name: text for name, text in given.items() if text}


@dataclass(frozen=True)
class Pixels:
    """The five of them."""

    range: Range = None
    bands: Bands = None
    pages: Pages = None
    alpha: Alpha = None
    exif: Exif = None

    def said(self) -> dict[str, str]:
        """The options that were given, under the names of `Reading`."""
        return said(self.range, self.bands, self.pages, self.alpha, self.exif)
