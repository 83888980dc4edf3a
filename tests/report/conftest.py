"""Evaluations that several test files read, each written once per session."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from invented_results import Plan, verdict, write

from swaveval.convergence.verdict import Verdict
from swaveval.results import Series

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
