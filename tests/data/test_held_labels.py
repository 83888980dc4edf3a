"""Labels that a program holds, in every form that trainings have them: read right, or said, or refused."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from swaveval.data import DataError, ImageSet
from swaveval.data.in_memory import images_of, rows_of

COUNT = 24
PIXELS = np.random.default_rng(4).integers(0, 256, (COUNT, 5, 6, 3), dtype=np.uint8)
CLASS = [position % 4 for position in range(COUNT)]
NAMES = ["heron", "otter", "lynx", "moth"]


class Named:
    """A data set with class names as torchvision's have them."""

    def __init__(self, labels: list[Any], **attributes: Any) -> None:
        self.labels = labels
        vars(self).update(attributes)

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, position: int) -> Any:
        return PIXELS[position], self.labels[position]


def words(images: ImageSet) -> list[str | None] | None:
    if images.labels is None:
        return None
    return [images.class_names[label] if label >= 0 else None for label in images.labels]


def notes(images: ImageSet) -> str:
    return " ".join(images.audit["notes"])


# -- one-hot and shapes ------------------------------------------------------------------------------------------------

EYE = np.eye(4)
VECTORS: dict[str, Callable[[int], Any]] = {
    "floats": lambda label: EYE[label], "integers": lambda label: EYE[label].astype(int),
    "bool": lambda label: EYE[label].astype(bool), "tensor": lambda label: torch.from_numpy(EYE[label]),
    "list": lambda label: EYE[label].astype(int).tolist(), "tuple": lambda label: tuple(EYE[label].tolist()),
}  # fmt: skip


@pytest.mark.parametrize("kind", VECTORS)
def test_one_hot_vectors_are_classes(kind: str) -> None:
    vectors = [VECTORS[kind](label) for label in CLASS]
    images = images_of(Named(vectors))
    assert words(images) == [str(label) for label in CLASS]
    assert "vectors of 4 numbers with one 1 each" in notes(images)
    assert words(images_of(Named(vectors, classes=NAMES))) == [NAMES[label] for label in CLASS]
    assert words(images_of(PIXELS, labels=vectors)) == [str(label) for label in CLASS]


@pytest.mark.parametrize("count", [2, 3, 7])
def test_one_hot_vectors_of_any_length_one_of_them_empty(count: int) -> None:
    vectors = np.eye(count)[np.arange(COUNT) % count]
    vectors[5] = 0
    expected = [None if position == 5 else str(position % count) for position in range(COUNT)]
    assert words(images_of(Named(list(vectors)))) == expected


@pytest.mark.parametrize("form", [np.asarray, torch.as_tensor, pd.DataFrame])
def test_labels_that_are_given_as_columns(form: Any) -> None:
    column = form(np.array(CLASS)[:, None])
    for images in (images_of(PIXELS, labels=column), rows_of(column, COUNT)):
        assert words(images) == [str(label) for label in CLASS]
    assert words(images_of(PIXELS, labels=form(EYE[CLASS]))) == [str(label) for label in CLASS]
    assert words(images_of(Named([np.array([label]) for label in CLASS]))) == [str(label) for label in CLASS]


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (np.random.default_rng(0).random((COUNT, 4)), "vectors of 4 numbers other than 0 and 1"),
        (np.zeros((COUNT, 4)), "vectors of 4 zeros"), (np.zeros((COUNT, 2, 2)), r"shape \(24, 2, 2\).*\(24,\)"),
        (np.array(CLASS)[None], r"shape \(1, 24\).*\(24,\)"), (np.array(3), r"shape \(\).*\(24,\)"),
        ("labels.csv", "a table is for a folder.*one for each image"), (set(NAMES), "no order"),
        ([{"category_id": 3}] * COUNT, "dicts.*one for each image"),
    ],
)  # fmt: skip
def test_labels_of_another_shape_are_refused(labels: Any, why: str) -> None:
    with pytest.raises(DataError, match=f"labels.*{why}"):
        images_of(PIXELS, labels=labels)


