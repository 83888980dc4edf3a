"""From the bytes of a label file to a header and rows of cells: encodings, separators, whether there is a header."""

import csv
import io
from dataclasses import dataclass

from swaveval.data.errors import DataError
from swaveval.data.tables.label_lines import read_lines
from swaveval.data.tables.label_rows import SHAPE
from swaveval.data.tables.label_titles import is_header

Rows = list[tuple[int, list[str]]]
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


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


def decoded(content: bytes) -> str:
    """The text of a file: UTF-8 with or without BOM, UTF-16, else Latin-1."""
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def cells_of(text: str, present: frozenset[str], *, name: str, short: str) -> Cells:
    """The header (invented where there is none) and the rows with their line numbers.

    Args:
        text: of the file. present: bare names of the images that are there. name, short: of the file, for errors and
            for notes.

    Raises:
        DataError: it is empty, or no CSV.
    """
    delimiter = _delimiter(text)
    notes: tuple[str, ...] = ()
    rows: Rows = []
    if delimiter == " ":
        lines = read_lines(text, present, name=short)
        rows, notes = lines.rows, lines.notes
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
    if is_header(first, present):
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
