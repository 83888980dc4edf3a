"""From words to classes: what the labels of a placing are worth, and the split that was given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from swaveval.data.folders.layout import Placing
from swaveval.data.names import distinct
from swaveval.data.split_sides import with_labels
from swaveval.text import counted, listed, natural_key, printable, shortened

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


def as_classes(placing: Placing, files: Sequence[str], is_test: Array | None) -> Classes:
    """The classes of `files`, unless they say nothing.

    They say nothing when there is one class; when half of the classes or more have one image; when all training images
    of a given split are of one class (as in sets for anomaly detection); when no class stands on both of its sides.

    Args:
        placing: labels in words.
        files: those of its files that can be read, length n.
        is_test: the given split, shape `(n,)`; None where one will be drawn.
    """
    words = [placing.labels[file] for file in files]
    classes = sorted({word for word in words if word is not None}, key=natural_key)
    if not placing.labelled or not classes:
        return Classes(None, (), placing.origin or "none")
    number = {name: position for position, name in enumerate(classes)}
    indices = np.array([-1 if word is None else number[word] for word in words], dtype=np.int64)
    why = _say_nothing(indices, classes, is_test)
    if why:
        note = f"{why[0].upper()}{why[1:]}, which says nothing: the images were read without labels."
        return Classes(None, (), f"none: {why} ({placing.origin})", (note,))
    notes = _alike(classes)
    sides = [set(indices[(indices >= 0) & side].tolist()) for side in (() if is_test is None else (~is_test, is_test))]
    if sides and (strangers := sides[1] - sides[0]):
        count = int(np.isin(indices[is_test], list(strangers)).sum())
        shown = listed(classes[label] for label in strangers)
        notes += (f"{counted(count, 'test image')} of classes that no training image has ({shown}).",)
    return Classes(indices, tuple(distinct([printable(name) for name in classes])), placing.origin, notes)


def _alike(classes: Sequence[str]) -> tuple[str, ...]:
    """`Cat` beside `cat` are two classes, but it is said."""
    folded: dict[str, list[str]] = {}
    for name in classes:
        folded.setdefault(" ".join(name.casefold().replace("_", " ").split()), []).append(name)
    alike = [names for names in folded.values() if len(names) > 1]
    return tuple(
        f"Classes that differ only in letter case or spaces are different ones ({listed(names)})."
        for names in alike[:1]
    )


def _say_nothing(indices: Array, classes: Sequence[str], is_test: Array | None) -> str:
    """Why these classes say nothing, or an empty string."""
    known = indices[indices >= 0]
    counts = np.bincount(known, minlength=len(classes))
    if len(classes) == 1:
        return f"the only class is {shortened(classes[0], 60)}"
    if len(classes) == len(known):
        return f"each of the {len(classes):,} classes has one image"
    if float(np.median(counts)) <= 1:
        return f"{int((counts == 1).sum()):,} of the {len(classes):,} classes have one image"
    if is_test is None:
        return ""
    train, test = (set(indices[side & (indices >= 0)].tolist()) for side in (~is_test, is_test))
    if len(train) == 1:
        return f"all training images are of one class, {shortened(classes[next(iter(train))], 60)}"
    if not train or not test:
        return f"no {'test' if train else 'training'} image has a label"
    if not train & test:
        return "no class stands in both training and test images"
    return ""


def given_split(placing: Placing, files: Sequence[str]) -> tuple[Array | None, str, tuple[str, ...]]:
    """The split that was given, in words, and what stood in its way."""
    if placing.splits is None:
        return None, "", ()
    said = {file: placing.splits[file] for file in files}
    if len(set(said.values())) < 2:
        return None, "", (f"All images stand in the {said[files[0]]} split, so a split was drawn.",)
    splits, notes = with_labels(said, placing.labels, source=placing.source)
    if splits is None:
        return None, "", notes
    present = set(splits.values())
    test = "test" if "test" in present else "validation"
    train = " and ".join(sorted(present - {test}))
    return (
        np.array([splits[file] == test for file in files]),
        f"given by {placing.source}: {train} for train, {test} for test",
        notes,
    )
