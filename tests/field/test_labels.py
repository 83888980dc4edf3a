"""Cases from the field about labels, layouts and tables, each with its right value (more in the layout campaign)."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from swaveval.data import open_images
from swaveval.data.sample import Draw
from swaveval.data.splits import stratified_split
from swaveval.data.trained import read_training_images, write_training_images
from swaveval.results import Series
from tests.field.around_runs import swaveval
from tests.field.brought import picture
from tests.field.campaign import run, wrong
from tests.field.campaign_layouts import trials
from tests.field.fold_layouts import fold_layouts


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWAVEVAL_DATA", str(tmp_path_factory.mktemp("cache")))


@pytest.mark.parametrize(
    "name",
    [
        "VOC2012 (lightly#1521)",
        "COCO flat (pytorch/examples#1039)",
        "CycleGAN trainA testB",
        "U-Net imgs and labels",
        "kaokore#6: rows of siteA, images of siteB",
        "kaokore#6: rows of both, images of siteB",
        "12 images, 2 rows",
        "A|B|C (NIH)",
        "MVTec, one category",
        "ImageNet devkit",
        "NIH images_001",
        "1 and 1.0",
        "unlabelled as '-1'",
        "unlabelled as 'None'",
    ],
)
def test_case(name: str) -> None:
    chosen = [trial for trial in trials() if trial.name == name]
    assert len(chosen) == 1
    assert not wrong(run(chosen))


def test_folds_of_a_cross_validation_are_not_merged() -> None:
    """`fold0/train/cat/…`, `fold0/test/…`, `fold1/…`: one image of all would be in train and test."""
    assert not wrong(run(list(fold_layouts())))


def put(directory: Path, numbers: range) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (directory / f"{number:03d}.png").write_bytes(picture(number))
    return directory


def test_rows_that_say_cannot_tell_and_numbers_of_two_spellings_are_two_classes(tmp_path: Path) -> None:
    """Labels `-1`, `nan`, `None`, `1` beside `1.0`: five classes before."""
    photos = put(tmp_path / "photos", range(30))
    cells = [("-1", "nan", "None", "1", "1.0", "2")[number % 6] for number in range(30)]
    table = tmp_path / "labels.csv"
    table.write_text("filename,label\n" + "".join(f"{n:03d}.png,{cell}\n" for n, cell in enumerate(cells)))
    images = open_images(str(photos), labels=table)
    assert images.class_names == ("1", "2")
    assert images.labels is not None
    assert np.bincount(images.labels + 1).tolist() == [15, 10, 5]


def test_several_labels_are_counted_for_the_page(tmp_path: Path) -> None:
    """NIH ChestX-ray: combinations are no classes; how many images carry each finding is kept in the audit."""
    photos = put(tmp_path / "photos", range(24))
    cells = [("A|B", "A", "B|C", "A|C", "none seen", "A|B|C")[number % 6] for number in range(24)]
    table = tmp_path / "Data_Entry.csv"
    table.write_text("Image Index,Finding Labels\n" + "".join(f"{n:03d}.png,{cell}\n" for n, cell in enumerate(cells)))
    images = open_images(str(photos), labels=table)
    assert images.class_names == ("A", "B", "none seen")
    assert images.audit["several_labels"] == {"A": 16, "B": 12, "C": 12, "none seen": 4}
    assert "several labels an image, the most frequent one present is its class" in images.label_origin


def test_trained_images_are_not_tested_on_when_images_are_added() -> None:
    """A drawn split alone moves some: a quarter of more images is more images."""
    random = np.random.default_rng(0)
    contents = [random.bytes(16).hex() for _ in range(400)]
    before = stratified_split(np.zeros(100, dtype=np.int64), contents[:100], seed=0)
    trained = {content for content, test in zip(contents, before, strict=False) if not test}
    for count in (101, 120, 200, 400):
        alone = stratified_split(np.zeros(count, dtype=np.int64), contents[:count], seed=0)
        told = stratified_split(np.zeros(count, dtype=np.int64), contents[:count], seed=0, trained=trained)
        assert not any(test and content in trained for content, test in zip(contents, told, strict=False))
        assert told.sum() <= alone.sum()
    same = stratified_split(np.zeros(100, dtype=np.int64), contents[:100], seed=0, trained=trained)
    assert (same == before).all()


def test_images_added_and_gone_since_training_are_said(tmp_path: Path) -> None:
    photos = put(tmp_path / "photos", range(40))
    then = open_images(str(photos))
    write_training_images(tmp_path, then)
    known = read_training_images(tmp_path)
    assert known is not None
    assert known.compared(then) == ""
    put(photos, range(40, 60))
    for number in range(3):
        (photos / f"{number:03d}.png").unlink()
    now = open_images(str(photos), draw=Draw(trained=known.train))
    assert known.compared(now) == (
        "The images changed since training: 20 added, 3 gone; no image that was trained on is tested on."
    )
    trained = {content for content, test in zip(then.contents, then.is_test, strict=True) if not test}
    assert not any(test and content in trained for content, test in zip(now.contents, now.is_test, strict=True))
    other = put(tmp_path / "other", range(100, 120))
    assert known.compared(open_images(str(other))) == ""


def test_pretrain_plan_and_run_agree_on_images_and_labels(tmp_path: Path) -> None:
    """`--labels none` is stored with the run and honoured later; images added afterwards are said."""
    photos = tmp_path / "photos"
    for number in range(32):
        folder = photos / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    out = tmp_path / "run"
    swaveval(
        *("pretrain", "-d", photos, "-o", out, "--labels", "none", "--epochs", 1, "--batch-size", 8),
        *("--backbone", "resnet10", "--width", 8, "--prototypes", 8, "--workers", 0, "--quiet"),
    )
    assert json.loads((out / "run.json").read_text())["data"]["labels"] == "none"
    planned = swaveval("plan", "-c", out / "checkpoints").stdout
    assert "images: 24 + 8 for test, no labels (--labels none)" in " ".join(planned.split())
    shutil.copy(photos / "a" / "0.png", photos / "a" / "copy.png")
    Image.new("RGB", (16, 16), (9, 99, 199)).save(photos / "b" / "later.png")
    swaveval("run", "-c", out / "checkpoints", "-e", "spectrum", "--no-figures", "--json")
    notes = Series.load(out / "report").manifest.notes
    assert any("The images changed since training: 1 added, 0 gone" in note for note in notes)
