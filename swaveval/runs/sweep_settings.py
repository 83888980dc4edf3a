"""The settings that all runs of a sweep share: defaults, then a TOML file, then what was said on the command line."""

from collections.abc import Mapping
from pathlib import Path

from swaveval.pretrain.config import PretrainConfig
from swaveval.pretrain.config_file import apply, read_config


def shared_settings(
    config: Path | None,
    *,
    data: str,
    labels: Path | None,
    pixels: Mapping[str, str],
    epochs: int | None,
    checkpoint_every: str | None,
    seed: int,
) -> PretrainConfig:
    """Settings with everything that was said filled in.

    Raises:
        ConfigError: the file cannot be read, or a setting is unknown or of the wrong type.
    """
    settings = apply(PretrainConfig(), read_config(config), origin=str(config)) if config else PretrainConfig()
    said: dict[str, dict[str, object]] = {
        "data": {"path": data, "labels": str(labels) if labels else None, **pixels},
        "training": {"epochs": epochs, "seed": seed},
        "series": {"checkpoint_every": checkpoint_every},
    }
    given = {
        name: {key: value for key, value in section.items() if value is not None} for name, section in said.items()
    }
    return apply(settings, given, origin="the command line")
