"""Figures are the same files, however many processes draw them and whichever of these die."""

import os
import signal
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from swaveval.convergence import judge
from swaveval.report import Drawn
from swaveval.results import Series
from swaveval.runs import drawing
from swaveval.runs.drawing import FIGURES_PER_PROCESS, Drawers, beside
from swaveval.runs.machine import cores
from tests.report.invented_results import Plan, write

PLAN = Plan(epochs=(0.0, 1.0), n_train=60, n_test=30, map_points=20, prototypes=8, evaluators=("knn", "spectrum"))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_into(tmp_path_factory.mktemp("results"), PLAN)


def write_into(out: Path, plan: Plan) -> Path:
    write(out, plan)
    return out


def contents(drawn: Drawn) -> dict[str, bytes]:
    assert drawn.problems == ()
    return {path.name: path.read_bytes() for path in drawn.paths}


@pytest.fixture(scope="module")
def alone(results: Path) -> dict[str, bytes]:
    """What this process draws by itself."""
    with drawers(results, 1) as own:
        assert not own._children
        return contents(own.write())


def drawers(out: Path, jobs: int) -> "closing[Drawers]":
    series = Series.load(out)
    return closing(Drawers(out, series, judge(series, seed=series.manifest.seed), jobs))


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are started for a few figures, too."""
    monkeypatch.setattr(drawing, "FIGURES_PER_PROCESS", 1)


def wait_until_ready(own: Drawers) -> None:
    for connection in own._children:
        assert connection.poll(60)


@pytest.mark.usefixtures("at_once")
def test_three_draw_the_same_files_in_the_same_order(results: Path, alone: dict[str, bytes]) -> None:
    with drawers(results, 3) as own:
        assert len(own._children) == 2
        wait_until_ready(own)
        drawn = contents(own.write())
        assert len(own._children) == 2
    assert list(drawn) == list(alone)
    assert drawn == alone


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("ready", [False, True])
def test_one_that_is_killed_costs_nothing(results: Path, alone: dict[str, bytes], ready: bool) -> None:
    with drawers(results, 2) as own:
        (child,) = own._children.values()
        if ready:
            wait_until_ready(own)
            made = own._made()
            first = dict([next(made)])  # it has the next two in hand
            os.kill(child.pid, signal.SIGKILL)
            rest = dict(made)
            assert not set(first) & set(rest)
            files = {f"{name}.{kind}": body for name, both in (first | rest).items() for kind, body in both.items()}  # type: ignore[union-attr]
            assert files == alone
        else:
            os.kill(child.pid, signal.SIGKILL)
            assert contents(own.write()) == alone
        assert not own._children


@pytest.mark.usefixtures("at_once")
def test_one_that_finds_other_results_draws_nothing(tmp_path: Path) -> None:
    out = write_into(tmp_path / "report", PLAN)
    series = Series.load(out)
    verdict = judge(series, seed=series.manifest.seed)
    write_into(out, replace(PLAN, end=0.5))
    with closing(Drawers(out, series, verdict, 2)) as own:
        wait_until_ready(own)
        own.write()
        assert not own._children


def test_as_many_as_there_is_to_draw_for_and_allowed() -> None:
    many = 100 * FIGURES_PER_PROCESS
    assert [beside(many, jobs) for jobs in (1, 2, 5)] == [0, 1, 4]
    assert [beside(number, 8) for number in (0, 1, 2 * FIGURES_PER_PROCESS - 1, 2 * FIGURES_PER_PROCESS)] == [
        0,
        0,
        0,
        1,
    ]
    assert beside(many, None) == cores() - 1
