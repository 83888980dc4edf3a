"""From words to classes: what the labels of a placing are worth, and the split that was given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from swaveval.data.layout import Placing
from swaveval.data.names import distinct, natural_key, printable, shortened

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class Classes:
    """Labels as numbers.

    Attributes:
        labels: shape `(n,)`, int64, -1 where unlabelled; None when there are none, or none that say anything.
        names: printable class names, in label order (natural sort).
        origin: where they came from, or `none: …` and why.
        notes: what the page must say about them.
    """

    labels: Array | None
    names: tuple[str, ...]
    origin: str
    notes: tuple[str, ...] = ()


def as_classes(placing: Placing, files: Sequence[str]) -> Classes:
    """The classes of `files`. One class, or one image each, says nothing."""
    words = [placing.labels[file] for file in files]
    classes = sorted({word for word in words if word is not None}, key=natural_key)
    if not placing.labelled or not classes:
        return Classes(None, (), placing.origin or "none")
    if len(classes) == 1:
        name = shortened(classes[0], 60)
        note = f"The only class is {name}, which says nothing: the images were read without labels."
        return Classes(None, (), f"none: {name} is the only class", (note,))
    number = {name: position for position, name in enumerate(classes)}
    indices = np.array([-1 if word is None else number[word] for word in words], dtype=np.int64)
    if len(classes) == int((indices >= 0).sum()):
        note = f"Each of the {len(classes)} classes has one image, so the images were read without labels."
        return Classes(None, (), "none: each class has one image", (note,))
    return Classes(indices, tuple(distinct([printable(name) for name in classes])), placing.origin)


def given_split(placing: Placing, files: Sequence[str]) -> tuple[Array | None, str, tuple[str, ...]]:
    """The split that was given, in words, and what stood in its way."""
    if placing.splits is None:
        return None, "", ()
    splits = [placing.splits[file] for file in files]
    present = set(splits)
    if len(present) < 2:
        return None, "", (f"All images stand in the {next(iter(present))} split, so a split was drawn.",)
    test = "test" if "test" in present else "validation"
    train = " and ".join(sorted(present - {test}))
    return (
        np.array([split == test for split in splits]),
        f"given by {placing.source}: {train} for train, {test} for test",
        (),
    )
