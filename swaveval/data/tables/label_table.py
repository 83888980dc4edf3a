"""Reading a table of labels: its columns, of one file or of several that belong together, and the labels in them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from swaveval.data.errors import DataError
from swaveval.data.tables.denied_labels import Kept, affirmed
from swaveval.data.tables.groups_of_images import group_column
from swaveval.data.tables.label_bytes import decoded
from swaveval.data.tables.label_cells import Cells, cells_of
from swaveval.data.tables.label_columns import asked_columns, label_columns
from swaveval.data.tables.label_foreign import check_table
from swaveval.data.tables.label_json import rows_of_json
from swaveval.data.tables.label_numbered import is_numbered, read_numbered
from swaveval.data.tables.label_rows import SHAPE, LabelRow, LabelTable, described
from swaveval.data.tables.label_titles import LABELS, is_ignored, plain, present_names
from swaveval.data.tables.label_values import read_values
from swaveval.data.tables.mark_columns import YES
from swaveval.data.tables.name_column import filename_column, title_of
from swaveval.data.tables.names_in_folders import FOLDERS, folders_of
from swaveval.data.tables.split_column import split_column
from swaveval.text import listed, shortened


@dataclass(frozen=True, slots=True)
class Columns:
    """What stands in the columns of a table that matter.

    Attributes:
        lines, names, splits: of each row the line number, the name of its image, its split (None: not said).
        titles: of the columns of labels; several are columns of 0 and 1.
        cells: one row's cells in these columns.
        settled: whether the cells are labels as they stand, not to be read for several labels, numbers and the like.
        said: the column of labels in words; empty where nothing needs saying.
        notes: what was read in a way the user should know of.
        groups: the title of a column that says which images belong together.
        written: the names as the file has them, where `names` are others.
        objects: whether rows are objects in an image, each with its label.
    """

    lines: tuple[int, ...]
    names: tuple[str, ...]
    splits: tuple[str | None, ...]
    titles: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    settled: bool = False
    said: str = ""
    notes: tuple[str, ...] = ()
    groups: str = ""
    written: tuple[str, ...] = ()
    objects: bool = False


def read_labels(path: Path, files: Sequence[str] = (), *, column: str | None = None) -> LabelTable:
    """The rows of a label file.

    Args and errors: as `read_columns`.
    """
    return as_table([read_columns(path, files, column=column)])


def read_columns(path: Path, files: Sequence[str] = (), *, column: str | None = None) -> Columns:
    """The columns of a label file.

    CSV with comma, semicolon, tab or `|`, or lines as `read_lines` knows them; UTF-8 (with or without BOM), UTF-16 or
    Latin-1; with a header or without; JSON as StyleGAN, COCO and Hugging Face write it; CUB-200's tables by number; a
    list of names whose folders are the labels.

    Args:
        path: the file.
        files: relative names of the images; they tell which column names files and whether there is a header.
        column: header of the label column, when the user named one; its number where there is no header.

    Raises:
        DataError: there is no such file, it has no usable columns or no rows, or a split is not one.
    """
    name = shortened(str(path))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"the label file {name} cannot be read ({error.strerror}); give a CSV file {SHAPE}, or one of the words "
            "none, folders and names"
        ) from error
    check_table(content, name)
    short = shortened(path.name)
    text, guessed = decoded(content, short)
    if is_numbered(path):
        if column is not None:
            raise DataError(f"{name} has one column of labels; leave out :{shortened(column, 40)}")
        found = read_numbered(path, text)
        cells = tuple((label,) for label in found.labels)
        return Columns(
            found.lines, found.names, found.splits, ("label",), cells, True, found.said, (*guessed, *found.notes)
        )
    present = present_names(files)
    if path.suffix.lower() in {".json", ".jsonl", ".ndjson"} or text.lstrip()[:1] == "{":
        table = Cells(*rows_of_json(text, present, name=name))
    else:
        table = cells_of(text, present, name=name, short=short)
    if not table.rows:
        raise DataError(f"{name} has a header but no rows; write one line per image: {SHAPE}")
    return _columns(replace(table, notes=(*guessed, *table.notes)), present, column, name, short)


def _columns(table: Cells, present: frozenset[str], column: str | None, name: str, short: str) -> Columns:
    header = table.header
    lines = tuple(line for line, _ in table.rows)
    rows = [row for _, row in table.rows]

    def values(place: int) -> list[str]:
        return [row[place] if place < len(row) else "" for row in rows]

    filename, notes = filename_column(header, values, present, name, short)
    names = tuple(values(filename))
    notes = (*table.notes, *notes)
    folders = folders_of(names, present) if len(header) == 1 and column is None else None
    if folders is not None:
        notes += (f"{short} has names and no labels: the folders in the names are the labels.",)
        cells = tuple((folder,) for folder in folders)
        return Columns(lines, names, tuple(None for _ in names), (FOLDERS,), cells, True, FOLDERS, notes)
    asked = asked_columns(header, range(len(header)), column) if column else []
    split = split_column(header, values, [filename, *asked], lines, name, short)
    rest = [place for place in range(len(header)) if place != filename and place not in split.places]
    rest = [place for place in rest if header[place] or any(values(place))]  # two tabs in a row
    if table.by_comment and column is None:  # such titles say what columns hold; the first of labels comes first
        column = next((header[place] for place in rest if plain(header[place]) in LABELS), None)
    chosen = label_columns(header, values, rest, column, name)
    others = [place for place in rest if place not in chosen]
    words, about = _said(header, chosen, others, short)
    found = Columns(
        lines,
        names,
        split.splits,
        tuple(title_of(header, place) for place in chosen),
        tuple(zip(*(values(place) for place in chosen), strict=True)),
        said=words,
        notes=(*notes, *split.notes, *about),
        groups=group_column(header, values, names, others),
    )
    if len(chosen) > 1:
        return found
    kept = affirmed(header, values, names, [label for (label,) in found.cells], others, short)
    return replace(_only(found, kept) if kept.notes else found, objects=kept.objects)


def _only(table: Columns, kept: Kept) -> Columns:
    """The rows that say what an image is."""
    return replace(
        table,
        lines=tuple(table.lines[at] for at in kept.rows),
        names=tuple(table.names[at] for at in kept.rows),
        splits=tuple(table.splits[at] for at in kept.rows),
        cells=tuple(("",) if at in kept.emptied else table.cells[at] for at in kept.rows),
        notes=(*table.notes, *kept.notes),
    )


def _said(header: Sequence[str], chosen: Sequence[int], others: Sequence[int], name: str) -> tuple[str, list[str]]:
    """The label column in words, and a note where another could have been meant."""
    if len(chosen) > 1:
        several = f"{len(chosen)} columns of 0 and 1"
        left = [header[place] for place in others if not is_ignored(header[place])]
        said = f"The classes of {name} are {several}; other columns: {listed(left)} (--labels FILE:COLUMN reads one)."
        return f"{several} ({listed(header[place] for place in chosen)})", [said] if left else []
    title = f"column {shortened(title_of(header, chosen[0]), 40)}"
    if any(header):
        left = [header[place] for place in others if not is_ignored(header[place])]
    else:
        left = [str(place + 1) for place in others]
    if not left:
        return "" if plain(header[chosen[0]]) == "label" else title, []
    which = "FILE:COLUMN" if any(header) else f"FILE:{left[0]}"
    return title, [
        f"For the labels of {name} {title} was taken; other columns: {listed(left)} (--labels {which} reads one of "
        "them)."
    ]


def as_table(tables: Sequence[Columns]) -> LabelTable:
    """The rows of one table, or of several one after the other.

    What a cell means (no label, several, a measurement) is decided over all of them.

    Args:
        tables: of the same column of labels, or all of columns of 0 and 1; words and notes are those of the first.
    """
    titles = tuple(dict.fromkeys(title for table in tables for title in table.titles))
    notes = list(dict.fromkeys(note for table in tables for note in table.notes))
    refusal = ""
    if len(titles) > 1:
        marked = [
            tuple(title for title, cell in zip(table.titles, cells, strict=True) if cell.casefold() in YES)
            for table in tables
            for cells in table.cells
        ]
        multiple = any(len(labels) > 1 for labels in marked)
        labels, several = ["|".join(found) for found in marked], marked
    else:
        words = [cells[0] for table in tables for cells in table.cells]
        several, multiple = [() for _ in words], False
        labels = words
        if not tables[0].settled:
            read = read_values(words, column=titles[0])
            labels = [word or "" for word in read.words]
            several = list(read.several or several)
            multiple, refusal = read.several is not None, read.refusal
            notes += read.notes
    places = [
        row
        for table in tables
        for row in zip(table.lines, table.names, table.splits, table.written or table.names, strict=True)
    ]
    rows = tuple(
        LabelRow(line, filename, label, split, found if multiple else (), written)
        for (line, filename, split, written), label, found in zip(places, labels, several, strict=True)
    )
    objects = any(table.objects for table in tables)
    return LabelTable(rows, tables[0].said, multiple, tuple(notes), refusal, groups=tables[0].groups, objects=objects)


__all__ = ["Columns", "LabelRow", "LabelTable", "as_table", "described", "read_columns", "read_labels"]
