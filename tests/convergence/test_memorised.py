"""Labels learned by heart: a supervised network that overfits, beside ordinary runs."""

import re
from collections.abc import Sequence

import numpy as np
import pytest

from swaveval.convergence import judge, witnesses
from swaveval.convergence.memorised import EXCESS, memorised
from swaveval.results import Series
from tests.convergence.simulated import KNN, LINEAR, outcomes, series

TEST = "knn.top1"


def run(train: Sequence[float], test: Sequence[float], *, n: int = 1200, n_test: int = 600) -> Series:
    made = {KNN: outcomes(train, n, seed=0), TEST: outcomes(test, n_test, seed=1)}
    return series(made)


def said(run_: Series) -> str:
    return memorised(run_, witnesses.labelled(run_))


def test_a_supervised_overfit_is_named_with_both_numbers() -> None:
    overfit = run([0.40, 0.6, 0.8, 0.9, 0.95], [0.40, 0.4, 0.39, 0.38, 0.38])
    clause = said(overfit)
    found = re.fullmatch(
        r"the labels of the training images were learned by heart: kNN of them rose (\d+\.\d) points, that of the 600 "
        r"test images fell (\d+\.\d), so the test images decide",
        clause,
    )
    assert found is not None
    for words, metric in zip(found.groups(), (KNN, TEST), strict=True):
        rows = [overfit.artifact(f"{metric}.outcomes", f"c{place}") for place in (0, 4)]
        first, last = (np.mean(row["correct"]) for row in rows if row is not None)
        assert float(words) == pytest.approx(100 * abs(last - first), abs=0.051)


def test_the_verdict_then_rests_on_the_test_images() -> None:
    # Without the test images every witness of the training images would call it learning.
    train, test = [0.40, 0.6, 0.8, 0.9, 0.95, 0.96], [0.40] * 6
    verdict = judge(run(train, test, n_test=4000))
    assert verdict.quality_metric == TEST
    assert verdict.verdict not in ("learning", "converged")
    assert "(by the labels of the test images)" in verdict.sentence
    assert "learned by heart" in verdict.sentence
    assert judge(series({KNN: outcomes(train, 1200, seed=0)})).verdict == "learning"
    # None of the test images' witnesses chooses a checkpoint.
    assert verdict.best is None or verdict.best.metric != TEST


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ([0.40, 0.5, 0.6, 0.65, 0.70], [0.40, 0.5, 0.6, 0.65, 0.69]),  # an ordinary run
        ([0.40, 0.5, 0.6, 0.65, 0.70], [0.40, 0.5, 0.55, 0.57, 0.62]),  # more on its own images, and most on others too
        ([0.40, 0.4, 0.4, 0.4, 0.40], [0.40, 0.4, 0.4, 0.4, 0.40]),
        ([0.40, 0.42, 0.45, 0.48, 0.50], [0.40] * 5),  # by ten points, of which these images leave half open
        ([0.40, 0.4, 0.4, 0.4, 0.40 + 0.8 * EXCESS], [0.40] * 5),
        ([0.70, 0.6, 0.5, 0.45, 0.40], [0.40] * 5),  # lost on its own images
    ],
)
def test_an_ordinary_run_is_not(train: list[float], test: list[float]) -> None:
    assert said(run(train, test)) == ""


def test_chance_is_not_taken_for_it() -> None:
    """Twenty points more on the training images, of forty test images."""
    assert said(run([0.4, 0.5, 0.62], [0.4, 0.4, 0.42], n_test=40)) == ""


def test_without_test_images_nobody_can_tell() -> None:
    alone = series({KNN: outcomes([0.4, 0.6, 0.95], 800, seed=0)})
    assert said(alone) == ""
    # Purity and low-shot accuracy have no counterpart on the test images; the linear probe's tells.
    probe = series(
        {LINEAR: outcomes([0.4, 0.7, 0.95], 800, seed=0), "linear.top1": outcomes([0.4, 0.4, 0.4], 600, seed=1)}
    )
    assert "the linear probe of them rose" in said(probe)
