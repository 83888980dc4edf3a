"""What a smaller form costs in kNN accuracy, against a vote of neighbours in numpy."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_images import write_images

from swaveval.checkpoints import Backbone, LoadOptions, load
from swaveval.checkpoints.compression import Measured, form_named, load_form, write_form
from swaveval.data import open_images
from swaveval.data.transforms import IMAGENET_MEAN, IMAGENET_STD
from swaveval.runs.compression_cost import knn_changes
from tests.field.around_runs import write_checkpoints

OPTIONS = LoadOptions()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoints(tmp_path_factory.mktemp("cost") / "run", count=1) / "epoch=1.ckpt"


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("cost") / "bars", per_class=20)


def accuracy(backbone: Backbone, bars: Path, labels: Path | None = None) -> float:
    """The DINO protocol by hand: 20 neighbours by cosine, votes of weight exp(s / 0.07); images shown at 32 px."""
    images = open_images(str(bars), labels=labels)
    shown = [images.open(n).resize((32, 32), Image.Resampling.BILINEAR) for n in range(len(images))]  # type: ignore[union-attr]
    pixels = np.stack([np.asarray(image, np.float32) / 255 for image in shown])
    normalised = ((pixels - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)).astype(np.float32)
    with torch.inference_mode():
        rows = backbone.module(torch.from_numpy(normalised).permute(0, 3, 1, 2)).double().numpy()
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    train, test = images.train_index, images.test_index
    similarity = rows[test] @ rows[train].T
    right = 0
    known: Any = images.labels
    for near, wanted in zip(similarity, known[test], strict=True):
        votes = np.zeros(len(images.class_names))
        for place in np.argsort(-near)[:20]:
            votes[known[train][place]] += np.exp(near[place] / 0.07)
        right += votes.argmax() == wanted
    return right / len(test)


def test_each_form_is_measured_by_its_own_weights(file: Path, bars: Path, tmp_path: Path) -> None:
    rows = [
        Measured("original", "", identical=True),
        Measured("safetensors", "", identical=True),
        Measured("bf16", ""),
        Measured("fp16", "", problem="a weight is beyond the range"),
    ]
    changes = knn_changes(file, rows, str(bars), None, OPTIONS)
    before = accuracy(load(file), bars)
    form = form_named("bf16")
    half = accuracy(
        load_form(form, write_form(file, form, tmp_path / "half.safetensors", options=OPTIONS), OPTIONS), bars
    )
    assert changes.keys() == {"original", "safetensors", "bf16"}
    assert changes["original"] == changes["safetensors"] == {"knn": pytest.approx(before), "knn_change": 0.0}
    assert changes["bf16"] == {"knn": pytest.approx(half), "knn_change": pytest.approx(half - before)}
    assert [path.name for path in tmp_path.iterdir()] == ["half.safetensors"]


def test_labels_of_a_table_are_those_that_count(file: Path, bars: Path, tmp_path: Path) -> None:
    """Labels that say nothing of the pictures, in place of the folders' that do."""
    table = tmp_path / "labels.csv"
    names = sorted(path.relative_to(bars).as_posix() for path in bars.rglob("*.png"))
    with table.open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [("filename", "label"), *((name, ("even", "odd")[n % 2]) for n, name in enumerate(names))]
        )
    rows = [Measured("original", "", identical=True)]
    by_table = knn_changes(file, rows, str(bars), table, OPTIONS)["original"]["knn"]
    by_folder = knn_changes(file, rows, str(bars), None, OPTIONS)["original"]["knn"]
    assert by_table == pytest.approx(accuracy(load(file), bars, table))
    assert by_folder == pytest.approx(accuracy(load(file), bars))
    assert by_table != by_folder
