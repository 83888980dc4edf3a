"""`swaveval pretrain`: flags to settings, resuming with nothing but --out, and the documentation of every setting."""

import json
import math
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest
import typer
from typer.testing import CliRunner

from swaveval.cli.pretrain import pretrain
from swaveval.pretrain.config import PretrainConfig
from swaveval.pretrain.config_file import to_sections
from swaveval.pretrain.errors import ConfigError, RunExists, RunMissing
from swaveval.pretrain.reporter import ConsoleReporter, EpochReport

ROOT = Path(__file__).parents[2]

app = typer.Typer()
app.command()(pretrain)


def flags(config: PretrainConfig) -> list[str]:
    """The tiny settings as a user would type them."""
    words = {
        "--data": config.data.path,
        "--backbone": config.backbone.name,
        "--stem": config.backbone.stem,
        "--width": config.backbone.width,
        "--prototypes": config.swav.prototypes,
        "--projection-dim": config.swav.projection_dim,
        "--crop-sizes": "16,8",
        "--crop-counts": "2,1",
        "--crop-max-scales": "1.0,0.4",
        "--epochs": 1,
        "--batch-size": config.training.batch_size,
        "--workers": 0,
    }
    return [str(word) for pair in words.items() for word in pair]


def test_resuming_where_there_is_no_run(tiny: PretrainConfig, tmp_path: Path) -> None:
    """It asked for images, or began a new run without a word."""
    out = tmp_path / "nothere"
    with pytest.raises(RunMissing, match=f"there is no run in {out} to resume; name the directory of one with --out"):
        CliRunner().invoke(app, ["--out", str(out), "--resume"], catch_exceptions=False)
    assert not out.exists()
    asked = ["--out", str(out), "--resume", "--data", tiny.data.path, "--epochs", "0"]
    begun = CliRunner().invoke(app, asked)
    assert f"there is no run in {out} to resume; a new one begins" in begun.stderr


def test_flags_become_settings_and_a_finished_run_resumes_by_name(tiny: PretrainConfig, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = CliRunner().invoke(app, ["--out", str(out), *flags(tiny)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "epoch 1/1" in done.stderr
    assert f"swaveval run --ckpt-dir {out / 'checkpoints'}" in done.stdout
    settings = json.loads((out / "run.json").read_text())["settings"]["config"]
    assert settings["swav"]["prototypes"] == 6
    assert settings["augmentation"]["crop_max_scales"] == [1.0, 0.4]
    again = CliRunner().invoke(app, ["--out", str(out), "--resume"], catch_exceptions=False)
    assert "nothing is left to train" in again.stderr
    with pytest.raises(RunExists):
        CliRunner().invoke(app, ["--out", str(out), *flags(tiny)], catch_exceptions=False)


def test_mistakes_are_told_before_anything_is_written(tiny: PretrainConfig, tmp_path: Path) -> None:
    out = tmp_path / "run"
    refused = CliRunner().invoke(app, ["--out", str(out), "--crop-sizes", "32x16"])
    assert refused.exit_code == 2
    assert "numbers with commas" in refused.stderr
    timm = ["--data", tiny.data.path, "--backbone", "timm:resnet18", "--width", "8"]
    wrong = (([], "--data"), (["--data", tiny.data.path, "--batch-size", "21"], "20 images"), (timm, "leave them out"))
    for options, word in wrong:
        with pytest.raises(ConfigError, match=word):
            CliRunner().invoke(app, ["--out", str(out), *options], catch_exceptions=False)
    assert not out.exists()


@pytest.mark.parametrize(
    ("loss", "said"),
    [(4.0, "14.3% above ln K = 3.500"), (3.15, "10.0% below ln K = 3.500"), (math.nan, "loss nan  1.0 s")],
)
def test_an_epoch_is_said_in_words(loss: float, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    ConsoleReporter().epoch(EpochReport(1, 3, loss, 3.5, 1.0))
    assert said in capsys.readouterr().err


def test_every_setting_stands_in_the_documentation_and_is_taken() -> None:
    """The TOML example of docs/pretrain.md names all settings, and none that does not exist."""
    page = (ROOT / "docs/pretrain.md").read_text(encoding="utf-8")
    example = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert example is not None
    documented = {section: set(values) for section, values in tomllib.loads(example[1]).items()}
    existing = {
        name: {setting.name for setting in fields(section)} for name, section in get_type_hints(PretrainConfig).items()
    }
    assert documented == existing


def test_the_documented_file_is_taken_as_it_stands(tmp_path: Path) -> None:
    page = (ROOT / "docs/pretrain.md").read_text(encoding="utf-8")
    example = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert example is not None
    path = tmp_path / "settings.toml"
    path.write_text(example[1], encoding="utf-8")
    from swaveval.pretrain.run_file import gather_settings

    config = gather_settings({}, config_file=path, resume_from=None)
    assert to_sections(config)["swav"]["prototypes"] == 300
