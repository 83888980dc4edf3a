"""Pictures: fixed query images with their nearest neighbours, and the most typical images of each group."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from swaveval.report import wording
from swaveval.report.contents import Array, Contents
from swaveval.report.kinds import IMAGES
from swaveval.report.map import image_labels

GROUPS = 36
TYPICAL = 8
QUERIES = 12
NEIGHBOURS = 8


@dataclass(frozen=True)
class Galleries:
    """What the picture sections show.

    Attributes:
        neighbours: checkpoint position to (query, neighbours, similarity). typical: likewise, a list of groups.
        shown: checkpoint positions of the first, middle and last gallery. images: every ImageSet position in use.
        agreement: checkpoint position to the share of neighbours of the query's class, empty without labels.
    """

    neighbours: dict[int, dict[str, Any]] = field(default_factory=dict)
    typical: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    shown: tuple[int, ...] = ()
    images: tuple[int, ...] = ()
    agreement: dict[int, float] = field(default_factory=dict)

    def to_json(self, contents: Contents) -> dict[str, Any]:
        labels = image_labels(contents, np.asarray(self.images, dtype=np.int64))
        return {
            "neighbours": self.neighbours,
            "typical": self.typical,
            "shown": list(self.shown),
            "images": list(self.images),
            "labels": None if labels is None else labels,
        }


def galleries(contents: Contents) -> Galleries:
    """Neighbours at every checkpoint; typical images at the first, middle, best and last only."""
    queries, neighbours = _queries(contents)
    groups: dict[int, list[dict[str, Any]]] = {}
    for name in contents.of_kind("typical"):
        typical = contents.frames(name)
        for i in dict.fromkeys((*spread(typical), *((contents.best,) if contents.best in typical else ()))):
            arrays = None if i is None else contents.artifacts[name][i]
            if i is not None and arrays is not None:
                groups.setdefault(i, []).extend(_typical(arrays))
    images = {
        int(i)
        for rows in neighbours.values()
        for i in (*rows["query"], *(n for row in rows["neighbours"] for n in row))
    }
    images |= {int(i) for rows in groups.values() for row in rows for i in row["images"]}
    return Galleries(
        neighbours=neighbours,
        typical=dict(sorted(groups.items())),
        shown=spread(queries),
        images=tuple(sorted(images)),
        agreement=_agreement(contents, neighbours),
    )


def _queries(contents: Contents) -> tuple[tuple[int, ...], dict[int, dict[str, Any]]]:
    """The checkpoints of the first gallery of neighbours, and its rows at each."""
    for name in contents.of_kind("queries"):
        frames = contents.frames(name)
        found = {i: _neighbours(arrays) for i in frames if (arrays := contents.artifacts[name][i]) is not None}
        if found:
            return frames, found
    return (), {}


def spread(frames: tuple[int, ...]) -> tuple[int, ...]:
    """The first, the middle and the last, without repeats."""
    return tuple(dict.fromkeys((frames[0], frames[len(frames) // 2], frames[-1]))) if frames else ()


def thumbnails(contents: Contents, images: tuple[int, ...]) -> tuple[Array, Array] | None:
    """Thumbnails of those of `images` that are stored, uint8 `(m, h, w, 3)`, and their positions."""
    arrays = contents.shared.get(IMAGES)
    if arrays is None or "thumbnails" not in arrays or arrays["thumbnails"].ndim != 4 or len(arrays["thumbnails"]) == 0:
        return None
    rows = np.flatnonzero(np.isin(arrays["index"], np.asarray(images, dtype=np.int64)))
    return (arrays["thumbnails"][rows], arrays["index"][rows]) if len(rows) else None


def _neighbours(arrays: Any) -> dict[str, Any]:
    return {
        "query": arrays["query"][:QUERIES].tolist(),
        "neighbours": arrays["neighbours"][:QUERIES, :NEIGHBOURS].tolist(),
        "similarity": np.round(arrays["similarity"][:QUERIES, :NEIGHBOURS].astype(np.float64), 2).tolist(),
    }


def _typical(arrays: Any) -> list[dict[str, Any]]:
    """The first GROUPS groups of each kind; -1 marks an empty place."""
    made: list[dict[str, Any]] = []
    for kind in dict.fromkeys(arrays["kind"].tolist()):
        for row in np.flatnonzero(arrays["kind"] == kind)[:GROUPS]:
            images = [int(i) for i in arrays["images"][row][:TYPICAL] if i >= 0]
            made.append(
                {
                    "kind": wording.clipped(kind, 30) or "cluster",
                    "group": int(arrays["group"][row]),
                    "images": images,
                }
            )
    return made


def _agreement(contents: Contents, neighbours: dict[int, dict[str, Any]]) -> dict[int, float]:
    shares: dict[int, float] = {}
    for position, rows in neighbours.items():
        query = image_labels(contents, np.asarray(rows["query"], dtype=np.int64))
        found = np.asarray(rows["neighbours"], dtype=np.int64)
        near = image_labels(contents, found.ravel()) if found.size else None
        if query is None or near is None:
            continue
        known = (query[:, None] >= 0) & (near.reshape(found.shape) >= 0)
        if known.any():
            shares[position] = float((near.reshape(found.shape) == query[:, None])[known].mean())
    return shares
