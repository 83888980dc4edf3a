"""A request filled in from what lies beside the checkpoints; what the user said wins."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from swaveval.checkpoints import Directory
from swaveval.checkpoints.live import Live
from swaveval.data.reading import AS_LOADERS, BEFORE_OPTIONS, Reading
from swaveval.data.trained import write_training_images
from swaveval.data.transforms import EvalTransform
from swaveval.results import DataSummary, ResultStore, RunManifest
from swaveval.runs.request import (
    RunError,
    RunRequest,
    default_out,
    owner,
    read_run_json,
    relative_source,
    resolve,
    training_images,
)
from tests.features.tiny_network import tiny_images

TRANSFORM = {"size": 48, "interpolation": "bicubic", "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.1]}
RUN: dict[str, Any] = {
    "data": {"path": "digits", "seed": 7, "fingerprint": "f", "reading": {"range": "0:10", "alpha": "black"}},
    "transform": TRANSFORM,
    "hyperparameters": {"prototypes": 30},
}


def run_of(tmp_path: Path, content: object = RUN, *, inside: bool = False) -> RunRequest:
    """A request on `demo/checkpoints` with a run.json beside it, or inside."""
    directory = tmp_path / "demo" / "checkpoints"
    directory.mkdir(parents=True, exist_ok=True)
    place = directory if inside else directory.parent
    text = content if isinstance(content, str) else json.dumps(content)
    (place / "run.json").write_text(text, encoding="utf-8")
    return RunRequest(directory, tmp_path / "out")


@pytest.mark.parametrize("inside", [False, True])
def test_everything_is_taken_from_run_json(inside: bool, tmp_path: Path) -> None:
    found = resolve(run_of(tmp_path, inside=inside))
    assert found.data == "digits"
    assert found.labels is None
    assert found.split_seed == 7
    assert found.transform == EvalTransform(48, "bicubic", (0.5, 0.4, 0.3), (0.2, 0.2, 0.1))
    assert found.transform_recorded
    assert found.reading == Reading(range=(0, 10), alpha="black")
    assert found.hyperparameters == {"prototypes": 30}
    assert found.training_data == RUN["data"]
    assert found.images  # pictures may stand in the page unless somebody says otherwise
    assert found.name == "demo"


def test_what_the_user_said_wins(tmp_path: Path) -> None:
    said = replace(
        run_of(tmp_path),
        name="mine",
        split_seed=3,
        transform=EvalTransform(size=96),
        hyperparameters={"prototypes": 5},
        pixels={"alpha": "white"},
    )
    found = resolve(said)
    assert (found.name, found.split_seed, found.transform) == ("mine", 3, EvalTransform(size=96))
    assert not found.transform_recorded
    assert found.hyperparameters == {"prototypes": 5}
    assert found.reading == Reading(range=(0, 10), alpha="white")


def test_other_images_have_a_size_of_their_own(tmp_path: Path) -> None:
    """The recorded transform fits the recorded images; the split's seed stays, as they may be the same elsewhere."""
    found = resolve(replace(run_of(tmp_path), data="elsewhere"))
    assert (found.data, found.transform, found.transform_recorded) == ("elsewhere", None, False)
    assert found.split_seed == 7


def test_images_in_memory_need_no_path(tmp_path: Path) -> None:
    request = replace(run_of(tmp_path, {}), opened=tiny_images())
    assert resolve(request).data is None


def test_without_run_json_the_images_must_be_named(tmp_path: Path) -> None:
    (tmp_path / "some").mkdir()
    request = RunRequest(tmp_path / "some", tmp_path / "out", seed=4)
    with pytest.raises(RunError, match=r"no run\.json beside it\): say which images to use with --data"):
        resolve(request)
    found = resolve(replace(request, data="digits"))
    assert (found.name, found.split_seed, found.reading, found.transform) == ("some", 4, AS_LOADERS, None)
    assert (found.training_data, found.hyperparameters) == ({}, {})


def test_a_run_without_images_or_transform_is_no_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="--data"):
        resolve(run_of(tmp_path, {"data": {}}))
    found = resolve(replace(run_of(tmp_path, {"name": "x"}), data="digits"))
    assert (found.split_seed, found.transform, found.hyperparameters) == (0, None, {})


def test_no_such_directory(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"there is no .*absent; --ckpt-dir takes a directory of checkpoints"):
        resolve(RunRequest(tmp_path / "absent", tmp_path / "out", data="digits"))
    pattern = tmp_path / "absent" / "*.pth"
    assert resolve(RunRequest(pattern, tmp_path / "out", data="digits")).data == "digits"  # nothing: said when looked


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "cannot be read"), ("[1, 2]", "it holds a list, not an object"), ('"x"', "it holds a str, not an object")],
)
def test_a_run_json_that_is_none(content: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=words):
        resolve(run_of(tmp_path, content))


