"""The state from the tests, and the sentence from the state: every way a verdict can come out."""

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from swaveval.convergence import Verdict, judge
from swaveval.convergence.collapse import Sign
from swaveval.convergence.decision import collapsed, decide
from swaveval.convergence.noise import Estimate
from swaveval.convergence.thresholds import ALPHA
from swaveval.results import LossCurve
from tests.convergence.simulated import GAINED, KNN, LOST, case, hearing, measured, outcomes, series

LEARNING = [0.3, 0.5, 0.6, 0.65, 0.68, 0.7, 0.71]
FLAT = [0.3, 0.6, *[0.7] * 16]
SIGNS = {kind: Sign(kind, "m", "seen", 0.0) for kind in ("loss", "shrunk", "gone", "usage")}  # type: ignore[arg-type]


def run(accuracy: Sequence[float], *, n: int = 3000, seed: int = 0, **more: Any) -> Verdict:
    return judge(series({KNN: outcomes(accuracy, n, seed=seed, correlation=0.95)}, **more))


def falling(start: float, end: float, prototypes: int, epochs: int = 12) -> LossCurve:
    values = np.linspace(start, end, epochs)
    return LossCurve("metrics.csv", tuple(np.arange(1.0, epochs + 1)), tuple(values.tolist()), prototypes)


@pytest.mark.parametrize(
    ("changes", "signs", "state"),
    [
        ({}, (), "inconclusive"),
        (GAINED, (), "inconclusive"),
        (GAINED | {"rise_p_corrected": 0.01}, (), "learning"),
        (GAINED | {"flat_p": 0.01}, (), "converged"),
        (GAINED | {"flat_p": 0.01, "rise_p_corrected": 0.01}, (), "converged"),
        (GAINED | {"fall_p_corrected": 0.01, "flat_p": 0.01}, (), "regressed"),
        ({"fall_p_corrected": 0.01}, (), "regressed"),
        ({"fall_p_corrected": 0.01}, ("gone",), "collapsed"),
        # No sign outweighs a gain.
        (GAINED | {"rise_p_corrected": 0.01}, ("loss", "shrunk", "gone", "usage"), "learning"),
        ({}, ("gone",), "collapsed"),
        # The loss at ln K takes damage beside it, and damage alone is none.
        ({}, ("loss",), "inconclusive"),
        ({}, ("shrunk",), "inconclusive"),
        ({}, ("usage",), "inconclusive"),
        ({}, ("loss", "shrunk"), "collapsed"),
        ({}, ("loss", "usage"), "collapsed"),
        # SwaV without Sinkhorn: its loss is nothing, all images in one prototype.
        ({}, ("shrunk", "usage"), "collapsed"),
        (LOST, ("loss",), "collapsed"),
        (LOST, ("usage",), "collapsed"),
        (LOST, ("shrunk",), "collapsed"),
        ({"none_p": 0.01}, ("shrunk",), "not-learning"),
        (LOST, (), "not-learning"),
        ({"none_p": 0.01}, (), "not-learning"),
        ({"none_p": 0.01}, ("loss", "shrunk"), "collapsed"),
        (GAINED | {"contracted": (-2.0, -1.0), "rise_p_corrected": 0.01}, (), "inconclusive"),
        (GAINED | {"settled_statistics": True, "rise_p_corrected": 0.01}, (), "inconclusive"),
        ({"gain": Estimate(0.002, 1e-6, 0.0), "late": Estimate(0.002, 1e-6, 0.0)}, (), "not-learning"),
    ],
)
def test_the_state(changes: dict[str, Any], signs: tuple[str, ...], state: str) -> None:
    alone = [hearing(measured([0.3, 0.5, 0.6]), case(**changes))]
    seen = tuple(SIGNS[kind] for kind in signs)
    assert decide(alone, seen, diverged=False, still=False) == state
    assert decide(alone, seen, diverged=False, still=True) == "not-learning"
    assert collapsed(alone, seen) is (state == "collapsed")


@pytest.mark.parametrize(
    ("changes", "signs", "state"),
    [
        (GAINED, (), "converged"),
        (GAINED | {"fall_p_corrected": 0.01}, (), "regressed"),
        ({}, (), "not-learning"),
        ({}, ("gone",), "collapsed"),
        (LOST, ("loss",), "collapsed"),
    ],
)
def test_weights_that_rest_from_the_first_file_on_are_judged_by_untrained_networks(
    changes: dict[str, Any], signs: tuple[str, ...], state: str
) -> None:
    """Saved from epoch 6 on, collapsed before: 0.49 % of movement is no proof that nothing was learned, or lost."""
    alone = [hearing(measured([0.3, 0.5, 0.6]), case(**changes))]
    seen = tuple(SIGNS[kind] for kind in signs)
    assert decide(alone, seen, diverged=False, still=False, resting=True) == state


def test_a_gain_before_training_diverged_is_lost() -> None:
    quality = measured([0.3, 0.5, 0.6])
    gained = hearing(quality, case(**GAINED, rise_p_corrected=0.01))
    assert decide([gained], (), diverged=True, still=False) == "regressed"
    assert decide([hearing(quality, case())], (), diverged=True, still=False) == "inconclusive"


def test_the_untrained_network_alone_says_nothing() -> None:
    alone = measured([0.3], random=[0.3, 0.3])
    assert decide([hearing(alone, case(none_p=0.001))], (), diverged=False, still=False) == "inconclusive"


