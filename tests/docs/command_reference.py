"""Every command with every option, for docs/commands.md, from the commands themselves.

`python -m tests.docs.command_reference` prints the page; `--write` puts it there; a test holds it.
"""

import sys
from pathlib import Path
from typing import Any

import typer.main

from swaveval.cli.app import app

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
HEAD = """# Every command and option

Written by `python -m tests.docs.command_reference --write` from the commands themselves; `swaveval COMMAND --help` says
the same, with examples (`python -m swaveval COMMAND` where the script is not on the path).
Exit codes: [report.md](report.md#exit-codes).
"""


def page() -> str:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return "\n".join([HEAD, *(_command(name, command) for name, command in commands.items())])


def _command(name: str, command: Any) -> str:
    said = (command.help or "").strip().split("\n\n")[0].replace("\n", " ")
    rows = [_row(parameter) for parameter in command.params]
    return "\n".join([f"## swaveval {name}", "", said, "", "| option | default | |", "|---|---|---|", *rows, ""])


def _row(parameter: Any) -> str:
    names = [*parameter.opts, *parameter.secondary_opts] if parameter.param_type_name == "option" else [parameter.name]
    words = ", ".join(f"`{name if name.startswith('-') else name.upper()}`" for name in names)
    default = parameter.default
    if parameter.required:
        shown = "needed"
    elif default in (None, "", (), []) or callable(default) or default is False:
        shown = ""
    else:
        shown = f"`{str(default).lower() if isinstance(default, bool) else default}`"
    return f"| {words} | {shown} | {_cell(parameter.help or '')} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print(page())
