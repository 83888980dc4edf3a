"""`swaveval inspect` on files and directories."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from hostile_building import small_checkpoint
from originals import save
from typer.testing import CliRunner

from swaveval.cli.inspect import inspect

COLUMNS = {
    "file", "state", "family", "architecture", "matched", "missing", "unexpected", "feature_dim", "prototypes", "epoch",
    "step", "digest", "size", "refusal",
}  # fmt: skip

app = typer.Typer()
app.command()(inspect)


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three epochs of which the stem never moves, `last` as a copy, and a text file by mistake."""
    directory = tmp_path_factory.mktemp("series")
    for epoch in (0, 9, 10):
        content = small_checkpoint() | {"epoch": epoch, "global_step": 100 * (epoch + 1)}
        for name, tensor in content["state_dict"].items():
            if tensor.is_floating_point() and not name.startswith("backbone.0."):
                content["state_dict"][name] = tensor * (1 + epoch / 100)
        save(directory / f"epoch={epoch}.ckpt", content)
    shutil.copy(directory / "epoch=10.ckpt", directory / "last.ckpt")
    return directory


def run(*arguments: object) -> Any:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "160"})
    return result.exit_code, result.output


def test_a_directory_as_json(series: Path) -> None:
    code, output = run(series, "--json")
    assert code == 0
    rows = json.loads(output)
    assert [Path(row["file"]).name for row in rows] == ["epoch=0.ckpt", "epoch=9.ckpt", "epoch=10.ckpt", "last.ckpt"]
    assert all(row.keys() >= COLUMNS for row in rows)
    assert [row["epoch"] for row in rows] == [1, 10, 11, 11]
    assert rows[3]["same_as"] == "epoch=10.ckpt"
    assert rows[0]["drift"] is None
    # Everything but the stem was multiplied by 1.09, then by 1.10/1.09.
    assert rows[1]["drift"]["layers"]["layer1.0.conv1"]["relative_l2"] == pytest.approx(0.09, rel=1e-3)
    assert rows[2]["drift"]["layers"]["layer1.0.conv1"]["from_first"] == pytest.approx(0.10, rel=1e-3)
    assert rows[2]["drift"]["layers"]["layer1.0.conv1"]["cosine"] == pytest.approx(1.0)
    assert rows[2]["drift"]["never_moved"] == ["conv1"]


def test_a_file_as_json(series: Path) -> None:
    code, output = run(series / "epoch=9.ckpt", "--json")
    row = json.loads(output)
    assert code == 0
    assert (row["state"], row["family"], row["prototypes"]) == ("ready", "lightly", 12)


def test_a_directory_on_a_terminal(series: Path) -> None:
    code, output = run(series)
    assert code == 0
    for text in ("same as epoch=10.ckpt", "optimiser", "Every checkpoint of a run has the same size", "first → last",
                 "Never moved, so frozen or disconnected: conv1."):  # fmt: skip
        assert text in output


def test_exit_codes_tell_the_states(series: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.ckpt"
    cut.write_bytes((series / "last.ckpt").read_bytes()[:5000])
    assert run(cut)[0] == 3  # still being written
    (tmp_path / "text.ckpt").write_text("hello", encoding="utf-8")
    code, output = run(tmp_path)
    assert code == 1
    assert "the file is text, not a checkpoint" in " ".join(output.split())
    assert run(tmp_path / "nowhere.ckpt")[0] == 2
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty")[0] == 2


def test_hostile_names_do_not_reach_the_terminal_as_markup(series: Path, tmp_path: Path) -> None:
    shutil.copy(series / "epoch=0.ckpt", tmp_path / "[red]x[bold].ckpt")
    code, output = run(tmp_path)
    assert code == 0
    assert "[red]x[bold].ckpt" in output
