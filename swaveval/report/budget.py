"""What may be thinned to keep a page small: pictures, maps and confusion matrices."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from swaveval.report import confusion as matrices
from swaveval.report.contents import Array, Contents
from swaveval.report.galleries import Galleries, thumbnails
from swaveval.report.map import FeatureMap
from swaveval.report.sprites import sheet


@dataclass(frozen=True)
class Budget:
    """Bytes, points and frames that each kind of content may take."""

    pictures: int
    gallery: int
    points: int
    frames: int
    confusion: int


BUDGETS = (
    Budget(600_000, 240_000, 4000, 600, 250_000),
    Budget(260_000, 110_000, 2000, 200, 160_000),
    Budget(200_000, 100_000, 1500, 60, 100_000),
    Budget(110_000, 70_000, 1000, 24, 60_000),
    Budget(40_000, 30_000, 500, 12, 30_000),
)


@dataclass(frozen=True)
class Thinned:
    """The content of a page at one budget.

    Attributes:
        blobs: name to text. data: what the page's script needs to know of them. sheets: name to picture address.
        confusions: the matrices. map: the map, if any. notes: a sentence for everything that was left out.
    """

    blobs: dict[str, str] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    sheets: dict[str, str] = field(default_factory=dict)
    confusions: tuple[matrices.Confusion, ...] = ()
    map: FeatureMap | None = None
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Characters, which are bytes: all of it is ASCII."""
        return sum(map(len, (*self.blobs.values(), *self.sheets.values())))


def thinnings(contents: Contents, full: FeatureMap | None, pictures: Galleries, *, images: bool) -> Iterator[Thinned]:
    """The content at every budget, from generous to frugal."""
    for budget in BUDGETS:
        notes: list[str] = []
        drawn = None
        if full is not None:
            drawn = full.thinned(points=budget.points, frames=_spread(full.frames, budget.frames, contents.best))
            if len(drawn.images) < len(full.images) or len(drawn.frames) < len(full.frames):
                notes.append(
                    f"The map shows {len(drawn.images):,} of {len(full.images):,} images at {len(drawn.frames)} of "
                    f"{len(full.frames)} checkpoints."
                )
        confused, left_out = matrices.confusions(contents, budget_bytes=budget.confusion)
        if left_out:
            notes.append(f"Confusion matrices of {max(len(m.frames) for m in confused)} checkpoints are kept.")
        sheets = _sheets(contents, pictures, None if drawn is None else drawn.images, budget) if images else {}
        yield Thinned(
            blobs=({} if drawn is None else drawn.blobs()) | {f"confusion-{m.name}": m.packed() for m in confused},
            data=({} if drawn is None else {"map": drawn.about(contents)})
            | {
                "confusion": [m.about() for m in confused],
                "sheets": {name: about for name, (about, _) in sheets.items()},
            },
            sheets={name: uri for name, (_, uri) in sheets.items()},
            confusions=confused,
            map=drawn,
            notes=tuple(notes),
        )


def _spread(frames: tuple[int, ...], most: int, best: int | None) -> tuple[int, ...]:
    """At most about `most` frames, evenly chosen, the best one among them."""
    if len(frames) <= most:
        return frames
    chosen = {frames[i] for i in np.linspace(0, len(frames) - 1, most).astype(int)}
    return tuple(sorted(chosen | ({best} & set(frames) if best is not None else set())))


def _sheets(
    contents: Contents, pictures: Galleries, on_map: Array | None, budget: Budget
) -> dict[str, tuple[dict[str, Any], str]]:
    """Two sheets: small tiles for every image on the map, larger ones for the galleries."""
    made = {}
    shown = () if on_map is None else tuple(int(i) for i in on_map)
    for name, images, allowed, largest in (
        ("gallery", pictures.images, budget.gallery, 80),
        ("map", shown, budget.pictures, 48),
    ):
        found = thumbnails(contents, images)
        if found is not None:
            drawn = sheet(*found, budget_bytes=allowed, largest=largest)
            made[name] = (drawn.to_json(), drawn.uri)
    return made
