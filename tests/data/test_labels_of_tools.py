"""Label files as annotation tools and benchmarks leave them: FiftyOne, Label Studio, WILDS."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from swaveval.data import DataError, open_images
from swaveval.data.imageset import ImageSet
from swaveval.data.tables.label_titles import split_among

COUNT = 12
CLASSES = ("cat", "dog", "owl")


def write_image(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(path)


def brought(tmp_path: Path, labels: Any, *, name: str = "labels.json") -> ImageSet:
    """Twelve images in a folder, and a file of labels beside it."""
    for at in range(COUNT):
        write_image(tmp_path / "set" / "images" / f"photo_{at}.png", at)
    table = tmp_path / name
    table.write_text(labels if isinstance(labels, str) else json.dumps(labels), encoding="utf-8")
    return open_images(str(tmp_path / "set"), labels=table)


def classes(images: ImageSet) -> dict[str, str]:
    """Bare name of each image to its class."""
    assert images.labels is not None
    named = zip(images.files, images.labels, strict=True)
    return {Path(file).stem: images.class_names[label] for file, label in named if label >= 0}


def task(at: int, words: list[str], *, kind: str = "choices", image: str = "") -> dict[str, Any]:
    """Of Label Studio's whole export."""
    region = {"type": kind, "value": {kind: words}}
    place = image or f"/data/upload/1/{at:08x}-photo_{at}.png"
    return {"id": at, "data": {"image": place, "text": "a note"}, "annotations": [{"id": at, "result": [region]}]}


EXPECTED = {f"photo_{at}": CLASSES[at % 3] for at in range(COUNT)}
FORMS: dict[str, Callable[[int], Any]] = {
    "whole": lambda at: task(at, [CLASSES[at % 3]]),
    "boxes of one class": lambda at: task(at, [CLASSES[at % 3]], kind="rectanglelabels"),
    "local files": lambda at: task(at, [CLASSES[at % 3]], image=f"/data/local-files/?d=images/photo_{at}.png"),
    "minimal": lambda at: {"image": f"/data/upload/{at:08x}-photo_{at}.png", "id": at, "choice": CLASSES[at % 3]},
}


@pytest.mark.parametrize("form", FORMS)
def test_label_studio(tmp_path: Path, form: str) -> None:
    assert classes(brought(tmp_path, [FORMS[form](at) for at in range(COUNT)])) == EXPECTED


def test_an_upload_is_found_under_the_name_that_it_was_exported_with(tmp_path: Path) -> None:
    """Exports with images keep the prefix: then it is part of the name, and another one is another image."""
    names = [f"{at % 2:08x}-photo_{at // 2}.png" for at in range(8)]
    for at, name in enumerate(names):
        write_image(tmp_path / name, at)
    tasks = [task(at, [CLASSES[at % 2]], image=f"/data/upload/1/{name}") for at, name in enumerate(names[:-1])]
    (tmp_path / "labels.json").write_text(json.dumps(tasks))
    found = classes(open_images(str(tmp_path), labels=tmp_path / "labels.json"))
    assert found == {Path(name).stem: CLASSES[at % 2] for at, name in enumerate(names[:-1])}


def test_several_labels_of_a_task_are_several_of_an_image(tmp_path: Path) -> None:
    images = brought(tmp_path, [task(at, list(CLASSES[at % 3 :])) for at in range(COUNT)])
    assert "several labels an image" in images.label_origin
    nothing = brought(tmp_path, [task(at, [CLASSES[at % 2]] if at else []) for at in range(COUNT)])
    assert set(classes(nothing)) == set(EXPECTED) - {"photo_0"}


@pytest.mark.parametrize("broken", [5, None, [3], [{"result": 5}], [{"result": [{"type": [1], "value": 2}]}]])
def test_tasks_that_say_nothing_are_no_crash(tmp_path: Path, broken: Any) -> None:
    tasks = [task(at, [CLASSES[at % 3]]) for at in range(COUNT)]
    tasks[0]["annotations"] = broken
    try:
        images = brought(tmp_path, tasks)
    except DataError:
        return
    assert "photo_0" not in classes(images)


def test_fiftyone_says_what_its_numbers_mean(tmp_path: Path) -> None:
    numbers = {f"photo_{at}": at % 3 for at in range(COUNT)}
    assert classes(brought(tmp_path, {"classes": list(CLASSES), "labels": numbers})) == EXPECTED
    few = brought(tmp_path, {"classes": ["cat"], "labels": numbers})  # these do not name them
    assert sorted(few.class_names) == ["0", "1", "2"]


SPLIT = {
    "id_val": "validation",
    "ood_test": "test",
    "Test (unseen)": "test",
    "train-labelled": "train",
    "train": "train",
}


@pytest.mark.parametrize("cell", SPLIT)
def test_a_split_is_told_by_a_word_of_several(cell: str) -> None:
    assert split_among(cell) == SPLIT[cell]


@pytest.mark.parametrize("cell", ["train_test", "later", "", "testimony", "unlabeled"])
def test_two_splits_or_none_are_no_split(cell: str) -> None:
    assert split_among(cell) is None


def test_the_splits_of_wilds(tmp_path: Path) -> None:
    words = ("train", "id_val", "val", "id_test", "test", "train")
    rows = [f"images/photo_{at}.png,{at % 2},{words[at % 6]}" for at in range(COUNT)]
    images = brought(tmp_path, "\n".join(["filename,y,split", *rows]), name="metadata.csv")
    tested = {Path(images.files[at]).stem for at in images.test_index}
    assert tested == {f"photo_{at}" for at in range(COUNT) if "test" in words[at % 6]}
    assert "id_test as test, id_val as validation" in " ".join(images.audit["notes"])


@pytest.mark.parametrize("second", [True, False])
def test_label_studios_cancelled_annotations_say_nothing(tmp_path: Path, second: bool) -> None:
    tasks = [task(at, [CLASSES[at % 3]]) for at in range(COUNT)]
    cancelled = {"id": 99, "was_cancelled": True, "result": [{"type": "choices", "value": {"choices": ["horse"]}}]}
    tasks[0]["annotations"] = [cancelled, *tasks[0]["annotations"]] if second else [cancelled]
    expected = dict(EXPECTED)
    if not second:
        del expected["photo_0"]
    assert classes(brought(tmp_path, tasks)) == expected


def test_fiftyones_images_without_a_label(tmp_path: Path) -> None:
    numbers = {f"photo_{at}": at % 3 if at > 1 else None for at in range(COUNT)}
    expected = {image: CLASSES[at] for image, at in numbers.items() if at is not None}
    assert classes(brought(tmp_path, {"classes": list(CLASSES), "labels": numbers})) == expected
