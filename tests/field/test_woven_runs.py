"""Two runs in one flat directory whose names and moments never clash: told by their weights."""

import re
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from swaveval.checkpoints import discover
from swaveval.cli.app import app
from swaveval.runs.request import RunError, RunRequest
from swaveval.runs.run import prepare
from tests.field.series_files import File, lightning, read, write


def alternating(place: Path, count: int = 8, **more: object) -> Path:
    write(place, [File(f"epoch={e}.ckpt", e, e % 2, lightning(e, (e + 1) * 10)) for e in range(1, count + 1)])
    return place


def test_two_runs_that_alternate_are_refused_with_their_commands(tmp_path: Path) -> None:
    place = alternating(tmp_path / "checkpoints")
    with pytest.raises(RunError) as refused:
        prepare(RunRequest(place, tmp_path / "report", data="digits"))
    text = str(refused.value)
    assert "are 2 runs, not one: the weights of epoch=1.ckpt and epoch=3.ckpt are of one training" in text
    paths = [Path(path) for path in re.findall(r"--ckpt-dir '?([^']*?)'? --out", text)]
    assert [[file.name for file in discover(path)] for path in paths] == [
        [f"epoch={e}.ckpt" for e in range(start, 9, 2)] for start in (1, 2)
    ]
    for path in paths:
        assert not read(path).division.reasons


def test_what_is_remembered_of_the_weights_is_enough(tmp_path: Path) -> None:
    place = alternating(tmp_path / "checkpoints")
    for _ in range(2):
        with pytest.raises(RunError, match=r"nothing in common with epoch=2\.ckpt between them"):
            prepare(RunRequest(place, tmp_path / "report", data="digits"))
    assert list((tmp_path / "report" / "cache" / "reads").glob("*.json"))
    said = prepare(RunRequest(place, tmp_path / "report", data="digits", one_run=True)).said
    assert any("--one-run" in note and "nothing in common" in note for note in said)


@pytest.mark.parametrize(
    "names",
    [
        ["a_epoch1.pth", "b_epoch2.pth", "a_epoch3.pth", "b_epoch4.pth"],
        ["a_epoch1.pth", "b_epoch2.pth", "c_epoch3.pth", "d_epoch4.pth"],
        ["ckpt_1.pt", "ckpt_2.pt", "ckpt_3.pt", "ckpt_4.pt"],
        ["9f3c1ab.pth", "02ddc4e.pth", "e41b77a.pth", "5ac09d1.pth"],
    ],
)
def test_whatever_the_files_are_called(tmp_path: Path, names: list[str]) -> None:
    write(tmp_path / "c", [File(name, i, i % 2) for i, name in enumerate(names, 1)])
    assert read(tmp_path / "c").division.reasons
    write(tmp_path / "d", [File(name, i) for i, name in enumerate(names, 1)])
    assert not any("nothing in common" in reason for reason in read(tmp_path / "d").division.reasons)


def test_two_trainings_of_one_seed_are_told_once_they_part(tmp_path: Path) -> None:
    write(tmp_path / "c", [File(f"ckp-{e}.pth", e) for e in range(1, 9)])
    start = torch.load(tmp_path / "c" / "ckp-1.pth", weights_only=True)
    for run in (0, 1):  # each goes on in a direction of its own
        generator = torch.Generator().manual_seed(run)
        moved = {name: torch.randn(value.shape, generator=generator) for name, value in start.items()}
        for e in range(1 + run, 9, 2):
            state = {n: v + 0.02 * e * moved[n] if v.ndim > 1 else v for n, v in start.items()}
            torch.save(state, tmp_path / "c" / f"ckp-{e}.pth")
    found = read(tmp_path / "c").division
    (reason,) = found.reasons
    assert "nearer to each other than to" in reason
    assert "near their common start the runs are alike" in reason
    last = [
        {file.record.name for file in files} & {f"ckp-{e}.pth" for e in range(4, 9)} for files in found.runs.values()
    ]
    assert sorted(map(sorted, last)) == [["ckp-4.pth", "ckp-6.pth", "ckp-8.pth"], ["ckp-5.pth", "ckp-7.pth"]]


def test_a_run_that_did_not_load_its_checkpoint_starts_anew(tmp_path: Path) -> None:
    write(tmp_path / "c", [File(f"ckp-{e}.pth", e, int(e > 4)) for e in range(1, 9)])
    found = read(tmp_path / "c").division
    assert found.reasons == (
        "the weights start anew at ckp-5.pth: they have nothing in common with those of ckp-4.pth before it",
    )
    assert [len(files) for files in found.runs.values()] == [4, 4]
    write(tmp_path / "d", [File(f"ckp-{e}.pth", e, int(e > 4)) for e in (1, 2, 3, 4, 95, 96, 97)])
    assert not read(tmp_path / "d").division.reasons  # long enough to forget the start


def test_where_the_order_is_not_known_it_is_a_note(tmp_path: Path) -> None:
    names = ("0.70", "0.77", "0.81", "0.92")
    write(tmp_path / "c", [File(f"{name}.pth", i, i % 2, minutes=7) for i, name in enumerate(names)])
    found = read(tmp_path / "c")
    assert not found.division.reasons
    assert found.notes[0].startswith("the order may be another, or the files of several runs: the weights of 0.70.pth")


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_inspect_says_that_a_directory_holds_several_runs(tmp_path: Path, arguments: list[str]) -> None:
    alternating(tmp_path / "woven")
    write(tmp_path / "versions", [File(f"v{run}/epoch={e}.ckpt", e, run) for run in (0, 1) for e in (1, 2)])
    write(tmp_path / "one", [File(f"epoch={e}.ckpt", e) for e in (1, 2, 3)])
    for name, said in (
        ("woven", "not one run: the weights of epoch=1.ckpt and epoch=3.ckpt are of one training and have nothing"),
        ("versions", "not one run: v 0 (epochs 1 to 2) and v 1 (epochs 1 to 2) do not follow on"),
        ("one", ""),
    ):
        done = CliRunner().invoke(app, ["inspect", str(tmp_path / name), *arguments])
        assert done.exit_code == 0
        assert said in done.stderr
        assert ("not one run" in done.stderr) == bool(said)


def test_inspect_takes_for_one_run_what_run_takes_for_one(tmp_path: Path) -> None:
    write(tmp_path / "c", [File(f"simclr:v{e}/model.pth", e) for e in range(6)])
    assert not read(tmp_path / "c").division.reasons
    assert "not one run" not in CliRunner().invoke(app, ["inspect", str(tmp_path / "c")]).stderr
    # Weights that nobody looked at tell nothing.
    said = CliRunner().invoke(app, ["inspect", str(tmp_path / "c"), "--no-drift"]).stderr
    assert "by their names, these are not one run" in said
