"""What folders mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swaveval.data.folders.layout import Placing, place_by_folders, split_name


def labels(placing: Placing) -> list[str | None] | None:
    return list(placing.labels.values()) if placing.labelled else None


def test_class_folders_by_their_first_level() -> None:
    placing = place_by_folders(["cat/1.png", "cat/young/2.png", "dog/1.png"])
    assert labels(placing) == ["cat", "cat", "dog"]
    assert placing.splits is None


@pytest.mark.parametrize("test_folder", ["test", "val", "validation", "Test", "VALID"])
def test_given_split(test_folder: str) -> None:
    placing = place_by_folders(["train/cat/1.png", "train/dog/1.png", f"{test_folder}/cat/1.png"])
    assert labels(placing) == ["cat", "dog", "cat"]
    assert placing.splits is not None
    assert list(placing.splits.values()) == ["train", "train", split_name(test_folder)]


def test_train_alone() -> None:
    placing = place_by_folders(["train/cat/1.png", "train/dog/1.png"])
    assert labels(placing) == ["cat", "dog"]
    assert set((placing.splits or {}).values()) == {"train"}


def test_flat_folder_has_no_labels() -> None:
    assert labels(place_by_folders(["1.png", "2.png"])) is None


def test_flat_folder_with_more_in_a_subfolder() -> None:
    placing = place_by_folders(["1.png", "2.png", "more/3.png"])
    assert labels(placing) is None
    assert len(placing.labels) == 3
    assert "2 images directly in the folder" in placing.notes[0]


def test_a_stray_image_does_not_undo_class_folders() -> None:
    placing = place_by_folders(["cat/1.png", "dog/1.png", "overview.png"])
    assert labels(placing) == ["cat", "dog"]
    assert "overview.png" in placing.notes[0]


@pytest.mark.parametrize("prefix", ["images/", "data/cifar10/", "dummy/"])
def test_a_folder_that_holds_everything_is_no_class(prefix: str) -> None:
    """The dummy class folder that people make for torchvision's ImageFolder says nothing."""
    assert labels(place_by_folders([f"{prefix}1.png", f"{prefix}2.png"])) is None
    assert labels(place_by_folders([f"{prefix}cat/1.png", f"{prefix}dog/2.png"])) == ["cat", "dog"]
    split = place_by_folders([f"{prefix}train/cat/1.png", f"{prefix}train/dog/1.png", f"{prefix}test/cat/2.png"])
    assert labels(split) == ["cat", "dog", "cat"]
    assert split.splits is not None


def test_split_without_classes() -> None:
    placing = place_by_folders(["train/1.png", "train/2.png", "test/1.png"])
    assert labels(placing) is None
    assert placing.splits == {"train/1.png": "train", "train/2.png": "train", "test/1.png": "test"}


def test_unlabelled_test_images_beside_labelled_training_images() -> None:
    placing = place_by_folders(["train/cat/1.png", "train/dog/1.png", "test/1.png", "test/2.png"])
    assert list(placing.labels) == ["train/cat/1.png", "train/dog/1.png"]
    assert "2 images in test without class folders left out" in placing.notes[0]


def test_tiny_imagenet_validation_folder() -> None:
    placing = place_by_folders(["train/n01/images/1.png", "train/n02/images/1.png", "val/images/1.png"])
    assert labels(placing) == ["n01", "n02"]


def test_images_folder_inside_each_split() -> None:
    placing = place_by_folders(["train/images/cat/1.png", "train/images/dog/1.png", "test/images/cat/2.png"])
    assert labels(placing) == ["cat", "dog", "cat"]


def test_a_test_split_of_one_known_class_keeps_its_label() -> None:
    placing = place_by_folders(["train/cat/1.png", "train/dog/1.png", "test/cat/2.png"])
    assert labels(placing) == ["cat", "dog", "cat"]


def test_images_outside_the_split_folders_are_counted() -> None:
    placing = place_by_folders(["train/cat/1.png", "train/dog/1.png", "unlabeled/1.png", "x.png"])
    assert len(placing.labels) == 2
    assert "2 images outside the folders train" in placing.notes[0]


def test_classes_may_be_called_like_a_split() -> None:
    placing = place_by_folders(["cat/1.png", "dog/1.png", "test/1.png"])
    assert labels(placing) == ["cat", "dog", "test"]


words = st.text(alphabet="abtrainesvl", min_size=1, max_size=5) | st.sampled_from(["train", "test", "val", "images"])
paths = st.lists(st.lists(words, min_size=1, max_size=4).map("/".join), min_size=1, max_size=25, unique=True)


@given(paths)
def test_any_tree_is_placed_without_inventing_or_losing_files(files: list[str]) -> None:
    placing = place_by_folders(files)
    used = list(placing.labels)
    assert used == [file for file in files if file in placing.labels]
    assert len(used) == len(files) or placing.notes
    assert placing.splits is None or list(placing.splits) == used
    if placing.labelled:
        assert all(label is not None and label in file.split("/") for file, label in placing.labels.items())
    else:
        assert all(label is None for label in placing.labels.values())
