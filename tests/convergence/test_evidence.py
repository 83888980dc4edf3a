"""The claims under the sentence: which there are, and that each carries the numbers of its own test."""

import numpy as np
import pytest
from scipy.stats import norm

from swaveval.convergence import judge
from swaveval.convergence.evidence import DESCRIBED, gain_words
from swaveval.convergence.noise import Estimate
from swaveval.convergence.paired import paired_difference
from swaveval.convergence.quality import read
from swaveval.convergence.thresholds import ALPHA
from swaveval.convergence.verdict import Evidence
from swaveval.results import LossCurve, Series
from tests.convergence.simulated import GAINED, KNN, case, heard, measured, outcomes, series

LEARNING = [0.3, 0.5, 0.6, 0.65, 0.68, 0.7, 0.71]
LOSS = LossCurve("metrics.csv", (1.0, 2.0, 3.0, 4.0, 5.0, 6.0), (4.6, 4.4, 4.2, 4.0, 3.9, 3.8), 100)


def claims(run: Series) -> tuple[Evidence, ...]:
    return judge(run).evidence


def both(accuracy: list[float]) -> Series:
    correct = {KNN: outcomes(accuracy, 1500, seed=0), "knn.top1": outcomes(accuracy, 400, seed=1)}
    return series(correct, loss=LOSS, values={"clusters.nmi": np.linspace(0.2, 0.8, len(accuracy)).tolist()})


def test_the_order_and_the_metrics() -> None:
    found = claims(both(LEARNING))
    assert [claim.metric for claim in found] == [KNN, "knn.top1", KNN, KNN, "loss", "clusters.nmi"]
    assert [claim.supports for claim in found] == ["for", "for", "for", "neutral", "neutral", "neutral"]
    assert [claim.n for claim in found] == [1500, 400, 1500, 1500, None, None]


def test_the_test_images_confirm_by_a_paired_difference_of_last_and_start() -> None:
    run = both(LEARNING)
    test = read(run, "knn.top1")
    assert test is not None
    expected = paired_difference(test.correct[6], test.correct[0], seed=0)
    claim = claims(run)[1]
    assert (claim.effect, claim.ci95, claim.p) == (expected.effect, expected.ci95, expected.p)
    assert claim.claim.startswith("on the test images kNN rose")
    flat = claims(both([0.5] * 7))[1]
    assert flat.supports == "neutral"
    assert "the test images" not in " ".join(c.claim for c in claims(series({KNN: outcomes(LEARNING, 500, seed=0)})))
    only = claims(series({"knn.top1": outcomes(LEARNING, 500, seed=0)}))
    assert "the test images" not in " ".join(c.claim for c in only)


def test_the_order_claim_carries_its_own_p() -> None:
    run = both(LEARNING)
    quality = read(run, KNN)
    assert quality is not None
    findings = heard(quality, run=run).findings
    claim = claims(run)[2]
    assert claim.claim == "kNN rises along 7 checkpoints"
    assert (claim.p, claim.p_corrected) == (findings.rise_p, findings.rise_p_corrected)
    assert findings.overall is not None
    # The p is of an order: no interval of the slope stands beside it.
    assert (claim.effect, claim.ci95) == (findings.overall.effect, None)
    wobbling = claims(both([0.3, 0.7, 0.6, 0.7, 0.6, 0.7, 0.6]))[2]
    assert wobbling.claim == "kNN does not demonstrably rise along 7 checkpoints"
    assert wobbling.supports == "neutral"
    few = claims(series({KNN: outcomes([0.3, 0.5, 0.6], 500, seed=0)}))[1]
    assert few.effect is None
    assert few.test.startswith("last against first")


def test_the_tail_is_called_flat_only_where_it_is_shown() -> None:
    rising = claims(both(LEARNING))[3]
    assert "flat" not in rising.claim
    assert "TOST" not in rising.test
    # Its p is of the change, as its interval is.
    low, high = rising.ci95 or (0.0, 0.0)
    assert rising.p is not None
    assert (rising.p < ALPHA) is (low > 0 or high < 0)
    level = series({KNN: outcomes([0.3, 0.6, *[0.7] * 16], 20_000, seed=0, correlation=0.95)})
    flat = next(claim for claim in claims(level) if "last third" in claim.claim)
    assert flat.claim.endswith(": flat within ±1.0 points")
    assert flat.p is not None
    assert flat.p <= ALPHA
    assert "TOST with δ = 1.0 points" in flat.test


def test_described_metrics_are_not_tested() -> None:
    claim = claims(both(LEARNING))[-1]
    assert claim.claim == "clusters.nmi went from 0.2 at step 0 to 0.8 at the end"
    assert (claim.effect, claim.p, claim.test) == (pytest.approx(0.6), None, "described, not tested")
    assert "clusters.nmi" in DESCRIBED


def test_the_loss_is_described_where_there_is_one() -> None:
    loss = claims(both(LEARNING))[4]
    assert loss.effect == pytest.approx((3.8 - 4.6) / 4.6)
    assert not [claim for claim in claims(series({KNN: outcomes(LEARNING, 500, seed=0)})) if claim.metric == "loss"]


def test_the_first_claim_carries_the_p_of_its_interval_and_the_family_s() -> None:
    for accuracy in (LEARNING, LEARNING[::-1]):
        run = both(accuracy)
        quality = read(run, KNN)
        assert quality is not None
        findings = heard(quality, run=run).findings
        claim, rose = claims(run)[0], accuracy is LEARNING
        assert claim.p == findings.shown.p
        family = findings.gain_p_corrected if rose else findings.loss_p_corrected
        assert claim.p_corrected == max(family, findings.shown.p)
        assert (claim.p or 0) < ALPHA


def test_a_gain_whose_interval_holds_zero_by_a_little_is_said_to_be_of_one_side() -> None:
    """Learning, with p = 0.08 of both sides beside it, would contradict itself."""
    gain = Estimate(0.10, 0.057**2, 0.0)
    made = case(gain_p_corrected=0.045, gain=gain, late=gain, by_shape=False)
    assert made.gained
    words = gain_words(measured([0.3, 0.5, 0.6]), made)
    assert f"p = {2 * norm.sf(0.10 / 0.057):.3f})" in words
    assert words.endswith(f", one-sided p = {norm.sf(0.10 / 0.057):.3f}")
    clear = gain_words(measured([0.3, 0.5, 0.6]), case(**GAINED))
    assert "one-sided" not in clear
    assert "one-sided" not in gain_words(measured([0.3, 0.5, 0.6]), case())


def test_signs_of_collapse_speak_against() -> None:
    run = series(
        {KNN: outcomes([0.6, 0.4, 0.35, 0.3, 0.3, 0.3], 1500, seed=0)},
        values={"spectrum.rankme_centred": [60.0, 30.0, 10.0, 5.0, 3.0, 2.0]},
    )
    verdict = judge(run)
    assert verdict.verdict == "collapsed"
    sign = next(claim for claim in verdict.evidence if claim.metric == "spectrum.rankme_centred")
    assert (sign.supports, sign.p) == ("against", None)
    assert sign.effect == -58.0
    assert sign.claim == "the rank of the centred features is down from 60 at its highest to 2"
    assert sign.claim in verdict.sentence
    assert verdict.evidence[0].supports == "against"
