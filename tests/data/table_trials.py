"""Tables written and placed on names of images, without images."""

from collections.abc import Sequence
from pathlib import Path

from swaveval.data.folders.layout import Placing
from swaveval.data.tables.labels import place_by_rows
from swaveval.data.tables.tables_by_split import read_tables


def table_at(path: Path, *lines: str) -> Path:
    """A file of these lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def placed(table: Path, files: Sequence[str], column: str | None = None) -> Placing:
    """What a table says of the files of a directory `set` beside it."""
    root = table.parent / "set"
    read = read_tables(table, files, root, column=column)
    return place_by_rows(files, read, name=table.name, root=str(root))


def told(placing: Placing) -> dict[str, str]:
    """The files that have a label."""
    return {file: label for file, label in placing.labels.items() if label is not None}


def said(placing: Placing) -> str:
    return " ".join(placing.notes)
