"""Label tables inside the image directory: names count from where the table lies, and each split may have its own.

Hugging Face's image folders have a metadata.csv (or .jsonl) in `train/` and another in `test/`.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from swaveval.data.errors import DataError
from swaveval.data.folder_names import split_name
from swaveval.data.label_table import LabelTable
from swaveval.data.labels import read_labels
from swaveval.text import listed, printable, shortened


def read_tables(path: Path, files: Sequence[str], root: Path, *, column: str | None) -> LabelTable:
    """The rows of a label file; of one in the folder of a split, with those of its namesakes in the other splits'.

    Args:
        path: the file. files: the images, below `root`. column: of the labels, or None.

    Raises:
        DataError: as `read_labels`.
    """
    whole = _counted_from(read_labels(path, files, column=column), path, files, root)
    read, notes = [path.parent.name], list[str]()
    for other in _namesakes(path, root):
        try:
            table = _counted_from(read_labels(other, files, column=column), other, files, root)
        except DataError as error:
            notes.append(
                f"{printable(other.parent.name)}/{printable(other.name)} was not read: {shortened(str(error))}."
            )
            continue
        if table.refusal:
            return table
        read.append(other.parent.name)
        whole = replace(
            whole,
            rows=whole.rows + table.rows,
            multiple=whole.multiple or table.multiple,
            notes=(*whole.notes, *(note for note in table.notes if note not in whole.notes)),
        )
    if len(read) > 1:
        notes.append(f"{printable(path.name)} of {listed(printable(name) + '/' for name in read)} read together.")
    return replace(whole, notes=(*whole.notes, *notes))


def _namesakes(path: Path, root: Path) -> list[Path]:
    """Files of the same name in the folders of the other splits."""
    own = path.resolve().parent
    if own.parent != root.resolve() or split_name(own.name) is None:
        return []
    with contextlib.suppress(OSError):
        beside = sorted(
            folder for folder in own.parent.iterdir() if folder != own and split_name(folder.name) is not None
        )
        return [folder / path.name for folder in beside if (folder / path.name).is_file()]
    return []


def _counted_from(table: LabelTable, path: Path, files: Sequence[str], root: Path) -> LabelTable:
    """Names count from the table's own folder, where any of them does; else from anywhere."""
    folder = ""
    with contextlib.suppress(OSError, ValueError):
        folder = path.resolve().parent.relative_to(root.resolve()).as_posix()
    present = set(files)
    if folder in ("", ".") or not any(f"{folder}/{row.filename}" in present for row in table.rows):
        return table
    rows = (
        row
        if row.filename in present and f"{folder}/{row.filename}" not in present
        else replace(row, filename=f"{folder}/{row.filename}")
        for row in table.rows
    )
    return replace(table, rows=tuple(rows))