def test_a_run_json_in_another_encoding(tmp_path: Path) -> None:
    request = run_of(tmp_path)
    (tmp_path / "demo" / "run.json").write_bytes(b'{"name": "\xff"}')
    with pytest.raises(RunError, match=r"run\.json beside .*checkpoints cannot be read"):
        read_run_json(request)


@pytest.mark.parametrize(
    ("data", "reading"),
    [
        ({"reading": {}}, AS_LOADERS),
        ({"reading": {"exif": "apply", "future": "x"}}, Reading(exif="apply")),
        # Versions before these options read images so.
        ({"fingerprint": "f"}, BEFORE_OPTIONS),
        ({}, AS_LOADERS),
    ],
)
def test_how_the_training_read_its_images(data: dict[str, Any], reading: Reading, tmp_path: Path) -> None:
    assert resolve(run_of(tmp_path, {"data": {"path": "digits", **data}})).reading == reading


@pytest.mark.parametrize("reading", [{"range": "low"}, {"alpha": "red"}, 7])
def test_a_recorded_reading_that_no_option_takes(reading: object, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"data\.reading in run\.json beside .*checkpoints cannot be used"):
        resolve(run_of(tmp_path, {"data": {"path": "digits", "reading": reading}}))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"data": ["images"]}, "data in run.*is a list, not an object"),
        ({"data": "images"}, "data in run.*is a str, not an object"),
        ({"data": {"path": "digits", "seed": "first"}}, "data in run.*invalid literal"),
        ({"data": {"path": "digits", "seed": [1]}}, "data in run"),
        ({"transform": "resize"}, "transform in run.*is a str"),
        ({"transform": {}, "hyperparameters": [1]}, "hyperparameters in run.*is a list"),
        ({"transform": {"size": 48}}, "transform in run.*it has no 'mean'"),
        ({"transform": TRANSFORM | {"size": "large"}}, "transform in run"),
        ({"transform": TRANSFORM | {"size": 0}}, "transform in run.*size 0"),
        ({"transform": TRANSFORM | {"interpolation": "lanczos"}}, "transform in run.*interpolation 'lanczos'"),
        ({"transform": TRANSFORM | {"mean": 0.5}}, "transform in run"),
        ({"transform": TRANSFORM | {"std": ["a"]}}, "transform in run"),
        ({"hyperparameters": {"prototypes": "many"}}, "hyperparameters in run"),
        ({"hyperparameters": {"prototypes": -3}}, "hyperparameters in run.*prototypes is -3"),
        ({"hyperparameters": {"temperature": None}}, "hyperparameters in run"),
    ],
    ids=str,
)
def test_a_run_json_of_another_program_is_refused_in_words(changed: dict[str, Any], words: str, tmp_path: Path) -> None:
    """AttributeError, KeyError and ValueError of Python, it was."""
    with pytest.raises(RunError, match=words):
        resolve(run_of(tmp_path, RUN | changed))


def test_parts_of_run_json_may_be_empty(tmp_path: Path) -> None:
    found = resolve(run_of(tmp_path, {"data": {"path": "digits"}, "transform": None, "hyperparameters": None}))
    assert (found.transform, found.hyperparameters, found.split_seed) == (None, {}, 0)


def test_recorded_paths_follow_a_run_that_was_moved(tmp_path: Path) -> None:
    """`images` beside the run when run.json says `images`; a word or a table's column as it is."""
    request = run_of(tmp_path, {"data": {"path": "images", "labels": "labels.csv"}})
    run = tmp_path / "demo"
    assert resolve(request).data == "images"  # there is none: said when it is opened
    (run / "images").mkdir()
    (run / "labels.csv").write_text("a,b\n")
    found = resolve(request)
    assert (found.data, found.labels) == (str(run / "images"), run / "labels.csv")
    for word in ("none", "folders"):
        assert resolve(run_of(tmp_path, {"data": {"path": "images", "labels": word}})).labels == Path(word)
    column = f"{run / 'labels.csv'}:b"
    assert resolve(run_of(tmp_path, {"data": {"path": "images", "labels": column}})).labels == Path(column)


def test_a_recorded_path_that_is_there_is_taken_before_one_beside_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = run_of(tmp_path, {"data": {"path": "images", "labels": "none"}})
    (tmp_path / "here" / "images").mkdir(parents=True)
    (tmp_path / "demo" / "images").mkdir()
    (tmp_path / "demo" / "none").touch()
    monkeypatch.chdir(tmp_path / "here")
    found = resolve(request)
    assert (found.data, found.labels) == ("images", Path("none"))


def test_labels_that_were_named_stand_for_those_recorded(tmp_path: Path) -> None:
    request = run_of(tmp_path, {"data": {"path": "digits", "labels": "none"}})
    assert resolve(replace(request, labels=Path("mine.csv"))).labels == Path("mine.csv")


