"""Which columns of a table hold the labels."""

import re
from collections.abc import Sequence

from swaveval.data.errors import DataError
from swaveval.data.tables.counts import tells_rows_apart
from swaveval.data.tables.groups_of_images import groups_images
from swaveval.data.tables.label_rows import SHAPE
from swaveval.data.tables.label_titles import (
    LABELS,
    is_ignored,
    plain,
)
from swaveval.data.tables.label_values import NUMBER
from swaveval.data.tables.mark_columns import is_about, marked_classes
from swaveval.data.tables.name_column import Values
from swaveval.text import listed, shortened

_OBJECT = re.compile(r"^\[?\s*\{[^{}]*:")


def label_columns(
    header: Sequence[str], values: Values, rest: Sequence[int], column: str | None, name: str
) -> list[int]:
    """The label column, or the columns of 0 and 1 that name one class each.

    Args:
        rest: the columns beside names and split. column: the title or the number that the user gave.

    Raises:
        DataError: there is none, several could be meant, or none of that title.
    """
    shown = shortened(",".join(header), 80) or "nothing"
    if column is not None:
        if found := asked_columns(header, rest, column):
            return found[:1]
        hint = f"; give one of the {len(header)} columns by title, or by number" if any(header) else ""
        raise DataError(f"{name} has no column {shortened(column, 40)} of labels (found: {shown}){hint}")
    rest = [place for place in rest if not _is_structured(values(place))]
    known = sorted((place for place in rest if plain(header[place]) in LABELS), key=lambda p: LABELS[plain(header[p])])
    if known:
        return known[:1]
    # A number of its own for each row is no class, unless there is nothing else.
    rest = [place for place in rest if not tells_rows_apart(values(place))] or rest
    open_ones = [place for place in rest if not is_ignored(header[place]) or not any(header)]
    if marked := marked_classes(header, values, open_ones):
        return marked
    # What groups images is no class of them, where another column may be.
    free = [place for place in open_ones if not groups_images(header[place], values(place))]
    if not (
        len(free) == 1 and len(open_ones) > 1 and is_about(header[free[0]])
    ):  # `site` beside `lesion_id`: nobody knows
        open_ones = free or open_ones
    if len(open_ones) == 1:
        return open_ones
    if not any(header) and rest:  # no header: the first column beside the names
        return list(rest[:1])
    useful = [header[place] for place in open_ones if _may_be_labels(values(place))]
    advice = f"name it: --labels {name}:COLUMN ({listed(useful)})" if useful else f"write {SHAPE}"
    raise DataError(
        f"the first line of {name} must name the columns {SHAPE}; it has no label (found: {shown}); {advice}"
    )


def asked_columns(header: Sequence[str], places: Sequence[int], column: str) -> list[int]:
    """Those of the columns that a user means by a title, or where none has it by a number."""
    exact = [place for place in places if header[place] == column]
    alike = [place for place in places if header[place] and plain(header[place]) == plain(column)]
    return exact or alike or [place for place in places if column.removeprefix("number ") == str(place + 1)]


def _is_structured(cells: Sequence[str]) -> bool:
    """Whether cells are objects of JSON or Python: shapes, metadata; `{a, b}` is a list."""
    present = [cell for cell in cells if cell]
    return bool(present) and all(cell == "{}" or _OBJECT.match(cell) for cell in present)


def _may_be_labels(cells: Sequence[str]) -> bool:
    """Whether cells are anything else than measurements."""
    present = {cell for cell in cells if cell}
    numbers = [float(cell) for cell in present if NUMBER.match(cell)]
    return bool(present) and (len(numbers) < len(present) or all(number.is_integer() for number in numbers))
