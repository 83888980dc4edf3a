"""From the findings of several witnesses to one word: none is averaged away."""

import re
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest

from swaveval.convergence import judge
from swaveval.convergence.collapse import Sign
from swaveval.convergence.decision import (
    Judged,
    against,
    by_the_end,
    collapsed,
    contradicted,
    decide,
    denied,
    flat,
    improved,
    still_rises,
)
from swaveval.convergence.fall import Fall, fall_from_peak
from swaveval.convergence.hearing import Hearing
from swaveval.convergence.noise import Estimate
from swaveval.convergence.sentence import Facts, sentence
from swaveval.convergence.verdict import LossState, VerdictState
from swaveval.results.roles import RETRIEVAL, WITNESSES
from tests.convergence.simulated import (
    GAINED,
    KNN,
    LINEAR,
    LOST,
    LOWSHOT,
    PURITY,
    VIEWS,
    case,
    decided,
    hearing,
    measured,
    outcomes,
    series,
    together,
)

BY = {witness.metric: witness for witness in (*WITNESSES, RETRIEVAL)}
NONE = {"none_p": 0.01}
RISING = GAINED | {"rise_p_corrected": 0.01}
FLAT = GAINED | {"flat_p": 0.01, "tail": Estimate(0.0, 0.001**2, 0.0)}
UP = {"tail": Estimate(0.05, 0.01**2, 0.0)}
FELL = {"fall_p_corrected": 0.01}
GONE = Sign("gone", "m", "seen", 0.0)
CURVE = [0.3, 0.5, 0.6]


def one(metric: str, accuracy: list[float] = CURVE, **changes: Any) -> Hearing:
    return hearing(replace(measured(accuracy), metric=metric), case(**changes), witness=BY[metric])


def word(*heard: Hearing, signs: tuple[Sign, ...] = (), diverged: bool = False) -> VerdictState:
    return decide(heard, signs, diverged=diverged, still=False)


@pytest.mark.parametrize("metric", [KNN, LINEAR, LOWSHOT, PURITY])
def test_a_gain_by_any_witness_is_one(metric: str) -> None:
    heard = [one(name, **(RISING if name == metric else NONE)) for name in (KNN, LINEAR, LOWSHOT, PURITY)]
    assert word(*heard) == "learning"
    assert [each.witness.metric for each in improved(heard)] == [metric]


def test_witnesses_without_room_deny_nothing() -> None:
    """Raw pixels and untrained networks at 99 %: a gain of two points is excluded whatever was learned."""
    for linear, expected in ((0.991, "inconclusive"), (0.8, "not-learning")):
        rows = together({KNN: [0.99] * 22, LINEAR: [linear] * 22}, 8000, seed=0, correlation=0.99)
        run = series(
            {metric: given[:20] for metric, given in rows.items()},
            random={metric: given[20:] for metric, given in rows.items()},
        )
        assert judge(run).verdict == expected


def test_learning_is_denied_only_where_every_witness_with_labels_excludes_a_gain() -> None:
    heard = [one(name, **NONE) for name in (KNN, LINEAR, LOWSHOT, PURITY)]
    assert word(*heard) == "not-learning"
    for place in range(4):
        unsure = [*heard]
        unsure[place] = one(heard[place].witness.metric)
        assert not denied(unsure)
        assert word(*unsure) == "inconclusive"
    # View retrieval is not asked beside labels, but alone it is.
    assert word(*heard, one(VIEWS)) == "not-learning"
    assert word(one(VIEWS)) == "inconclusive"
    assert word(one(VIEWS, **NONE)) == "not-learning"


def test_view_retrieval_alone_is_no_gain_against_labels_that_all_exclude_one() -> None:
    views = one(VIEWS, **RISING)
    assert word(one(KNN, **NONE), one(LINEAR, **NONE), views) == "not-learning"
    # Where the labels cannot tell, it is heard.
    assert word(one(KNN), one(LINEAR, **NONE), views) == "learning"
    assert word(views) == "learning"


def test_views_pulled_together_neither_show_a_gain_nor_deny_one() -> None:
    """SwaV with a large epsilon contracts, and learns nothing."""
    pulled = one(VIEWS, **GAINED, contracted=(-2.0, -1.0))
    assert (word(pulled), denied([pulled])) == ("inconclusive", False)


