"""Whether a rise is more than BatchNorm's statistics, on series built for each way to show it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from swaveval.convergence import movement, quality
from swaveval.convergence.movement import BEYOND_STATISTICS, beyond_statistics, path_length
from swaveval.convergence.noise import contrast
from swaveval.convergence.rise import rise
from swaveval.convergence.thresholds import ALPHA
from swaveval.results import Series
from tests.convergence.simulated import outcomes, series

KNN = "knn.loo_top1"


def measured(
    accuracy: list[float], *, n: int = 2000, first: float = 0.0, random: list[float] | None = None
) -> quality.Quality:
    """Quality of a run with checkpoints at epochs `first`, `first` + 1, …."""
    rows = np.arange(n) / n < np.asarray(accuracy)[:, None]  # every image's series is monotone: nearly no image error
    inits = None if random is None else {KNN: np.arange(n) / n < np.asarray(random)[:, None]}
    run = series({KNN: rows}, random=inits, epochs=[first + place for place in range(len(accuracy))])
    found = quality.read(run, KNN)
    assert found is not None
    return found


def test_path_length_is_the_sum_of_what_was_measured() -> None:
    correct = {KNN: outcomes([0.5] * 4, 20, seed=0)}
    drift = "drift.relative_l2"
    assert path_length(series(correct, values={drift: [math.nan, 0.25, 0.5, 0.125]})) == pytest.approx(0.875)
    assert path_length(series(correct, values={drift: [math.nan] * 4})) is None
    assert path_length(series(correct)) is None


def test_files_that_all_hold_the_same_weights_have_not_moved() -> None:
    made = series({KNN: outcomes([0.5] * 3, 20, seed=0)})

    def weights(run: Series, digests: list[str]) -> Series:
        pairs = zip(run.points, digests, strict=False)
        points = (replace(one, record=replace(one.record, load={"backbone_digest": digest})) for one, digest in pairs)
        return replace(run, points=tuple(points))

    assert path_length(weights(made, ["w", "w", "w"])) == 0.0
    assert path_length(weights(made, ["w", "w", "v"])) is None
    assert path_length(weights(made, ["w"])) is None  # of one file nobody knows


@pytest.mark.parametrize(("beyond", "expected"), [(0.01, True), (-0.01, False)])
def test_ten_points_above_the_start_are_beyond(beyond: float, expected: bool) -> None:
    # All of the rise is over at the first trained checkpoint.
    end = 0.4 + BEYOND_STATISTICS + beyond
    assert beyond_statistics(measured([0.4, end, end]), seed=0) is expected
    # The mean random initialisation is the start of a run without a step 0.
    apart = measured([end, end], first=1, random=[0.3, 0.5])
    assert beyond_statistics(apart, seed=0) is expected


def test_a_rise_since_the_first_trained_checkpoint_is_beyond() -> None:
    steady = [0.40, 0.44, 0.45, 0.46, 0.47, 0.48, 0.49]
    assert beyond_statistics(measured(steady), seed=0)
    over_at_once = [0.40, 0.48, 0.48, 0.48, 0.48, 0.48, 0.48]
    assert not beyond_statistics(measured(over_at_once), seed=0)
    falling = [0.40, 0.49, 0.48, 0.47, 0.46, 0.45, 0.44]
    assert not beyond_statistics(measured(falling), seed=0)
    # Without step 0 the first checkpoint is the first trained one: its rise to the second counts.
    assert beyond_statistics(measured([0.40, 0.46, 0.47, 0.48, 0.485, 0.49], first=1, random=[0.4, 0.4]), seed=0)


@pytest.mark.parametrize("length", [3, 4, 6])
@pytest.mark.parametrize("seed", range(4))
def test_either_the_last_checkpoint_or_the_trend_shows_it(length: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    correct = outcomes(0.5 + generator.uniform(0, 0.04, length), 300, seed=seed)
    found = quality.read(series({KNN: correct}), KNN)
    assert found is not None
    assert found.values[-1] - found.values[0] < BEYOND_STATISTICS
    weights = np.eye(length)[-1] - np.eye(length)[1]
    p = contrast(found.values, weights, found.noise, weights).p_above()
    risen = rise(found.correct[1:], first=0, seed=0)
    if risen is not None:
        p = min(p, max(risen.order_p, risen.images_p))
    assert beyond_statistics(found, seed=0) is bool(p <= ALPHA)


def test_a_single_trained_checkpoint_shows_nothing_beyond() -> None:
    assert not beyond_statistics(measured([0.4, 0.45]), seed=0)
    assert not beyond_statistics(measured([0.45], first=1, random=[0.4, 0.4]), seed=0)
    assert beyond_statistics(measured([0.4, 0.45], first=1), seed=0)
    assert 0 < movement.STILL < 0.05
