"""Label tables of the splits read together: side by side, or each in its split's folder.

`train.csv`, `val.csv` and `test.csv` lie in one directory; Hugging Face's image folders have a metadata.csv (or .jsonl)
in `train/` and another in `test/`. Names count from where the table lies.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from swaveval.data.errors import DataError
from swaveval.data.folders.folder_names import meaning
from swaveval.data.tables.label_numbered import is_numbered
from swaveval.data.tables.label_rows import MOST_BYTES, SHAPE, LabelTable
from swaveval.data.tables.label_table import Columns, as_table, read_columns
from swaveval.data.tables.label_titles import named, present_names
from swaveval.data.tables.label_values import UNLABELLED
from swaveval.data.tables.names_by_split import folder_splits, named_by_split
from swaveval.data.tables.split_namesakes import Named, in_split_folders, named_split, side_by_side
from swaveval.text import listed, printable, shortened

# `0001.png` in the tables of two splits are two images, of which one is there; a few repeated ones are a mistake.
_MOST_SHARED = 0.05


@dataclass(frozen=True, slots=True)
class _Images:
    """What tables are of: files below a root, the splits of their folders, and the column that was asked for."""

    files: Sequence[str]
    root: Path
    column: str | None
    folders: Mapping[str, str]

    def read(self, path: Path, column: str | None) -> Columns:
        """A table, its names counted from where it lies and from the folder of the split that it is called by."""
        table = _counted_from(read_columns(path, self.files, column=column), path, self.files, self.root)
        called = named_split(path)
        return named_by_split(table, called.split if called else None, self.folders, shortened(path.name, 60))


def read_tables(path: Path, files: Sequence[str], root: Path, *, column: str | None) -> LabelTable:
    """The rows of a label file with those of its namesakes for the other splits.

    Args:
        path: the file. files: the images, below `root`. column: of the labels, or None.

    Raises:
        DataError: as `read_columns`, for the file that was named; namesakes that cannot be read are left out.
    """
    images = _Images(files, root, column, folder_splits(files))
    own = images.read(path, column)
    folders = in_split_folders(path, root)
    if folders:
        return _from_folders(own, path, folders, images)
    beside = [] if is_numbered(path) else side_by_side(path)
    # In the folder of one split the others' images are not there; equal names would be those of other images.
    folder = meaning(root.resolve().name)
    if len(beside) < 2 or (folder.kind == "split" and not folder.rest):
        return as_table([own])
    return _from_namesakes(own, path, beside, images)


def _from_folders(own: Columns, path: Path, others: Sequence[Path], images: _Images) -> LabelTable:
    tables, read, notes = [own], [path.parent.name], list[str]()
    for other in others:
        table, why = _namesake(own, other, images)
        if table is None:
            notes.append(f"{printable(other.parent.name)}/{printable(other.name)} was not read: {why}.")
        else:
            tables.append(table)
            read.append(other.parent.name)
    if len(read) > 1:
        notes.append(f"{printable(path.name)} of {listed(printable(name) + '/' for name in read)} read together.")
    whole = as_table(tables)
    return replace(whole, notes=(*whole.notes, *notes))


def _from_namesakes(own: Columns, path: Path, beside: Sequence[Named], images: _Images) -> LabelTable:
    """Tables side by side; rows have the split that their table is called by, unless it says another."""
    tables: list[tuple[Named, Columns]] = []
    notes: list[str] = []
    present = present_names(images.files)
    for one in beside:
        if one.path == path:
            tables.append((one, own))
            continue
        table, why = _namesake(own, one.path, images)
        if table is not None and not named(table.names, present):
            table, why = None, "it names no image that is there"
        elif table is not None and _overlap(own, table) > _MOST_SHARED:
            table, why = None, "it names the same images"
        elif table is not None and all(_is_unlabelled(cells) for cells in table.cells):
            table, why = None, "it holds no label"
        if table is None:
            notes.append(f"{printable(one.path.name)} was not read with {printable(path.name)}: {why}.")
        else:
            tables.append((one, table))
    if len(tables) < 2:
        whole = as_table([own])
        return replace(whole, notes=(*whole.notes, *notes))
    shown = ", ".join(shortened(one.path.name, 40) for one, _ in tables)
    silent = all(split is None for _, table in tables for split in table.splits)
    split = [
        table if any(table.splits) else replace(table, splits=tuple(one.split for _ in table.names))
        for one, table in tables
    ]
    whole = as_table(_own_first_notes(split, own))
    notes.append(f"{shown} read together.")
    if silent and not whole.refusal and not _share_a_class(whole):
        whole = replace(whole, rows=tuple(replace(row, split=None) for row in whole.rows))
        notes.append(f"No class stands on both sides of the split into {shown}, so it was not taken.")
    return replace(whole, notes=(*whole.notes, *notes), name=shown)


def _own_first_notes(tables: Sequence[Columns], own: Columns) -> list[Columns]:
    """The tables with the words and notes of the one that was named; what is said of columns holds for all."""
    return [replace(table, said=own.said, notes=own.notes) for table in tables]


def _namesake(own: Columns, path: Path, images: _Images) -> tuple[Columns | None, str]:
    """A table that has labels in the same column, or None and why not."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return None, f"it is larger than {MOST_BYTES >> 20} MB"
        same = own.titles[0] if len(own.titles) == 1 and not own.settled else None
        table = images.read(path, images.column or same)
    except DataError as error:
        return None, _short(error, path)
    except OSError as error:
        return None, error.strerror or "it cannot be read"
    shared = len(set(own.titles) & set(table.titles))
    if table.settled != own.settled or 2 * shared < len(own.titles) or (len(own.titles) > 1) != (len(table.titles) > 1):
        return None, f"its labels are others ({listed(table.titles)})"
    return table, ""


def _short(error: DataError, path: Path) -> str:
    """What is wrong, without the directory and the advice."""
    text = str(error).replace(shortened(str(path)), shortened(path.name))
    return shortened(text.removeprefix(f"the first line of {path.name} must name the columns {SHAPE}; ").split("; ")[0])


def _overlap(one: Columns, other: Columns) -> float:
    """The share of names, of the table with fewer, that stand in both."""
    names, others = set(one.names), set(other.names)
    return len(names & others) / max(1, min(len(names), len(others)))


def _is_unlabelled(cells: Sequence[str]) -> bool:
    return all(cell.casefold() in UNLABELLED for cell in cells)


def _share_a_class(table: LabelTable) -> bool:
    """Whether a class stands on both sides: test, or validation where there is no test, and the rest."""
    test = "test" if any(row.split == "test" for row in table.rows) else "validation"
    sides: tuple[set[str], set[str]] = (set(), set())
    for row in table.rows:
        sides[row.split == test].update(row.several if table.multiple else [row.label] if row.label else [])
    return bool(sides[0] & sides[1])


def _counted_from(table: Columns, path: Path, files: Sequence[str], root: Path) -> Columns:
    """Names count from the table's own folder, where any of them does; else from anywhere."""
    folder = ""
    with contextlib.suppress(OSError, ValueError):
        folder = path.resolve().parent.relative_to(root.resolve()).as_posix()
    present = set(files)
    if folder in ("", ".") or not any(f"{folder}/{name}" in present for name in table.names):
        return table
    names = (
        name if name in present and f"{folder}/{name}" not in present else f"{folder}/{name}" for name in table.names
    )
    return replace(table, names=tuple(names), written=table.written or table.names)
