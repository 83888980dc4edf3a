"""Label files of lines, lists of names, and which column names the images: forms of public data sets among others."""

from pathlib import Path

import pytest

from swaveval.data.errors import DataError
from swaveval.data.tables.label_table import LabelTable, read_labels
from swaveval.data.tables.label_values import read_values

PETS = ["Abyssinian_100", "beagle_7", "Bengal_3"]
PRODUCTS = ["bicycle_final/111_0.JPG", "bicycle_final/111_1.JPG", "sofa_final/9_0.JPG"]
PLANES = ["0034309", "0034958", "0037511"]
SPACED = ["some path/1.jpg", "some path/2.jpg", "other/3 b.jpg"]


def table(tmp_path: Path, lines: list[str], files: list[str], column: str | None = None) -> LabelTable:
    path = tmp_path / "t.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_labels(path, [file if "." in file else f"images/{file}.jpg" for file in files], column=column)


def pairs(found: LabelTable) -> dict[str, str]:
    return {row.filename: row.label for row in found.rows}


HEAD = ["#Image CLASS-ID SPECIES BREED ID", "#ID: 1:37 Class ids", "#SPECIES: 1:Cat 2:Dog"]
EBAY = [
    "image_id class_id super_class_id path",
    *(f"{n} {n // 2 + 5} {1 + n // 2} {p}" for n, p in enumerate(PRODUCTS)),
]


@pytest.mark.parametrize(
    ("lines", "files", "column", "labels", "said"),
    [
        # Oxford pets' trainval.txt and list.txt
        ([f"{name} {n} 1 1" for n, name in enumerate(PETS)], PETS, None, "0 1 2", "column number 2"),
        ([f"{name} {n} 1 {n + 4}" for n, name in enumerate(PETS)], PETS, "4", "4 5 6", "column number 4"),
        (HEAD + [f"{name} {n} 1 1" for n, name in enumerate(PETS)], PETS, None, "0 1 2", "column CLASS-ID"),
        (HEAD + [f"{name} {n} {n + 4} 1" for n, name in enumerate(PETS)], PETS, "SPECIES", "4 5 6", "column SPECIES"),
        # Stanford Online Products' Ebay_info.txt
        (EBAY, PRODUCTS, None, "5 5 6", "column class_id"), (EBAY, PRODUCTS, "super_class_id", "1 1 2",
                                                             "column super_class_id"),
        # a word and a box; a word and a split; a name between others
        ([f"{name} {word} 1 2 3 4" for name, word in zip(PETS, "abc", strict=True)], PETS, None, "a b c",
         "column number 2"),
        ([f"{name} {word} 1 2" for name, word in zip(PETS, "abc", strict=True)], PETS, None, "a b c",
         "column number 2"),
        ([f"{n} {name} {word}" for n, (name, word) in enumerate(zip(PETS, "abc", strict=True))], PETS, None, "0 1 2",
         "column number 1"),
        # names with spaces before one label
        ([f"{name} {n}" for n, name in enumerate(SPACED)], SPACED, None, "0 1 2", "column number 2"),
        ([f"{name} {n}" for n, name in enumerate(SPACED[:2])], [*SPACED[:2], "0.jpg"], None, "0 1", "column number 2"),
    ],
)  # fmt: skip
def test_columns_of_lines(
    lines: list[str], files: list[str], column: str | None, labels: str, said: str, tmp_path: Path
) -> None:
    found = table(tmp_path, lines, files, column)
    assert list(pairs(found).values()) == labels.split()
    assert (found.column, found.multiple) == (said, False)
    assert set(pairs(found)) <= set(files)


