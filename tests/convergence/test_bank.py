"""The verdict on the stored series of real runs whose truth is known: every change is judged against all of them."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from benchmarks.verdicts.fixture import BANK, load
from swaveval.convergence import judge

EXPECTED = Path(__file__).parents[2] / "benchmarks" / "verdicts" / "expected.toml"
BAD = {"collapsed", "not-learning", "regressed"}
GOOD = {"learning", "converged"}
# Two points of leave-one-out kNN above step 0 is the gain that the verdict looks for.
GAIN = 0.02


def cases() -> list[tuple[str, str]]:
    expected = tomllib.loads(EXPECTED.read_text(encoding="utf-8"))
    return [(name, body["verdict"]) for name, body in expected.items() if (BANK / f"{name}.npz").exists()]


def gain(name: str) -> float:
    """Last minus first leave-one-out kNN, raw."""
    values = load(BANK / f"{name}.npz").values("knn.loo_top1")
    finite = values[np.isfinite(values)]
    return float(finite[-1] - finite[0])


def test_most_runs_get_exactly_the_verdict_written_down_before() -> None:
    judged = {name: judge(load(BANK / f"{name}.npz")).verdict for name, _ in cases()}
    right = [name for name, verdict in cases() if judged[name] == verdict]
    assert len(cases()) >= 24
    assert len(right) >= 0.8 * len(cases()), {
        name: judged[name] for name, verdict in cases() if judged[name] != verdict
    }


@pytest.mark.parametrize(("name", "expected"), cases())
def test_no_bad_run_is_ever_called_learning(name: str, expected: str) -> None:
    """A recipe that was meant to collapse and learned all the same (its raw kNN rose) is no bad run."""
    if expected in BAD and gain(name) < GAIN:
        assert judge(load(BANK / f"{name}.npz")).verdict not in GOOD
