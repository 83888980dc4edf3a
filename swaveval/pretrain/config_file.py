"""Settings from and to plain mappings (TOML files, run.json), with every unknown or ill-typed key named."""

import difflib
import tomllib
import types
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from swaveval.pretrain.config import AUTO, PretrainConfig
from swaveval.pretrain.errors import ConfigError

Sections = Mapping[str, Mapping[str, Any]]


def read_config(path: Path) -> dict[str, dict[str, Any]]:
    """Sections and settings of a TOML file, checked against the dataclasses.

    Raises:
        ConfigError: no such file, not TOML, or a key or value that no setting takes.
    """
    try:
        body = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the settings file {path} cannot be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a TOML file: {error}") from None
    known = {name: [setting.name for setting in fields(section)] for name, section in _sections().items()}
    for name, values in body.items():
        if name not in known:
            homes = [section for section, settings in known.items() if name in settings]
            hint = f"it belongs under [{homes[0]}]" if homes else _did_you_mean(name, list(known))
            raise ConfigError(f"{path}: unknown section or setting `{name}`; {hint}")
        if not isinstance(values, dict):
            raise ConfigError(f"{path}: `{name}` is a section; write [{name}] and its settings below it")
    apply(PretrainConfig(), body, origin=str(path))
    return body


def apply(config: PretrainConfig, sections: Sections, *, origin: str) -> PretrainConfig:
    """`config` with the settings of `sections` put in.

    Raises:
        ConfigError: an unknown setting (with the nearest known one) or a value of the wrong type, `origin` named.
    """
    changed: dict[str, Any] = {}
    for name, values in sections.items():
        if name not in _sections():
            raise ConfigError(f"{origin}: unknown section [{name}]; {_did_you_mean(name, list(_sections()))}")
        section = getattr(config, name)
        hints = get_type_hints(type(section))
        converted = {}
        for key, value in values.items():
            if key not in hints:
                raise ConfigError(f"{origin}: unknown setting `{key}` in [{name}]; {_elsewhere(key, name, hints)}")
            converted[key] = _convert(value, hints[key], f"{origin}: {name}.{key}")
        changed[name] = replace(section, **converted)
    return replace(config, **changed)


def completed(config: PretrainConfig, stored: PretrainConfig) -> PretrainConfig:
    """`config` with everything left to choice taken from `stored`."""
    sections = {}
    for name in _sections():
        given, held = getattr(config, name), getattr(stored, name)
        open_ = [key for key in get_type_hints(type(given)) if getattr(given, key) in (AUTO, "auto", ())]
        sections[name] = replace(given, **{key: getattr(held, key) for key in open_})
    return replace(config, **sections)


def to_sections(config: PretrainConfig) -> dict[str, dict[str, Any]]:
    """The settings as plain values; tuples become lists."""
    return {
        name: {key: list(value) if isinstance(value, tuple) else value for key, value in section.items()}
        for name, section in asdict(config).items()
    }


def differences(one: PretrainConfig, other: PretrainConfig) -> list[tuple[str, Any, Any]]:
    """`(section.setting, value in one, value in other)` for every setting that differs."""
    left, right = asdict(one), asdict(other)
    return [
        (f"{section}.{key}", value, right[section][key])
        for section, values in left.items()
        for key, value in values.items()
        if value != right[section][key]
    ]


def _sections() -> dict[str, type]:
    return get_type_hints(PretrainConfig)


def _elsewhere(key: str, section: str, hints: Mapping[str, Any]) -> str:
    for name, kind in _sections().items():
        if name != section and key in get_type_hints(kind):
            return f"it belongs under [{name}]"
    return _did_you_mean(key, list(hints))


def _did_you_mean(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    listed = ", ".join(known)
    return f"did you mean `{near[0]}`? ({listed})" if near else f"known: {listed}"


def _convert(value: Any, hint: Any, where: str) -> Any:
    """`value` as the type `hint` says: Literal, tuple, int, float, bool or str."""
    origin = get_origin(hint)
    if origin is Literal:
        choices = get_args(hint)
        # precision = 32 and checkpoint_every = 1 are natural to write without quotes.
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if text not in choices:
            raise ConfigError(f"{where} is {value!r}; it takes {', '.join(choices)}")
        return text
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where} is {value!r}; it takes a list such as [32, 16]")
        return tuple(_convert(part, get_args(hint)[0], where) for part in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is str and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ConfigError(f"{where} is {value!r}; it takes {_word(hint)}")
    return value


def _word(hint: type | types.UnionType) -> str:
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text"}.get(hint, str(hint))  # type: ignore[arg-type]
