"""Where the rows of a log stand on the axis of the checkpoints: their epochs, else their steps, else nowhere.

A step is an epoch through the checkpoints' own (epoch, step) pairs. A log that goes far past them, or ends long before
them, counts something else or is of another run: it keeps an axis of its own, in its own unit, and a note says so.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from swaveval.results.loss import LossAxis
from swaveval.runs.loss_fit import Moment, fits
from swaveval.runs.loss_rows import Row


def placed(rows: Sequence[Row], moments: Sequence[Moment]) -> tuple[list[float], LossAxis, str]:
    """Position of each row, what the positions count, and a note where it must be known.

    An epoch that is no finite number is none.
    """
    rows = [row if row.epoch is None or math.isfinite(row.epoch) else replace(row, epoch=None) for row in rows]
    epochs = [epoch for epoch, _ in moments if epoch is not None]
    steps = [step for _, step in moments if step is not None]
    pairs = _pairs(moments)
    said = all(row.finished for row in rows) and (epochs or not moments)
    if said and (finished := _finished(rows)) is not None:
        return finished, "epoch", ""
    fractional = _fractional(rows)
    if fractional is not None:
        return _checked(fractional, epochs, rows)
    counted = _steps(rows)
    if counted is not None and pairs is not None and fits(max(counted), steps, epoch=pairs[1][-1] / pairs[0][-1]):
        # Between and beyond the checkpoints at their mean pace.
        return _mapped(counted, pairs), "epoch", ""
    if counted is not None and epochs and _as_epochs(counted, max(epochs)):
        counts = [replace(row, epoch=float(step)) for row, step in zip(rows, counted, strict=True)]
        note = "its steps are taken for epochs, as there are as many of them as the checkpoints have epochs"
        return _whole(counts, max(epochs)) or [], "epoch", note
    whole = _whole(rows, max(epochs) if epochs else None)
    if whole is not None and (not moments or epochs):
        return _checked(whole, epochs, rows)
    if counted is None and whole is not None:
        return _as_rows(rows, "it counts epochs and the checkpoints state none")
    if counted is None:
        return _unplaced(rows, max(epochs, default=0.0))
    if not steps and not epochs:
        return counted, "step", "it names no epochs"
    if steps and not fits(max(counted), steps):
        ends = f"its steps go to {max(counted):g}, the checkpoints' to {max(steps)}"
        return _as_rows(rows, f"{ends}: it counts something else or is of another run")
    return counted, "step", "" if steps else "it counts steps, and the checkpoints do not say which epochs those are in"


def _checked(positions: list[float], known: Sequence[float], rows: Sequence[Row]) -> tuple[list[float], LossAxis, str]:
    """Epochs, unless they cannot be those of the checkpoints."""
    last = max(known, default=0.0)
    end = max(positions)
    if last <= 0 or fits(end, known, epoch=1.0):
        ends = f"it ends at epoch {end:g}, the checkpoints at {last:g}"
        return positions, "epoch", ends if last > 0 and end < 0.9 * last - 1 else ""
    ends = f"its epochs go to {end:g}, the checkpoints' to {last:g}"
    return _as_rows(rows, f"{ends}: it is of another run, or of a part of this one")


def _as_rows(rows: Sequence[Row], note: str) -> tuple[list[float], LossAxis, str]:
    return [float(place) for place in range(1, len(rows) + 1)], "row", note


def _unplaced(rows: Sequence[Row], last: float) -> tuple[list[float], LossAxis, str]:
    """Rows of which not each says where it stands: one an epoch where there are so many, else by their number."""
    known = sum(row.epoch is not None or row.step is not None for row in rows)
    if not known and len(rows) == last:
        note = "it names neither epochs nor steps, and has as many rows as the checkpoints have epochs: one each"
        return [float(place) for place in range(1, len(rows) + 1)], "epoch", note
    if not known:
        return _as_rows(rows, "it names neither epochs nor steps")
    if known < len(rows):
        return _as_rows(rows, f"{known:,} of its {len(rows):,} rows name an epoch or a step")
    steps = {row.step for row in rows}
    if None in steps:
        return _as_rows(rows, "some of its rows name an epoch and others a step")
    if len(steps) == 1:
        return _as_rows(rows, f"it names no epochs, and the same step in every row ({steps.pop()})")
    return _as_rows(rows, "it names no epochs, and its steps fall back: they are no place in a training")


def _pairs(moments: Sequence[Moment]) -> tuple[list[float], list[float]] | None:
    """(epochs, steps) of the checkpoints from the start on, where both grow together; None where they do not."""
    known = sorted({(epoch, float(step)) for epoch, step in moments if epoch is not None and step is not None})
    # Of two in one epoch the earlier is at its end, the later in the middle of the next.
    first = {epoch: step for epoch, step in reversed(known) if step > 0 and epoch > 0}
    known = [(0.0, 0.0), *sorted(first.items())]
    if len(known) < 2 or any(b[0] <= a[0] or b[1] <= a[1] for a, b in pairwise(known)):
        return None
    return [epoch for epoch, _ in known], [step for _, step in known]


def _as_epochs(steps: Sequence[float], last: float) -> bool:
    """Whether there is one step an epoch, as in `log_metric("loss", …, step=epoch)`, from 0 or from 1."""
    ordered = list(steps)
    count = len(ordered)
    return count > 1 and any(ordered == [*range(first, first + count)] and count == last for first in (0, 1))


def _mapped(steps: Sequence[float], pairs: tuple[list[float], list[float]]) -> list[float]:
    epochs, at = pairs
    pace = epochs[-1] / at[-1]
    inner = np.interp(np.asarray(steps), at, epochs)
    return [float(e + max(0.0, s - at[-1]) * pace) for e, s in zip(inner, steps, strict=True)]


def _steps(rows: Sequence[Row]) -> list[float] | None:
    """Steps that grow over the log; a counter that begins anew in every epoch is none."""
    steps = [row.step for row in rows]
    known = [float(step) for step in steps if step is not None]
    if len(known) < len(steps) or len(set(known)) < 2:
        return None
    falls = [a - b for a, b in pairwise(known) if b < a]
    # One that falls back to its start is drawn twice over the same stretch, however rarely it does.
    return known if len(falls) <= 0.02 * len(known) and max(falls, default=0) < 0.5 * max(known) else None


def _fractional(rows: Sequence[Row]) -> list[float] | None:
    known = [row.epoch for row in rows if row.epoch is not None]
    return known if len(known) == len(rows) and any(epoch != int(epoch) for epoch in known) else None


def _finished(rows: Sequence[Row]) -> list[float] | None:
    """Where each row says that it stands, of a log of finished epochs.

    Of several rows of one epoch the first is at its end, the others are within the next.
    """
    known = [row.epoch for row in rows if row.epoch is not None]
    if len(known) < len(rows):
        return None
    counts = _counts(known)
    ordered = list(counts)
    lengths = [min(1.0, b - a) for a, b in pairwise(ordered)] or [1.0]
    until = dict(zip(ordered, [*lengths, lengths[-1]], strict=False))
    seen: dict[float, int] = {}
    found: list[float] = []
    for epoch in known:
        found.append(epoch + until[epoch] * seen.get(epoch, 0) / counts[epoch])
        seen[epoch] = seen.get(epoch, 0) + 1
    return found


def _counts(epochs: Sequence[float]) -> dict[float, int]:
    """How many rows an epoch has. The last may be unfinished: it is given as many as the one before."""
    counts = dict(sorted(Counter(epochs).items()))
    if len(counts) > 1:
        before, last = list(counts)[-2:]
        counts[last] = max(counts[last], counts[before])
    return counts


def _whole(rows: Sequence[Row], last: float | None) -> list[float] | None:
    """Finished epochs at each row of a log of whole epochs.

    Most loops count the epoch in progress from 0, so the i-th of m rows of epoch e stands at e + i/m. Where they count
    from 1, that is e - 1 + i/m: so where the log begins at 1, unless the checkpoints end one epoch after it.
    """
    known = [row.epoch for row in rows if row.epoch is not None]
    if len(known) < len(rows):
        return None
    counts = _counts(known)
    from_one = min(counts) >= 1 and (last is None or max(counts) != last - 1)
    seen: dict[float, int] = {}
    finished: list[float] = []
    for epoch in known:
        seen[epoch] = seen.get(epoch, 0) + 1
        finished.append(epoch - from_one + seen[epoch] / counts[epoch])
    return finished
