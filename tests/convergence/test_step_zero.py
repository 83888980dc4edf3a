"""A step 0 whose BatchNorm has seen nothing may be better than untrained networks are, and any training loses that.

As of a ResNet-18 on photos at 64 px (kNN 36.7 % at step 0, 29.3 % of untrained networks, 30.0 % after 49 steps, the
linear probe 41.7, 32.0 and 38.4 %), which was called collapsed.
"""

from dataclasses import replace
from typing import Any

import pytest

from swaveval.convergence import Verdict, judge
from swaveval.convergence.decision import contested
from swaveval.convergence.hearing import Hearing
from swaveval.convergence.noise import Estimate
from swaveval.results import Metric, Point
from swaveval.results.roles import RETRIEVAL, SPREAD, WITNESSES
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
    heard,
    hearing,
    measured,
    series,
    together,
)

RANK = SPREAD[0]
CURVES = {
    KNN: [0.367, 0.318, 0.288, 0.291, 0.289, 0.299, 0.298, 0.300],
    LINEAR: [0.417, 0.329, 0.349, 0.356, 0.370, 0.378, 0.382, 0.384],
    LOWSHOT: [0.178, 0.149, 0.159, 0.170, 0.168, 0.178, 0.177, 0.179],
    PURITY: [0.223, 0.191, 0.195, 0.205, 0.200, 0.206, 0.201, 0.202],
    VIEWS: [0.192, 0.088, 0.050, 0.062, 0.074, 0.068, 0.074, 0.078],
}
UNTRAINED = {KNN: 0.293, LINEAR: 0.320, LOWSHOT: 0.158, PURITY: 0.205, VIEWS: 0.091}


def judged(*, rank: float, knn: float = 0.0, linear: float = 0.0) -> Verdict:
    """Of eight checkpoints and two untrained networks; `knn` and `linear` move these witnesses' trained checkpoints."""
    moved = {KNN: knn, LINEAR: linear}
    curves = {
        metric: [curve[0], *(value + moved.get(metric, 0.0) for value in curve[1:]), *[UNTRAINED[metric]] * 2]
        for metric, curve in CURVES.items()
    }
    rows = together(curves, 6000, seed=0, correlation=0.9)
    found = series(
        {metric: row[:8] for metric, row in rows.items()},
        random={metric: row[8:] for metric, row in rows.items()},
        values={RANK: [129.0, *[rank] * 7]},
    )
    beside = tuple(
        Point(point.record, dict(point.metrics) | {RANK: Metric(RANK, 450.0, unit="dimensions")})
        for point in found.baselines
    )
    return judge(replace(found, baselines=beside))


@pytest.mark.parametrize("rank", [35.0, 100.0])
def test_below_step_0_and_above_untrained_networks_nobody_can_say(rank: float) -> None:
    verdict = judged(rank=rank)
    assert verdict.verdict == "inconclusive"
    assert verdict.sentence.startswith("Inconclusive: the linear probe fell")
    assert "yet over the last third of training it is" in verdict.sentence
    assert "above untrained networks on average (2 seen) whose BatchNorm has seen the images" in verdict.sentence
    assert "neither shows a gain nor excludes" not in verdict.sentence
    said = "is not said while the linear probe is above these networks"
    assert (said in verdict.sentence) == (rank < 45)


def test_above_no_untrained_network_a_rank_of_next_to_nothing_is_collapse() -> None:
    assert judged(rank=35.0, linear=-0.06).verdict == "collapsed"


def test_below_step_0_alone_is_no_loss_that_a_smaller_rank_explains() -> None:
    """kNN where untrained networks have it has lost what no training keeps; below them, it has lost more."""
    assert judged(rank=90.0, linear=-0.06).verdict == "not-learning"
    assert judged(rank=90.0, linear=-0.06, knn=-0.06).verdict == "collapsed"


ABOVE = {"none_p": 0.01, "over_random": Estimate(0.06, 0.01**2, 0.0)}


def one(metric: str, accuracy: tuple[float, ...] = (0.4, 0.3, 0.32), **changes: Any) -> Hearing:
    found = replace(measured(list(accuracy), random=[0.25, 0.26]), metric=metric)
    witness = next(each for each in (*WITNESSES, RETRIEVAL) if each.metric == metric)
    return hearing(found, case(**changes), witness=witness)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"none_p": 1.0}, False),  # a gain is not excluded: nothing is contested
        ({"none_p": 1.0} | LOST, True),
        ({"from_step_0": False}, False),
        ({"falls_on": True}, False),
        ({"over_random": None}, False),
        ({"over_random": Estimate(0.012, 0.01**2, 0.0)}, False),  # above by less than a point, perhaps
        ({"over_random": Estimate(-0.06, 0.01**2, 0.0)}, False),
    ],
)
def test_what_is_contested_excludes_no_gain(changes: dict[str, Any], expected: bool) -> None:
    found = one(LINEAR, **(ABOVE | changes))
    assert found.findings.contested is expected
    excludes = not expected and changes.get("none_p") != 1.0
    assert found.findings.ruled_out is excludes
    assert contested([found]) == ([found] if expected else [])


def test_views_contest_nothing_beside_labels() -> None:
    assert contested([one(VIEWS, **ABOVE)]) == []


def test_it_is_quoted_where_nothing_else_is_shown() -> None:
    said = one(KNN, none_p=0.01), one(LINEAR, **ABOVE), one(LOWSHOT, **GAINED)
    assert decided("inconclusive", *said[:2]).lead is said[1]
    assert decided("inconclusive", *said).lead is said[2]
    assert decided("not-learning", *said[:2]).lead is said[0]


@pytest.mark.parametrize(
    ("curve", "falls"),
    [
        ((0.6, 0.5, 0.45, 0.4, 0.35, 0.3), True),
        ((0.6, 0.3, 0.32, 0.34, 0.36, 0.38), False),
        ((0.6, 0.3), False),  # one trained checkpoint falls no further
    ],
)
def test_a_run_falls_on_from_its_first_trained_checkpoint(curve: tuple[float, ...], falls: bool) -> None:
    assert heard(measured(list(curve), random=[0.25, 0.26])).findings.falls_on is falls


def test_without_a_step_0_the_first_file_is_the_first_trained_checkpoint() -> None:
    found = heard(measured([0.6, 0.5, 0.4, 0.3], first=1.0, random=[0.25, 0.26])).findings
    assert (found.from_step_0, found.falls_on) == (False, True)
