"""From words to classes: labels that say nothing are none, and it is said why; and splits that were given."""

import numpy as np
import pytest

from swaveval.data.classes import as_classes, given_split
from swaveval.data.folders.layout import Placing


def placing(words: list[str | None], splits: str = "") -> tuple[Placing, list[str], np.ndarray | None]:
    """Images `0`, `1` …, with their words; `splits`: a letter an image, `t` for test."""
    files = [str(number) for number in range(len(words))]
    named = {"a": "train", "t": "test", "v": "validation"}
    said = {file: named[letter] for file, letter in zip(files, splits, strict=True)} if splits else None
    is_test = np.array([letter == "t" for letter in splits]) if splits else None
    labelled = any(word is not None for word in words)
    return Placing(dict(zip(files, words, strict=True)), labelled, said, "words.csv", origin="words"), files, is_test


def test_classes_in_natural_order_with_printable_names() -> None:
    found = as_classes(*placing(["b10", "b2", None, "b10", "b2", "\x1b", "\x1b"]))
    assert found.labels is not None
    assert found.labels.tolist() == [2, 1, -1, 2, 1, 0, 0]
    assert found.labels.dtype == np.int64
    assert (found.names, found.origin, found.notes) == (("\\x1b", "b2", "b10"), "words", ())


@pytest.mark.parametrize(
    ("words", "splits", "why"),
    [
        (["a", "a", None], "", "the only class is a"),
        (["a", "b", "c", None], "", "each of the 3 classes has one image"),
        (["a", "b", "b", "c"], "", "2 of the 3 classes have one image"),
        (["a", "b", "c", "c", "d", "d", "d"], "", ""), (["a", "a", "b"], "", ""), (["a", "a", "b", "b"], "", ""),
        (["a", "b", "a", "b"], "aatt", ""), (["a", "a", "a", "b"], "aatt", "all training images are of one class, a"),
        (["a", "a", None, "a", "b"], "aaatt", "all training images are of one class, a"),
        (["a", "b", None, "a", "b", None], "aaaaat", "no test image has a label"),
        ([None, "a", "b", "a", "b"], "atttt", "no training image has a label"),
        (["a", "b", "a", "b", "c", "c"], "aaaatt", "no class stands in both training and test images"),
        (["a", "b", "b", "a", "a", "b", None], "aavttta", ""),
    ],
)  # fmt: skip
def test_labels_that_say_nothing(words: list[str | None], splits: str, why: str) -> None:
    found = as_classes(*placing(words, splits))
    assert (found.labels is None) == bool(why)
    if why:
        assert found.origin == f"none: {why} (words)"
        assert found.notes == (f"{why[0].upper()}{why[1:]}, which says nothing: the images were read without labels.",)


def test_no_labels_at_all() -> None:
    found = as_classes(Placing({"0": None, "1": None}, False, origin="none: one flat folder"), ["0", "1"], None)
    assert (found.labels, found.names, found.origin, found.notes) == (None, (), "none: one flat folder", ())
    assert as_classes(Placing({"0": None}, False), ["0"], None).origin == "none"
    assert as_classes(Placing({"0": "a", "1": None}, True, origin="words"), ["1"], None).labels is None


def test_test_images_of_classes_that_training_never_saw() -> None:
    found = as_classes(*placing(["a", "b", "a", "c", "c", "d", None], "aattttt"))
    assert found.labels is not None
    assert found.notes == ("3 test images of classes that no training image has (c, d).",)


@pytest.mark.parametrize(
    ("splits", "test", "words"),
    [
        ("aat", [False, False, True], "given by words.csv: train for train, test for test"),
        ("aav", [False, False, True], "given by words.csv: train for train, validation for test"),
        ("avt", [False, False, True], "given by words.csv: train and validation for train, test for test"),
        ("vvt", [False, False, True], "given by words.csv: validation for train, test for test"),
    ],
)
def test_a_split_that_was_given(splits: str, test: list[bool], words: str) -> None:
    placed, files, _ = placing([None] * 3, splits)
    is_test, origin, notes = given_split(placed, files)
    assert is_test is not None
    assert (is_test.tolist(), origin, notes) == (test, words, ())


def test_one_side_alone_is_no_split() -> None:
    placed, files, _ = placing([None] * 3, "ttt")
    assert given_split(placed, files) == (None, "", ("All images stand in the test split, so a split was drawn.",))
    mixed, files, _ = placing([None] * 3, "aat")
    assert given_split(mixed, files[:2])[2] == ("All images stand in the train split, so a split was drawn.",)
    assert given_split(placing([None] * 3)[0], files) == (None, "", ())


@pytest.mark.parametrize(
    ("sides", "labelled", "test", "note"),
    [
        ("train train test test", "train test", [2, 3], ""),
        ("train train test test", "train", None, "The folders' split was not used: only its train side has labels."),
        ("train train test test", "test", None, "The folders' split was not used: only its test side has labels."),
        (
            "train validation test test",
            "train validation",
            [1],
            "2 images on the folders' test side, none of them labelled",
        ),
        ("train validation test", "train validation test", [2], ""),
        ("validation validation test test", "validation test", [2, 3], ""),  # no side is called train
        ("train train validation", "validation", None, "The folders' split was not used: only its validation side"),
        ("train train test test", "", [2, 3], ""),
    ],
)
def test_a_given_split_with_labels_on_one_side_alone(
    sides: str, labelled: str, test: list[int] | None, note: str
) -> None:
    """A competition's test folder, read with `--labels names`, took the labels of all images with it."""
    files = [str(place) for place, _ in enumerate(sides.split())]
    splits = dict(zip(files, sides.split(), strict=True))
    labels = {file: "ab"[place % 2] if splits[file] in labelled.split() else None for place, file in enumerate(files)}
    is_test, origin, notes = given_split(Placing(labels, bool(labelled), splits, "folders", origin="names"), files)
    assert (None if is_test is None else np.flatnonzero(is_test).tolist()) == test
    assert (origin == "") == (test is None)
    assert " ".join(notes).startswith(note)
