"""A climb out of a trough, measured on other images than those the trough was chosen on."""

import re

import numpy as np
import pytest
from scipy.stats import binomtest

from swaveval.convergence import judge, quality
from swaveval.convergence.climb import climb_from_trough, climbs
from swaveval.convergence.noise import contrast
from swaveval.convergence.trend import last_third, tail_start
from tests.convergence.simulated import KNN, VIEWS, measured, series, together

DIP = [0.60, 0.40, 0.30, 0.34, 0.40, 0.46, 0.50, 0.52, 0.54]


def test_the_trough_is_chosen_on_the_even_images_and_the_climb_measured_on_the_odd() -> None:
    run = measured(DIP, n=1000)
    found = climb_from_trough(run, tail_start(run.x))
    assert found is not None
    odd = run.correct[:, 1::2].mean(axis=1)
    assert (found.trough, found.n) == (2, 500)
    assert found.estimate.effect == pytest.approx(odd[last_third(tail_start(run.x), 9)].mean() - odd[2])
    assert climbs(found)


@pytest.mark.parametrize(
    "curve",
    [
        [0.5, 0.2, 0.5, 0.5, 0.5, 0.5],  # BatchNorm's statistics settle after the first trained checkpoint
        [0.5, 0.55, 0.6, 0.65, 0.7, 0.72],
        [0.5, 0.3, 0.4, 0.5],
    ],
)
def test_no_trough_no_climb(curve: list[float]) -> None:
    run = measured(curve, n=1000)
    assert climb_from_trough(run, tail_start(run.x)) is None
    assert not climbs(None)


def test_where_step_0_was_not_saved_the_first_file_is_the_first_trained_checkpoint() -> None:
    curve = [0.2, 0.5, 0.5, 0.5, 0.5, 0.5]
    run = quality.read(series({KNN: together({KNN: curve}, 1000, seed=0)[KNN]}, epochs=range(1, 7)), KNN)
    assert run is not None
    assert climb_from_trough(run, tail_start(run.x)) is None


def test_level_runs_climb_no_more_often_than_one_may() -> None:
    """The lowest of eight equal checkpoints lies low by chance."""
    shown = 0
    for seed in range(200):
        jitter = np.random.default_rng([seed, 1]).normal(0, 0.01, 9)
        run = measured([0.5, *(0.5 + jitter)], n=600, seed=seed)
        shown += climbs(climb_from_trough(run, tail_start(run.x)))
    assert binomtest(shown, 200, 0.05, alternative="greater").pvalue > 0.01


def test_the_error_is_that_of_the_contrast() -> None:
    run = measured(DIP, n=1000)
    found = climb_from_trough(run, tail_start(run.x))
    assert found is not None
    half = measured(DIP, n=1000).correct[:, 1::2]
    late, weights = last_third(tail_start(run.x), 9), np.zeros(9)
    weights[late], weights[2] = 1 / len(late), -1.0
    difference = weights @ half
    assert found.estimate.image_variance == pytest.approx(np.var(difference, ddof=1) / 500)
    assert contrast(run.values, weights, run.noise, weights).effect == pytest.approx(found.estimate.effect, abs=0.05)


def test_a_run_on_its_way_up_is_not_called_not_learning() -> None:
    """BYOL on digits: view retrieval fell to a third and is being won back, still below untrained networks."""
    curve = {VIEWS: [0.30, 0.20, 0.10, 0.12, 0.15, 0.18, 0.21, 0.24, 0.26, 0.34, 0.33, 0.35]}
    made = together(curve, 1500, seed=0)
    run = series({VIEWS: made[VIEWS][:9]}, random={VIEWS: made[VIEWS][9:]}, epochs=range(1, 10), labelled=False)
    verdict = judge(run)
    assert verdict.verdict == "inconclusive"
    assert "Out of a trough (found on half of the images, measured on the others) view retrieval climbed" in (
        verdict.sentence
    )
    assert re.search(r"climbed \d+\.\d ± \d+\.\d points since epoch 3\.", verdict.sentence)
    level = {VIEWS: [0.26, 0.26, 0.26, 0.26, 0.26, 0.26, 0.26, 0.26, 0.26, 0.34, 0.33, 0.35]}
    made = together(level, 1500, seed=0)
    flat = series({VIEWS: made[VIEWS][:9]}, random={VIEWS: made[VIEWS][9:]}, epochs=range(1, 10), labelled=False)
    assert judge(flat).verdict == "not-learning"
    assert "climbed" not in judge(flat).sentence
