"""What the images are like: counts, sizes, duplicates, and everything that was left out. Plain JSON."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from swaveval.data.scan import ScanRecord
from swaveval.text import counted, listed, shortened

EXAMPLES = 20
SINGLY = 3  # classes that each get a sentence
MANY_COPIES = 0.01  # of the test images: as many as any test set of the field has
Array = np.ndarray[Any, np.dtype[Any]]


def audit(
    files: Sequence[str],
    records: Sequence[ScanRecord],
    labels: Array | None,
    class_names: Sequence[str],
    is_test: Array,
) -> dict[str, Any]:
    """The audit of the images that are used.

    Args:
        files: printable names.
        records: one per file.
        labels: shape `(n,)`, -1 unlabelled, or None.
        class_names: in label order.
        is_test: shape `(n,)`.

    Returns:
        `n n_train n_test`; `class_counts` name → [train, test]; `unlabelled`; `duplicates` {groups, images beyond the
        first of each group, examples [[name …]]}; `duplicates_across_splits` {count of test images that also stand in
        train, test_index, examples [[train name, test name]]}; `label_conflicts`: groups of equal images under
        different labels; `sizes` {min, median, max as [width, height], median_short_side, short_sides [[from, to,
        count]]}; `modes` and `formats` name → count; `notes` sentences.
    """
    groups = _equal_contents(records)
    notes: list[str] = []
    result: dict[str, Any] = {
        "n": len(files),
        "n_train": int((~is_test).sum()),
        "n_test": int(is_test.sum()),
        "class_counts": {},
        "unlabelled": len(files) if labels is None else int((labels < 0).sum()),
        "duplicates": {
            "groups": len(groups),
            "images": sum(len(group) - 1 for group in groups),
            "examples": [[files[member] for member in group[:10]] for group in groups[:EXAMPLES]],
        },
        "duplicates_across_splits": _across(files, groups, is_test),
        "label_conflicts": 0,
        "sizes": _sizes(records),
        "modes": dict(Counter(record.mode for record in records).most_common()),
        "formats": dict(Counter(record.format for record in records if record.format).most_common()),
        "notes": notes,
    }
    if labels is not None:
        notes += _copied(result["duplicates_across_splits"], int(is_test.sum()))
        result["label_conflicts"] = sum(len(set(labels[group].tolist())) > 1 for group in groups)
        for label, name in enumerate(class_names):
            of_class = labels == label
            train, test = int((of_class & ~is_test).sum()), int((of_class & is_test).sum())
            result["class_counts"][name] = [train, test]
        notes += _on_one_side(result["class_counts"])
    return result


def left_out(broken: Sequence[Sequence[str]], lost: Sequence[str]) -> tuple[str, ...]:
    """A sentence on files that cannot be used, if there are any.

    Args:
        broken: name and reason of each. lost: classes that have no other files.
    """
    if not broken:
        return ()
    name, reason = broken[0]
    whole = f", with them {'all of class' if len(lost) == 1 else 'all of the classes'} {listed(lost)}" if lost else ""
    return (f"{counted(len(broken), 'file')} left out as broken{whole} (first: {shortened(name, 60)}: {reason}).",)


def _copied(across: Mapping[str, Any], tested: int) -> Iterator[str]:
    """A sentence on test images that are copies of training images, where there are more than any data set has."""
    count = int(across["count"])
    if count and count >= MANY_COPIES * tested:
        first = " is ".join(shortened(name, 40) for name in reversed(across["examples"][0]))
        yield (
            f"{count:,} of {counted(tested, 'test image')} stand in training as well ({first}): numbers on test images "
            "are too good. The verdict rests on training images, each asked without itself."
        )


def _on_one_side(counts: Mapping[str, Sequence[int]]) -> Iterator[str]:
    """Sentences on classes whose images all stand in one split; many in one."""
    for side, (here, there) in enumerate((("train", "test"), ("test", "train"))):
        lone = [name for name, count in counts.items() if count[side] and not count[1 - side]]
        if len(lone) > SINGLY:
            yield f"{len(lone):,} classes ({listed(lone)}) have {here} images and no {there} image."
            continue
        for name in lone:
            yield f"Class {name} has {counted(counts[name][side], f'{here} image')} and no {there} image."


def _equal_contents(records: Sequence[ScanRecord]) -> list[list[int]]:
    """Positions of images with equal contents, groups of two and more, in order of their first."""
    groups: dict[str, list[int]] = {}
    for position, record in enumerate(records):
        groups.setdefault(record.sha256, []).append(position)
    return [group for group in groups.values() if len(group) > 1]


def _across(files: Sequence[str], groups: list[list[int]], is_test: Array) -> dict[str, Any]:
    test_index: list[int] = []
    examples: list[list[str]] = []
    for group in groups:
        train = [member for member in group if not is_test[member]]
        test = [member for member in group if is_test[member]]
        if train and test:
            test_index += test
            examples.append([files[train[0]], files[test[0]]])
    return {"count": len(test_index), "test_index": sorted(test_index), "examples": examples[:EXAMPLES]}


def _sizes(records: Sequence[ScanRecord]) -> dict[str, Any]:
    """Smallest and largest image by area, medians, and a histogram of the short side in doubling bins."""
    sizes = np.array([(record.width, record.height) for record in records], dtype=np.int64)
    area = sizes.prod(axis=1)
    short = sizes.min(axis=1)
    bins = Counter(int(side - 1).bit_length() for side in short.tolist())
    return {
        "min": sizes[area.argmin()].tolist(),
        "median": [float(value) for value in np.median(sizes, axis=0)],
        "max": sizes[area.argmax()].tolist(),
        "median_short_side": float(np.median(short)),
        "short_sides": [[2 ** (bit - 1) + 1 if bit else 1, 2**bit, bins[bit]] for bit in sorted(bins)],
    }
