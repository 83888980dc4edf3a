"""From the text of a label file to a header and rows of cells: separators, whether there is a header."""

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from swaveval.data.errors import DataError
from swaveval.data.tables.label_head import without_head
from swaveval.data.tables.label_lines import read_lines
from swaveval.data.tables.label_rows import SHAPE
from swaveval.data.tables.label_titles import is_header, is_known, named
from swaveval.data.tables.label_values import NUMBER

Rows = list[tuple[int, list[str]]]
_ENOUGH = 3


@dataclass(frozen=True, slots=True)
class Cells:
    """A text in cells.

    Attributes:
        header: a title for each column, empty ones where there is no header.
        rows: line number and cells of each.
        notes: what was read in a way the user should know of.
        by_comment: whether a comment gave the titles.
    """

    header: list[str]
    rows: Rows
    notes: tuple[str, ...] = ()
    by_comment: bool = False


def cells_of(text: str, present: frozenset[str], *, name: str, short: str) -> Cells:
    """The header (invented where there is none) and the rows with their line numbers.

    Args:
        text: of the file. present: bare names of the images that are there. name, short: of the file, for errors and
            for notes.

    Raises:
        DataError: it is empty, or no CSV.
    """
    text, delimiter, notes = without_head(text, _delimiter, short)
    rows: Rows = []
    if delimiter == " ":
        lines = read_lines(text, present, name=short)
        rows, notes = lines.rows, (*notes, *lines.notes)
        if lines.header:
            return Cells(list(lines.header), rows, notes, by_comment=True)
    else:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        try:
            for cells in reader:
                stripped = [cell.strip() for cell in cells]
                if any(stripped):
                    rows.append((reader.line_num, stripped))
        except csv.Error as error:
            raise DataError(f"line {reader.line_num} of {name} is not CSV ({error}); write {SHAPE}") from error
    if not rows:
        raise DataError(f"{name} is empty; the first line must name the columns {SHAPE}")
    first = [cell.lstrip("#").strip() for cell in rows[0][1]]
    if is_header(first, present) and not _is_a_row(first, [cells for _, cells in rows[1:]], present):
        return Cells(first, rows[1:], notes)
    width = max(len(cells) for _, cells in rows)
    return Cells(["" for _ in range(width)], rows, notes)


def _delimiter(text: str) -> str:
    """The separator under which the first lines have equally many cells, more than one; a space if none has."""
    lines = "\n".join(text.splitlines()[:50])
    best, best_score = " ", (0.5, 0)
    for candidate in ",;\t|":
        try:
            counts = [len(cells) for cells in csv.reader(io.StringIO(lines), delimiter=candidate) if cells]
        except csv.Error:
            counts = [line.count(candidate) + 1 for line in lines.splitlines()[:1]]
        if counts and counts[0] > 1:
            score = (sum(count == counts[0] for count in counts) / len(counts), counts[0])
            if score > best_score:
                best, best_score = candidate, score
    return best


def _is_a_row(first: Sequence[str], rows: Sequence[Sequence[str]], present: frozenset[str]) -> bool:
    """Whether a first row without a title that is known is one like the others, whose image is not there.

    It is where the images are named below by names of one form with its own (`im99` above `im0`), or where all other
    words of it stand below again, as those of classes do; one alone may be a title that is a class too.
    """
    if any(is_known(cell) for cell in first) or len(rows) < _ENOUGH or not all(first):
        return False
    columns = [[cells[place] if place < len(cells) else "" for cells in rows] for place in range(len(first))]
    naming = max(range(len(first)), key=lambda place: named(columns[place], present))
    if not named(columns[naming], present):
        return False
    formed = Counter(_form(cell) for cell in columns[naming]).most_common(1)[0][0]
    if any(character.isdigit() for character in first[naming]) and _form(first[naming]) == formed:
        return True
    words = [place for place, cell in enumerate(first) if place != naming and not NUMBER.match(cell)]
    # `file,tumor` above `im0,tumor`: a class and nothing else that would be of a row.
    fewest = 2 if "0" in formed and not any(character.isdigit() for character in first[naming]) else 1
    return len(words) >= fewest and all(first[place] in columns[place] for place in words)


def _form(cell: str) -> str:
    return re.sub(r"\d+", "0", cell)
