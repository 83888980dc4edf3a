"""A fall from the peak, measured on other images than those the peak was chosen on."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.verdicts.fixture import BANK, load
from swaveval.convergence import fall, judge, quality, witnesses
from swaveval.convergence.start import gain_over_start
from swaveval.convergence.thresholds import ALPHA, FAR
from swaveval.convergence.wording import points
from tests.convergence.simulated import KNN, LINEAR, heard, measured, series, together

LEARNING = [0.3, 0.5, 0.6, 0.65, 0.68, 0.7, 0.71]


def test_a_fall_is_measured_on_other_images_than_its_peak_was_chosen_on() -> None:
    run = measured([0.3, 0.6, 0.75, 0.72, 0.7], n=1000)
    found = fall.fall_from_peak(run, None)
    assert found is not None
    odd = run.correct[:, 1::2]
    assert (found.peak, found.far) == (2, False)
    assert (found.n, found.metric) == (500, KNN)
    assert found.estimate.effect == pytest.approx(odd[4].mean() - odd[2].mean())
    assert found.estimate.image_variance == pytest.approx(np.var(odd[4].astype(float) - odd[2], ddof=1) / 500)
    half = replace(run, correct=odd, index=run.index[1::2])
    assert found.estimate.jitter_variance == pytest.approx(2 * half.noise.jitter)
    assert found.optimism == pytest.approx(math.sqrt(half.noise.jitter) * fall.expected_maximum(4))
    beyond = found.estimate.p_below(-found.optimism)
    assert found.p == pytest.approx(max(beyond, gain_over_start(half, [2]).p_above(found.optimism)))
    assert heard(measured([*LEARNING, 0.4])).findings.fell


SHARP = ([0.27, 0.86, 0.85, 0.35, 0.28], [0.27, 0.62, 0.85, 0.87, 0.92, 0.27, 0.27], [0.5, 0.9, 0.88, 0.9, 0.6, 0.62])


@pytest.mark.parametrize("accuracy", SHARP)
def test_a_sharp_fall_is_not_taken_for_jitter(accuracy: list[float]) -> None:
    """In a short series the step itself is most of what the jitter is measured from: ± 60 points."""
    run = measured(accuracy, n=240)
    found = fall.fall_from_peak(run, None)
    assert found is not None
    assert found.far
    assert found.optimism == pytest.approx(FAR * run.jitter) == pytest.approx(0.1)
    assert found.estimate.jitter_variance == 0
    assert found.p == pytest.approx(found.estimate.p_below(-0.1), abs=1e-6)
    verdict = judge(series({KNN: run.correct}))
    assert verdict.verdict == "regressed"
    assert verdict.sentence.startswith(f"Regressed: kNN fell {points(found.estimate.effect)} ± ")
    assert any("beyond 20 times the jitter assumed beforehand, 10.0 points" in row.test for row in verdict.evidence)


@pytest.mark.parametrize(
    "accuracy",
    [
        [0.5, 0.58, 0.52, 0.59, 0.51, 0.58, 0.52],  # as much as checkpoints jitter
        [0.6, 0.62, 0.63, 0.3, 0.3],  # from a peak that was hardly above the start
        [0.9, 0.5, 0.4, 0.3, 0.2],  # from the start
    ],
)
def test_what_only_jitters_or_was_never_learned_is_no_sharp_fall(accuracy: list[float]) -> None:
    found = fall.fall_from_peak(measured(accuracy, n=2000), None)
    assert found is not None
    assert not (found.far and found.p <= ALPHA)


@pytest.mark.torture
def test_no_real_run_jitters_as_far() -> None:
    """Twice the worst of the bank is still less than what is called far."""
    measured_jitter = [
        math.sqrt(one.quality.noise.jitter) / one.quality.jitter
        for path in sorted(BANK.glob("*.npz"))
        for one in witnesses.labelled(load(path))
        if one.quality.length >= 6
    ]
    *others, worst = sorted(measured_jitter)
    assert len(measured_jitter) > 400
    assert (round(worst, 1), round(others[-1], 1)) == (7.2, 5.2)
    assert 2 * worst < FAR


def test_an_end_that_is_lower_on_these_images_is_said_where_no_fall_is_shown() -> None:
    """A rise by the probe is no reason to be silent about kNN, and to train longer."""
    run = series(
        together(
            {KNN: [0.60, 0.68, 0.64, 0.67, 0.64, 0.67, 0.56], LINEAR: [0.5, 0.55, 0.6, 0.64, 0.68, 0.73, 0.78]},
            3000,
            seed=0,
        )
    )
    verdict = judge(run)
    assert verdict.verdict == "learning"
    said = r"On these images the end is lower by kNN \(1[0-3]\.\d ± \d\.\d points below epoch \d\), as it may be"
    assert re.search(said, verdict.sentence)
    assert "still rising" in verdict.sentence
    assert "train longer" not in [each.action for each in verdict.advice]


def test_the_peak_is_chosen_on_the_even_images() -> None:
    image = np.arange(600)
    rows = np.stack([image < 0, image % 2 == 0, image % 3 == 0, image < 300])
    run = quality.read(series({KNN: rows}), KNN)
    assert run is not None
    found = fall.fall_from_peak(run, None)
    assert found is not None
    assert (found.peak, found.n) == (1, 300)
    assert found.estimate.effect == pytest.approx(0.5)


def test_a_fall_is_confirmed_on_the_test_images_where_they_are_of_the_same_checkpoints() -> None:
    run = measured([0.3, 0.6, 0.75, 0.7, 0.5], n=600)
    test = replace(measured([0.3, 0.7, 0.6, 0.6, 0.5], n=300, seed=1), metric="knn.top1")
    found = fall.fall_from_peak(run, test)
    assert found is not None
    assert (found.peak, found.n, found.metric) == (2, 300, "knn.top1")
    assert found.estimate.effect == pytest.approx(test.values[4] - test.values[2])
    own = fall.fall_from_peak(run, None)
    assert own is not None
    shorter = measured([0.3, 0.7, 0.6, 0.6], n=300, seed=1)
    fewer = measured([0.3, 0.7, 0.6, 0.6, 0.5], n=299, seed=1)  # half of the training images are more
    for other in (shorter, fewer):
        halved = fall.fall_from_peak(run, other)
        assert halved is not None
        assert (halved.peak, halved.estimate, halved.p, halved.n) == (own.peak, own.estimate, own.p, own.n)


def test_a_last_checkpoint_that_lost_all_is_seen_where_test_images_are_few() -> None:
    """A real run of 3,000 training and 600 test images lost eleven points with its last file: inconclusive."""
    curve = [0.27, 0.31, 0.35, 0.36, 0.36, 0.355, 0.36, 0.365, 0.255]
    run = measured(curve, n=3000)
    test = replace(measured(curve, n=600, seed=1), metric="knn.top1")
    found = fall.fall_from_peak(run, test)
    assert found is not None
    assert (found.n, found.metric) == (1500, KNN)
    assert found.p < 0.001


def test_what_was_never_above_untrained_networks_is_not_lost() -> None:
    """Step 0 was saved before BatchNorm had seen the images: its rise to what any network gives is no peak."""
    curve = [0.3, 0.6, 0.6, 0.5, 0.4]
    for random, counts in (([0.3, 0.3], True), ([0.65, 0.66], False)):
        run = measured(curve, n=2000, random=random)
        found = fall.fall_from_peak(run, None)
        assert found is not None
        assert (found.p < 0.02) is counts
        assert heard(run).findings.fell is counts


def test_the_family_hears_of_the_images_the_fall_was_measured_on() -> None:
    run = measured([0.3, 0.6, 0.75, 0.7, 0.5], n=1000)
    found = fall.fall_from_peak(run, None)
    assert found is not None
    assert found.asked.index.tolist() == list(range(1, 1000, 2))
    # Each image's part of the contrast: their squares add up to the variance that images give it.
    assert np.sum(found.asked.contribution**2) == pytest.approx(found.estimate.image_variance)
    assert (found.asked.p, found.asked.se) == (found.p, found.estimate.se)


def test_no_fall_from_a_start_that_was_never_left() -> None:
    falling = [0.7, 0.6, 0.5]
    own = fall.fall_from_peak(measured(falling), None)
    later = fall.fall_from_peak(measured(falling, first=1), None)
    above = fall.fall_from_peak(measured(falling, n=4000, first=1, random=[0.2, 0.2, 0.2]), None)
    assert own is not None
    assert later is not None
    assert above is not None
    assert (own.peak, own.p, later.p) == (0, 1.0, 1.0)
    assert above.p < 0.05
    # The last checkpoint is no peak to fall from.
    rising = fall.fall_from_peak(measured(LEARNING), None)
    assert rising is not None
    assert rising.peak == 5


def test_expected_maximum_is_zero_for_one_and_bloms_for_more() -> None:
    assert fall.expected_maximum(1) == 0.0
    # Exact: 1/√π, 3/(2√π).
    assert fall.expected_maximum(2) == pytest.approx(1 / math.sqrt(math.pi), abs=0.03)
    assert fall.expected_maximum(3) == pytest.approx(1.5 / math.sqrt(math.pi), abs=0.03)


def test_expected_maximum_of_normals() -> None:
    draws = np.random.default_rng(0).standard_normal((40_000, 12))
    for n in (2, 5, 12):
        assert fall.expected_maximum(n) == pytest.approx(draws[:, :n].max(axis=1).mean(), abs=0.03)
