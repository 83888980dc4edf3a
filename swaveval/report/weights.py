"""How far each layer moved, and what a checkpoint file's bytes are for."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from swaveval.report import wording
from swaveval.report.cards import sizes
from swaveval.report.contents import Contents

MOST_LAYERS = 240


def drift(contents: Contents) -> dict[str, Any] | None:
    """The heat map's numbers: relative distance of each layer from the first checkpoint; None without them."""
    arrays = contents.shared.get("drift.layers")
    if arrays is None or "relative_l2" not in arrays or arrays["relative_l2"].size == 0:
        return None
    values, names = arrays["relative_l2"].astype(np.float64), arrays["names"]
    rows = np.arange(len(values))
    if len(rows) > MOST_LAYERS:
        rows = np.unique(np.linspace(0, len(values) - 1, MOST_LAYERS).astype(int))
    steps = values.shape[1]
    labels = list(contents.labels) if steps == len(contents.labels) else [f"column {i + 1}" for i in range(steps)]
    return {
        "values": np.round(values[rows], 3),
        "names": [wording.clipped(names[row], 80) for row in rows],
        "labels": labels,
        "left_out": len(values) - len(rows),
    }


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
    return wording.number(total, "bytes"), tuple(Part(name, wording.number(value, "bytes"), round(100 * value / total, 2)) for name, value in parts), said
