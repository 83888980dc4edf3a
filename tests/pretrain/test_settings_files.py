"""Settings from files: what is taken, what is refused and in which words."""

from dataclasses import replace
from pathlib import Path

import pytest

from swaveval.pretrain.config import AUTO, PretrainConfig, SwavConfig
from swaveval.pretrain.config_file import apply, completed, differences, read_config, to_sections
from swaveval.pretrain.errors import ConfigError
from swaveval.pretrain.run_file import gather_settings


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_sets_what_it_names_and_flags_win(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [swav]
        prototypes = 300
        epsilon = 1
        [augmentation]
        preset = "digits"
        crop_sizes = [32, 16]
        crop_max_scales = [1, 0.4]
        [hardware]
        precision = 32
        [series]
        checkpoint_every = 5
        """,
    )
    config = gather_settings({"swav": {"prototypes": 30}}, config_file=path, resume_from=None)
    assert config.swav == replace(SwavConfig(), prototypes=30, epsilon=1.0)
    assert isinstance(config.swav.epsilon, float)
    assert config.augmentation.crop_sizes == (32, 16)
    assert config.augmentation.crop_max_scales == (1.0, 0.4)
    assert config.hardware.precision == "32"
    assert config.series.checkpoint_every == "5"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[swav]\nprototype = 3", ["`prototype`", "[swav]", "did you mean `prototypes`"]),
        ("[optimizer]\nname = 'sgd'", ["`optimizer`", "did you mean `optimiser`"]),
        ("[swav]\nlearning_rate = 3", ["`learning_rate`", "belongs under [optimiser]"]),
        ("epochs = 3", ["`epochs`", "belongs under [training]"]),
        ("swav = 3", ["`swav` is a section"]),
        ("[swav]\nprototypes = 'many'", ["swav.prototypes", "'many'", "a whole number"]),
        ("[swav]\nprototypes = 3.5", ["swav.prototypes", "a whole number"]),
        ("[swav]\nprototypes = true", ["swav.prototypes", "a whole number"]),
        ("[training]\nstop_on_nan = 1", ["training.stop_on_nan", "true or false"]),
        ("[augmentation]\ncrop_sizes = 32", ["augmentation.crop_sizes", "a list"]),
        ("[augmentation]\ncrop_sizes = [32, 'x']", ["augmentation.crop_sizes", "'x'"]),
        ("[backbone]\nstem = 'tiny'", ["backbone.stem", "auto, imagenet, small"]),
        ("[swav", ["not a TOML file"]),
    ],
)
def test_what_no_setting_takes_is_named(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        read_config(written(tmp_path, text))
    for word in words:
        assert word in str(refused.value)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_config(tmp_path / "none.toml")


def test_sections_round_trip(tiny: PretrainConfig) -> None:
    assert apply(PretrainConfig(), to_sections(tiny), origin="test") == tiny


def test_differences_name_every_setting_that_differs(tiny: PretrainConfig) -> None:
    other = replace(tiny, swav=replace(tiny.swav, prototypes=7), training=replace(tiny.training, seed=9))
    assert differences(tiny, other) == [("swav.prototypes", 6, 7), ("training.seed", 1, 9)]


def test_open_settings_are_completed_from_a_stored_run(tiny: PretrainConfig) -> None:
    asked = apply(PretrainConfig(), {"swav": {"epsilon": 0.1}}, origin="test")
    assert asked.swav.prototypes == AUTO
    filled = completed(asked, tiny)
    assert filled.swav.prototypes == tiny.swav.prototypes
    assert filled.swav.epsilon == 0.1
    assert filled.augmentation.crop_sizes == (16, 8)
    assert filled.backbone == tiny.backbone
