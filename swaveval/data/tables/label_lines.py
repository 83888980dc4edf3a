"""Label files whose cells are separated by spaces: where the name of the image ends and the label begins.

Names and labels may hold spaces themselves, so several readings are possible; the one that names most of the images
that are there is taken.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from swaveval.data.tables.counts import counts_rows
from swaveval.data.tables.label_titles import bare, has_image_ending, is_known, named, split_word
from swaveval.data.tables.label_values import NUMBER
from swaveval.text import counted, shortened

Rows = list[tuple[int, list[str]]]


@dataclass(frozen=True, slots=True)
class Lines:
    """A file of lines, in cells.

    Attributes:
        rows: line number and cells of each line, a header among them unless `header` has it.
        header: the titles, where a comment gave them.
        notes: what was read in a way the user should know of.
    """

    rows: Rows
    header: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_lines(text: str, present: frozenset[str], *, name: str) -> Lines:
    """The cells of lines.

    - CelebA's `list_attr_celeba.txt`: a count, titles, then a name and as many cells.
    - `Abyssinian_100 1 1 1`: columns, where all lines have equally many and one of them names images.
    - `0034309 Boeing 707`, `big cat 1.jpg`: a label with spaces after or before a name without.
    - `some path/1.jpg 7`: everything before the last space is the name.
    - `living room/1.jpg`: the line is a name.

    Args:
        text: of the file. present: bare names of the images that are there. name: of the file, for notes.
    """
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if lines and lines[0][1].isdigit() and int(lines[0][1]) in (len(lines) - 1, len(lines) - 2):
        del lines[0]  # how many lines follow, titles counted or not (DeepFashion, CelebA)
    if rows := _titled_columns(lines):
        return Lines(rows)
    lines, comments = _without_comments(lines, present)
    rows, notes = _cells(lines, present, comments, name)
    if comments:
        notes.insert(0, f"{counted(len(comments), 'line')} at the head of {name} that begin with # read as comments.")
    header = _titles(comments, max((len(cells) for _, cells in rows), default=0))
    return Lines(rows, header, tuple(notes))


def _cells(
    lines: Sequence[tuple[int, str]], present: frozenset[str], comments: Sequence[str], name: str
) -> tuple[Rows, list[str]]:
    """The lines under the reading that names most images, and what is said of it."""
    last = [(number, _unquoted(line.rsplit(None, 1))) for number, line in lines]
    columns = [(number, _unquoted(line.split())) for number, line in lines]
    before = named((cells[0] for _, cells in last), present)
    width = _width(columns)
    if width > 2 and counts_rows([cells[0] for _, cells in columns]):
        others = [(number, cells[1:]) for number, cells in columns]
        counting = named((cells[0] for _, cells in columns), present)
        if 2 * _score(others, present) >= max(1, counting):  # which of the two names images is told by the columns
            return columns, []
    if width > 2:
        place, hits = _naming_column([cells for _, cells in columns], width, present)
        if hits > before and (_titles(comments, width) or _apart([cells for _, cells in columns], place)):
            return columns, []
    first = [(number, _unquoted(line.split(None, 1))) for number, line in lines]
    whole = [(number, [line]) for number, line in lines]
    scores = [_score(rows, present) for rows in (last, first, whole)]
    if scores[0] == max(scores):
        spaced = next((cells[0] for _, cells in last if bare(cells[-1]) in present and " " in cells[0]), "")
        turned = spaced and scores[0] > before
        return last, [_spaces(name, "a label with spaces and a name", spaced)] if turned else []
    if scores[1] < scores[2]:
        return whole, []
    if several := _several(first):
        return several, []
    spaced = next((cells[1] for _, cells in first if len(cells) > 1 and " " in cells[1]), "")
    return first, [_spaces(name, "a name and a label with spaces", spaced)] if spaced else []


def _spaces(name: str, form: str, example: str) -> str:
    return f"Lines of {name} read as {form} ({shortened(example, 40)})."


def _unquoted(cells: Sequence[str]) -> list[str]:
    return [cell.strip().strip("\"'") for cell in cells]


def _score(rows: Rows, present: frozenset[str]) -> int:
    width = max((len(cells) for _, cells in rows), default=0)
    return max(
        (named((cells[place] for _, cells in rows if place < len(cells)), present) for place in range(width)),
        default=0,
    )


# -- columns -----------------------------------------------------------------------------------------------------------


def _width(rows: Rows) -> int:
    """How many cells all rows have, or 0."""
    widths = {len(cells) for _, cells in rows}
    return widths.pop() if len(widths) == 1 else 0


def _naming_column(rows: Sequence[Sequence[str]], width: int, present: frozenset[str]) -> tuple[int, int]:
    """The column that names most images, and how many."""
    hits = [named((cells[place] for cells in rows), present) for place in range(width)]
    best = max(range(width), key=lambda place: (hits[place], -place))
    return best, hits[best]


def _apart(rows: Sequence[Sequence[str]], place: int) -> bool:
    """Whether the columns beside the names are columns, not the words of one label (`Boeing 707`).

    They are where titles say so, names stand between them, all of them are numbers, one says the split, or one word is
    followed by several numbers.
    """
    if any(is_known(cell) for cell in rows[0]) and not any(has_image_ending(cell) for cell in rows[0]):
        return True
    width = len(rows[0])
    if 0 < place < width - 1:
        return True
    others = [[cells[at] for cells in rows] for at in range(width) if at != place]
    numbers = sum(all(NUMBER.match(cell) for cell in cells) for cells in others)
    splits = any(all(map(split_word, cells)) and len(set(map(split_word, cells))) > 1 for cells in others)
    words = len(others) - numbers
    return splits or words == 0 or (words == 1 and numbers > 1)


def _several(rows: Rows) -> Rows:
    """DTD's `banded/1.jpg banded lined`: several labels, where each word of a cell with several stands alone in another
    one, as `Boeing` of `Boeing 707` does not; [] where it is not like that."""
    words = [cells[1].split() if len(cells) > 1 else [] for _, cells in rows]
    alone = {found[0] for found in words if len(found) == 1}
    joint = [found for found in words if len(found) > 1]
    if not joint or not all(word in alone for found in joint for word in found):
        return []
    return [
        (number, [cells[0], json.dumps(found, ensure_ascii=False) if found else ""])
        for (number, cells), found in zip(rows, words, strict=True)
    ]


def _titled_columns(lines: Sequence[tuple[int, str]]) -> Rows:
    """CelebA's form, or []."""
    cells = [(number, line.split()) for number, line in lines]
    if len(cells) < 2:
        return []
    width = len(cells[-1][1])
    body = cells[1:]
    if width < 3 or len(cells[0][1]) != width - 1 or any(len(row) != width for _, row in body):
        return []
    if not all(has_image_ending(row[0]) for _, row in body):
        return []
    return [(cells[0][0], ["filename", *cells[0][1]]), *body]


# -- comments ----------------------------------------------------------------------------------------------------------


def _without_comments(
    lines: Sequence[tuple[int, str]], present: frozenset[str]
) -> tuple[list[tuple[int, str]], list[str]]:
    """The lines after those at the head that begin with `#` and name no image; these."""
    count = 0
    while count < len(lines) and lines[count][1].startswith("#") and not named(lines[count][1].split(), present):
        count += 1
    if count == len(lines):
        return list(lines), []
    return list(lines[count:]), [line for _, line in lines[:count]]


def _titles(comments: Sequence[str], width: int) -> tuple[str, ...]:
    """Titles of the first comment that has as many; the last may hold spaces (`#Image CLASS-ID SPECIES BREED ID`)."""
    for comment in comments[:1]:
        titles = comment.lstrip("#").strip().split(None, max(width - 1, 0))
        if width > 1 and len(titles) == width and any(is_known(title) for title in titles):
            return tuple(titles)
    return ()
