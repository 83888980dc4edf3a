"""Every path of every command: refused alike where it is nothing, an address, or links in a circle."""

import os
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import typer.main

from swaveval.cli.app import app
from swaveval.cli.given_paths import TAKE_ADDRESSES, is_path
from swaveval.errors import SwavevalError, machine_fault
from swaveval.results.exporters import ExportError, make_exporter
from swaveval.results.places import OutputError

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
# What else a command wants before it looks at anything.
BESIDE: dict[str, list[str]] = {
    "sweep": ["--prototypes", "10,20"],
}


PATHS = [
    pytest.param(name, parameter, id=f"{name} {parameter.name}")
    for name, command in COMMANDS.items()
    for parameter in command.params
    if is_path(name, parameter.name)
]


def said(command: str, parameter: Any, text: str) -> str:
    """What the command says, which it leaves with 2, and leaves nothing behind."""
    given = [parameter.opts[0], text] if parameter.param_type_name == "option" else [text]
    if command == "compare" and parameter.name == "outs":
        given *= 2
    for other in COMMANDS[command].params:
        if other.required and other is not parameter:
            value = "digits" if other.name == "data" else "there"
            given += [other.opts[0], value] if other.param_type_name == "option" else [value] * max(1, other.nargs)
    before = sorted(os.listdir())  # noqa: PTH208
    with pytest.raises(Exception) as caught:
        typer.main.get_command(app).main([command, *given, *BESIDE.get(command, [])], standalone_mode=False)
    assert sorted(os.listdir()) == before  # noqa: PTH208
    told = caught.value if isinstance(caught.value, SwavevalError) else machine_fault(caught.value)
    assert told is not None, caught.value
    assert told.exit_code == 2
    return str(told)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "circle").symlink_to("circle")
    monkeypatch.chdir(tmp_path)


def test_every_path_is_known_as_one() -> None:
    for command in app.registered_commands:
        assert command.callback is not None
        for name, hint in get_type_hints(command.callback).items():
            assert "Path" not in str(hint) or is_path(str(command.name), name), (command.name, name)
    assert {name for names in TAKE_ADDRESSES.values() for name in names} <= {each.values[1].name for each in PATHS}


@pytest.mark.parametrize(("command", "parameter"), PATHS)
@pytest.mark.parametrize("text", ["", " "])
def test_nothing_is_no_path(text: str, command: str, parameter: Any) -> None:
    """`--out ""` wrote into the current directory."""
    assert "is empty, as an unset variable is" in said(command, parameter, text)


@pytest.mark.parametrize(("command", "parameter"), PATHS)
def test_an_address_is_refused_where_none_is_taken(command: str, parameter: Any) -> None:
    """`--to s3://bkt/x.csv` wrote into a directory called `s3:`, with exit 0."""
    if parameter.name in TAKE_ADDRESSES.get(command, ()):
        assert "address" in (str(parameter.metavar) + str(getattr(parameter, "help", ""))).lower()
        return
    if (command, parameter.name) == ("export", "to"):
        return  # by format: below
    for address in ("s3://b/x", "https://u:secret@b/x.csv"):
        told = said(command, parameter, address)
        assert "b/x" in told
        assert "this machine" in told


@pytest.mark.parametrize(("command", "parameter"), PATHS)
@pytest.mark.parametrize("text", ["circle", "circle/below"])
def test_links_in_a_circle_are_a_sentence(text: str, command: str, parameter: Any) -> None:
    """They ended in a traceback, as soon as somebody resolved them."""
    told = said(command, parameter, text)
    assert told == f"{text}: symbolic links lead in a circle; name the real path"


@pytest.mark.parametrize("form", ["csv", "json", "parquet", "tensorboard"])
def test_a_format_that_is_files_refuses_an_address(form: str) -> None:
    for address in ("s3://b/x.csv", "gs://b/x", "hf://b/x", "https://b/x"):
        with pytest.raises(OutputError, match=f"of this machine, not to {address}; name one with .* afterwards"):
            make_exporter(form).check(address)  # type: ignore[attr-defined]


def test_text_formats_need_a_name() -> None:
    """`--to ""` was the current directory."""
    with pytest.raises(ExportError, match="name one with --to FILE, or - for standard output"):
        make_exporter("csv").check("")  # type: ignore[attr-defined]
