"""Images that a program holds: pixels and labels as they are, or a sentence on what they are instead."""

import hashlib
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from swaveval.data import DataError, ImageSet
from swaveval.data.in_memory import images_of, rows_of

COUNT = 12
RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (COUNT, 5, 4, 3), dtype=np.uint8)
SIDE = np.arange(COUNT) < 8  # the training images
LABELS = [0, 1] * (COUNT // 2)


class Plain:
    """A data set as torch's are, with what its items are made by."""

    def __init__(self, items: list[Any], **attributes: Any) -> None:
        self.items = items
        vars(self).update(attributes)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, position: int) -> Any:
        return self.items[position]


def read(items: list[Any], **said: Any) -> ImageSet:
    return images_of(Plain(items), train=said.pop("train", SIDE), **said)


def words(images: ImageSet) -> list[str | None] | None:
    if images.labels is None:
        return None
    return [images.class_names[label] if label >= 0 else None for label in images.labels]


def as_picture(image: Any, position: int) -> Any:
    """What is shown of it where it stands at this position."""
    before = [np.zeros((4, 4, 3), np.uint8)] * position
    return images_of([*before, image, image]).open(position)


# -- one picture -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "made",
    [
        lambda pixels: Image.fromarray(pixels),
        lambda pixels: pixels,
        lambda pixels: torch.from_numpy(pixels).permute(2, 0, 1),
        lambda pixels: torch.from_numpy(pixels).permute(2, 0, 1) / 255,
        lambda pixels: torch.from_numpy(pixels).permute(2, 0, 1).double().requires_grad_() / 255,
        lambda pixels: pixels.astype(np.float32) / 255,
        lambda pixels: pixels.tolist() if pixels.dtype != np.uint8 else np.asfortranarray(pixels),
    ],
    ids=["PIL", "array", "bytes", "floats", "with a gradient", "array of floats", "strided"],
)
def test_the_same_picture_in_every_form(made: Any) -> None:
    shown = as_picture(made(PIXELS[0]), 0)
    assert isinstance(shown, Image.Image)
    assert np.array_equal(np.asarray(shown), PIXELS[0])


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1)])
def test_grey_becomes_rgb(shape: tuple[int, ...]) -> None:
    grey = PIXELS[0, :, :, 0].reshape(shape)
    expected = np.repeat(grey.reshape(5, 4, 1), 3, axis=2)
    for image in (grey, torch.from_numpy(grey.reshape(1, 5, 4)), Image.fromarray(grey.reshape(5, 4))):
        assert np.array_equal(np.asarray(as_picture(image, 0)), expected)


