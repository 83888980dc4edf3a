"""What a directory holds, file by file: order, twins, several runs, movement worked out by hand."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from swaveval.checkpoints import LoadOptions, build_resnet, discover
from swaveval.runs.inspection import Entry, as_rows, movement, read, same_as, several_runs
from tests.field.series_files import File, lightning, write

OPTIONS = LoadOptions()


def entries(place: Path) -> list[Entry]:
    return read([(file.name, file.path) for file in discover(place)], OPTIONS)


def named(place: Path) -> list[str]:
    return [name for name, _, _ in entries(place)]


def scaled(place: Path, *factors: float) -> Path:
    """Checkpoints of one network times a factor; its stem never moves."""
    place.mkdir(parents=True)
    torch.manual_seed(0)
    network, _ = build_resnet(depth=10, stem="small", width=8)
    for position, factor in enumerate(factors):
        state = {
            f"backbone.{name}": value if name.startswith("conv1") or not value.is_floating_point() else value * factor
            for name, value in network.state_dict().items()
        }
        torch.save({"state_dict": state, "epoch": position, "global_step": 10 * position}, place / f"{position}.ckpt")
    return place


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three states, a copy of the second, and a file that is none; not to be spoilt."""
    place = scaled(tmp_path_factory.mktemp("inspection") / "run", 1.0, 1.5, 3.0)
    shutil.copy(place / "1.ckpt", place / "copy.ckpt")
    (place / "text.ckpt").write_text("hello")
    return place


def test_files_come_in_the_order_they_were_written(series: Path) -> None:
    found = entries(series)
    assert [name for name, _, _ in found][:2] == ["0.ckpt", "1.ckpt"]
    assert {name: path for name, path, _ in found} == {file.name: file.path for file in discover(series)}
    states = {name: report.state for name, _, report in found}
    assert states["text.ckpt"] == "unsupported"
    assert [state for name, state in states.items() if name != "text.ckpt"] == ["ready"] * 4


def test_times_order_what_names_do_not(tmp_path: Path) -> None:
    place = scaled(tmp_path / "run", 1.0, 1.1, 1.2)
    for old, new, minute in (("0", "gamma", 3), ("1", "alpha", 1), ("2", "beta", 2)):
        content = torch.load(place / f"{old}.ckpt", weights_only=True)
        (place / f"{old}.ckpt").unlink()
        torch.save({"state_dict": content["state_dict"]}, place / f"{new}.ckpt")
        os.utime(place / f"{new}.ckpt", (1e9 + 60 * minute, 1e9 + 60 * minute))
    assert named(place) == ["alpha.ckpt", "beta.ckpt", "gamma.ckpt"]


def test_twins_are_named_after_the_first(series: Path) -> None:
    assert same_as(entries(series)) == {"copy.ckpt": "1.ckpt"}


def test_unreadable_files_are_nobodys_twins(tmp_path: Path) -> None:
    for name in ("a.ckpt", "b.ckpt"):
        (tmp_path / name).write_text("hello")
    found = entries(tmp_path)
    assert same_as(found) == {}
    ready = replace(found[0][2], state="ready", digest=None)
    assert same_as([("a", tmp_path, ready), ("b", tmp_path, replace(ready, digest="d"))]) == {}


def test_movement_is_that_of_states_with_weights_of_their_own(series: Path) -> None:
    samples: dict[str, Any] = {}
    found = entries(series)
    moved = movement(found, OPTIONS, samples)
    assert moved is not None
    names, drift = moved
    assert names == ["0.ckpt", "1.ckpt", "2.ckpt"]
    assert set(samples) == {report.digest for _, _, report in found if report.state == "ready"}
    layer = list(drift.names).index("layer1.0.conv1")
    # 1 → 1.5 → 3
    assert drift.relative_l2[layer, 1:] == pytest.approx([0.5, 1.0])
    assert drift.from_first[layer] == pytest.approx([0.0, 0.5, 2.0])