# -- mappings ----------------------------------------------------------------------------------------------------------


def test_a_mapping_of_positions_is_read_by_its_keys() -> None:
    mapping = {position: NAMES[CLASS[position]] for position in reversed(range(COUNT))}
    assert words(images_of(PIXELS, labels=mapping)) == [NAMES[label] for label in CLASS]


@pytest.mark.parametrize(
    "mapping", [dict(enumerate(NAMES)), {f"{n}.png": "a" for n in range(COUNT)}, {n + 1: "a" for n in range(COUNT)}, {}]
)
def test_another_mapping_is_refused_with_what_to_do(mapping: dict[Any, str]) -> None:
    with pytest.raises(DataError, match=r"labels are a mapping.*one for each image, in the order of the images"):
        images_of(PIXELS, labels=mapping)


# -- several labels ----------------------------------------------------------------------------------------------------

CARRIED = [[[0], [0, 1], [1, 2, 0], [2, 1]][position % 4] for position in range(COUNT)]  # 0 and 1: 18, 2: 12
MOST = ["0", "0", "0", "1"]
SEVERAL: dict[str, Callable[[list[int]], Any]] = {
    "lists": list, "tuples": tuple, "sets": set, "tensors of numbers": torch.tensor,
    "vectors": lambda several: np.isin(np.arange(3), several).astype(np.float32),
    "tensors": lambda several: torch.from_numpy(np.isin(np.arange(3), several)),
}  # fmt: skip


