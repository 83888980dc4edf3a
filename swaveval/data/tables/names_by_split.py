"""Rows that name an image without its folder, where the folders of the splits hold files of the same names.

Kaggle's CIFAR-10 has `train/1.png`, `test/1.png` and `trainLabels.csv`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os.path import commonpath

from swaveval.data.folders.layout import place_without_labels
from swaveval.data.tables.label_table import Columns
from swaveval.data.tables.label_titles import bare, present_names
from swaveval.text import printable, shortened

# Which folder holds the images of a table, in this order: those for validation are mostly taken from the training's.
_FOLDERS = {"train": ("train",), "test": ("test",), "validation": ("validation", "train")}


def folder_splits(files: Sequence[str]) -> Mapping[str, str]:
    """The split that each file's folder says; empty where no two files have the same name."""
    if len(present_names(files)) == len(files):
        return {}
    return place_without_labels(files).splits or {}


def named_by_split(table: Columns, split: str | None, folders: Mapping[str, str], name: str) -> Columns:
    """The table with names of images in the folder of its split, where a name without folder may mean two of them.

    Args:
        split: what the table is called by; without that, or where a name has two, what each row says.
        folders: as `folder_splits`.
        name: of the file, for notes.
    """
    held: dict[str, dict[str, list[str]]] = {}
    for file, place in folders.items():
        held.setdefault(place, {}).setdefault(_key(file), []).append(file)
    if len(held) < 2:
        return table
    if len(set(_rows(table))) > len(set(table.names)):
        split = None  # a name that stands under two splits is of two folders, whatever the table is called
    sides = [_side(split or stated, held) if _is_bare(row) else None for row, stated in _rows(table)]
    keys = [_key(row) for row in table.names]
    shared = elsewhere = 0
    for side, key in zip(sides, keys, strict=True):
        other = side is not None and any(key in files for place, files in held.items() if place != side)
        shared += other and key in held[side or ""]
        elsewhere += other and key not in held[side or ""]
    if not shared:
        return table
    # Where few names are of two folders, a row whose image is in another one means that.
    strict = shared >= elsewhere
    folder = {side: _common(files) for side, files in held.items()}
    names = list(table.names)
    for at, (side, key) in enumerate(zip(sides, keys, strict=True)):
        files = held[side].get(key, []) if side is not None else []
        if side is not None and (files or strict):
            # A row without an image in its folder must not mean one of that name in another.
            missing = f"{folder[side]}/{names[at]}" if folder[side] else names[at]
            names[at] = files[0] if len(files) == 1 else names[at] if files else missing
    used = sorted({folder[side] or side for side in sides if side is not None})
    where = " and ".join(f"{shortened(printable(one), 60)}/" for one in used)
    which = "Rows" if strict else "Rows with a name of several images"
    said = (
        f"{which} of {name} were looked for in {where}, as the table is called: other folders have the same names."
        if split
        else f"{which} of {name} were looked for in the folder of their split ({where}): both have the same names."
    )
    return replace(table, names=tuple(names), written=table.written or table.names, notes=(*table.notes, said))


def _rows(table: Columns) -> Sequence[tuple[str, str | None]]:
    return list(zip(table.names, table.splits, strict=True))


def _side(split: str | None, held: Mapping[str, object]) -> str | None:
    return next((side for side in _FOLDERS.get(split or "", ()) if side in held), None)


def _is_bare(name: str) -> bool:
    return "/" not in name and "\\" not in name


def _key(name: str) -> str:
    """What a row and a file have in common; numbers without their zeros."""
    found = bare(name)
    return str(int(found)) if found.isascii() and found.isdigit() and len(found) < 19 else found


def _common(files: Mapping[str, Sequence[str]]) -> str:
    """The deepest folder that holds all of these."""
    return commonpath([file.rpartition("/")[0] for several in files.values() for file in several])