def test_networks_in_memory_have_nothing_beside_them(tmp_path: Path) -> None:
    request = RunRequest(tmp_path, tmp_path / "out", source=Live({"a": nn.Flatten()}), seed=5, jobs=4)
    assert request.in_memory
    found = resolve(request)
    assert (found.split_seed, found.name, found.jobs) == (5, "in memory", 1)
    assert resolve(replace(request, name="mine")).name == "mine"
    assert training_images(request) is None
    ours = replace(request, source=Directory(tmp_path))
    assert not ours.in_memory
    assert ours.origin is ours.source


def test_the_directory_of_a_file_and_of_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "a.pth").touch()
    for named in (tmp_path, tmp_path / "a.pth", tmp_path / "*.pth", tmp_path / "{a,b}" / "*.pth"):
        assert RunRequest(named, tmp_path / "out").directory == tmp_path


def test_images_of_the_training_are_found_beside_and_above(tmp_path: Path) -> None:
    directory = tmp_path / "demo" / "checkpoints"
    directory.mkdir(parents=True)
    request = RunRequest(directory, tmp_path / "out")
    assert training_images(request) is None
    images = replace(tiny_images(4), contents=("a", "b", "c", "d"), is_test=np.array([False, True, False, False]))
    write_training_images(tmp_path / "demo", images)
    above = training_images(request)
    assert above is not None
    assert (above.train, above.test) == ({"a", "c", "d"}, {"b"})
    write_training_images(directory, replace(images, contents=("e", "f", "g", "h")))
    nearer = training_images(request)
    assert nearer is not None
    assert nearer.test == {"f"}


# -- where results go --------------------------------------------------------------------------------------------------


def evaluated(out: Path, name: str, source: str = "") -> None:
    data = DataSummary(name="d", path="", fingerprint="f", n_train=1, n_test=1)
    ResultStore(out / "results").write_manifest(RunManifest(name, data, (), source=source))


def test_results_go_beside_the_checkpoints(tmp_path: Path) -> None:
    directory = tmp_path / "demo" / "checkpoints"
    directory.mkdir(parents=True)
    assert default_out(directory) == tmp_path / "demo" / "report"
    evaluated(tmp_path / "demo" / "report", "demo")  # of a version that kept no source: told by its name
    assert default_out(directory) == tmp_path / "demo" / "report"
    (directory / "epoch 1.pth").touch()
    single = tmp_path / "demo" / "report-checkpoints-epoch-1.pth"
    # A file's own results would have this run's name too where none says of what it is.
    assert default_out(directory / "epoch 1.pth") in (tmp_path / "demo" / "report", single)


def test_another_evaluation_keeps_its_place(tmp_path: Path) -> None:
    first, second = tmp_path / "runs" / "a", tmp_path / "runs" / "b"
    first.mkdir(parents=True)
    second.mkdir()
    report = tmp_path / "runs" / "report"
    evaluated(report, "a", relative_source(first, report))
    assert default_out(first) == report
    assert default_out(second) == tmp_path / "runs" / "report-b"
    evaluated(tmp_path / "runs" / "report-b", "other", "../c")  # it was overwritten: there was no third place
    assert default_out(second) == tmp_path / "runs" / "report-b-2"
    evaluated(tmp_path / "runs" / "report-b-2", "b", "../b")
    assert default_out(second) == tmp_path / "runs" / "report-b-2"
    (first / "x.pth").touch()
    assert default_out(first / "x.pth") == tmp_path / "runs" / "report-a-x.pth"


def test_a_place_of_ones_own_stays_when_the_first_becomes_free(tmp_path: Path) -> None:
    directory = tmp_path / "runs" / "a"
    directory.mkdir(parents=True)
    evaluated(tmp_path / "runs" / "report-a", "a", "../a")
    assert default_out(directory) == tmp_path / "runs" / "report-a"


def test_whose_results_they_are(tmp_path: Path) -> None:
    directory, out = tmp_path / "demo" / "checkpoints", tmp_path / "demo" / "report"
    directory.mkdir(parents=True)
    assert owner(out, directory) == "nobody"
    evaluated(out, "demo")
    assert owner(out, directory) == "these"
    evaluated(out, "other")
    assert owner(out, directory) == "others"
    evaluated(out, "other", "../checkpoints")
    assert owner(out, directory) == "these"
    evaluated(out, "demo", "../elsewhere")
    assert owner(out, directory) == "others"


def test_a_source_is_the_same_after_a_move(tmp_path: Path) -> None:
    directory = tmp_path / "demo" / "checkpoints"
    directory.mkdir(parents=True)
    (directory / "a.pth").touch()
    out = tmp_path / "demo" / "report"
    assert relative_source(directory, out) == "../checkpoints"
    assert relative_source(directory / "a.pth", out) == "../checkpoints/a.pth"
    assert relative_source(directory / "*.pth", out) == "../checkpoints/*.pth"
    before = {relative_source(directory, out)}
    (tmp_path / "demo").rename(tmp_path / "moved")
    moved = tmp_path / "moved"
    assert {relative_source(moved / "checkpoints", moved / "report")} == before
