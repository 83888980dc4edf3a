"""Evaluations that several test files read, each written once per session, and pages with a browser to open them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from swaveval.convergence.verdict import Verdict
from swaveval.report import write_comparison, write_report
from swaveval.results import Series
from tests.report.browsing import CHROMIUM, Evaluated
from tests.report.invented_results import Plan, verdict, write

SMALL = Plan(epochs=(0.0, 1.0, 2.0, 4.0, 8.0), n_train=240, n_test=120, map_points=90, prototypes=30)


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Series, Verdict]]:
    """`evaluated(labelled=False, …)`: a small evaluation with these fields of its plan changed, and its verdict."""
    kept: dict[str, tuple[Series, Verdict]] = {}

    def make(state: str = "learning", **changes: object) -> tuple[Series, Verdict]:
        plan = replace(SMALL, **changes)  # type: ignore[arg-type]
        key = repr(plan)
        if key not in kept:
            series = write(tmp_path_factory.mktemp("evaluated"), plan)
            kept[key] = series, verdict(series, plan, state)
        series, said = kept[key]
        return series, replace(said, verdict=state)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture(scope="module")
def report(evaluated: Evaluated, pages: Path) -> Path:
    series, said = evaluated()
    return write_report(pages / "report", series=series, verdict=said)


@pytest.fixture(scope="module")
def comparison(evaluated: Evaluated, pages: Path) -> Path:
    runs = [evaluated(name=f"K{k}", prototypes=k, end=end, seed=k) for k, end in ((10, 0.93), (30, 0.97), (300, 0.96))]
    runs[0] = (runs[0][0], replace(runs[0][1], verdict="collapsed", best=None))
    return write_comparison(pages / "comparison" / "index.html", runs)
