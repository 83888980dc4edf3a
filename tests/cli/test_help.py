"""Help teaches, answers at once, and lists every command."""

import subprocess
import sys

import pytest

COMMANDS = [
    "demo", "run", "compare", "plan", "report", "export", "evaluators", "pretrain", "sweep", "inspect", "compress",
]  # fmt: skip


def output(*arguments: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-m", "swaveval.cli.app", *arguments], capture_output=True, text=True, check=True
    )
    return finished.stdout


def test_the_first_page_names_every_command() -> None:
    text = output("--help")
    for command in COMMANDS:
        assert command in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    text = output(command, "--help")
    assert len(text) > 300
    assert "Usage" in text


def test_version() -> None:
    assert output("--version").startswith("swaveval ")


def test_the_package_is_the_command_too() -> None:
    finished = subprocess.run([sys.executable, "-m", "swaveval", "--help"], capture_output=True, text=True, check=True)
    assert "Usage: python -m swaveval" in finished.stdout