def test_more_than_three_channels_stay() -> None:
    five = RANDOM.integers(0, 256, (20, 24, 5), dtype=np.uint8)
    for image in (five, torch.from_numpy(five).permute(2, 0, 1)):
        shown = as_picture(image, 0)
        assert isinstance(shown, np.ndarray)
        assert np.array_equal(shown, five)
    sixteen = torch.zeros(16, 20, 24, dtype=torch.uint8)
    assert np.asarray(as_picture(sixteen, 0)).shape == (20, 24, 16)
    wide = torch.zeros(5, 4, 24, dtype=torch.uint8)
    assert np.asarray(as_picture(wide, 0)).shape == (4, 24, 5)
    low = torch.zeros(16, 24, 5, dtype=torch.uint8)
    assert np.asarray(as_picture(low, 0)).shape == (16, 24, 5)
    last = torch.zeros(20, 24, 16, dtype=torch.uint8)
    assert np.asarray(as_picture(last, 0)).shape == (20, 24, 16)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((2, 2, 3)) - 0.01, r"values from -0\.01 to -0\.01.*not normalised"),
        (np.full((2, 2, 3), 1.01), r"values from 1\.01 to 1\.01"), (np.full((2, 2, 3), np.nan), "not normalised"),
        (np.array([[0.5, np.inf]]), "values from 0.5 to inf"), (torch.randn(3, 8, 8) * 5, "not normalised"),
        (np.full((2, 2, 3), 300, np.int64), r"shape \(2, 2, 3\) and type int64, values from 300 to 300"),
        (np.zeros(7, np.uint8), r"shape \(7,\).*expected a picture"), (np.zeros((2, 2, 3, 1), np.uint8), "a picture"),
        (np.zeros((0, 2, 3), np.uint8), "expected a picture"), ("a.png", "image 3 of the data set is a str"),
        (np.zeros((2, 2), bool), "expected bytes"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_said(image: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        as_picture(image, 3)


def test_floats_are_rounded_and_a_rounding_error_past_the_ends_is_none() -> None:
    shown = as_picture(np.array([[[-1e-7, 0.4999 / 255, 0.5001 / 255]], [[1 + 1e-7, 254.6 / 255, 1]]]), 0)
    assert np.asarray(shown).tolist() == [[[0, 0, 1]], [[255, 255, 255]]]


# -- a data set --------------------------------------------------------------------------------------------------------


def test_pixels_labels_split_and_names() -> None:
    images = read(
        [(Image.fromarray(pixels), label) for pixels, label in zip(PIXELS, LABELS, strict=True)],
        name="mine\x1b", train=SIDE.tolist(),
    )  # fmt: skip
    assert images.files[:2] == ("mine\\x1b/000000", "mine\\x1b/000001")
    assert words(images) == ["0", "1"] * (COUNT // 2)
    assert images.is_test.tolist() == (~SIDE).tolist()
    assert (images.split_origin, images.label_origin) == ("given: by the mask train", "the data set itself")
    assert all(np.array_equal(np.asarray(images.open(n)), PIXELS[n]) for n in range(COUNT))
    assert images.audit["sizes"]["min"] == [4, 5]
    assert images.contents[0] == hashlib.sha256(b"(5, 4, 3)" + PIXELS[0].tobytes()).hexdigest()
    assert images.pictures
    assert (images.channels, images.audit["broken"]) == (3, [])


@pytest.mark.parametrize(
    "item",
    [
        lambda pixels, label: {"image": pixels, "label": label},
        lambda pixels, label: {"other": 7, "img": pixels, "fine_label": label},
        lambda pixels, label: [pixels, label, "more"],
        lambda pixels, label: (pixels, torch.tensor(label)),
        lambda pixels, label: (pixels, np.float64(label)),
        lambda pixels, label: (pixels, f" {label} "),
    ],
    ids=["dict", "other keys", "three parts", "tensor", "float", "word"],
)
def test_an_item_in_every_form(item: Any) -> None:
    images = read([item(pixels, label) for pixels, label in zip(PIXELS, LABELS, strict=True)])
    assert words(images) == ["0", "1"] * (COUNT // 2)


@pytest.mark.parametrize("item", [lambda p: p, lambda p: (p,), lambda p: {"image": p}, lambda p: (p, None)])
def test_items_without_a_label(item: Any) -> None:
    images = read([item(pixels) for pixels in PIXELS])
    assert (words(images), images.label_origin) == (None, "none: the data set gives none")


def test_labels_that_were_given_win_over_the_data_sets_own() -> None:
    items = [(pixels, 7) for pixels in PIXELS]
    given = ["cat", "dog", None, float("nan"), -1, "", "None", "cat", "dog", "cat", "dog", np.str_("cat")]
    images = read(items, labels=given)
    assert words(images) == ["cat", "dog", None, None, None, None, None, "cat", "dog", "cat", "dog", "cat"]
    assert images.label_origin == "given"
    assert read(items, labels=np.array(LABELS)).class_names == ("0", "1")


def test_class_names_of_the_data_set() -> None:
    items = [(pixels, label) for pixels, label in zip(PIXELS, [0, 1, 2, 0, 1, 2, -1, 3, 0, 1, 2, 0], strict=True)]
    named = Plain(items, classes=["cat", "dog", "fox"], name="zoo")
    images = images_of(named, train=SIDE)
    assert words(images) == ["cat", "dog", "fox", "cat", "dog", "fox", None, "3", "cat", "dog", "fox", "cat"]
    assert images.name == "zoo"
    given = images_of(named, train=SIDE, labels=LABELS)
    assert given.class_names == ("0", "1")


def test_a_data_loaders_data_set_is_read() -> None:
    loader = torch.utils.data.DataLoader(Plain([(p, n) for p, n in zip(PIXELS, LABELS, strict=True)]), batch_size=5)  # type: ignore[arg-type,var-annotated]
    images = images_of(loader, train=SIDE)
    assert (len(images), images.name) == (COUNT, "Plain")


def test_a_drawn_split() -> None:
    items = [(pixels, label) for pixels, label in zip(PIXELS, LABELS, strict=True)]
    images = images_of(items)
    assert sorted([LABELS[n] for n in images.test_index]) in ([0, 0, 1], [0, 1, 1])  # a quarter, of both classes
    assert images.split_origin == "none given: stratified, 25 % for test, seed 0"
    assert images_of(PIXELS, seed=3).split_origin == "none given: random, 25 % for test, seed 3"
    assert images.name == "list"


def test_a_fingerprint_is_of_contents_classes_and_split() -> None:
    def fingerprint(pixels: np.ndarray = PIXELS, labels: Any = LABELS, train: np.ndarray = SIDE) -> str:
        return images_of(pixels, labels=labels, train=train).fingerprint

    other_pixels, other_side = PIXELS.copy(), SIDE.copy()
    other_pixels[3, 0, 0, 0] += 1
    other_side[0] = False
    assert fingerprint() == fingerprint(labels=[str(label) for label in LABELS])
    changed = [
        fingerprint(), fingerprint(other_pixels), fingerprint(labels=LABELS[::-1]), fingerprint(train=other_side),
        fingerprint(labels=None), fingerprint(PIXELS.reshape(COUNT, 4, 5, 3)),
    ]  # fmt: skip
    assert len(set(changed)) == len(changed)


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    images_of(PIXELS, progress=lambda done, total: told.append((done, total)))
    assert told == [(number, COUNT) for number in range(1, COUNT + 1)]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"labels": [0] * 11}, "11 labels for 12 images: one for each"),
        ({"train": [True] * 13}, "13 entries of train"),
        ({"train": list(range(COUNT))}, "train is a mask"), ({"train": [True] * COUNT}, "leaves no image for testing"),
        ({"train": [False] * COUNT}, "names no training image"),
    ],
)  # fmt: skip
def test_labels_and_masks_that_do_not_fit(said: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        images_of(PIXELS, **said)


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        (iter(PIXELS), "gives no image by its position"), (Plain([PIXELS[0]]), "has 1 image; an evaluation needs two"),
        (Plain([]), "has 0 images"), (Plain([{"x": PIXELS[0]}] * 3), "items have no image: x"),
        ([PIXELS[0], np.zeros((6, 4, 5), np.uint8)], "different numbers of channels: 3, 5"),
        ({"a": 1, "b": 2}, "gives nothing at position 0: a dict of a, b"),
    ],
    ids=["iterator", "one", "none", "no image", "mixed", "by name"],
)  # fmt: skip
def test_what_is_no_data_set_is_said(dataset: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        images_of(dataset)


# -- rows of features --------------------------------------------------------------------------------------------------


def test_rows_without_images() -> None:
    rows = rows_of(LABELS, COUNT, train=SIDE, name="mine")
    assert (rows.name, rows.files[1], len(rows), rows.pictures) == ("mine", "row 000001", COUNT, False)
    assert rows.is_test.tolist() == (~SIDE).tolist()
    assert words(rows) == ["0", "1"] * (COUNT // 2)
    with pytest.raises(DataError, match="row 2 is features without an image"):
        rows.open(2)
    unlabelled = rows_of(None, COUNT)
    assert (unlabelled.labels, unlabelled.name) == (None, "features")
    assert unlabelled.is_test.sum() == COUNT / 4
