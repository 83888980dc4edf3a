"""What stands above the titles of a table: comments, a title of the whole, Excel's `sep=;`."""

import csv
import re
from collections.abc import Callable, Sequence

from swaveval.data.tables.label_titles import has_image_ending, is_known
from swaveval.text import counted, shortened

_SEPARATOR = re.compile(r"^\"?sep=([,;\t|])\"?\s*$", re.IGNORECASE)
# How many lines a title may take, and how many tell the separator.
_MOST_LINES, _LOOKED_AT = 8, 50
DelimiterOf = Callable[[str], str]


def without_head(text: str, delimiter_of: DelimiterOf, short: str) -> tuple[str, str, tuple[str, ...]]:
    """The text with blank lines for what stands above its titles, its delimiter, and what is said of it.

    Args:
        delimiter_of: the separator of a text's cells; a space for lines that have none.
        short: the file's name, for notes.
    """
    lines = text.splitlines(keepends=True)
    match = _SEPARATOR.match(lines[0]) if lines else None
    start, named = (1, match[1]) if match else (0, "")

    def delimiter(place: int) -> str:
        return named or delimiter_of("".join(lines[place : place + _LOOKED_AT]))

    end = _after_comments(lines, start, delimiter)
    if delimiter(end) == " ":  # comments in lines are read with them, as they may give the titles
        end = start
    end = _titles(lines, end, delimiter)
    above = [line for line in lines[start:end] if line.strip()]
    found = delimiter(end)
    if not above:
        return ("\n" * start + "".join(lines[start:]) if start else text), found, ()
    said = f"{counted(len(above), 'line')} at the head of {short} passed over ({shortened(above[0], 40)})."
    return "\n" * end + "".join(lines[end:]), found, (said,)


def _after_comments(lines: Sequence[str], start: int, delimiter: Callable[[int], str]) -> int:
    """The first line that begins with no `#`, or that holds titles or an image's name all the same."""
    end = start
    while end < len(lines) and (lines[end].startswith("#") or not lines[end].strip()):
        cells = _cells(lines[end].lstrip("#"), delimiter(end))
        if any(has_image_ending(cell) for cell in cells) or (_known(cells) and _as_wide(lines, end, delimiter(end))):
            return end
        end += 1
    return end if end < len(lines) else start


def _titles(lines: Sequence[str], start: int, delimiter: Callable[[int], str]) -> int:
    """The line of titles, where lines of one cell stand above it; else `start`."""
    first = next((place for place in range(start, len(lines)) if lines[place].strip()), start)
    for place in range(first, min(first + _MOST_LINES + 1, len(lines))):
        separator = delimiter(place)
        cells = _cells(lines[place], separator)
        if separator != " " and _known(cells) and _as_wide(lines, place, separator):
            return place if place > first else start
        if len([cell for cell in cells if cell]) > 1 and separator != " ":
            return start
    return start


def _known(cells: Sequence[str]) -> bool:
    return len([cell for cell in cells if cell]) > 1 and any(is_known(cell) for cell in cells)


def _as_wide(lines: Sequence[str], place: int, separator: str) -> bool:
    """Whether the line after it has as many cells."""
    after = next((line for line in lines[place + 1 :] if line.strip()), "")
    return len(_cells(after, separator)) == len(_cells(lines[place], separator))


def _cells(line: str, separator: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])]
    except csv.Error:
        return []
