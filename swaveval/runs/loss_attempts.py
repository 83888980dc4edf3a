"""A log that was written to more than once: by a training that went back to a checkpoint, or by one after the other.

Programs open their logs to append. Where the places in a log fall back to a later one than its first, the training went
back to a checkpoint: the rows that it did again replace the earlier ones. Where they fall back to the first, another
attempt begins (or an evaluation that trains something else): the last that reaches the checkpoints' end counts.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from swaveval.runs.loss_fit import LONGEST, Moment
from swaveval.runs.loss_rows import Row

Place = tuple[float, float]

# More falls than this share of the rows are lines of several processes, mixed.
_MOST_FALLS = 0.2
# Epochs, and the share of them with one number of rows, from which more rows are of an epoch that was done twice.
_FEW, _ALL_ALIKE = 4, 0.85
# The first losses of two attempts at one training are no further apart than this ratio.
_ALIKE = 0.6
# A counter that never gets further than its first stretch, by this share, may begin anew in each epoch.
_FURTHER = 1.1


@dataclass(slots=True)
class _Attempt:
    """Positions of the rows that count, where each attempt began, and from where to where it was done again."""

    began: int
    rows: list[int]
    again: list[tuple[int, int]] = field(default_factory=list)


def settled(rows: Sequence[Row], moments: Sequence[Moment]) -> tuple[list[Row], str]:
    """The rows that count, in order, and a note where others were left out."""
    places = _places(rows)
    starts = _starts(places)
    if not 1 < len(starts) <= 1 + max(1, _MOST_FALLS * len(rows)):
        return list(rows), ""
    if _only_counts(rows, places, starts) and not _confirmed(places, starts, moments):
        return list(rows), ""
    return _chosen(rows, places, _versions(places, starts), moments)


def _places(rows: Sequence[Row]) -> list[Place]:
    """(epoch, step) of each row, 0 for what not every row states; nothing where that is both."""
    epochs = [row.epoch for row in rows if row.epoch is not None and math.isfinite(row.epoch)]
    steps = [row.step for row in rows if row.step is not None]
    if len(epochs) < len(rows) and len(steps) < len(rows):
        return []
    by_epoch = epochs if len(epochs) == len(rows) else [0.0] * len(rows)
    by_step = steps if len(steps) == len(rows) else [0] * len(rows)
    return [(epoch, float(step)) for epoch, step in zip(by_epoch, by_step, strict=True)]


def _starts(places: Sequence[Place]) -> list[int]:
    """Where the log goes back; nothing where it has no places."""
    if not places:
        return []
    seen: set[Place] = set()
    found = {0, *_again(places)}
    for i, place in enumerate(places):
        # A line that was late by one, as of another process, is none that was done again.
        late = place not in seen and (i < 2 or places[i - 2] < place)
        if i and place < places[i - 1] and not late:
            found.add(i)
        seen.add(place)
    return sorted(found)


def _again(places: Sequence[Place]) -> list[int]:
    """Where rows of the same place are those of another pass: there are more of them than places have otherwise."""
    bounds = [0, *(i for i in range(1, len(places)) if places[i] != places[i - 1]), len(places)]
    lengths = [b - a for a, b in pairwise(bounds)]
    usual, count = Counter(lengths).most_common(1)[0]
    if len(lengths) < _FEW or count < _ALL_ALIKE * len(lengths):
        return []
    return [end - usual for end, length in zip(bounds[1:], lengths, strict=True) if length >= 1.5 * usual]


def _only_counts(rows: Sequence[Row], places: Sequence[Place], starts: Sequence[int]) -> bool:
    """Whether nothing but a step is stated, which gets no further from stretch to stretch."""
    if any(epoch for epoch, _ in places) or all(row.epoch is not None for row in rows):
        return False
    ends = [places[end - 1] for end in (*starts[1:], len(places))]
    return max(ends)[1] <= _FURTHER * ends[0][1]


def _confirmed(places: Sequence[Place], starts: Sequence[int], moments: Sequence[Moment]) -> bool:
    """Whether the checkpoints' own steps, or epochs, go as far as these do."""
    end = max(places)[1]
    last = max((step for _, step in moments if step is not None), default=0)
    epochs = max((epoch for epoch, _ in moments if epoch is not None), default=0.0)
    longest = max(b - a for a, b in pairwise([*starts, len(places)]))
    # Half of the last step is a counter within each of two epochs.
    return 0.9 * last <= end <= LONGEST * last if last else longest == epochs and len(starts) <= _FEW