def test_what_is_said_of_lines_in_columns(tmp_path: Path) -> None:
    found = table(tmp_path, HEAD + [f"{name} {n} 1 1" for n, name in enumerate(PETS)], PETS)
    assert found.notes == (
        "3 lines at the head of t.txt that begin with # read as comments.",
        "For the labels of t.txt column CLASS-ID was taken; other columns: BREED ID, SPECIES "
        "(--labels FILE:COLUMN reads one of them).",
    )
    bare = table(tmp_path, [f"{name} {n} 1 1" for n, name in enumerate(PETS)], PETS)
    assert bare.notes == (
        "For the labels of t.txt column number 2 was taken; other columns: 3, 4 (--labels FILE:3 reads one of them).",
    )
    assert table(tmp_path, ["#1.jpg a", "b.jpg b"], ["#1.jpg", "b.jpg"]).rows[0].filename == "#1.jpg"


def test_a_column_of_splits_without_a_title(tmp_path: Path) -> None:
    lines = [f"{name} {word} {split}" for name, word, split in zip(PETS, "aba", ("train", "test", "val"), strict=True)]
    found = table(tmp_path, lines, PETS)
    assert [(row.label, row.split) for row in found.rows] == [("a", "train"), ("b", "test"), ("a", "validation")]
    assert "Column number 3 of t.txt read as the split." in found.notes


@pytest.mark.parametrize(
    ("lines", "labels"),
    [
        (["0034309 Boeing 707", "0034958 ATR-42", "0037511 BAE 146 a"], ["Boeing 707", "ATR-42", "BAE 146 a"]),
        (["0034309 Boeing 707", "0034958 Boeing 727", "0037511 BAE 146"], ["Boeing 707", "Boeing 727", "BAE 146"]),
        (["Boeing 707 0034309.jpg", "ATR-42 0034958.jpg", "x 0037511.jpg"], ["Boeing 707", "ATR-42", "x"]),
    ],
)  # fmt: skip
def test_labels_with_spaces(lines: list[str], labels: list[str], tmp_path: Path) -> None:
    """FGVC aircraft's `images_family_train.txt`, of equal and of different widths; and the other way round."""
    found = table(tmp_path, lines, PLANES)
    assert [row.label for row in found.rows] == labels
    assert [row.filename[:7] for row in found.rows] == PLANES
    assert [note for note in found.notes if "with spaces" in note and "(Boeing 707)." in note]


def test_words_that_stand_alone_elsewhere_are_several_labels(tmp_path: Path) -> None:
    """DTD's `labels_joint_anno.txt`."""
    lines = ["a/1.jpg banded", "a/2.jpg banded lined", "b/3.jpg lined "]
    found = table(tmp_path, lines, ["a/1.jpg", "a/2.jpg", "b/3.jpg"])
    assert (found.multiple, [row.several for row in found.rows]) == (
        True,
        [("banded",), ("banded", "lined"), ("lined",)],
    )


# -- which column names images -----------------------------------------------------------------------------------------


def test_a_column_of_file_names_wins_over_a_title_that_names_none(tmp_path: Path) -> None:
    """Waterbirds' metadata.csv."""
    lines = ["img_id,img_filename,y,place_filename", "1,001.A/a_1.jpg,0,/b/0.jpg", "2,002.B/b_2.jpg,1,/b/1.jpg"]
    found = table(tmp_path, lines, ["001.A/a_1.jpg", "002.B/b_2.jpg"])
    assert pairs(found) == {"001.A/a_1.jpg": "0", "002.B/b_2.jpg": "1"}
    assert found.notes[0] == (
        "Images of t.txt are named by column img_filename: img_id names none of those that are there."
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["image_id,label", "x1,7", "x2,8"], {"x1": "7", "x2": "8"}),
        (["id,photo_of,label", "7,x.jpg,a", "8,x.jpg,b"], {"7": "a", "8": "b"}),
        (["7.jpg,8", "8.jpg,7"], {"7.jpg": "8", "8.jpg": "7"}), (["8,7.jpg", "7,8.jpg"], {"7.jpg": "8", "8.jpg": "7"}),
        (["7.jpg 8", "8.jpg 7"], {"7.jpg": "8", "8.jpg": "7"}),
    ],
)  # fmt: skip
def test_numbers_that_are_names_of_images_by_accident(
    lines: list[str], expected: dict[str, str], tmp_path: Path
) -> None:
    assert pairs(table(tmp_path, lines, ["7.jpg", "8.jpg"])) == expected