def test_one_state_has_no_movement(tmp_path: Path) -> None:
    place = scaled(tmp_path / "run", 1.0)
    shutil.copy(place / "0.ckpt", place / "last.ckpt")
    assert movement(entries(place), OPTIONS, {}) is None
    assert movement([], OPTIONS, {}) is None


def test_rows_are_plain_and_each_has_its_own_movement(series: Path) -> None:
    found = entries(series)
    rows = as_rows(found, movement(found, OPTIONS, {}))
    by = {name: row for (name, _, _), row in zip(found, rows, strict=True)}
    json.dumps(rows, allow_nan=False)
    assert by["0.ckpt"]["drift"] is None
    assert by["copy.ckpt"]["drift"] is None
    assert by["copy.ckpt"]["same_as"] == "1.ckpt"
    assert by["text.ckpt"]["drift"] is None
    second, third = by["1.ckpt"]["drift"], by["2.ckpt"]["drift"]
    assert second["layers"]["layer1.0.conv1"]["relative_l2"] == pytest.approx(0.5)
    assert third["layers"]["layer1.0.conv1"] == pytest.approx(
        {"relative_l2": 1.0, "cosine": 1.0, "beyond_allclose": 1.0, "from_first": 2.0}
    )
    assert second["never_moved"] == third["never_moved"] == ["conv1"]
    # Over all layers together: the stem stands still, the rest goes by half, then by as much as it is.
    weights = {
        name: value.double()
        for name, value in torch.load(series / "0.ckpt", weights_only=True)["state_dict"].items()
        if value.is_floating_point() and "running" not in name
    }
    stem = sum(float((value**2).sum()) for name, value in weights.items() if ".conv1" in name and "layer" not in name)
    rest = sum(float((value**2).sum()) for value in weights.values()) - stem
    assert second["relative_l2"] == pytest.approx(np.sqrt(0.25 * rest / (rest + stem)), rel=1e-5)
    assert third["relative_l2"] == pytest.approx(np.sqrt(2.25 * rest / (2.25 * rest + stem)), rel=1e-5)


def test_without_movement_rows_have_none(series: Path) -> None:
    assert [row["drift"] for row in as_rows(entries(series), None)] == [None] * 5


def test_what_is_not_finite_is_null(tmp_path: Path) -> None:
    """A layer that began at zero moved infinitely far, for its size."""
    place = scaled(tmp_path / "run", 1.0, 2.0)
    content = torch.load(place / "0.ckpt", weights_only=True)
    content["state_dict"]["backbone.layer1.0.conv1.weight"].zero_()
    torch.save(content, place / "0.ckpt")
    found = entries(place)
    (_, row) = as_rows(found, movement(found, OPTIONS, {}))
    assert row["drift"]["layers"]["layer1.0.conv1"]["relative_l2"] is None
    assert row["drift"]["layers"]["layer1.0.conv1"]["cosine"] is None


def test_several_runs_are_said(tmp_path: Path) -> None:
    place = tmp_path / "mixed"
    write(place, [File(f"epoch={e}.ckpt", e, e % 2, lightning(e, (e + 1) * 10)) for e in range(1, 9)])
    found = entries(place)
    samples: dict[str, Any] = {}
    movement(found, OPTIONS, samples)
    said = several_runs(found, samples)
    assert said.startswith("swaveval: these are not one run: the weights of epoch=1.ckpt and epoch=3.ckpt are of one")
    assert several_runs(found, {}) == ""  # nothing but the weights tells


def test_one_run_needs_no_word(series: Path) -> None:
    assert several_runs(entries(series), {}) == ""


def test_of_many_reasons_four_are_given(tmp_path: Path) -> None:
    place = tmp_path / "many"
    write(
        place,
        [File(f"v{run}/epoch={e}.ckpt", e, run, lightning(e, (e + 1) * 10)) for run in range(4) for e in range(1, 6)],
    )
    said = several_runs(entries(place), {})
    assert said.count("; ") == 3
