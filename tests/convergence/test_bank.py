"""The verdict on the stored series of real runs whose truth is known: every change is judged against all of them."""

import tomllib
from functools import cache
from pathlib import Path

import pytest

from benchmarks.verdicts.fixture import BANK, load, without_labels
from swaveval.convergence import Verdict, judge

EXPECTED = tomllib.loads((Path(__file__).parents[2] / "benchmarks" / "verdicts" / "expected.toml").read_text("utf-8"))
BAD = {"collapsed", "not-learning"}
GOOD = {"learning", "converged"}
# Explained in docs/verdict.md.
KNOWN_MISSES = {"flat-t3-seed2", "long-k100-again"}


@cache
def judged(name: str) -> Verdict:
    return judge(load(BANK / f"{name}.npz"))


@cache
def judged_without_labels(name: str) -> Verdict:
    return judge(without_labels(load(BANK / f"{name}.npz")))


def test_every_run_has_an_expectation_and_the_other_way_round() -> None:
    assert {path.stem for path in BANK.glob("*.npz")} == set(EXPECTED)
    assert len(EXPECTED) >= 24


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_each_run_gets_exactly_the_verdict_written_down_before(name: str) -> None:
    if name in KNOWN_MISSES:
        pytest.xfail(f"{name} is {judged(name).verdict}, which docs/verdict.md explains")
    assert judged(name).verdict == EXPECTED[name]["verdict"], judged(name).sentence


def test_no_bad_run_is_ever_called_good() -> None:
    bad = [name for name, entry in EXPECTED.items() if entry["verdict"] in BAD]
    assert len(bad) >= 10
    assert [name for name in bad if judged(name).verdict in GOOD] == []


def test_the_verdict_without_labels_agrees_on_four_fifths_and_never_praises_a_collapsed_run() -> None:
    agree = [name for name in EXPECTED if judged_without_labels(name).verdict == judged(name).verdict]
    differ = {
        name: (judged(name).verdict, judged_without_labels(name).verdict) for name in EXPECTED if name not in agree
    }
    assert len(agree) >= 0.8 * len(EXPECTED), differ
    assert [
        name for name, (with_labels, without) in differ.items() if with_labels == "collapsed" and without in GOOD
    ] == []
    assert not any(judged_without_labels(name).labelled for name in EXPECTED)
