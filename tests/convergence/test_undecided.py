"""Verdicts of series that no witness was heard on, or whose order nobody knows."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from swaveval.convergence import judge
from swaveval.convergence.undecided import without_order
from swaveval.convergence.verdict import Best, LossState
from swaveval.results import Series
from tests.convergence.simulated import KNN, measured, outcomes, series


def shuffled(accuracy: list[float], *, random: list[float] | None = None, n: int = 600) -> Series:
    """Checkpoints whose order is not known."""
    inits = None if random is None else {KNN: outcomes(random, n, seed=1)}
    run = series({KNN: outcomes(accuracy, n, seed=0)}, random=inits)
    return replace(run, manifest=replace(run.manifest, order="unknown"))


@pytest.mark.parametrize("random", [None, [0.42, 0.44, 0.40]])
def test_where_nobody_knows_the_order_the_span_is_told(random: list[float] | None) -> None:
    run = shuffled([0.5, 0.7, 0.6], random=random)
    found = judge(run)
    values = run.values(KNN)
    assert found.verdict == "inconclusive"
    assert "the order of the 3 checkpoints is not known" in found.sentence
    assert f"reach {100 * values.min():.1f} to {100 * values.max():.1f} %" in found.sentence
    untrained = [point.metrics[KNN].value for point in run.baselines]
    shown = f"3 untrained networks {100 * np.mean(untrained):.1f} % on average" if random else ""
    assert shown in found.sentence
    assert ("untrained" in found.sentence) is bool(random)
    assert [each.action for each in found.advice][-1].startswith("put epoch or step into the names")


def test_a_best_checkpoint_is_named_where_there_is_one() -> None:
    for best, actions in ((None, 1), (Best("a.ckpt", reason="highest"), 2)):
        found = without_order(measured([0.5, 0.6]), best, LossState(), "", labelled=True, seed=3)
        assert (len(found.advice), found.best, found.seed) == (actions, best, 3)
        assert any("a.ckpt" in each.action for each in found.advice) is (best is not None)


@pytest.mark.parametrize(("n", "words"), [(1, "1 image cannot tell"), (7, "7 images cannot tell")])
def test_too_few_images_are_counted(n: int, words: str) -> None:
    assert words in judge(series({KNN: np.ones((3, n), np.bool_)})).sentence


@pytest.mark.parametrize(
    ("changes", "broken", "words"),
    [
        ({"points": ()}, 2, "the weights are not finite from"),
        ({"points": ()}, 0, "no checkpoint could be evaluated"),
        ({"arrays": {}}, 0, "no metric with per-image outcomes"),
    ],
)
def test_what_is_missing_is_named(changes: dict[str, Any], broken: int, words: str) -> None:
    run = replace(series({KNN: outcomes([0.5, 0.6], 100, seed=0)}, broken=broken), **changes)
    if not run.points:
        run = replace(run, manifest=replace(run.manifest, checkpoints=run.manifest.checkpoints[2:]))
    found = judge(run)
    assert (found.verdict, words in found.sentence) == ("inconclusive", True), found.sentence