def test_learning() -> None:
    verdict = run(LEARNING, loss=falling(4.7, 4.55, 100))
    assert verdict.verdict == "learning"
    low, high = verdict.evidence[0].ci95 or (math.nan, math.nan)
    assert low < 0.41 < high
    effect = verdict.evidence[0].effect or math.nan
    assert f"yet kNN rose {100 * effect:.1f} ± {50 * (high - low):.1f} points (n = 3,000, paired, p < 0.001)" in (
        verdict.sentence
    )
    assert "since step 0" in verdict.sentence
    assert verdict.sentence.startswith("Learning: the loss moved only ")


def test_a_loss_that_falls_goes_with_a_gain_and_one_at_ln_k_stands_against_it() -> None:
    assert ", and kNN rose" in run(LEARNING, loss=falling(4.7, 3.0, 100)).sentence
    assert ", yet kNN rose" in run(LEARNING, loss=falling(7.0, math.log(100), 100)).sentence
    assert run(LEARNING).sentence.startswith("Learning: kNN rose")


def test_a_rise_that_goes_on_is_told_from_one_that_may_not() -> None:
    assert "; still rising (+" in run(np.linspace(0.3, 0.8, 10).tolist()).sentence
    assert "; whether it still rises at the end cannot be told (" in run(LEARNING, n=400).sentence


def test_converged() -> None:
    verdict = run(FLAT, n=20_000)
    assert verdict.verdict == "converged"
    assert ", and is flat within ±1.0 points since epoch 11 by an equivalence test (" in verdict.sentence
    assert any("stop here" in each.action for each in verdict.advice)


def test_regressed() -> None:
    verdict = run([0.3, 0.6, 0.75, 0.7, 0.6, 0.5, 0.45])
    assert verdict.verdict == "regressed"
    assert re.search(r"kNN fell \d+\.\d ± \d+\.\d points .* from its peak at epoch 2", verdict.sentence)
    assert verdict.best is not None
    assert verdict.best.epoch == 2
    fall = next(claim for claim in verdict.evidence if "peak" in claim.claim)
    assert (fall.supports, fall.p_corrected is not None and fall.p_corrected <= ALPHA) == ("against", True)


def test_diverged() -> None:
    verdict = run(LEARNING, broken=2)
    assert verdict.verdict == "regressed"
    assert "training diverged, the weights are not finite from epoch=7.ckpt on; until then kNN rose" in verdict.sentence
    still = run([0.5] * 6, broken=2)
    assert still.verdict != "regressed"
    assert still.sentence.endswith("Training diverged: the weights are not finite from epoch=6.ckpt on.")
    few = run([0.5] * 3, broken=2)
    assert "2 more checkpoints, saved more often before it diverged, would tell more" in few.sentence
    assert not re.search("longer|more epochs", few.sentence)


def test_not_learning_says_what_is_excluded() -> None:
    verdict = run([0.7] * 8, n=20_000)
    assert verdict.verdict == "not-learning"
    assert ", so a gain of 2.0 points can be excluded" in verdict.sentence
    effect, (_, high) = verdict.evidence[0].effect or 0.0, verdict.evidence[0].ci95 or (0, 1)
    assert effect < high < 0.02


def test_inconclusive_says_what_would_settle_it() -> None:
    short = run([0.5, 0.52, 0.53], n=200)
    assert short.verdict == "inconclusive"
    assert re.search(
        r"excludes one of 2\.0 points; on these 200 images a gain below \d+\.\d points is easily missed; 2 more "
        r"checkpoints, of a longer training or saved more often,( or about [\d,]+ more images)? would tell more\.$",
        short.sentence,
    )
    one = run([0.5], random={KNN: outcomes([0.5, 0.5], 3000, seed=1)})
    assert (
        one.sentence
        == "Inconclusive: the only checkpoint is the untrained network; a trend needs at least 5 checkpoints."
    )


def test_without_anything_to_compare() -> None:
    nothing = judge(series({"other.metric": outcomes(LEARNING, 50, seed=0)}))
    assert nothing.verdict == "inconclusive"
    assert nothing.best is None
    assert "no metric with per-image outcomes" in nothing.sentence
    single = judge(series({"other.metric": outcomes([0.5], 50, seed=0)}, loss=falling(4.7, 3.0, 100)))
    assert single.sentence.startswith("Inconclusive: no metric with per-image outcomes")
    assert single.sentence.endswith("The loss fell 36 % to 65 % of ln K.")


def test_without_labels_it_says_so() -> None:
    verdict = judge(series({"views.retrieval": outcomes(LEARNING, 2000, seed=0)}, labelled=False))
    assert (verdict.verdict, verdict.labelled, verdict.quality_metric) == ("learning", False, "views.retrieval")
    assert verdict.sentence.startswith("Learning (judged without labels): view retrieval rose")


def test_without_labels_one_point_of_view_retrieval_is_nothing() -> None:
    little = outcomes([0.50, *[0.515] * 12], 60_000, seed=0, correlation=0.99)
    verdict = judge(series({"views.retrieval": little}, labelled=False))
    assert verdict.verdict == "not-learning"
    labelled = judge(series({KNN: little}))
    assert labelled.evidence[0].p_corrected is not None
    assert labelled.evidence[0].p_corrected < ALPHA
    unsure = judge(
        series({"views.retrieval": outcomes([0.5, 0.51, 0.52, 0.52, 0.53, 0.53], 300, seed=1)}, labelled=False)
    )
    assert "neither shows a gain of more than 1.0 point nor excludes" in unsure.sentence
    assert "of more than 1.0 point" in unsure.evidence[0].test


def test_it_is_the_same_every_time() -> None:
    assert run(LEARNING) == run(LEARNING)