# -- lists of names ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["apple_pie/1005649", "apple_pie/7", "waffles/8"], ["apple_pie", "apple_pie", "waffles"]),
        (["kitchen/int474.jpg", "living room/a 1.jpg"], ["kitchen", "living room"]),
        (["/a/abbey/sun_a.jpg", "/b/bar/outdoor/sun_b.jpg", "/a/alley/c.jpg"], ["a/abbey", "b/bar/outdoor", "a/alley"]),
    ],
)  # fmt: skip
def test_the_folders_of_a_list_of_names_are_labels(names: list[str], labels: list[str], tmp_path: Path) -> None:
    """Food-101's meta/train.txt, MIT67's TrainImages.txt, SUN397's Training_01.txt."""
    files = [name.lstrip("/") if name.endswith("jpg") else f"{name}.jpg" for name in names]
    found = table(tmp_path, names, files)
    assert ([row.label for row in found.rows], [row.filename for row in found.rows]) == (labels, names)
    assert (found.multiple, found.column) == (False, "the folders in its names")
    assert found.notes == ("t.txt has names and no labels: the folders in the names are the labels.",)


@pytest.mark.parametrize(
    "names",
    [["a.jpg", "b.jpg"], ["x/a.jpg", "x/b.jpg"], ["train/a.jpg", "test/b.jpg"], ["batch_1/a.jpg", "batch_2/b.jpg"],
     ["train/x/a.jpg", "train/y/c.jpg", "test/x/b.jpg"], ["p/zebra.jpg", "q/lion.jpg"]],
)  # fmt: skip
def test_lists_whose_folders_are_no_labels(names: list[str], tmp_path: Path) -> None:
    files = ["a.jpg", "b.jpg"] if "zebra" in names[0] else names
    with pytest.raises(DataError, match="it has no label"):
        table(tmp_path, names, files)


# -- boxes -------------------------------------------------------------------------------------------------------------


def test_labels_with_boxes() -> None:
    """ImageNet's LOC_val_solution.csv."""
    found = read_values(["n03995372 85 1 499 272", "n02 1 2 3 4 n02 5 6 7 8", "", "n03995372 0.5 -1 2 3 "])
    assert (found.words, found.several) == (("n03995372", "n02", None, "n03995372"), None)
    assert found.notes == ("Cells of column label are labels with four numbers each, read as boxes and left out.",)
    both = read_values(["a 1 2 3 4 b 1 2 3 4", "a 1 2 3 4"])
    assert both.several == (("a", "b"), ("a",))


@pytest.mark.parametrize(
    "cells", [["1 2 3 4 5", "1 2"], ["a 1 2 3", "b 1 2 3"], ["a 1 2 3 4", "b"], ["a 1 2 3 4 5"] * 2]
)
def test_cells_that_are_no_labels_with_boxes(cells: list[str]) -> None:
    assert not [note for note in read_values(cells).notes if "boxes" in note]


@pytest.mark.parametrize("head", ["3\nimage_name category_label\n", "4\nimage_name category_label\n", "3\n", ""])
def test_a_count_of_the_lines_at_the_head(head: str, tmp_path: Path) -> None:
    rows = [f"img/{name}.jpg    {n}" for n, name in enumerate(PETS)]
    found = table(tmp_path, [*head.splitlines(), *rows], PETS)
    assert list(pairs(found).values()) == ["0", "1", "2"]


def test_two_tabs_in_a_row_and_json_of_any_ending(tmp_path: Path) -> None:
    tabs = table(tmp_path, [f"{name}.jpg\t\t{word}" for name, word in zip(PETS, "abc", strict=True)], PETS)
    assert list(pairs(tabs).values()) == ["a", "b", "c"]
    lines = [
        f'{{"source-ref": "s3://b/{name}.jpg", "class": "{word}"}}' for name, word in zip(PETS, "abc", strict=True)
    ]
    assert list(pairs(table(tmp_path, lines, PETS)).values()) == ["a", "b", "c"]
