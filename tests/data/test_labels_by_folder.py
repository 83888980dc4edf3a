"""Images in no row of a table whose folder is called like a label of it; masks beside images with a row."""

from collections.abc import Mapping

import pytest

from swaveval.data.folders.layout import Placing
from swaveval.data.tables.label_rows import LabelRow, LabelTable
from swaveval.data.tables.labels import place_by_rows
from swaveval.data.tables.labels_by_folder import labels_by_folder

TRAIN = [f"train/{word}/images/{word}_{n}.JPEG" for word in ("n01", "n02") for n in range(2)]
VAL = [f"val/images/val_{n}.JPEG" for n in range(2)]
TEST = ["test/images/test_0.JPEG"]


def placed(files: list[str], labels: Mapping[str, str]) -> Placing:
    rows = tuple(LabelRow(line, name, label, None) for line, (name, label) in enumerate(labels.items(), 1))
    return place_by_rows(files, LabelTable(rows), name="t.txt")


def test_tiny_imagenet() -> None:
    found = placed([*TEST, *TRAIN, *VAL], {"val_0.JPEG": "n01", "val_1.JPEG": "n02"})
    assert found.labels == {TEST[0]: None, **{file: file[6:9] for file in TRAIN}, VAL[0]: "n01", VAL[1]: "n02"}
    assert found.splits == dict.fromkeys([*TEST, *TRAIN], "train") | dict.fromkeys(VAL, "validation")
    assert found.source == "folders"
    assert (
        "4 images in no row of t.txt labelled by a folder called like a label of it (train/n01/images/n01_0.JPEG)."
        in found.notes
    )
    assert "1 image in no row of t.txt, kept without a label (first: test/images/test_0.JPEG)." in found.notes
    assert "1 image on the folders' test side, none of them labelled, counted to train." in found.notes


@pytest.mark.parametrize(
    ("alone", "rowed", "expected"),
    [
        (["cat/1.png", "owl/2.png", "3.png"], {"x/4.png": "cat", "x/5.png": "dog"}, {"cat/1.png": "cat"}),
        (["cat/1.png"], {"cat/4.png": "cat", "x/5.png": "dog"}, {"cat/1.png": "cat"}),
        (["cat/1.png"], {"cat/4.png": "dog", "x/5.png": "cat"}, {}),
        (["cat/dog/1.png"], {"x/4": "cat", "x/5": "dog"}, {}),
        (["Cat/1.png"], {"x/4.png": "cat"}, {}),
        (["train/1.png", "images/2.png"], {"x/4": "train", "x/5": "images"}, {}),
        (["a/0/1.png", "a/1/2.png"], {"x/4.png": "0", "x/5.png": "1"}, {"a/0/1.png": "0", "a/1/2.png": "1"}),
        (["a/0/1.png", "a/1/2.png", "a/2/3.png"], {"x/4.png": "0", "x/5.png": "1"}, {}),
    ],
)  # fmt: skip
def test_which_folders_are_labels(alone: list[str], rowed: dict[str, str | None], expected: dict[str, str]) -> None:
    assert labels_by_folder([*alone, *rowed], rowed, set(rowed)) == expected


def test_a_row_means_the_image_and_not_its_mask() -> None:
    """Oxford pets and ADE20K: `images/a.jpg` beside `annotations/trimaps/a.png`, rows that say `a`."""
    images = [f"images/{name}.jpg" for name in "abcd"]
    masks = [f"annotations/trimaps/{name}.png" for name in "abcd"]
    found = placed([*masks, *images], {name: "xy"[n % 2] for n, name in enumerate("abcd")})
    assert found.labels == {file: "xy"[n % 2] for n, file in enumerate(images)}
    assert not any("several images" in note for note in found.notes)