def _versions(places: Sequence[Place], starts: Sequence[int]) -> list[_Attempt]:
    """What stood in the log after each stretch of it, in the order of writing."""
    versions: list[_Attempt] = []
    for start, end in pairwise([*starts, len(places)]):
        stretch = list(range(start, end))
        if not versions or places[start] <= places[versions[-1].rows[0]]:
            versions.append(_Attempt(start, stretch))
            continue
        before = versions[-1]
        if end == len(places) and len(stretch) == 1 and places[start] < places[before.rows[-1]]:
            continue  # `best epoch: 10, loss: 5.1`
        kept = [at for at in before.rows if places[at] < places[start]]
        again = (start, before.rows[-1])
        versions.append(_Attempt(before.began, kept + stretch, [*before.again, again]))
    return versions


def _chosen(
    rows: Sequence[Row], places: Sequence[Place], versions: Sequence[_Attempt], moments: Sequence[Moment]
) -> tuple[list[Row], str]:
    reaching = [version for version in versions if _reaches(places[version.rows[-1]], moments)]
    fitting = reaching or [versions[-1]]
    # What begins at another loss than the first is of something else.
    taken = [version for version in fitting if _alike(rows, version, fitting[0])][-1]
    began = sorted({version.began for version in versions})
    said = [_of_attempts(rows, began, taken.began, fitting[-1].began)] if len(began) > 1 else []
    if taken.again:
        said.append(_of_again(places, taken))
    later = [version for version in versions if version.began == taken.began and len(version.again) > len(taken.again)]
    if later:
        said.append("what it did again later is left out, as it ends long before the checkpoints")
    return [rows[at] for at in taken.rows], "; ".join(said)


def _of_attempts(rows: Sequence[Row], began: Sequence[int], taken: int, fitting: int) -> str:
    """The sentence on several attempts.

    Args:
        began: the row at which each begins. taken: that of the one that is taken. fitting: that of the last that
            reaches the checkpoints' end.
    """
    count = len(began)
    places = " and ".join(f"{at + 1:,}" for at in began[1:4]) + (" …" if count > 4 else "")
    name = "last" if taken == began[-1] else "first" if taken == began[0] else f"one from row {taken + 1:,} on"
    why = ""
    if taken != fitting:
        first, last = rows[taken].loss, rows[fitting].loss
        why = (
            f", as another begins at another loss ({last:.3g} after {first:.3g}) and may be of something else (a "
            "linear evaluation, say)"
        )
    elif taken != began[-1]:
        why = ", as those after it do not end where the checkpoints do"
    return f"it holds {count} attempts (its rows begin anew at row {places}): the {name} is taken{why}"


def _of_again(places: Sequence[Place], taken: _Attempt) -> str:
    parts = []
    for start, end in taken.again[:3]:
        (first, step), (last, until) = places[start], places[end]
        span = f"epochs {first:g} to {last:g}" if (first, last) != (0, 0) else f"steps {step:g} to {until:g}"
        parts.append(span if places[start] != places[end] else span.split(" to ")[0].replace("s ", " "))
    more = f" and {len(taken.again) - 3} more" if len(taken.again) > 3 else ""
    return f"{', '.join(parts)}{more} stand in it twice, as of a training that went back: the later rows count"


def _reaches(end: Place, moments: Sequence[Moment]) -> bool:
    """Whether rows that end there may be those of the checkpoints to the last."""
    epoch, step = end
    last = max((e for e, _ in moments if e is not None), default=0.0)
    steps = max((s for _, s in moments if s is not None), default=0)
    if epoch and last:
        return 0.9 * last - 1 <= epoch + 1 and epoch <= LONGEST * last
    if step and steps and not epoch:
        return 0.9 <= step / steps <= LONGEST
    return True


def _alike(rows: Sequence[Row], one: _Attempt, other: _Attempt) -> bool:
    """Whether two attempts begin at about the same loss."""
    a, b = rows[one.began].loss, rows[other.began].loss
    if not (math.isfinite(a) and math.isfinite(b)) or a == b:
        return True
    return a * b > 0 and _ALIKE <= abs(a) / abs(b) <= 1 / _ALIKE
