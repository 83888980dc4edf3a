"""CUB-200's and NABirds' `image_class_labels.txt` with the files beside it."""

from pathlib import Path

import pytest

from swaveval.data.errors import DataError
from swaveval.data.tables.label_numbered import Numbered, read_numbered
from swaveval.data.tables.label_table import read_labels

BIRDS = ["0000139e-21dc-4d0c-bfe1-4cae3c85c829", "0000d9fc-4e02-4c06-a0af-a55cfb16b12b", "00019306-9d83-4334-b255"]


def write(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def nabirds(folder: Path) -> Path:
    write(folder, "images.txt", *(f"{bird} 0817/{bird.replace('-', '')}.jpg" for bird in BIRDS))
    rows = [f"{bird} {label}" for bird, label in zip(BIRDS, (817, 860, 817), strict=True)]
    return write(folder, "image_class_labels.txt", *rows)


def read(path: Path) -> Numbered:
    return read_numbered(path, path.read_text(encoding="utf-8"))


def test_identifiers_split_and_names(tmp_path: Path) -> None:
    path = nabirds(tmp_path)
    bare = read(path)
    assert (bare.labels, set(bare.splits), bare.notes) == (("817", "860", "817"), {None}, ())
    write(tmp_path, "train_test_split.txt", *(f"{bird} {n % 2}" for n, bird in enumerate(BIRDS)))
    names = ["0 Birds", "817 Oak Titmouse (Female/juvenile, grey)", "860 House Wren (Male/juvenile, grey)"]
    write(tmp_path, "classes.txt", *names)
    files = [f"images/0817/{bird.replace('-', '')}.jpg" for bird in BIRDS]
    found = read_labels(path, files)
    assert [(row.filename, row.label, row.split) for row in found.rows] == [
        (files[0][7:], "Oak Titmouse (Female/juvenile, grey)", "test"),
        (files[1][7:], "House Wren (Male/juvenile, grey)", "train"),
        (files[2][7:], "Oak Titmouse (Female/juvenile, grey)", "test"),
    ]
    assert (found.multiple, found.column) == (False, "names of classes.txt")
    assert found.notes == (
        "The split was read from train_test_split.txt beside image_class_labels.txt (1 train, 0 test).",
        "The names of the classes were read from classes.txt beside image_class_labels.txt.",
    )


def test_cub(tmp_path: Path) -> None:
    write(tmp_path, "images.txt", "1 001.Black_footed_Albatross/a b_1.jpg", "2 002.Auklet/c_2.jpg")
    write(tmp_path, "classes.txt", "1 001.Black_footed_Albatross", "2 002.Auklet")
    found = read(write(tmp_path, "image_class_labels.txt", "1 1", "2 2", ""))
    assert found.names == ("001.Black_footed_Albatross/a b_1.jpg", "002.Auklet/c_2.jpg")
    assert (found.labels, found.lines) == (("001.Black_footed_Albatross", "002.Auklet"), (1, 2))


def test_files_that_do_not_cover_what_occurs_are_not_used(tmp_path: Path) -> None:
    path = nabirds(tmp_path)
    write(tmp_path, "train_test_split.txt", f"{BIRDS[0]} 1", f"{BIRDS[1]} 0")
    write(tmp_path, "classes.txt", "817 Oak Titmouse")
    found = read(path)
    assert (found.labels, set(found.splits)) == (("817", "860", "817"), {None})
    assert found.notes == (
        "train_test_split.txt beside image_class_labels.txt does not say 0 or 1 of each image and was not used.",
        "classes.txt beside image_class_labels.txt names not all classes (860) and was not used.",
    )


def test_equal_names_of_classes_stay_apart(tmp_path: Path) -> None:
    path = nabirds(tmp_path)
    write(tmp_path, "classes.txt", "817 Wren", "860 Wren")
    assert read(path).labels == ("Wren (817)", "Wren (860)", "Wren (817)")


def test_rows_without_an_image_and_refusals(tmp_path: Path) -> None:
    path = nabirds(tmp_path)
    path.write_text(f"{path.read_text()}77 5\n")
    assert read(path).notes == (
        "1 row of image_class_labels.txt of images that images.txt does not have, not read (line 4: 77).",
    )
    with pytest.raises(DataError, match="has one column of labels; leave out :2"):
        read_labels(path, column="2")
    path.write_text("77 5\n")
    with pytest.raises(DataError, match=r"names no image of images\.txt beside it \(first: 77\)"):
        read(path)
    (tmp_path / "images.txt").unlink()
    with pytest.raises(DataError, match=r"by the numbers of images\.txt, which is not beside it"):
        read(path)
