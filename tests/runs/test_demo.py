"""The demonstration: which recipe is trained where, that it goes on, and (long) what it ends in."""

import os
import signal
import threading
from pathlib import Path

import pytest

from swaveval.pretrain.errors import Interrupted
from swaveval.pretrain.recipes import digits_collapsed, digits_compressed
from swaveval.pretrain.run_file import read_run_file
from swaveval.runs.demo import evaluate_demo, train_demo
from swaveval.runs.progress import Silent


def steps(directory: Path) -> int:
    """Rows of steps in the log so far."""
    try:
        return (directory / "metrics.csv").read_text().count("step,")
    except FileNotFoundError:
        return 0


def begun(directory: Path, *, collapsed: bool) -> None:
    """Training until it has taken a step, then Ctrl-C."""
    over = threading.Event()
    before = steps(directory)

    def interrupt() -> None:
        while not over.is_set() and steps(directory) == before:
            os.sched_yield()
        if not over.is_set():
            os.kill(os.getpid(), signal.SIGINT)

    waiting = threading.Thread(target=interrupt)
    waiting.start()
    try:
        with pytest.raises(Interrupted):
            train_demo(directory, seed=3, collapsed=collapsed, command="swaveval demo --seed 3", quiet=True)
    finally:
        over.set()
        waiting.join()


# Ctrl-C may cut the way of a batch from the process that prepares it; torch's socket is then closed by the collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("collapsed", [False, True])
def test_the_recipe_is_trained_and_goes_on(collapsed: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun(tmp_path, collapsed=collapsed)
    assert capsys.readouterr().out == ""
    stored = read_run_file(tmp_path)
    assert stored is not None
    recipe = digits_collapsed(3) if collapsed else digits_compressed(3)
    assert (stored.config.swav, stored.config.training.seed) == (recipe.swav, 3)
    assert stored.command == "swaveval demo --seed 3"
    if not collapsed:  # an interrupted one is resumed, not refused
        begun(tmp_path, collapsed=False)


@pytest.mark.torture
@pytest.mark.parametrize(("collapsed", "verdict"), [(False, ("learning", "converged")), (True, ("collapsed",))])
def test_alike_losses_and_opposite_ends(collapsed: bool, verdict: tuple[str, ...], tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    train_demo(directory, seed=0, collapsed=collapsed, command="swaveval demo", quiet=True)
    outcome = evaluate_demo(directory, seed=0, command="swaveval demo", progress=Silent())
    assert outcome.failed == ()
    assert outcome.written.page == directory / "report" / "index.html"
    assert outcome.written.series.manifest.name == "demo"
    assert outcome.written.verdict.verdict in verdict