@pytest.mark.parametrize("kind", SEVERAL)
@pytest.mark.parametrize("given", [True, False])
def test_of_several_labels_the_one_that_most_images_carry_is_the_class(kind: str, given: bool) -> None:
    labels = [SEVERAL[kind](several) for several in CARRIED]
    images = images_of(PIXELS, labels=labels) if given else images_of(Named(labels))
    assert words(images) == MOST * (COUNT // 4)
    assert "18 images with several labels (3 labels): the one of them that most images carry" in notes(images)
    assert "several labels an image" in images.label_origin
    assert images.audit["several_labels"] == {"0": 18, "1": 18, "2": 12}


def test_several_words_and_none() -> None:
    labels: list[Any] = [["cat", "dog"], ["cat"], [], ["dog"]] * (COUNT // 4)
    labels[0] = "cat"
    assert words(images_of(Named(labels))) == ["cat", "cat", None, "dog"] * (COUNT // 4)
    named = images_of(Named([list(several) for several in CARRIED], classes=NAMES[:3]))
    assert set(named.class_names) == {"heron", "otter"}


def test_lists_of_one_are_plain_labels() -> None:
    images = images_of(Named([[label] for label in CLASS]))
    assert words(images) == [str(label) for label in CLASS]
    assert "several_labels" not in images.audit


@pytest.mark.parametrize(
    ("label", "why"),
    [
        (lambda n: {"boxes": [n]}, "dicts"), (lambda n: [{"category": n}], "lists of dicts"),
        (lambda n: Image.new("L", (6, 5), n), "images"), (lambda n: np.zeros((5, 6)), r"arrays of shape \(5, 6\)"),
        (lambda n: np.array([n, 2 * n, 3.5]), "vectors of 3 numbers other than 0 and 1"),
        (lambda n: (n % 3, n % 5), "vectors of 2 numbers other than 0 and 1"), (lambda n: torch.zeros(4), "4 zeros"),
        (lambda n: [0.5] * (1 + n % 2), "numbers with decimals"),
    ],
)  # fmt: skip
def test_what_is_no_class_is_said_and_the_images_read_without_labels(label: Callable[[int], Any], why: str) -> None:
    images = images_of(Named([label(position) for position in range(COUNT)]))
    assert images.labels is None
    assert re.match(f"none: the data set's labels are .*{why}", images.label_origin)
    assert "read without labels; labels= takes one an image" in notes(images)


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [int, float, np.int64, torch.tensor])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_names_of_labels_that_count_from_1(number: Any, count: int) -> None:
    names = NAMES[:count]
    images = images_of(Named([number(position % count + 1) for position in range(COUNT)], classes=names))
    assert words(images) == [names[position % count] for position in range(COUNT)]
    assert f"count from 1 to {count}, as many as" in notes(images)


@pytest.mark.parametrize(
    ("taken", "expected", "said"),
    [
        ((0, 1, 2, 3), NAMES, ""), ((0, 3), ["heron", "moth"], ""),
        ((1, 2), ["otter", "lynx"], "No image has the label 0"),
        ((0, 4), ["heron", "4"], r"Labels beyond the 4 names.*\(4\), of 12 images, are called"),
        ((1, 9), ["otter", "9"], "Labels beyond"), ((0, -2), ["heron", "-2"], "Labels beyond"),
        ((1, 4, -1), ["heron", "moth", None], "count from 1 to 4"),
    ],
)  # fmt: skip
def test_names_of_other_numbers(taken: tuple[int, ...], expected: list[str | None], said: str) -> None:
    labels = [taken[position % len(taken)] for position in range(COUNT)]
    images = images_of(Named(labels, classes=NAMES))
    assert words(images) == [expected[position % len(taken)] for position in range(COUNT)]
    assert re.search(said, notes(images))
    assert ("name" in notes(images)) == bool(said)


def test_class_to_idx_wins_over_the_order_of_the_classes() -> None:
    order = {"moth": 0, "lynx": 1, "otter": 2, "heron": 3}
    images = images_of(Named(CLASS, classes=NAMES, class_to_idx=order))
    assert words(images) == [["moth", "lynx", "otter", "heron"][label] for label in CLASS]
    assert "class_to_idx" in notes(images)
    from_one = images_of(
        Named([n + 1 for n in CLASS], classes=NAMES, class_to_idx={n: i + 1 for i, n in enumerate(NAMES)})
    )
    assert words(from_one) == [NAMES[label] for label in CLASS]


@pytest.mark.parametrize(
    ("classes", "order"),
    [
        (NAMES, {name: place for place, name in enumerate(NAMES)}),
        ([("heron", "egret"), ("otter",)], {"heron": 0, "egret": 0, "otter": 1}),
        (NAMES, {}), (NAMES, {"heron": "a"}), (NAMES, None),
    ],
)  # fmt: skip
def test_class_to_idx_that_says_the_same_or_nothing(classes: list[Any], order: Any) -> None:
    labels = [position % 2 for position in range(COUNT)]
    images = images_of(Named(labels, classes=classes, class_to_idx=order))
    assert words(images) == [str(classes[label]) for label in labels]
    assert "class_to_idx" not in notes(images)


@pytest.mark.parametrize("missing", [pd.NA, "NaN", "nan", "<NA>", pd.NaT, float("nan"), None])
@pytest.mark.parametrize("as_column", [False, True])
def test_what_tables_write_for_no_label(missing: Any, as_column: bool) -> None:
    given = [missing if position < 3 else NAMES[label] for position, label in enumerate(CLASS)]
    images = images_of(list(PIXELS), labels=pd.Series(given, dtype=object) if as_column else given)
    assert words(images) == [None] * 3 + [NAMES[label] for label in CLASS[3:]]


def test_numbers_of_a_column_with_gaps() -> None:
    images = images_of(list(PIXELS), labels=pd.Series([pd.NA, *CLASS[1:]], dtype="Int64"))
    assert words(images) == [None, *(str(label) for label in CLASS[1:])]


def test_vectors_of_zeros_beside_one_hot_ones() -> None:
    vectors = [EYE[label] * (position > 1) for position, label in enumerate(CLASS)]
    images = images_of(Named(vectors))
    assert words(images) == [None, None, *(str(label) for label in CLASS[2:])]
    assert "vectors of 4 numbers with at most one 1;" in notes(images)
