"""Logs of a run that was resumed in another directory (`version_0/metrics.csv`, `version_1/metrics.csv`) as one."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

from swaveval.runs.loss_rows import Row

# A part may begin so many rows after the last one of the part before it: what was not logged between them.
_GAP_ROWS = 3


def joined(logs: Sequence[tuple[list[Row], Path]]) -> tuple[list[Row], tuple[Path, ...]]:
    """The rows of logs that go on where another ends, in order, and whose they are; nothing where none does.

    Where a part goes back to before the end of the one before it, the training had gone back to a checkpoint: the
    rows it did again replace the earlier ones.
    """
    measured = [(places, rows, path) for rows, path in logs if (places := _places(rows)) is not None]
    measured.sort(key=lambda part: part[0][0])
    for start, (places, rows, path) in enumerate(measured):
        parts, whole, at = [path], list(rows), list(places)
        for later, more, other in measured[start + 1 :]:
            gap = _GAP_ROWS * max(_pace(places), _pace(later))
            if later[0] > at[0] + _pace(places) and later[0] <= at[-1] + gap and later[-1] > at[-1]:
                kept = sum(place < later[0] for place in at)
                whole, at = [*whole[:kept], *more], [*at[:kept], *later]
                parts.append(other)
        if len(parts) > 1:
            return whole, tuple(parts)
    return [], ()


def _places(rows: Sequence[Row]) -> list[float] | None:
    """Steps, else epochs, where they never fall."""
    for places in ([row.step for row in rows], [row.epoch for row in rows]):
        known = [float(place) for place in places if place is not None]
        if len(known) == len(rows) > 1 and known[-1] > known[0] and all(b >= a for a, b in pairwise(known)):
            return known
    return None


def _pace(places: Sequence[float]) -> float:
    return median([b - a for a, b in pairwise(places) if b > a])
