"""The documents point at things that exist and show commands that the program takes."""

import re
from pathlib import Path

import pytest
import typer.main

from benchmarks import performance
from swaveval.cli.app import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "reports" / "README.md"])
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_and_options_exist(document: Path) -> None:
    for line in re.findall(r"(?:^|`|\$ )swaveval ([a-z]+[^`\n#]*)", document.read_text(encoding="utf-8"), re.MULTILINE):
        command = line.split()[0]
        if command not in COMMANDS:
            continue  # prose: "swaveval reads …"
        known = {option for parameter in COMMANDS[command].params for option in parameter.opts} | {"--help"}
        for option in re.findall(r"(?<=\s)--[a-z][a-z-]*", line):
            assert option in known, f"{document.name}: swaveval {line}"


def test_the_performance_page_is_what_the_committed_results_say() -> None:
    assert performance.PAGE.read_text(encoding="utf-8") == performance.page()