def test_rank_alone_does_not_say_collapsed_against_a_witness_that_rose_by_itself() -> None:
    """VICReg's invariance term alone: rank 16 of 198, and a probe on other images gains six points."""
    rose = {"gain": Estimate(0.036, 0.0137**2, 0.0), "late": Estimate(0.036, 0.0137**2, 0.0)}
    heard = one(KNN, **NONE), one(LINEAR, **rose)
    assert word(*heard, signs=(GONE,)) == "inconclusive"
    said = sentence(Facts(replace(decided("inconclusive", *heard), signs=(GONE,)), LossState(), ""))
    assert "Collapse (seen) is not said while the linear probe (3.6 ± 2.7 points) rose by itself." in said
    assert word(one(KNN, **NONE), one(LINEAR), signs=(GONE,)) == "collapsed"
    assert word(one(KNN, **NONE), one(VIEWS, **rose), signs=(GONE,)) == "collapsed"
    # A witness below the start, or another kind of sign, outweighs it.
    assert word(one(KNN, **LOST), one(LINEAR, **rose), signs=(GONE,)) == "collapsed"
    assert word(one(KNN, **NONE), one(LINEAR, **rose), signs=(GONE, replace(GONE, kind="usage"))) == "collapsed"


@pytest.mark.parametrize(
    ("kinds", "below", "expected"),
    [
        (("low",), False, "not-learning"),
        (("low",), True, "not-learning"),  # at a high rate a run that learns has a low rank, too
        (("low", "shrunk"), False, "not-learning"),  # rank and spread, one kind
        (("low", "shrunk"), True, "collapsed"),
        (("low", "loss"), False, "collapsed"),
        (("low", "usage"), False, "collapsed"),
        (("loss",), False, "not-learning"),
    ],
)
def test_a_rank_that_was_low_from_the_first_file_takes_a_sign_of_another_kind(
    kinds: tuple[Literal["loss", "shrunk", "low", "usage"], ...], below: bool, expected: str
) -> None:
    seen = tuple(replace(GONE, kind=kind) for kind in kinds)
    assert word(one(KNN, **(LOST if below else NONE)), one(LINEAR, **NONE), signs=seen) == expected


def test_a_flat_knn_and_a_rising_probe_are_learning() -> None:
    knn, probe = one(KNN, **FLAT), one(LINEAR, **RISING, **UP)
    assert not flat([knn, probe])
    assert word(knn, probe) == "learning"
    found = decided("learning", knn, probe)
    assert found.lead is knn  # both show the gain; the first is quoted first
    assert [each.witness.metric for each in found.rising] == [LINEAR]


def test_converged_where_those_that_can_tell_are_all_flat() -> None:
    knn, probe = one(KNN, **FLAT), one(LINEAR, **FLAT)
    assert word(knn, probe) == "converged"
    # Purity scatters too much to tell, so it is not asked; and what shows no gain is not asked either.
    scattered = one(PURITY, **GAINED, plateau=None, tail=Estimate(0.0, 0.01**2, 0.0))
    assert word(knn, scattered) == "converged"
    assert word(knn, one(LINEAR)) == "converged"
    assert word(scattered) == "inconclusive"
    assert word(one(KNN, **GAINED), probe) == "inconclusive"
    # Unless it rises still, which any witness with labels may say, but not view retrieval.
    assert word(knn, one(PURITY, **RISING, plateau=None, **UP)) == "learning"
    assert word(knn, one(VIEWS, **RISING, **UP)) == "converged"
    assert [each.witness.metric for each in by_the_end([knn, one(VIEWS, **RISING)])] == [KNN]
    assert word(one(VIEWS, **RISING, **UP)) == "learning"


@pytest.mark.parametrize(
    ("effect", "se", "rises"), [(0.05, 0.01, True), (0.0197, 0.01, True), (0.0195, 0.01, False), (-0.05, 0.01, False)]
)
def test_it_still_rises_where_the_tail_s_interval_lies_above_zero(effect: float, se: float, rises: bool) -> None:
    found = case(tail=Estimate(effect, se**2, 0.0))
    assert still_rises(found) is rises
    assert found.tail is not None
    assert (found.tail.interval()[0] > 0) is rises
    assert not still_rises(case(tail=None))


