"""The eval transform that options name, and the settings that all runs of a sweep share."""

from pathlib import Path

import pytest

from swaveval.data.transforms import EvalTransform
from swaveval.pretrain.config import PretrainConfig
from swaveval.pretrain.errors import ConfigError
from swaveval.runs.request import RunError
from swaveval.runs.sweep_settings import shared_settings
from swaveval.runs.transform_choice import choose_transform, interpolated


def test_the_transform_of_options() -> None:
    assert choose_transform(96, None) == EvalTransform(size=96, interpolation="bilinear")
    assert choose_transform(96, "bicubic") == EvalTransform(size=96, interpolation="bicubic")
    assert choose_transform(None, None) is None
    assert choose_transform(None, "bilinear") is None
    assert interpolated(None) == {}
    assert interpolated("bilinear") == {"interpolation": "bilinear"}


@pytest.mark.parametrize("word", ["nearest", "", "BICUBIC"])
def test_an_interpolation_that_is_none(word: str) -> None:
    with pytest.raises(RunError, match="--interpolation takes bilinear or bicubic, not"):
        choose_transform(96, word)
    with pytest.raises(RunError, match="--interpolation takes bilinear or bicubic, not"):
        choose_transform(None, word)


def shared(config: Path | None = None, **said: object) -> PretrainConfig:
    options: dict[str, object] = {
        "data": "digits", "labels": None, "pixels": {}, "epochs": None, "checkpoint_every": None, "seed": 0,
    }  # fmt: skip
    return shared_settings(config, **(options | said))  # type: ignore[arg-type]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(
        "[training]\nepochs = 7\nbatch_size = 32\nseed = 5\n[data]\npath = 'elsewhere'\nrange = '0:10'\n"
        "[series]\ncheckpoint_every = 'epoch'\n"
    )
    return path


def test_nothing_said_leaves_the_defaults() -> None:
    made, usual = shared(), PretrainConfig()
    assert made.data.path == "digits"
    assert (made.training.epochs, made.series, made.swav) == (usual.training.epochs, usual.series, usual.swav)


def test_the_file_stands_where_the_command_line_says_nothing(written: Path) -> None:
    made = shared(written)
    assert (made.training.epochs, made.training.batch_size) == (7, 32)
    assert (made.data.range, made.series.checkpoint_every) == ("0:10", "epoch")
    # What every command line says: the images, and the seed, which has a default.
    assert (made.data.path, made.training.seed) == ("digits", 0)


def test_the_command_line_wins_over_the_file(written: Path, tmp_path: Path) -> None:
    made = shared(
        written,
        labels=tmp_path / "labels.csv",
        pixels={"range": "full", "bands": "4,3,2"},
        epochs=3,
        checkpoint_every="2",
        seed=9,
    )
    assert (made.data.labels, made.data.range, made.data.bands) == (str(tmp_path / "labels.csv"), "full", "4,3,2")
    assert (made.training.epochs, made.training.batch_size, made.training.seed) == (3, 32, 9)
    assert made.series.checkpoint_every == "2"


def test_whose_setting_is_wrong_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[training]\nepoch = 7\n")
    with pytest.raises(ConfigError, match=r"bad\.toml.*did you mean `epochs`"):
        shared(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        shared(tmp_path / "absent.toml")
    with pytest.raises(
        ConfigError, match=r"the command line: unknown setting `rnage` in \[data\]; did you mean `range`"
    ):
        shared(pixels={"rnage": "full"})
