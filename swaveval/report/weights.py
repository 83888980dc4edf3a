"""How far each layer moved, and what a checkpoint file's bytes are for."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from swaveval.report import wording
from swaveval.report.cards import sizes
from swaveval.report.contents import Contents
from swaveval.report.kinds import LAYERS

MOST_LAYERS = 240


DRIFTS = (
    ("from_first", "since the first checkpoint", "Distance from the first checkpoint over the size of the layer"),
    ("relative_l2", "since the checkpoint before", "Distance from the checkpoint before over the size of the layer"),
)


def drift(contents: Contents) -> dict[str, Any] | None:
    """The heat maps' numbers: how far each layer moved, relative to its size; None without them."""
    arrays = contents.shared.get(LAYERS)
    if arrays is None:
        return None
    kinds = [
        (title, said, arrays[name].astype(np.float64))
        for name, title, said in DRIFTS
        if name in arrays and arrays[name].size
    ]
    if not kinds:
        return None
    names = arrays["names"]
    count, steps = kinds[0][2].shape
    rows = np.arange(count)
    if count > MOST_LAYERS:
        rows = np.unique(np.linspace(0, count - 1, MOST_LAYERS).astype(int))
    labels = list(contents.labels) if steps == len(contents.labels) else [f"column {i + 1}" for i in range(steps)]
    return {
        "kinds": [{"title": title, "said": said, "values": np.round(values[rows], 4)} for title, said, values in kinds],
        "names": [wording.clipped(names[row], 80) for row in rows],
        "labels": labels,
        "left_out": count - len(rows),
        "still": _never_moved(arrays),
    }


def _never_moved(arrays: Any) -> list[str]:
    """Layers that are bit by bit what they were at the first checkpoint: frozen on purpose, or cut off by mistake."""
    if "from_first" not in arrays or arrays["from_first"].shape[1] < 2:
        return []
    still = np.flatnonzero((arrays["from_first"] == 0).all(axis=1))
    return [wording.clipped(arrays["names"][row], 60) for row in still]


@dataclass(frozen=True)
class Part:
    """One part of a checkpoint file: its name, size in words, and share in percent."""

    name: str
    size: str
    share: float


def anatomy(contents: Contents) -> tuple[str, tuple[Part, ...], str]:
    """Size of the newest file in words, its parts, and a sentence on the series; empty where sizes are unknown."""
    if not contents.points:
        return "", (), ""
    parts = sizes(contents.points[-1].record.load)
    total = sum(value for _, value in parts)
    if not total:
        return "", (), ""
    totals = {sum(value for _, value in sizes(point.record.load)) for point in contents.points} - {0}
    alike = max(totals) - min(totals) <= 0.01 * max(totals)
    said = (
        "All files have the same size because the shapes of the weights never change: size says nothing about learning."
        if alike and len(contents.points) > 1
        else f"Files range from {wording.number(min(totals), 'bytes')} to {wording.number(max(totals), 'bytes')}."
        if len(totals) > 1
        else ""
    )
    return (
        wording.number(total, "bytes"),
        tuple(Part(name, wording.number(value, "bytes"), round(100 * value / total, 2)) for name, value in parts),
        said,
    )
