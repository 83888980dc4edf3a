"""Clauses of the sentence, and what it says would settle an open question."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from swaveval.convergence import judge
from swaveval.convergence.findings import Findings
from swaveval.convergence.loss import Since
from swaveval.convergence.noise import Estimate, images_needed
from swaveval.convergence.sentence import Facts, sentence
from swaveval.convergence.thresholds import ALPHA, GAIN
from swaveval.convergence.verdict import LossState, VerdictState
from swaveval.convergence.wording import loss_clause, p_text
from tests.convergence.simulated import KNN, decided, heard, hearing, measured, outcomes, series

FLAT = [0.5] * 7


def said(state: VerdictState, *, words: str = "", accuracy: list[float] = FLAT, **changes: Any) -> str:
    """The sentence on a series about which nothing can be said, with some findings changed."""
    quality = measured(accuracy)
    nothing = {"gain": Estimate(0.02, 0.02**2, 0.0), "late": Estimate(0.02, 0.02**2, 0.0), "gain_p_corrected": 0.4}
    found: Findings = replace(heard(quality).findings, **{**nothing, **changes})
    return sentence(Facts(decided(state, hearing(quality, found)), LossState(), words))


@pytest.mark.parametrize(
    ("p", "words"),
    [(0.0, "p < 0.001"), (0.00099, "p < 0.001"), (0.001, "p = 0.001"), (0.0994, "p = 0.099"), (0.1, "p = 0.10")],
)
def test_a_p_is_given_to_the_digits_that_matter(p: float, words: str) -> None:
    assert p_text(p) == words


@pytest.mark.parametrize(
    ("loss", "since", "words"),
    [
        (LossState(), None, ""),
        (LossState("nan", end=4.5), None, "the loss became NaN (last finite value 4.500)"),
        (
            LossState("flat", start=4.6, end=4.5, change=-0.02, ln_k=5.0),
            Since(6.0, -0.013, None),
            "the loss moved only 1.3 % since epoch 6 and sits at 90 % of ln K",
        ),
        (
            LossState("flat", start=4.6, end=4.5, change=-0.02),
            Since(6.0, -0.013, None),
            "the loss moved only 1.3 % since epoch 6",
        ),
        (
            LossState("flat", start=-0.1, end=-0.9),
            Since(6.0, -0.013, 0.85),
            "the loss moved only 1.3 % of its range (0.85) since epoch 6",
        ),
        (LossState("falling", start=0.2, end=-0.9), None, "the loss fell from 0.20 to −0.90"),
        (LossState("falling", start=5.0, end=4.0, change=-0.2, ln_k=5.0), None, "the loss fell 20 % to 80 % of ln K"),
        (LossState("rising", start=4.0, end=5.0, change=0.25), None, "the loss rose 25 %"),
    ],
)
def test_the_clause_on_the_loss(loss: LossState, since: Since | None, words: str) -> None:
    assert loss_clause(loss, since) == words


def test_more_images_are_named_only_where_as_many_again_would_do() -> None:
    for se, within in ((0.005, True), (0.04, False)):
        gain = Estimate(0.01, se**2, 0.0)
        needed = images_needed(gain, 800, distance=GAIN / 2, critical=float(norm.ppf(1 - ALPHA)))
        assert needed is not None
        assert (needed <= 1600) is within
        assert (f"about {needed - 800:,} more images would tell more" in said("inconclusive", gain=gain)) is within
    # Jitter that no number of images overcomes leaves the epochs.
    assert "more images" not in said("inconclusive", gain=Estimate(0.01, 1e-6, 0.02**2, 5.0))


def test_what_these_images_cannot_show_is_said_with_its_size() -> None:
    # 1.645 + 0.842 standard errors: what a one-sided test at 5 % finds four times in five.
    assert "on these 800 images a gain below 5.0 points is easily missed" in said(
        "inconclusive", gain=Estimate(0.01, 0.02**2, 0.0)
    )


@pytest.mark.parametrize(("effect", "named"), [(0.0187, True), (0.0186, False), (-0.01, False)])
def test_more_than_twice_the_training_so_far_is_no_advice(effect: float, named: bool) -> None:
    # 2.80 standard errors are wanted; at 0.0187 of 0.02 they take 1.997 times as long again.
    text = said("inconclusive", gain=Estimate(effect, 0.02**2, 0.0))
    assert ("more epochs would tell more" in text) is named


def test_epochs_that_would_tell_more_are_those_a_gain_that_goes_on_needs() -> None:
    for effect, se in ((0.02, 0.02), (0.03, 0.02), (0.05, 0.01)):
        gain = Estimate(effect, se**2, 0.0)
        wanted = (norm.ppf(0.975) + norm.ppf(0.8)) * se
        more = max(6 / 3, 6 * (wanted / effect - 1))
        assert f"about {more:.0f} more epochs" in said("inconclusive", gain=gain)


def test_checkpoints_are_counted_where_there_are_fewer_than_five() -> None:
    assert "; 1 more checkpoint, of a longer training or saved more often," in said("inconclusive", accuracy=FLAT[:4])
    assert "; 2 more checkpoints, of a longer training or saved more often," in said("inconclusive", accuracy=FLAT[:3])
    steps = series({KNN: outcomes(FLAT, 60, seed=0)}, epochs=[0.0] * 7)
    assert "more epochs" not in judge(steps).sentence


def test_untrained_networks_lead_where_the_end_is_not_above_them() -> None:
    run = measured(FLAT, random=[0.5, 0.5])
    nothing = {"gain": Estimate(0.02, 0.01**2, 0.0), "late": Estimate(0.02, 0.01**2, 0.0), "gain_p_corrected": 0.4}
    beside = {"over_random": Estimate(-0.01, 0.01**2, 0.0), "above_p_corrected": 0.4, "by_shape": False}

    def words(state: VerdictState, **changes: Any) -> str:
        found: Findings = replace(heard(run).findings, **{**nothing, **beside, **changes})
        return sentence(Facts(decided(state, hearing(run, found)), LossState(), ""))

    clause = (
        "over the last third of training kNN is 1.0 ± 2.0 points below untrained networks on average (2 seen) whose "
        "BatchNorm has seen the images, no better beyond chance; kNN rose 2.0 ± 2.0 points"
    )
    assert words("not-learning").startswith(f"Not learning: {clause}")
    assert words("inconclusive", gain_p=0.001).startswith(f"Inconclusive: {clause}")
    assert clause not in words("inconclusive", gain_p=0.1)
    assert clause not in words("not-learning", above_p_corrected=0.01)
    assert clause not in words("not-learning", gain=Estimate(-0.02, 0.02**2, 0.0))
    assert "untrained" not in said("not-learning", over_random=None, above_p_corrected=0.4)


def test_what_was_learned_beside_the_loss() -> None:
    fallen = [0.3, 0.6, 0.75, 0.6, 0.5, 0.45, 0.4]
    assert re.search(
        r"from its peak at epoch 2; the loss fell\.$", said("regressed", accuracy=fallen, words="the loss fell")
    )
    assert re.search(r"from its peak at epoch 2\.$", said("regressed", accuracy=fallen))
    assert said("not-learning", words="the loss fell").endswith("; the loss fell.")


def test_a_jump_to_the_first_checkpoint_alone_may_be_batchnorms() -> None:
    # Without untrained networks beside the run.
    jump = series({KNN: outcomes([0.50, *[0.56] * 11], 8000, seed=0, correlation=0.9)})
    verdict = judge(jump)
    assert verdict.verdict == "inconclusive"
    assert (
        "but the rise was over at the first checkpoint, as BatchNorm's statistics alone can make it" in verdict.sentence
    )
    beyond = series({KNN: outcomes([0.50, *np.linspace(0.56, 0.7, 11)], 8000, seed=0, correlation=0.9)})
    assert judge(beyond).verdict == "learning"


def test_what_the_gain_is_measured_from() -> None:
    later = series({KNN: outcomes([0.5, 0.6, 0.65, 0.7, 0.72], 2000, seed=0)}, epochs=[3, 4, 5, 6, 7])
    assert "since epoch 3" in judge(later).sentence
    learned, inits = np.split(outcomes([0.5, 0.6, 0.65, 0.7, 0.72, 0.3, 0.3], 2000, seed=0), [5])
    beside = series({KNN: learned}, random={KNN: inits}, epochs=[3, 4, 5, 6, 7])
    assert re.search(r"kNN is [\d.]+ ± [\d.]+ points above 2 untrained networks", judge(beside).sentence)
