"""The live line: what is being done, and how long it will take; names from disk are harmless."""

import io

import pytest
from rich.console import Console

from swaveval.cli import terminal
from swaveval.cli.terminal import TerminalProgress, said
from swaveval.runs.progress import Detailed, Progress


def watched(*, bars: bool) -> tuple[TerminalProgress, io.StringIO]:
    """One that writes into a text, as to a terminal or to a log."""
    text = io.StringIO()
    progress = TerminalProgress()
    console = Console(file=text, force_terminal=bars, width=160, color_system=None)
    progress._console = console
    progress._bars = bars
    progress._progress.live.console = console
    progress._progress.disable = not bars
    return progress, text


def test_it_hears_everything() -> None:
    progress = TerminalProgress(quiet=True)
    assert isinstance(progress, Progress)
    assert isinstance(progress, Detailed)


def test_a_terminal_shows_what_is_done_and_what_is_left() -> None:
    progress, text = watched(bars=True)
    with progress:
        progress.stage("evaluating", 12)
        progress.left(200.0)
        progress.stage("features", 100)  # a stage within it
        progress.doing("epoch=3[bold].ckpt: linear")
        progress.advance(50, 100)
        progress._progress.refresh()
    shown = text.getvalue()
    assert "epoch=3[bold].ckpt: linear" in shown
    assert "3 min left" in shown


def test_a_log_says_it_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "LOG_EVERY_SECONDS", -1.0)
    progress, text = watched(bars=False)
    with progress:
        progress.doing("before any stage")
        progress.stage("evaluating", 12)
        progress.left(None)
        progress.doing("a.ckpt: knn")
        progress.left(7500.0)
        progress.advance(1, 12)
    lines = text.getvalue().splitlines()
    assert lines == [
        "evaluating (12)",
        "evaluating 0 of 12 (a.ckpt: knn)",
        "evaluating 1 of 12 (a.ckpt: knn), 2 h 5 min left",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"), [(-3.0, "5 s"), (12.0, "10 s"), (54.0, "55 s"), (61.0, "1 min"), (3605.0, "1 h 0 min")]
)
def test_an_estimate_has_few_digits(seconds: float, words: str) -> None:
    assert said(seconds) == words
