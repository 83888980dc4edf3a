"""Cells that no evaluator makes: the majority class, how far layers moved, the pictures that are shown."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from swaveval.checkpoints.live import Live
from swaveval.data.transforms import EvalTransform
from swaveval.evaluators.contract import Skip
from swaveval.features.extract import ExtractSettings
from swaveval.results import Artifact, Cell, CellKey, Metric, ResultStore
from swaveval.runs.drift import layer_drift
from swaveval.runs.loader import CheckpointLoader
from swaveval.runs.majority import majority_class
from swaveval.runs.pictures import pictures, pictures_key, shown_by
from swaveval.runs.workspace import Workspace
from tests.features.tiny_network import tiny_images, tiny_pixels

# -- the majority class ------------------------------------------------------------------------------------------------


def labelled(train: list[int], test: list[int]) -> Any:
    n = len(train) + len(test)
    is_test = np.arange(n) >= len(train)
    return replace(tiny_images(n), labels=np.array(train + test), is_test=is_test)


@pytest.mark.parametrize("evaluator", ["knn", "linear"])
def test_the_commonest_training_class_is_always_answered(evaluator: str) -> None:
    metric, outcomes = majority_class(labelled([2, 2, 0, 1], [2, 0, 2, 1, 2]), evaluator)
    assert isinstance(metric, Metric)
    assert isinstance(outcomes, Artifact)
    assert (metric.id, metric.value, metric.n) == (f"{evaluator}.top1", 0.6, 5)
    assert metric.ci95 is not None
    # Wilson's interval for 3 of 5.
    assert metric.ci95 == pytest.approx((0.2307, 0.8824), abs=1e-4)
    assert outcomes.id == f"{evaluator}.top1.outcomes"
    assert outcomes.arrays["correct"].tolist() == [True, False, True, False, True]
    assert outcomes.arrays["index"].tolist() == [4, 5, 6, 7, 8]


def test_images_without_a_label_do_not_count() -> None:
    metric, outcomes = majority_class(labelled([-1, -1, -1, 0], [0, -1, 1, -1]), "knn")
    assert isinstance(metric, Metric)
    assert isinstance(outcomes, Artifact)
    assert (metric.value, metric.n) == (0.5, 2)
    assert outcomes.arrays["index"].tolist() == [4, 6]


@pytest.mark.parametrize(
    ("train", "test", "evaluator"),
    [([0, 1], [1], "spectrum"), ([-1, -1], [1], "knn"), ([0, 1], [-1], "linear")],
)
def test_where_there_is_nothing_to_answer(train: list[int], test: list[int], evaluator: str) -> None:
    with pytest.raises(Skip, match="a constant answer has no features to evaluate"):
        majority_class(labelled(train, test), evaluator)


# -- how far layers moved ----------------------------------------------------------------------------------------------


def loader_of(**factors: float) -> tuple[CheckpointLoader, list[str]]:
    """One network times several factors, but for its first layer."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4, 5))
    states = {}
    for name, factor in factors.items():
        made = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        made[0].load_state_dict(network[0].state_dict())
        made[3].load_state_dict({key: value * factor for key, value in network[2].state_dict().items()})
        states[name] = made
    loader = CheckpointLoader(Live(states))
    digests = []
    for entry in loader.source.entries():
        digest = loader.source.backbone(entry, loader.options).digest
        loader.entries[digest] = entry
        digests.append(digest)
    return loader, digests


def test_movement_is_told_at_the_later_checkpoint() -> None:
    loader, digests = loader_of(a=1.0, b=1.5, c=3.0)
    *metrics, layers = layer_drift(loader, digests)
    assert isinstance(layers, Artifact)
    assert [metric.checkpoint for metric in metrics] == digests[1:]
    for metric in metrics:
        assert isinstance(metric, Metric)
        assert (metric.id, metric.unit, metric.better, metric.bounds) == (
            "drift.relative_l2", "ratio", "neither", (0.0, None),
        )  # fmt: skip
    network = loader.load(digests[0]).module
    still, moving = (
        sum(float((value.double() ** 2).sum()) for value in part.state_dict().values())
        for part in (network[0], network[3])  # type: ignore[index]
    )
    assert [metric.value for metric in metrics if isinstance(metric, Metric)] == pytest.approx(
        [np.sqrt(0.25 * moving / (moving + still)), np.sqrt(2.25 * moving / (2.25 * moving + still))], rel=1e-5
    )
    assert layers.id == "drift.layers"
    assert layers.arrays["names"].tolist() == ["0", "3"]
    assert layers.arrays["relative_l2"][1, 1:] == pytest.approx([0.5, 1.0])


