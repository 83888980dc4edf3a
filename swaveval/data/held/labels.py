"""Labels that a program holds, one an image: numbers and words, vectors of 0 and 1, several of an image."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from swaveval.data.errors import DataError
from swaveval.data.held.class_names import ClassNames
from swaveval.data.tables.label_values import most_frequent_present
from swaveval.text import counted, listed

Array = np.ndarray[Any, np.dtype[Any]]
# None: no label; a number or a word; a tuple of them: a vector, or several labels.
Label = int | float | str | tuple[int | float | str, ...] | None

_UNLABELLED = frozenset({"-1", "nan", "None", ""})
# Spellings of tables, in any letter case; other words that these read so may be classes.
_OF_TABLES = frozenset({"nan", "<na>", "nat"})
_ONE_EACH = "give one for each image, in the order of the images"


class NoClasses(Exception):
    """These are no classes; the message says what they are, the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Words:
    """Labels, read.

    Attributes:
        words: of each image its class, None for no label.
        several: how many images carry each label, where images carry several; None where each carries one.
        notes: what was read in a way that has to be said.
    """

    words: tuple[str | None, ...]
    several: Mapping[str, int] | None = None
    notes: tuple[str, ...] = ()


def one_each(values: Any, count: int, what: str = "labels") -> list[Any]:
    """What was given for `count` images, as a list of one thing for each.

    Args:
        values: a sequence, an array or tensor `(n,)` or `(n, k)`, a column of a table, or a mapping whose keys are
            0 … n-1.

    Raises:
        DataError: it is none of these, or has another length.
    """
    if isinstance(values, str | bytes | Path):
        raise DataError(f"{what} are a {type(values).__name__}: a table is for a folder of images; {_ONE_EACH}")
    if isinstance(values, AbstractSet):
        raise DataError(f"{what} are a set, which has no order; {_ONE_EACH}")
    if isinstance(values, Mapping):
        if not count or set(values) != set(range(count)):
            keys = listed(map(str, values)) or "none"
            raise DataError(
                f"{what} are a mapping of {counted(len(values), 'key')} ({keys}) for {counted(count, 'image')}; "
                f"{_ONE_EACH}, such as [mapping[key] for key in keys], or a mapping of their positions 0, 1, 2 …"
            )
        return [values[position] for position in range(count)]
    shape = getattr(values, "shape", None)
    if shape is not None and len(shape) != 1:
        if len(shape) != 2 or shape[0] != count:
            raise DataError(f"{what} have the shape {tuple(shape)}; {_ONE_EACH}: shape ({count:,},)")
        return list(_array(values))
    found = list(values.tolist() if hasattr(values, "tolist") else values)
    if len(found) != count:
        raise DataError(f"{len(found)} {what} for {counted(count, 'image')}: one for each is needed, in the same order")
    return found


def read_given(values: Any, count: int) -> Words:
    """Labels that were given beside the images.

    Raises:
        DataError: see `one_each`; or they are no classes.
    """
    try:
        return read_labels(one_each(values, count))
    except NoClasses as error:
        raise DataError(f"the labels that were given are {error}; {_ONE_EACH}: a number or a word") from error


def read_labels(labels: Sequence[Any], dataset: Any = None) -> Words:
    """Labels as a data set gives them.

    Args:
        labels: one an image: a number, a word, None; a vector of 0 and 1; a list, set or tuple of labels.
        dataset: whose `classes` and `class_to_idx` name the numbers.

    Raises:
        NoClasses: they are something else.
    """
    plain = [_plain(label) for label in labels]
    notes: list[str] = []
    marks = _vectors_of_marks(plain)
    if marks:
        length = len(next(label for label in plain if isinstance(label, tuple)))
        plain = [
            tuple(place for place, mark in enumerate(label) if mark) if isinstance(label, tuple) else None
            for label in plain
        ]
        if not any(plain):
            raise NoClasses(f"vectors of {length} zeros")
        if all(label is None or len(label) < 2 for label in plain if not isinstance(label, str | int | float)):
            ones = "at most one 1" if any(label == () for label in plain) else "one 1 each"
            notes.append(f"Labels are vectors of {length} numbers with {ones}; its place, from 0, is the class.")
    names = ClassNames.of(dataset, [_members(label) for label in plain], places=length if marks else None)
    notes += names.notes
    carried = [
        tuple(dict.fromkeys(word for member in _members(label) if (word := _word(member, names)) is not None))
        for label in plain
    ]
    many = sum(len(words) > 1 for words in carried)
    if not many:
        return Words(tuple(words[0] if words else None for words in carried), notes=tuple(notes))
    chosen, counts = most_frequent_present({str(place): words for place, words in enumerate(carried)})
    notes.append(
        f"{counted(many, 'image')} with several labels ({len(counts):,} labels): the one of them that most images "
        "carry was taken as the class."
    )
    return Words(
        tuple(chosen.get(str(place)) for place in range(len(carried))), dict(counts.most_common()), tuple(notes)
    )


def _plain(label: Any) -> Label:
    """Without what libraries wrap around it."""
    if isinstance(label, np.generic):
        label = label.item()
    if label is None or isinstance(label, str | int | float):
        return label
    if isinstance(label, Mapping):
        raise NoClasses("dicts")
    if isinstance(label, Image.Image):
        raise NoClasses("images")
    if hasattr(label, "shape"):
        values = _array(label)
        if values.size == 1:
            return _plain(values.reshape(-1).tolist()[0])
        if values.ndim != 1:
            raise NoClasses(f"arrays of shape {values.shape}")
        label = values.tolist()
    if isinstance(label, AbstractSet):
        label = sorted(label, key=str)
    if not isinstance(label, list | tuple):
        return str(label)
    members = [_plain(member) for member in label if not isinstance(member, Mapping)]
    if len(members) < len(label):
        raise NoClasses("lists of dicts")
    if any(isinstance(member, tuple) for member in members):
        raise NoClasses("lists of lists")
    parts = tuple(member for member in members if member is not None and not isinstance(member, tuple))
    return parts[0] if len(label) == len(parts) == 1 else parts


def _vectors_of_marks(labels: Sequence[Label]) -> bool:
    """Whether these are vectors of 0 and 1, a place for each class.

    Raises:
        NoClasses: they are vectors of other numbers: soft labels, boxes, points.
    """
    rows = [label for label in labels if isinstance(label, tuple)]
    numbers = [member for row in rows for member in row if isinstance(member, int | float)]
    lengths = {len(row) for row in rows}
    alone = all(isinstance(label, tuple) or label is None for label in labels)
    if rows and alone and len(lengths) == 1 and len(numbers) == sum(map(len, rows)) and lengths != {0}:
        if set(numbers) <= {0, 1}:
            return True
        raise NoClasses(f"vectors of {next(iter(lengths))} numbers other than 0 and 1")
    if any(isinstance(number, float) and not number.is_integer() for number in numbers):
        raise NoClasses("lists of numbers with decimals")
    return False


def _members(label: Label) -> tuple[int | float | str, ...]:
    return () if label is None else label if isinstance(label, tuple) else (label,)


def _word(label: int | float | str, names: ClassNames) -> str | None:
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    word = names[label] if isinstance(label, int) else str(label).strip()
    return None if word in _UNLABELLED or word.casefold() in _OF_TABLES else word


def _array(values: Any) -> Array:
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    return values.to_numpy() if hasattr(values, "to_numpy") else np.asarray(values)
