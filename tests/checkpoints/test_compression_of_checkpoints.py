"""Each smaller form holds what it says: the same weights, or features as far off as the table says."""

import json
from pathlib import Path

import pytest
import torch
import typer
from hostile_building import small_checkpoint
from originals import save
from typer.testing import CliRunner

from swaveval.checkpoints import LoadOptions, load
from swaveval.checkpoints.compression import (
    FORMS,
    CompressionError,
    Form,
    form_named,
    load_form,
    measure,
    probe_images,
    write_form,
)
from swaveval.cli.compress import compress

OPTIONS = LoadOptions()
app = typer.Typer()
app.command()(compress)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return save(tmp_path / "epoch=3-step=400.ckpt", small_checkpoint())


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_what_is_written_is_what_was_read(checkpoint: Path, form: Form, tmp_path: Path) -> None:
    before = checkpoint.read_bytes()
    target = write_form(checkpoint, form, tmp_path / f"out{form.suffix}", options=OPTIONS)
    original, read = load(checkpoint).report, load_form(form, target, OPTIONS).report
    assert checkpoint.read_bytes() == before
    assert (read.digest == original.digest) == form.exact
    # The facts beside the weights survive: a compressed series keeps its order.
    assert (read.family, read.epoch, read.step) == (original.family, original.epoch, original.step)
    assert (read.architecture, read.prototypes, read.matched) == (original.architecture, original.prototypes, 1.0)
    assert target.stat().st_size < checkpoint.stat().st_size


def test_the_table_is_measured(checkpoint: Path) -> None:
    rows = {row.form: row for row in measure(checkpoint, options=OPTIONS, repeats=1)}
    assert list(rows) == ["original", *(form.name for form in FORMS)]
    assert rows["original"].size == checkpoint.stat().st_size
    assert all(row.seconds > 0 and not row.problem for row in rows.values())
    assert [name for name, row in rows.items() if not row.identical] == ["bf16", "fp16"]
    assert rows["fp16"].size < 0.6 * rows["safetensors"].size
    # bfloat16 keeps 8 bits of the significand, float16 11: the differences are in that order.
    assert 0 < rows["fp16"].feature_difference < rows["bf16"].feature_difference < 0.1 * rows["bf16"].feature_scale
    assert rows["deflate"].feature_difference == 0


def test_the_difference_is_that_of_the_features(checkpoint: Path, tmp_path: Path) -> None:
    form = form_named("bf16")
    target = write_form(checkpoint, form, tmp_path / "half.safetensors", options=OPTIONS)
    original, half = load(checkpoint), load(target)
    images = probe_images(original)
    with torch.inference_mode():
        expected = float((original.module(images) - half.module(images)).abs().max())
    rows = {row.form: row for row in measure(checkpoint, options=OPTIONS, repeats=1, images=images)}
    assert rows["bf16"].feature_difference == expected


def test_nothing_is_overwritten(checkpoint: Path) -> None:
    with pytest.raises(CompressionError, match="exists; nothing is overwritten"):
        write_form(checkpoint, form_named("weights"), checkpoint, options=OPTIONS)


def test_values_beyond_half_precision_are_a_problem_not_an_infinity(tmp_path: Path) -> None:
    content = small_checkpoint()
    content["state_dict"]["backbone.5.0.conv1.weight"] = content["state_dict"]["backbone.5.0.conv1.weight"] * 1e7
    path = save(tmp_path / "large.ckpt", content)
    rows = {row.form: row for row in measure(path, options=OPTIONS, repeats=1)}
    assert "beyond the range" in rows["fp16"].problem
    assert not rows["bf16"].problem


def test_an_unknown_form_lists_the_known() -> None:
    with pytest.raises(CompressionError, match="weights, deflate, safetensors, zstd, bf16, fp16"):
        form_named("rar")


def test_the_command_measures_and_writes(checkpoint: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [str(checkpoint), "--json", "--repeats", "1"])
    assert result.exit_code == 0, result.output
    (file,) = json.loads(result.stdout)
    assert [row["form"] for row in file["forms"]][:2] == ["original", "weights"]
    out = tmp_path / "out"
    result = CliRunner().invoke(app, [str(checkpoint), "--to", "safetensors", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert [path.name for path in out.iterdir()] == ["epoch=3-step=400.safetensors"]
    again = CliRunner().invoke(app, [str(checkpoint), "--to", "safetensors", "--out", str(out)])
    assert again.exit_code == 1
    assert "nothing is overwritten" in again.output


def test_the_command_measures_knn_on_images(checkpoint: Path) -> None:
    result = CliRunner().invoke(app, [str(checkpoint), "--data", "digits", "--json", "--repeats", "1"])
    assert result.exit_code == 0, result.output
    rows = {row["form"]: row for row in json.loads(result.stdout)[0]["forms"]}
    assert rows["original"]["knn_change"] == rows["zstd"]["knn_change"] == 0
    assert abs(rows["fp16"]["knn_change"]) < 0.05
    assert 0.3 < rows["original"]["knn"] < 1


def test_the_command_says_what_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "notes.ckpt"
    path.write_text("hello", encoding="utf-8")
    result = CliRunner().invoke(app, [str(path)])
    assert result.exit_code == 1
    assert "text" in result.output
