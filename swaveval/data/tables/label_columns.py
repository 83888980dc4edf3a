"""Which columns of a table hold the labels."""

from collections.abc import Sequence

from swaveval.data.errors import DataError
from swaveval.data.tables.counts import tells_rows_apart
from swaveval.data.tables.label_rows import SHAPE
from swaveval.data.tables.label_titles import (
    IGNORED,
    LABELS,
    plain,
)
from swaveval.data.tables.mark_columns import marked_classes
from swaveval.data.tables.name_column import Values
from swaveval.text import shortened


def label_columns(
    header: Sequence[str], values: Values, rest: Sequence[int], column: str | None, name: str
) -> list[int]:
    """The label column, or the columns of 0 and 1 that name one class each.

    Args:
        rest: the columns beside names and split. column: the title that the user gave, or where there is no header the
            number.

    Raises:
        DataError: there is none, several could be meant, or none of that title.
    """
    shown = shortened(",".join(header), 80) or "nothing"
    if column is not None:
        exact = [place for place in rest if header[place] == column]
        alike = [place for place in rest if header[place] and plain(header[place]) == plain(column)]
        by_number = [place for place in rest if not any(header) and column.removeprefix("number ") == str(place + 1)]
        if found := exact or alike or by_number:
            return found[:1]
        raise DataError(f"{name} has no column {shortened(column, 40)} of labels (found: {shown})")
    known = sorted((place for place in rest if plain(header[place]) in LABELS), key=lambda p: LABELS[plain(header[p])])
    if known:
        return known[:1]
    # A number of its own for each row is no class, unless there is nothing else.
    rest = [place for place in rest if not tells_rows_apart(values(place))] or rest
    open_ones = [place for place in rest if plain(header[place]) not in IGNORED or not any(header)]
    if marked := marked_classes(header, values, open_ones):
        return marked
    if len(open_ones) == 1:
        return open_ones
    if not any(header) and rest:  # no header: the first column beside the names
        return list(rest[:1])
    advice = f"name it: --labels {name}:COLUMN" if open_ones else f"write {SHAPE}"
    raise DataError(
        f"the first line of {name} must name the columns {SHAPE}; it has no label (found: {shown}); {advice}"
    )
