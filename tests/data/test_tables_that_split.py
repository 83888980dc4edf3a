"""Columns that say the split, by whatever title, in words, marks and numbers."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from swaveval.data import DataError
from tests.data.table_trials import placed, said, table_at

COUNT = 40
FILES = [f"im{n}.png" for n in range(COUNT)]
WORDS = ("moth", "newt")


def splits(tmp_path: Path, title: str, cells: Sequence[object], label: str = "label") -> tuple[list[str] | None, str]:
    """Of each image, and what was said."""
    lines = (f"{file},{WORDS[n % 2]},{cell}" for n, (file, cell) in enumerate(zip(FILES, cells, strict=True)))
    found = placed(table_at(tmp_path / "t.csv", f"image,{label},{title}", *lines), FILES)
    assert [found.labels[file] for file in FILES] == [WORDS[n % 2] for n in range(COUNT)]
    return None if found.splits is None else [found.splits[file] for file in FILES], said(found)


def dealt(*words: object) -> list[object]:
    """More of the first than of each other."""
    return [words[n % 8] if n % 8 < len(words) else words[0] for n in range(COUNT)]


SIDES = dealt("train", "validation", "test")


@pytest.mark.parametrize("label", ["label", "vogel"])
@pytest.mark.parametrize(
    "words",
    [
        ("Training", "PublicTest", "PrivateTest"), ("train", "val", "test"), ("TRAIN", "VALIDATE", "TEST"),
        ("train", "eval", "test"), ("train", "eval", "evaluation"), ("train", "eval", "eval"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "title",
    ["Usage", "train_or_test", "train/val", "train/val/test", "data_type", "mode", "stage", "fold name", "split",
     "ml_use", "dataset", "phase", "Set", "purpose"],
)  # fmt: skip
def test_words_under_any_title(title: str, words: Sequence[str], label: str, tmp_path: Path) -> None:
    tests = ("Public", "Private", "test", "TEST", "evaluation")
    tested = any(word.startswith(tests[2:]) for word in words)
    expected = {"PublicTest": "test", "PrivateTest": "test", "eval": "validation" if "test" in words else "test",
                "evaluation": "test", "VALIDATE": "validation", "val": "validation"}  # fmt: skip
    found, note = splits(tmp_path, title, dealt(*words), label)
    assert found == [
        expected.get(str(word), "test" if str(word).casefold() == "test" else "train") for word in dealt(*words)
    ], tested
    if title not in ("split", "dataset", "phase", "Set"):
        assert f"Column {title} of t.csv read as the split" in note


@pytest.mark.parametrize("title", ["origin", "mode", "stage", "data_type", "place"])
@pytest.mark.parametrize("words", [("train_station", "test_tube"), ("train", "tram"), ("early", "late"), (0, 1, 2)])
def test_other_words_are_no_split(title: str, words: Sequence[str], tmp_path: Path) -> None:
    if words == ("train_station", "test_tube") and title in ("mode", "stage", "data_type"):
        return
    assert splits(tmp_path, title, dealt(*words))[0] is None


@pytest.mark.parametrize("label", ["label", "vogel"])
@pytest.mark.parametrize(("yes", "no"), [(1, 0), ("True", "False"), ("1.0", "0.0"), ("yes", "no"), ("TRUE", "")])
@pytest.mark.parametrize(
    ("title", "marked", "rest"),
    [
        ("is_valid", "validation", "train"), ("is_val", "validation", "train"), ("is_test", "test", "train"),
        ("isTrain", "train", "test"), ("is_training_image", "train", "test"), ("in_test_set", "test", "train"),
    ],
)  # fmt: skip
def test_marks(title: str, marked: str, rest: str, yes: object, no: object, label: str, tmp_path: Path) -> None:
    found, note = splits(tmp_path, title, [yes if n % 4 == 1 else no for n in range(COUNT)], label)
    assert found == [marked if n % 4 == 1 else rest for n in range(COUNT)]
    assert f"column {title}: marked ones for {marked}" in note


@pytest.mark.parametrize("titles", ["is_train,is_valid,is_test", "train,val,test", "is_valid,is_test"])
def test_marks_in_several_columns(titles: str, tmp_path: Path) -> None:
    marks = {"train": (1, 0, 0), "validation": (0, 1, 0), "test": (0, 0, 1)}
    cells = [",".join(map(str, marks[str(side)][3 - titles.count(",") - 1 :])) for side in SIDES]
    assert splits(tmp_path, titles, cells)[0] == SIDES
    assert splits(tmp_path, titles, cells, "vogel")[0] == SIDES


@pytest.mark.parametrize("title", ["split", "set", "subset", "partition", "data_split"])
def test_numbers_of_columns_that_are_called_a_split(title: str, tmp_path: Path) -> None:
    assert splits(tmp_path, title, dealt(0, 1, 2)) == (
        SIDES,
        "Split numbers of t.csv read as 0 train, 1 validation, 2 test.",
    )
    found, note = splits(tmp_path, title, dealt(0, 1))
    assert (found, "0 train, 1 test" in note) == (dealt("train", "test"), True)
    found, note = splits(tmp_path, title, dealt(1, 0))
    assert (found, "most rows are 1, and 0 would be train; write train, test." in note) == (None, True)
    found, note = splits(tmp_path, title, dealt(2, 0, 1))
    assert found is None
    assert "were not read as a split: most rows are 2" in note


@pytest.mark.parametrize("title", ["dataset", "phase"])
@pytest.mark.parametrize("numbers", [(0, 1, 2), (0, 1)])
def test_numbers_of_a_source_are_no_split(title: str, numbers: Sequence[int], tmp_path: Path) -> None:
    found, note = splits(tmp_path, title, dealt(*numbers))
    assert found is None
    assert f"other columns: {title}" in note


def test_two_columns_that_say_it(tmp_path: Path) -> None:
    cells = [f"{a},{b}" for a, b in zip(dealt("train", "test"), dealt("Training", "x", "PublicTest"), strict=True)]
    assert splits(tmp_path, "split,Usage", [cell.replace("x", "Training") for cell in cells]) == (
        dealt("train", "test"),
        "Column Usage of t.csv says a split too, and was not used.",
    )


def test_a_column_that_was_asked_for_is_no_split(tmp_path: Path) -> None:
    lines = (f"{file},x,{('train', 'test')[n % 2]}" for n, file in enumerate(FILES))
    table = table_at(tmp_path / "t.csv", "image,label,usage", *lines)
    assert set(placed(table, FILES, "usage").labels.values()) == {"train", "test"}


@pytest.mark.parametrize("empty", ["", "UNASSIGNED", "nan"])
def test_rows_without_a_split(empty: str, tmp_path: Path) -> None:
    found, note = splits(tmp_path, "ml_use", dealt("train", "test", empty))
    assert found == dealt("train", "test", "train")
    assert "5 images without a split counted to train" in note


def test_a_misspelt_split_stops(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has the split 'tset'"):
        splits(tmp_path, "split", dealt("train", "test", "tset"))
    for title in ("set", "phase"):
        found, note = splits(tmp_path, title, dealt("train", "test", "tset"))
        assert found is None
        assert f"Column {title} of t.csv was not read as the split: tset is none" in note


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("dataset", ("coco_train", "coco_val", "openimages")), ("dataset", ("coco_train", "coco_val")),
        ("set", ("train_station", "bus_stop")), ("set", ("train_station", "test_tube")),
        ("subset", ("test-easy", "test-hard", "golden")), ("subset", ("test-easy", "test-hard")),
        ("dataset", ("ImageNet-val", "ObjectNet-test")), ("phase", ("pre-test", "post-test")),
        ("usage", ("train ticket", "test drive")), ("role", ("training partner", "test person")),
        ("mode", ("train ride", "tram ride")), ("country", ("tr", "te", "ts")), ("language", ("tr", "te")),
        ("country", ("tr", "ts", "valset")), ("land", ("TR", "TE")), ("site", ("dev", "test", "tr")),
        ("origin", ("coco_train", "coco_val")),
    ],
)  # fmt: skip
def test_words_that_hold_the_word_of_a_split(title: str, words: Sequence[str], tmp_path: Path) -> None:
    found, note = splits(tmp_path, title, dealt(*words))
    assert found is None
    assert f"other columns: {title}" in note


@pytest.mark.parametrize("title", ["Usage", "subset", "dataset", "mode", "split"])
@pytest.mark.parametrize(
    ("words", "sides"),
    [
        (("train", "id_val", "ood_test"), ("train", "validation", "test")),
        (("train", "test-easy", "test-hard"), ("train", "test", "test")),
        (("Training", "PublicTest", "PrivateTest"), ("train", "test", "test")),
        (("train_set", "val_set", "test (unseen)"), ("train", "validation", "test")),
        (("train2017", "val2017"), ("train", "validation")),
    ],
)
def test_words_that_say_nothing_else(title: str, words: Sequence[str], sides: Sequence[str], tmp_path: Path) -> None:
    assert splits(tmp_path, title, dealt(*words))[0] == dealt(*sides)


def test_a_split_column_may_hold_any_words_beside_them(tmp_path: Path) -> None:
    for title in ("split", "data split", "split_name"):
        found, note = splits(tmp_path, title, dealt("coco_train", "coco_val", "voc_test"))
        assert found == SIDES
        assert "coco_val as validation" in note


@pytest.mark.parametrize("title", ["is_valid", "isValid", "in_validation_set"])
def test_marks_of_most_rows_are_no_validation(title: str, tmp_path: Path) -> None:
    found, note = splits(tmp_path, title, [int(n % 4 > 0) for n in range(COUNT)])
    assert found is None
    assert f"Column {title} of t.csv was not read as the split: most rows are marked" in note


def test_the_numbers_of_flowers_102(tmp_path: Path) -> None:
    numbers = [0] * 1020 + [1] * 1020 + [2] * 6149
    files = [f"{n}.png" for n in range(len(numbers))]
    lines = [f"{file},{WORDS[n % 2]},{number}" for n, (file, number) in enumerate(zip(files, numbers, strict=True))]
    found = placed(table_at(tmp_path / "t.csv", "image,label,split", *lines), files)
    assert found.splits is not None
    assert [found.splits[file] for file in files] == [("train", "validation", "test")[number] for number in numbers]
    assert "Split numbers of t.csv read as 0 train, 1 validation, 2 test." in said(found)


@pytest.mark.parametrize("words", [("tr", "te"), ("train", "test"), ("Training", "val", "test")])
def test_words_without_titles(words: Sequence[str], tmp_path: Path) -> None:
    lines = [f"{file},{WORDS[n % 2]},{word}" for n, (file, word) in enumerate(zip(FILES, dealt(*words), strict=True))]
    found = placed(table_at(tmp_path / "t.csv", *lines), FILES)
    assert found.splits is not None
    sides = ("train", "validation", "test") if len(words) > 2 else ("train", "test")
    assert [found.splits[file] for file in FILES] == dealt(*sides)
    assert "Column number 3 of t.csv read as the split" in said(found)
