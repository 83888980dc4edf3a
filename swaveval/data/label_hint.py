"""Label tables that lie about and were not asked for: a sentence that names them."""

import os
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from swaveval.data.errors import DataError
from swaveval.data.folders.layout import Placing
from swaveval.data.labels_by_name import words_in_names
from swaveval.data.listing import PACKED, ending, tables_among
from swaveval.data.names import stem
from swaveval.data.tables.label_rows import SHAPE
from swaveval.data.tables.label_table import read_columns
from swaveval.data.tables.label_titles import bare, has_image_ending, present_names
from swaveval.text import listed, printable, shortened

# What label files are called: believed without a look inside.
_CALLED = frozenset({"labels.csv", "metadata.csv", "metadata.jsonl", "_classes.csv", "train.csv", "annotations.csv"})
_TRUSTED = frozenset({"inside the directory", "beside the directory", "in train", "in images"})
_BY_NUMBER = "image_class_labels.txt"
# Endings of files that lie beside an image and say something of it alone: a class, a caption, boxes. Looked for beside
# the first few images.
_BESIDE, _FEW = (".cls", ".txt", ".json", ".xml"), 3
_MOST_TRIED, _MOST_BYTES = 12, 8 << 20
_HEAD, _LINES, _MOST_FOLDERS, _MOST_BESIDE = 1 << 16, 60, 100, 500
_CELLS = re.compile(r"[,;|\s\"'\[\]{}]+")


def label_hint(root: Path, placing: Placing, files: Sequence[str], tables: Sequence[str]) -> tuple[str, ...]:
    """A note on tables whose rows name these images, or that are called as label tables are; of those in one place.

    Args:
        root: the image directory.
        placing: what its folders said.
        files: names of all images below `root`, those left out too.
        tables: names of files below `root` that may be tables.
    """
    present = present_names(files)
    packed: list[str] = []
    classes = {label for label in placing.labels.values() if label is not None} if placing.labelled else set()
    for folder, names, where in _places(root, tables):
        if classes.intersection(folder.relative_to(root).parts if folder.is_relative_to(root) else ()):
            continue  # boxes of the images of one class
        names = [name for name in names if stem(name).casefold() not in present]
        # Whatever else lies beside the directory may be of anything.
        own = PACKED if folder.is_relative_to(root) else {".mat"}
        packed += [name for name in names if ending(name) in own]
        found = {name for name in names if ending(name) not in PACKED and "submission" not in name}
        trusted = where.split("/")[0] in _TRUSTED and not placing.labelled
        naming = [name for name in sorted(found) if _names_images(folder / name, present)]
        readable = {name for name in naming[:_MOST_TRIED] if _can_be_read(folder / name, files)}
        found = {name for name in found if trusted and name in _CALLED} | readable | {*naming[_MOST_TRIED:]}
        if found and _BY_NUMBER in names:  # its rows name images by the numbers of another file
            found = {_BY_NUMBER}
        if found:
            return (_said(found, where, labelled=placing.labelled),)
    if placing.labelled:
        return ()
    images = [root / file for file in list(placing.labels)[:_FEW]]
    for suffix in _BESIDE:
        beside = [image.with_suffix(suffix) for image in images]
        if beside and all(file.is_file() for file in beside):
            return (
                f"The {suffix} files beside the images ({shortened(beside[0].name, 60)} …) were not used; labels are "
                "read from one table of file names and labels: --labels labels.csv.",
            )
    words = words_in_names(placing.labels)
    if packed and not words:
        told = f"{listed(packed)} may hold labels in a form that is not read"
        return (f"{told}; write a table {SHAPE} and give it with --labels.",)
    return (words,) if words else ()


def _places(root: Path, tables: Sequence[str]) -> Iterator[tuple[Path, list[str], str]]:
    """Folders with their tables, and where they are in words: the directory, what is beside it, what is in it."""
    folders: dict[str, list[str]] = {}
    for table in tables:
        folder, _, name = table.rpartition("/")
        folders.setdefault(folder, []).append(name)
    yield root, folders.pop("", []), "inside the directory"
    parent = root.resolve().parent
    yield parent, _in_folder(parent), "beside the directory"
    for folder in sorted(folders, key=lambda path: (path.count("/"), path != "train", path))[:_MOST_FOLDERS]:
        yield root / folder, folders[folder], f"in {printable(folder)}/"


def _in_folder(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return tables_among([entry.name for entry in islice(entries, _MOST_BESIDE)])
    except OSError:
        return []


def _names_images(path: Path, present: frozenset[str]) -> bool:
    """Whether most lines at the head of a file hold an image's name."""
    try:
        if not path.is_file():  # a fifo would never answer
            return False
        with path.open("rb") as file:
            head = file.read(_HEAD).decode("latin-1")
    except OSError:
        return False
    lines = [line for line in head.splitlines() if line.strip()][1 : _LINES + 1]
    if len(lines) < 3:  # JSON on one line
        return len({cell for cell in _CELLS.split(head) if _is_image(cell, present)}) > 2
    return 2 * sum(any(_is_image(cell, present) for cell in _CELLS.split(line)) for line in lines) >= len(lines)


def _can_be_read(path: Path, files: Sequence[str]) -> bool:
    """Whether the file has labels, or asks which column holds them: a list of names alone has none."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return True
        return any(any(cells) for cells in read_columns(path, files).cells)
    except DataError as error:
        return "--labels" in str(error)
    except OSError:
        return False


def _is_image(cell: str, present: frozenset[str]) -> bool:
    name = bare(cell)
    # A short number is more likely a label, a count or a coordinate.
    return name in present and (has_image_ending(cell) or len(name) > 4 or not name.isdigit())


def _said(names: set[str], where: str, *, labelled: bool) -> str:
    one = len(names) == 1
    if labelled:
        return (
            f"{listed(names)} {where} {'names' if one else 'name'} these images and {'was' if one else 'were'} not "
            f"used: labels are the folders'; --labels FILE reads {'it' if one else 'one of them'}."
        )
    return (
        f"{listed(names)} {where} {'was' if one else 'were'} not used; give {'it' if one else 'one of them'} with "
        "--labels for labels."
    )


__all__ = ["label_hint"]