def falling(peak: int, accuracy: list[float], **more: Any) -> Hearing:
    made = one(KNN, accuracy, **FELL, **more)
    found = made.findings.fall
    assert found is not None
    return replace(made, findings=replace(made.findings, fall=replace(found, peak=peak)))


def test_a_fall_by_one_witness_is_none_where_another_got_better_since() -> None:
    knn = falling(1, [0.3, 0.8, 0.6], **GAINED)
    better = one(LINEAR, [0.3, 0.4, 0.8], **RISING)
    assert contradicted(knn, [knn, better]) is better
    assert word(knn, better) == "learning"
    assert decided("learning", knn, better).lead is knn
    for other in (
        one(LINEAR, [0.3, 0.8, 0.6], **RISING),  # it was better at that peak as well
        one(LINEAR, [0.3, 0.6, 0.61], **RISING),  # better since, within chance
        one(LINEAR, [0.3, 0.4, 0.8]),  # no gain of its own
        one(LINEAR, [0.3, 0.4, 0.8], **RISING, **FELL),
        one(VIEWS, [0.3, 0.4, 0.8], **RISING),  # no label
    ):
        assert contradicted(knn, [knn, other]) is None
        assert word(knn, other) == "regressed"
    assert word(knn) == "regressed"


def seen_beside(metric: str, accuracy: list[float], random: list[float], **changes: Any) -> Hearing:
    """A witness beside untrained networks; its findings are those made up, its accuracies what they are."""
    quality = replace(measured(accuracy, n=4000, random=random), metric=metric)
    return hearing(quality, case(tail_begin=0, fall=fall_from_peak(quality, None), **changes), witness=BY[metric])


def test_a_gain_that_another_witness_denies_by_far_is_no_verdict() -> None:
    """On digits at a large ε 5-shot accuracy rises while purity falls to half of what untrained networks have."""
    gains = seen_beside(LOWSHOT, [0.5, 0.7, 0.7], [0.5, 0.5], **RISING)
    worse = seen_beside(PURITY, [0.6, 0.4, 0.4], [0.6, 0.6], **NONE)
    # Below them, and by no more than a gain of its own that would matter.
    little = seen_beside(PURITY, [0.6, 0.58, 0.58], [0.6, 0.6], **NONE)
    assert word(gains, little) == "learning"
    assert against([gains, little]) == ()
    assert word(gains, worse) == "inconclusive"
    assert against([gains, worse]) == (worse,)
    said = sentence(Facts(decided("inconclusive", gains, worse), LossState(), ""))
    assert said.startswith("Inconclusive: 5-shot accuracy rose")
    assert re.search(
        r"; but cluster purity is \d+\.\d ± \d+\.\d points below these 2 untrained networks: the witnesses", said
    )
    assert "excludes" not in said
    # One against two: features of another kind.
    assert word(gains, seen_beside(LINEAR, [0.5, 0.7, 0.7], [0.5, 0.5], **RISING), worse) == "learning"
    # Views are pulled together and drift apart again while classes stay.
    assert word(gains, seen_beside(VIEWS, [0.6, 0.4, 0.4], [0.6, 0.6], **NONE)) == "learning"


def test_a_fall_from_what_another_witness_denies_is_no_verdict_either() -> None:
    fell = seen_beside(LOWSHOT, [0.5, 0.7, 0.5], [0.5, 0.5], **FELL)
    worse = seen_beside(PURITY, [0.6, 0.4, 0.4], [0.6, 0.6], **NONE)
    assert word(fell) == word(fell, seen_beside(PURITY, [0.6] * 3, [0.6, 0.6], **NONE)) == "regressed"
    assert word(fell, worse) == "inconclusive"
    # One that fell from a gain of its own says the same, louder.
    assert word(fell, replace(worse, findings=replace(worse.findings, **FELL, fall=fell.findings.fall))) == "regressed"
    said = sentence(Facts(decided("inconclusive", fell, worse), LossState(), ""))
    assert said.startswith("Inconclusive: 5-shot accuracy fell")


def test_where_nobody_claims_anything_nobody_denies_it() -> None:
    worse = seen_beside(PURITY, [0.6, 0.4, 0.4], [0.6, 0.6], **NONE)
    assert against([seen_beside(KNN, [0.5] * 3, [0.5, 0.5], **NONE), worse]) == ()
    assert word(seen_beside(KNN, [0.5] * 3, [0.5, 0.5], **NONE), worse) == "not-learning"


