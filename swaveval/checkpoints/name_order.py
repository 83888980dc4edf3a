"""The order of files that state neither epoch nor step: by what varies in their names, else by when they were written.

Fields of names are told apart by their variation over the whole directory. What is the same in all (`resnet50`, `224`)
is nothing; decimals are metrics; whole numbers that count regularly, or that grow as the files were written, are
an order; others may be anything (an accuracy in percent) and decide nothing.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Literal

from swaveval.checkpoints.moments import Found
from swaveval.checkpoints.name_dates import sortable

OrderBasis = Literal["epoch", "step", "name", "time", "given", "unknown", ""]

# A copy writes files one after another: what lies no further apart than this many seconds, or than the file takes at
# this many bytes a second, is when they were copied.
COPY_SECONDS = 0.9
COPY_RATE = 20e6


def order_of(found: Sequence[Found]) -> tuple[list[int], OrderBasis, str]:
    """Positions of `found` in the order they were written, what says so, and a sentence where that must be known."""
    positions = list(range(len(found)))
    if len(found) < 2:
        return positions, "", ""
    dates = sortable([entry.reading.moments for entry in found])
    if (
        dates is not None
        and () not in dates
        and len(set(dates)) == len(dates)
        and len({len(date) for date in dates}) == 1
    ):
        return sorted(positions, key=lambda i: dates[i]), "name", ""
    timed = _timed(found)
    columns = _columns(found)
    counting = [column for column in columns if _regular(column)]
    chains = [order for column in counting if (order := _sorted(column)) is not None]
    if chains and all(_agrees(chain, column) for chain in chains[:1] for column in counting):
        return chains[0], "name", ""
    if timed is not None:
        if len(columns) == 1 and (order := _sorted(columns[0])) == timed:
            return timed, "name", ""
        return (
            timed,
            "time",
            (
                "no file and no name states an epoch or step: the order of the checkpoints is that of their "
                "modification times"
            ),
        )
    by_name = _sorted(columns[0]) if len(columns) == 1 else None
    return (
        by_name or positions,
        "unknown",
        (
            "the order of the checkpoints is not known: no file and no name states an epoch or step, and their "
            "modification times are as a copy leaves them; they stand in the order of their names, and nothing about "
            "what rises or falls from one to the next is meant by it"
        ),
    )


def _timed(found: Sequence[Found]) -> list[int] | None:
    """Positions by modification time, or None where times say nothing."""
    known = [entry.modified for entry in found if entry.modified is not None]
    if len(known) < len(found) or len(set(known)) < len(known):
        return None
    order = sorted(range(len(found)), key=lambda i: found[i].modified or 0.0)
    gaps = [b - a for a, b in pairwise(sorted(known))]
    copied = max(COPY_SECONDS, median(entry.size for entry in found) / COPY_RATE)
    return order if median(gaps) > copied else None


def _columns(found: Sequence[Found]) -> list[list[int]]:
    """The numbers of the names that are not the same in all, field by field; none where names have other fields."""
    rows = [entry.reading.numbers for entry in found]
    if len({tuple(label for label, _ in row) for row in rows}) != 1:
        return []
    columns = [list(values) for values in zip(*([value for _, value in row] for row in rows), strict=True)]
    return [column for column in columns if len(set(column)) > 1]


def _sorted(column: Sequence[int]) -> list[int] | None:
    """Positions by a field that no two files share."""
    if len(set(column)) < len(column):
        return None
    return sorted(range(len(column)), key=column.__getitem__)


def _agrees(order: Sequence[int], column: Sequence[int]) -> bool:
    return all(column[a] <= column[b] for a, b in pairwise(order))


def _regular(column: Sequence[int]) -> bool:
    """Whether numbers count from near 0: one distance prevails, or the distances grow (1, 2, 4, 8)."""
    ordered = sorted(set(column))
    gaps = [b - a for a, b in pairwise(ordered)]
    if len(ordered) < len(column) or not gaps:
        return False
    usual = max(gaps, key=gaps.count)
    if gaps.count(usual) >= 0.6 * len(gaps):
        return ordered[0] <= 2 * usual
    return len(gaps) > 2 and all(b >= a for a, b in pairwise(gaps)) and ordered[0] <= 2 * gaps[0]
