"""What a data set calls its numbered classes: by `classes`, counted from 0 or from 1, and by `class_to_idx`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from swaveval.text import counted, listed, shortened

Members = Sequence[tuple[int | float | str, ...]]


@dataclass(frozen=True)
class ClassNames:
    """Names of numbers; a number without one is called by itself.

    Attributes:
        by_number: the names. notes: what was decided about them, in sentences.
    """

    by_number: Mapping[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __getitem__(self, number: int) -> str:
        return self.by_number.get(number, str(number).strip())

    @classmethod
    def of(cls, dataset: Any, labels: Members, *, places: int | None = None) -> "ClassNames":
        """The names of a data set's labels.

        Args:
            dataset: with `classes`, a list or tuple of names, or without; None for labels that are no data set's own.
            labels: of each image its labels.
            places: the length of the vectors that the labels were places in.
        """
        classes = getattr(dataset, "classes", None)
        if not isinstance(classes, list | tuple) or (places is not None and places != len(classes)):
            return cls()
        numbers = [_numbers(members) for members in labels]
        present = set().union(*numbers)
        own = _by_index(getattr(dataset, "class_to_idx", None))
        if own and not all(_says(classes, number, name) for number, several in own.items() for name in several):
            names = {number: ", ".join(several) for number, several in own.items()}
            first = ", ".join(f"{number} is {_short(names[number])}" for number in sorted(names)[:3])
            notes = [
                f"The data set's class_to_idx and the order of its classes differ; class_to_idx was taken: {first}."
            ]
        else:
            names, notes = _counted_from(list(map(str, classes)), present)
        if strangers := present - set(names):
            many = sum(bool(some & strangers) for some in numbers)
            notes.append(
                f"Labels beyond the {len(names):,} names of the data set's classes ({listed(map(str, strangers))}), of "
                f"{counted(many, 'image')}, are called by their numbers."
            )
        return cls(names, tuple(notes))


def _counted_from(classes: list[str], present: set[int]) -> tuple[dict[int, str], list[str]]:
    """Names by number, from 1 where the labels can only count from there; what has to be said of it."""
    last = len(classes)
    if last > 1 and present and (min(present), max(present)) == (1, last):
        note = (
            f"Labels count from 1 to {last:,}, as many as the data set's classes have names: 1 is {_short(classes[0])}."
        )
        return dict(enumerate(classes, 1)), [note]
    notes = []
    if 1 in present and min(present) == 1 and max(present) < last:
        notes.append(
            f"No image has the label 0, {_short(classes[0])}: the names of the data set's classes were counted from 0 "
            f"(1 is {_short(classes[1])}); if its labels count from 1, give them as labels=."
        )
    return dict(enumerate(classes)), notes


def _numbers(members: tuple[int | float | str, ...]) -> set[int]:
    """The whole numbers among an image's labels; -1 is none."""
    whole = {int(one) for one in members if isinstance(one, int) or (isinstance(one, float) and one.is_integer())}
    return whole - {-1}


def _short(name: str) -> str:
    return shortened(name, 40)


def _by_index(order: Any) -> dict[int, list[str]]:
    """Number → its names; empty where the data set does not say."""
    if not isinstance(order, Mapping) or not all(isinstance(number, int) for number in order.values()):
        return {}
    found: dict[int, list[str]] = {}
    for name, number in order.items():
        found.setdefault(number, []).append(str(name))
    return found


def _says(classes: Sequence[Any], number: int, name: str) -> bool:
    """Whether the class at this place is called so, or so too (ImageNet's classes are tuples of synonyms)."""
    if not 0 <= number < len(classes):
        return False
    called = classes[number]
    return name == str(called) or (isinstance(called, tuple) and name in map(str, called))
