"""What witnesses that are not quoted first say: each is named once, by what it says."""

import re
from dataclasses import replace
from typing import Any

import pytest

from swaveval.convergence.decision import beside_untrained
from swaveval.convergence.hearing import Hearing
from swaveval.convergence.noise import Estimate
from swaveval.convergence.other_witnesses import other_witnesses
from swaveval.convergence.testimony import denied_by
from swaveval.convergence.verdict import VerdictState
from swaveval.convergence.wording import half_width, points, signed
from swaveval.results.roles import RETRIEVAL, WITNESSES
from tests.convergence.simulated import GAINED, KNN, LINEAR, LOST, LOWSHOT, PURITY, case, decided, hearing, measured

BY = {witness.metric: witness for witness in (*WITNESSES, RETRIEVAL)}
SMALL = {"gain": Estimate(0.004, 0.01**2, 0.0), "late": Estimate(0.004, 0.01**2, 0.0)}
COUNTED = {"gain": Estimate(0.05, 0.02**2, 0.0), "late": Estimate(0.05, 0.02**2, 0.0)}


def one(metric: str, **changes: Any) -> Hearing:
    return hearing(replace(measured([0.3, 0.5, 0.6]), metric=metric), case(**changes), witness=BY[metric])


def said(*heard: Hearing, state: VerdictState = "learning") -> str:
    return other_witnesses(decided(state, *heard))


def test_a_single_witness_leaves_nothing_to_say() -> None:
    assert said(one(KNN, **GAINED)) == ""


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({LINEAR: GAINED}, "; likewise the linear probe (+30.0)"),
        ({LINEAR: GAINED, LOWSHOT: GAINED}, "; likewise the linear probe (+30.0) and 5-shot accuracy (+30.0)"),
        ({LINEAR: LOST}, "; against it, the linear probe fell by 30.0 ± 2.0 points"),
        ({LINEAR: SMALL}, "; not shown by the linear probe (+0.4 ± 2.0)"),
        ({LINEAR: COUNTED}, "; not shown, all questions counted, by the linear probe (+5.0 ± 3.9)"),
        (
            {LINEAR: SMALL | {"contracted": (0.1, 0.2)}},
            "; the linear probe (+0.4 ± 2.0) rose while the features contracted, which may be all there is to it",
        ),
        (
            {LINEAR: SMALL | {"settled_statistics": True}, LOWSHOT: SMALL},
            "; not shown by 5-shot accuracy (+0.4 ± 2.0); the linear probe (+0.4 ± 2.0) rose by no more than "
            "BatchNorm's statistics alone can bring",
        ),
        (
            {PURITY: SMALL, LINEAR: GAINED},
            "; likewise the linear probe (+30.0); not shown by cluster purity (+0.4 ± 2.0)",
        ),
    ],
)
def test_beside_one_that_gained(others: dict[str, dict[str, Any]], words: str) -> None:
    assert said(one(KNN, **GAINED), *(one(metric, **changes) for metric, changes in others.items())) == words


def test_by_what_a_gain_is_denied_or_not_shown() -> None:
    """Each interval is of the question that its networks are named for."""
    over = measured([0.3, 0.5, 0.6], random=[0.55, 0.6])
    low = {"over_random": Estimate(-0.05, 0.02**2, 0.0), "none_p": 0.01}
    denied = hearing(replace(over, metric=LINEAR), case(**low), witness=BY[LINEAR])
    assert denied_by(denied.findings) == "untrained networks"
    assert said(one(KNN, **GAINED), denied) == (
        "; the linear probe (−5.0 ± 3.9) excludes a gain of 2.0 points over untrained networks on average (2 seen)"
    )
    rose = case(**(GAINED | {"over_random": Estimate(-0.05, 0.02**2, 0.0), "above_p_corrected": 0.2}))
    level = hearing(replace(over, metric=LINEAR), rose, witness=BY[LINEAR])
    these = beside_untrained(level)
    assert these is not None
    words = said(one(KNN, **GAINED), level)
    assert re.search(
        r"; not shown(, all questions counted,)? over these 2 untrained networks by the linear probe", words
    )
    assert f"({signed(these.effect)} ± {points(half_width(these.interval()))})" in words


def test_where_the_first_shows_no_gain_those_that_do_are_the_only_ones() -> None:
    for gaining, verb in (((LINEAR,), "shows"), ((LINEAR, LOWSHOT), "show")):
        words = said(one(KNN, none_p=0.01), *(one(metric, **GAINED) for metric in gaining), state="not-learning")
        assert words.startswith("; only the linear probe (+30.0)")
        assert f" {verb} a gain" in words