def test_one_state_has_not_moved() -> None:
    loader, digests = loader_of(a=1.0)
    for some in (digests, []):
        with pytest.raises(Skip, match="needs two checkpoints with different weights"):
            layer_drift(loader, some)


# -- pictures ----------------------------------------------------------------------------------------------------------


def put(store: ResultStore, evaluator: str, *artifacts: Artifact) -> Cell:
    return store.put(Cell(CellKey("b", "d", "t", evaluator, 1, {}, 0), metrics=()), list(artifacts))


def test_what_maps_and_galleries_point_at_is_shown(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    cells = [
        put(store, "umap", Artifact("umap.map", {"xy": np.zeros((2, 2)), "index": np.array([7, 3])})),
        put(
            store,
            "gallery",
            Artifact(
                "gallery.queries",
                {"query": np.array([3]), "neighbours": np.array([[5, 9]]), "similarity": np.array([[40.0, 41.0]])},
            ),
            Artifact(
                "gallery.typical",
                {"kind": np.array([30]), "group": np.array([31]), "images": np.array([[1, -1], [12, 2]])},
            ),
        ),
        put(store, "knn", Artifact("knn.top1.outcomes", {"correct": np.array([True]), "index": np.array([11])})),
    ]
    # 12 and -1 are no images of 12; similarities, kinds and groups no positions; outcomes are not shown.
    assert shown_by(cells, store, 12) == (1, 2, 3, 5, 7, 9)
    assert shown_by([], store, 12) == ()


def test_the_cell_is_another_for_other_images_and_other_pictures() -> None:
    keys = {pictures_key(*arguments).digest for arguments in (("a", (1, 2)), ("b", (1, 2)), ("a", (1, 3)), ("a", ()))}
    assert len(keys) == 4
    assert pictures_key("a", (1, 2)) == pictures_key("a", [1, 2])


def workspace(tmp_path: Path, *, size: int = 16, **changes: Any) -> Workspace:
    settings = ExtractSettings(transform=EvalTransform(size=size))
    return Workspace(
        tmp_path, replace(tiny_images(12), **changes), settings, CheckpointLoader(Live({"a": nn.Flatten()}))
    )


def test_labels_of_all_and_pictures_of_the_shown(tmp_path: Path) -> None:
    labels, images = pictures(workspace(tmp_path), [2, 5])
    assert isinstance(labels, Artifact)
    assert isinstance(images, Artifact)
    assert (labels.id, images.id) == ("data.labels", "data.images")
    # Every fourth from the second on is for testing; the label is the position modulo 3.
    index = [0, 2, 3, 4, 6, 7, 8, 10, 11, 1, 5, 9]
    assert labels.arrays["index"].tolist() == index
    assert labels.arrays["label"].tolist() == [position % 3 for position in index]
    assert labels.arrays["is_test"].tolist() == [False] * 9 + [True] * 3
    assert images.arrays["index"].tolist() == [2, 5]
    assert images.arrays["label"].tolist() == [2, 2]
    assert images.arrays["file"].tolist() == ["tiny/002", "tiny/005"]
    assert np.array_equal(images.arrays["thumbnails"], tiny_pixels(12).pixels[[2, 5]])


def test_without_labels_and_without_pictures(tmp_path: Path) -> None:
    (labels,) = pictures(workspace(tmp_path, labels=None, class_names=()), [])
    assert isinstance(labels, Artifact)
    assert labels.arrays["label"].tolist() == [-1] * 12


def test_large_images_become_thumbnails(tmp_path: Path) -> None:
    _, images = pictures(workspace(tmp_path, size=64), [2])
    assert isinstance(images, Artifact)
    assert images.arrays["thumbnails"].shape == (1, 32, 32, 3)
    _, same = pictures(workspace(tmp_path / "own", size=32), [2])
    assert isinstance(same, Artifact)
    assert same.arrays["thumbnails"].shape == (1, 32, 32, 3)


@pytest.mark.parametrize("bands", [1, 2, 3, 5])
def test_other_numbers_of_bands_are_shown_as_colours_or_grey(bands: int, tmp_path: Path) -> None:
    pixels = np.arange(12 * 16 * 16 * bands).reshape(12, 16, 16, bands).astype(np.uint8)
    place = workspace(tmp_path, channels=bands, open=lambda position: pixels[position])
    place.settings = replace(place.settings, transform=EvalTransform(size=16, mean=(0.5,) * bands, std=(0.5,) * bands))
    _, images = pictures(place, [4])
    assert isinstance(images, Artifact)
    wanted = pixels[4, :, :, :3] if bands >= 3 else np.repeat(pixels[4, :, :, :1], 3, axis=2)
    assert np.array_equal(images.arrays["thumbnails"][0], wanted)
