"""Which column of a table says the split, and which hold the labels."""

from collections.abc import Sequence

from swaveval.data.errors import DataError
from swaveval.data.tables.counts import tells_rows_apart
from swaveval.data.tables.label_rows import SHAPE
from swaveval.data.tables.label_titles import (
    IGNORED,
    LABELS,
    SPLIT_TITLES,
    plain,
    split_among,
    split_word,
)
from swaveval.data.tables.name_column import Values, title_of
from swaveval.text import printable, shortened

YES = frozenset({"1", "1.0", "true", "yes"})
_NO = frozenset({"0", "0.0", "false", "no", "", "-1", "-1.0", "nan"})


def split_column(
    header: Sequence[str], values: Values, filename: int, lines: Sequence[int], name: str, short: str
) -> tuple[int | None, list[str | None], list[str]]:
    """Position of the split column, each row's split, notes.

    Args:
        name, short: of the file, for errors and for notes.

    Raises:
        DataError: a cell of a column that is called `split` says none.
    """
    nothing: list[str | None] = [None for _ in lines]
    for place, title in enumerate(header):
        if place == filename or plain(title) not in SPLIT_TITLES:
            continue
        cells = values(place)
        words = [split_among(cell) for cell in cells]
        if set(cells) <= {"0", "1", "2", ""} and "0" in cells:
            numbered = {"0": "train", "1": "validation" if "2" in cells else "test", "2": "test", "": None}
            note = f"Split numbers of {short} read as 0 train, 1 {numbered['1']}{', 2 test' if '2' in cells else ''}."
            return place, [numbered[cell] for cell in cells], [note]
        odd = next((at for at, cell in enumerate(cells) if cell and words[at] is None), None)
        if odd is None:
            read = {cell: word for cell, word in zip(cells, words, strict=True) if word and split_word(cell) is None}
            said = ", ".join(f"{shortened(cell, 40)} as {word}" for cell, word in sorted(read.items())[:6])
            return place, list(words), [f"Splits of {short} read by a word in them: {said}."] if read else []
        if plain(title) == "split" or any(words):
            raise DataError(
                f"line {lines[odd]} of {name} has the split {printable(cells[odd])[:40]!r}; "
                "use train, test or validation"
            )
    if not any(header) and len(header) > 2:
        for place in range(len(header)):
            words = [split_word(cell) for cell in values(place)]
            if place != filename and all(words) and "train" in words and len(set(words)) > 1:
                return place, words, [f"Column {title_of(header, place)} of {short} read as the split."]
    return None, nothing, []


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
    marked = [place for place in open_ones if header[place] and _is_mark(values(place))]
    if len(marked) > 1 and any(cell.casefold() in YES for place in marked for cell in values(place)):
        return marked
    if len(open_ones) == 1:
        return open_ones
    if not any(header) and rest:  # no header: the first column beside the names
        return list(rest[:1])
    advice = f"name it: --labels {name}:COLUMN" if open_ones else f"write {SHAPE}"
    raise DataError(
        f"the first line of {name} must name the columns {SHAPE}; it has no label (found: {shown}); {advice}"
    )


def _is_mark(cells: Sequence[str]) -> bool:
    found = {cell.casefold() for cell in cells}
    return found <= YES | _NO and found != {""}