def test_a_fall_of_a_collapsed_run_is_its_collapse() -> None:
    knn = falling(1, [0.3, 0.8, 0.3])
    assert word(knn, one(LINEAR), signs=(GONE,)) == "collapsed"
    assert word(knn, one(LINEAR, [0.3, 0.8, 0.6], **GAINED), signs=(GONE,)) == "regressed"
    assert word(knn, one(LINEAR)) == "regressed"


def test_no_sign_of_collapse_outweighs_a_gain_by_any_witness() -> None:
    heard = [one(KNN, **LOST), one(LOWSHOT, **RISING)]
    assert not collapsed(heard, (GONE,))
    assert word(*heard, signs=(GONE,)) == "learning"
    assert word(one(KNN, **LOST), one(LOWSHOT), signs=(GONE,)) == "collapsed"
    # That views agree more is what a collapse does: it is no gain where the labels exclude one.
    assert word(one(KNN, **NONE), one(VIEWS, **RISING), signs=(GONE,)) == "collapsed"


def test_a_run_that_diverged_lost_what_it_had() -> None:
    assert word(one(KNN), one(LINEAR, **RISING), diverged=True) == "regressed"
    assert word(one(KNN), one(LINEAR), diverged=True) == "inconclusive"


def lead(state: VerdictState, *heard: Hearing) -> str:
    return Judged(state, heard, (), None, None).lead.witness.metric


def test_the_sentence_quotes_the_first_witness_that_shows_what_the_word_says() -> None:
    nothing, gained, level, fell = one(KNN), one(LINEAR, **GAINED), one(LOWSHOT, **FLAT), falling(1, CURVE)
    assert lead("learning", nothing, gained, level) == LINEAR
    assert lead("inconclusive", nothing, gained, level) == LINEAR
    assert lead("converged", nothing, gained, level) == LOWSHOT
    assert lead("regressed", gained, fell) == KNN
    assert lead("not-learning", nothing, gained) == KNN
    assert lead("collapsed", nothing, gained) == KNN
    # A diverged run is quoted by what it had gained.
    record = measured([0.5, 0.6]).points[0].record
    assert Judged("regressed", (nothing, gained), (), None, record).lead is gained


def test_by_the_probe_alone() -> None:
    """From outcomes: kNN excludes a gain, the linear probe and 5-shot accuracy rise."""
    time = np.linspace(0, 1, 8)
    up = 1 - np.exp(-4 * time)
    accuracy = {KNN: 0.945 - 0.01 * up, LINEAR: 0.95 + 0.035 * up, LOWSHOT: 0.74 + 0.16 * up}
    verdict = judge(series(together({name: row.tolist() for name, row in accuracy.items()}, 2500, seed=0)))
    assert (verdict.verdict, verdict.quality_metric) == ("learning", LINEAR)
    assert "; likewise 5-shot accuracy (+1" in verdict.sentence
    assert "; kNN (" in verdict.sentence
    assert "excludes a gain of 2.0 points" in verdict.sentence
    assert not [each for each in verdict.advice if "raise the learning rate" in each.action]


def test_real_falls_are_told_from_contradicted_ones() -> None:
    down = [0.5, 0.7, 0.75, 0.70, 0.65, 0.60, 0.55]
    up = [0.4, 0.5, 0.6, 0.66, 0.72, 0.78, 0.82]
    split = judge(series(together({KNN: down, LINEAR: up}, 3000, seed=0)))
    assert (split.verdict, split.quality_metric) == ("learning", LINEAR)
    assert "; against it, kNN fell " in split.sentence
    assert not [each for each in split.advice if each.action == "train longer"]
    agreed = judge(series(together({KNN: down, LINEAR: down}, 3000, seed=0)))
    assert agreed.verdict == "regressed"
    assert "; likewise the linear probe (−" in agreed.sentence


def test_what_diverges_is_decided_once_for_all_witnesses() -> None:
    assert isinstance(falling(1, CURVE).findings.fall, Fall)
    rows = outcomes([0.3, 0.5, 0.6, 0.65, 0.7], 2000, seed=0)
    assert judge(series({KNN: rows, LINEAR: rows}, broken=1)).verdict == "regressed"
