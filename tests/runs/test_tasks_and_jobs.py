"""Which tasks an evaluation has, what each is made from, and what a job knows in another process."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_images import write_images

from swaveval.checkpoints import Directory, Entry
from swaveval.data.transforms import EvalTransform
from swaveval.results import Artifact, Cell, CellKey, CheckpointRecord, Metric, ResultStore
from swaveval.runs.job import Job, build_workspace
from swaveval.runs.loader import CheckpointLoader
from swaveval.runs.plan import EvaluatorSpec, make_plan, series_digest
from swaveval.runs.request import RunRequest
from swaveval.runs.tasks import (
    BackboneTask,
    MajorityTask,
    PicturesTask,
    SeriesTask,
    backbone_tasks,
    pictures_task,
    rounds,
    series_tasks,
)

KNN = EvaluatorSpec("knn", "knn", version=1)
LINEAR = EvaluatorSpec("linear", "linear", version=1)
UMAP = EvaluatorSpec("umap", "umap", version=1, over_series=True)
ROWS = [
    CheckpointRecord("1.ckpt", digest="a", epoch=1.0, load={"asleep": 2}),
    CheckpointRecord("2.ckpt", digest="b", epoch=2.0),
    CheckpointRecord("again.ckpt", digest="b", epoch=3.0, same_as="2.ckpt"),
    CheckpointRecord("torn.ckpt", state="corrupt"),
    CheckpointRecord("random", kind="baseline", baseline="random", seed=0, digest="r"),
    CheckpointRecord("majority class", kind="baseline", baseline="majority", digest="m"),
]


def key(backbone: str, spec: EvaluatorSpec) -> CellKey:
    return CellKey(backbone, "data", "transform", spec.name, spec.version)


def loader() -> CheckpointLoader:
    entries = {"a": Entry("1.ckpt"), "b": Entry("2.ckpt")}
    return CheckpointLoader(Directory(Path("checkpoints")), entries=entries)


def test_a_task_for_each_backbone_with_the_cells_that_are_left(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    store.put(Cell(key("a", KNN), metrics=(Metric("knn.x", 1.0),)))
    tasks = backbone_tasks(ROWS, make_plan(ROWS, [KNN, LINEAR, UMAP], store, key=key), loader())
    assert [(type(task), task.name, [cell.spec.name for cell in task.cells]) for task in tasks] == [
        (BackboneTask, "1.ckpt", ["linear"]),
        (BackboneTask, "2.ckpt", ["knn", "linear"]),
        (BackboneTask, "random", ["knn", "linear"]),
        (MajorityTask, "majority class", ["knn", "linear"]),
    ]
    first, second, untrained, majority = tasks
    assert isinstance(first, BackboneTask)
    assert isinstance(second, BackboneTask)
    assert isinstance(untrained, BackboneTask)
    assert (first.model, first.entry.name) == ("a", "1.ckpt")
    assert (second.model, second.entry.name) == ("b", "2.ckpt")
    # An untrained network is like the one with the fewest blocks asleep.
    assert (untrained.model, untrained.entry.name) == ("b", "2.ckpt")
    assert [task.owners for task in tasks] == [None] * 4
    assert [task.looks_at_images for task in tasks] == [True, True, True, False]
    assert majority.cells[0].checkpoint == "majority class"


def test_nothing_to_do_is_no_task(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    for planned in make_plan(ROWS, [KNN], store, key=key).todo:
        store.put(Cell(planned.key, status="skipped"))
    done = make_plan(ROWS, [KNN], store, key=key)
    assert backbone_tasks(ROWS, done, loader()) == []
    assert series_tasks(ROWS, done, loader()) == []


def test_a_task_for_each_cell_over_the_series(tmp_path: Path) -> None:
    plan = make_plan(ROWS, [KNN, UMAP, replace(UMAP, name="gallery")], ResultStore(tmp_path), key=key)
    tasks = series_tasks(ROWS, plan, loader())
    assert [[cell.spec.name for cell in task.cells] for task in tasks] == [["umap"], ["gallery"]]
    for task in tasks:
        assert isinstance(task, SeriesTask)
        assert [record.name for record in task.records] == ["1.ckpt", "2.ckpt"]  # distinct, in order, no baselines
        assert [entry.name for entry in task.entries] == ["1.ckpt", "2.ckpt"]
        assert task.owners == ("a", "b")
        assert task.cells[0].key.backbone == series_digest(["a", "b"])
        assert pickle.loads(pickle.dumps(task)) == task


def test_the_series_is_done_beside_the_baselines_after_the_checkpoints(tmp_path: Path) -> None:
    """What is over the series needs what every checkpoint left and nothing of baselines; it is begun before them."""
    plan = make_plan(ROWS, [KNN, UMAP], ResultStore(tmp_path), key=key)
    (_, first), (_, second) = rounds(ROWS, plan, loader())
    assert [task.name for task in first] == ["1.ckpt", "2.ckpt"]
    assert [(type(task), task.cells[0].checkpoint) for task in second] == [
        (SeriesTask, second[0].name),
        (BackboneTask, "random"),
        (MajorityTask, "majority class"),
    ]
    assert sum(len(task.cells) for task in (*first, *second)) == len(plan.todo)


def test_pictures_are_made_unless_they_are_there_whole(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    task, _ = pictures_task("f", (1, 2), store)
    assert isinstance(task, PicturesTask)
    assert (task.shown, task.looks_at_images, task.name) == ((1, 2), True, "all images")
    (planned,) = task.cells
    store.put(Cell(planned.key, status="error", reason="no memory"))
    assert pictures_task("f", (1, 2), store)[0].cells  # what failed is tried again
    store.put(Cell(planned.key), [Artifact("data.labels", {"label": np.zeros(3)})])
    assert pictures_task("f", (1, 2), store)[0].cells == ()
    assert pictures_task("f", (1, 3), store)[0].cells
    assert pictures_task("g", (1, 2), store)[0].cells
    for path in store.cells_directory.glob(f"{planned.key.digest}*.npz"):
        path.write_bytes(b"damaged")
    assert pictures_task("f", (1, 2), store)[0].cells == (planned,)


# -- the job -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("job") / "bars", per_class=4)


def asked(bars: Path, tmp_path: Path, **more: Any) -> RunRequest:
    return RunRequest(tmp_path / "checkpoints", tmp_path / "out", data=str(bars), device="cpu", seed=3, **more)


def test_a_workspace_is_what_the_request_says(bars: Path, tmp_path: Path) -> None:
    made = build_workspace(asked(bars, tmp_path))
    assert (len(made.images), made.images.channels, made.images.name) == (12, 3, "bars")
    assert made.settings.transform == EvalTransform(size=32)  # of images of 20 px
    assert (made.seed, made.settings.seed, made.settings.flip, made.settings.swav) == (3, 3, True, ())
    assert made.out == tmp_path / "out"


def test_settings_of_the_training_shape_the_features(bars: Path, tmp_path: Path) -> None:
    recorded = {"temperature": 0.2, "epsilon": 0.05, "sinkhorn_iterations": 3, "augmentation": "digits", "epochs": 9}
    made = build_workspace(asked(bars, tmp_path, hyperparameters=recorded))
    assert made.settings.swav == (("temperature", 0.2), ("epsilon", 0.05), ("sinkhorn_iterations", 3.0))
    assert made.settings.flip is False  # a mirrored digit is another, or none
    assert build_workspace(asked(bars, tmp_path, hyperparameters={"augmentation": "natural"})).settings.flip
    assert not build_workspace(replace(asked(bars, tmp_path), data="digits")).settings.flip


def test_the_users_normalisation_wins_over_the_transforms(bars: Path, tmp_path: Path) -> None:
    said = {"mean": (0.5,) * 3, "interpolation": "bicubic"}
    made = build_workspace(asked(bars, tmp_path, transform=EvalTransform(size=48), normalisation=said))
    assert made.settings.transform == EvalTransform(48, "bicubic", mean=(0.5,) * 3)


def test_the_split_that_is_drawn_follows_its_own_seed(bars: Path, tmp_path: Path) -> None:
    sides = [
        build_workspace(asked(bars, tmp_path, split_seed=seed)).images.is_test.tolist() for seed in (None, 0, 1, 1)
    ]
    assert sides[0] == sides[1]
    assert sides[1] != sides[2]
    assert sides[2] == sides[3]


def test_images_that_are_open_are_taken(bars: Path, tmp_path: Path) -> None:
    opened = build_workspace(asked(bars, tmp_path)).images
    assert build_workspace(asked(bars, tmp_path), opened).images is opened
    assert build_workspace(replace(asked(Path("nowhere"), tmp_path), opened=opened)).images is opened


def test_a_job_travels_as_its_request(bars: Path, tmp_path: Path) -> None:
    job = Job(asked(bars, tmp_path))
    here = job.workspace
    assert job.workspace is here
    there = pickle.loads(pickle.dumps(job))
    assert there.request == job.request
    assert there._workspace is None
    # Sent with each task, it opens the images once in the process where it arrives.
    assert there.workspace is pickle.loads(pickle.dumps(job)).workspace
    other = Job(replace(job.request, seed=4))
    assert other.workspace is not there.workspace
    assert other.workspace.seed == 4
