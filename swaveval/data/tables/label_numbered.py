"""Label files that call images by number or identifier: CUB-200's and NABirds' `image_class_labels.txt`."""

import re
from dataclasses import dataclass
from pathlib import Path

from swaveval.data.errors import DataError
from swaveval.data.tables.label_rows import MOST_BYTES, SHAPE
from swaveval.data.tables.label_values import UNLABELLED
from swaveval.text import counted, listed, shortened

_PAIR = re.compile(r"^(\S+)\s+(\S.*)$")
_SIDES = {"1": "train", "0": "test"}


@dataclass(frozen=True, slots=True)
class Numbered:
    """The rows of such a file.

    Attributes:
        lines, names, labels, splits: of each row the line, the image's name, its label, its split (None: not said).
        said: what the labels were read from, in words.
        notes: which of the files beside it were read.
    """

    lines: tuple[int, ...]
    names: tuple[str, ...]
    labels: tuple[str, ...]
    splits: tuple[str | None, ...]
    said: str
    notes: tuple[str, ...]


def is_numbered(path: Path) -> bool:
    """Whether a file is called as such files are."""
    return path.name == "image_class_labels.txt"


def read_numbered(path: Path, text: str) -> Numbered:
    """The rows of `image_class_labels.txt` (`7 2`) with what lies beside it.

    `images.txt` gives the numbers their names, `train_test_split.txt` their split (1: train, 0: test), `classes.txt`
    the classes their names; the latter two where they are there and cover what occurs.

    Raises:
        DataError: `images.txt` is not there, or names no image of the file.
    """
    name = shortened(str(path))
    images = _pairs(path.parent / "images.txt")
    if images is None:
        raise DataError(f"{name} calls images by the numbers of images.txt, which is not beside it; put it there")
    found = [
        (line, match[1], match[2].strip())
        for line, row in enumerate(text.splitlines(), 1)
        if (match := _PAIR.match(row.strip()))
    ]
    rows = [row for row in found if row[1] in images]
    if not rows:
        why = f"names no image of images.txt beside it (first: {found[0][1]})" if found else "is empty"
        raise DataError(f"{name} {shortened(why, 120)}; the first line must name the columns {SHAPE}")
    notes = []
    if len(rows) < len(found):
        odd = next(row for row in found if row[1] not in images)
        notes.append(
            f"{counted(len(found) - len(rows), 'row')} of {path.name} of images that images.txt does not have, not "
            f"read (line {odd[0]}: {shortened(odd[1], 60)})."
        )
    splits = _splits(path, [row[1] for row in rows], notes)
    labels = ["" if row[2].casefold() in UNLABELLED else row[2] for row in rows]
    classes = _class_names(path, labels, notes)
    return Numbered(
        tuple(row[0] for row in rows),
        tuple(images[row[1]] for row in rows),
        tuple(classes.get(label, label) for label in labels),
        splits,
        "names of classes.txt" if classes else "",
        tuple(notes),
    )


def _pairs(path: Path) -> dict[str, str] | None:
    """Identifier to the rest of its line, or None where there is no such file."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError:
        return None
    return {match[1]: match[2].strip() for line in lines if (match := _PAIR.match(line.strip()))}


def _splits(path: Path, identifiers: list[str], notes: list[str]) -> tuple[str | None, ...]:
    beside = _pairs(path.parent / "train_test_split.txt")
    if beside is None:
        return tuple(None for _ in identifiers)
    if not all(beside.get(identifier) in _SIDES for identifier in identifiers):
        notes.append(f"train_test_split.txt beside {path.name} does not say 0 or 1 of each image and was not used.")
        return tuple(None for _ in identifiers)
    notes.append(f"The split was read from train_test_split.txt beside {path.name} (1 train, 0 test).")
    return tuple(_SIDES[beside[identifier]] for identifier in identifiers)


def _class_names(path: Path, labels: list[str], notes: list[str]) -> dict[str, str]:
    """Label to the name that `classes.txt` gives it; a name that several have is told apart by the label."""
    beside = _pairs(path.parent / "classes.txt")
    if beside is None:
        return {}
    used = {label for label in labels if label}
    if missing := used - set(beside):
        notes.append(f"classes.txt beside {path.name} names not all classes ({listed(missing)}) and was not used.")
        return {}
    notes.append(f"The names of the classes were read from classes.txt beside {path.name}.")
    names = [beside[label] for label in used]
    return {label: beside[label] if names.count(beside[label]) == 1 else f"{beside[label]} ({label})" for label in used}
