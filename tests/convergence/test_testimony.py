"""A row for each witness, and what it says."""

from typing import Any

import numpy as np
import pytest

from swaveval.convergence import judge
from swaveval.convergence.noise import Estimate
from swaveval.convergence.testimony import denied_by, says
from swaveval.results.roles import WITNESSES
from swaveval.results.witness import Witness
from tests.convergence.simulated import GAINED, KNN, LINEAR, LOST, LOWSHOT, PURITY, VIEWS, case, series, together

UP = (1 - np.exp(-4 * np.linspace(0, 1, 8))).tolist()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (GAINED, "gain"),
        (LOST, "loss"),
        ({}, "undecided"),
        ({"none_p": 0.01}, "none"),
        (GAINED | {"fall_p_corrected": 0.01}, "fall"),  # it was better before
        (GAINED | {"contracted": (-2.0, -1.0)}, "undecided"),
        (GAINED | {"settled_statistics": True}, "undecided"),
        (GAINED | {"above_p_corrected": 0.2}, "undecided"),
    ],
)
def test_one_word_each(changes: dict[str, Any], said: str) -> None:
    assert says(case(**changes)) == said


def test_a_denial_names_what_it_rests_on() -> None:
    little = Estimate(0.0, 0.001**2, 0.0)
    assert denied_by(case(none_p=0.01)) == "untrained networks"
    assert denied_by(case(none_p=0.01, gain=little, late=little)) == "start"
    assert denied_by(case()) == denied_by(case(**GAINED)) == ""


def test_a_row_for_each_witness_in_the_order_they_are_heard() -> None:
    accuracy = {
        KNN: [0.95] * 8,
        LINEAR: [0.8 + 0.15 * up for up in UP],
        LOWSHOT: [0.5 - 0.2 * up for up in UP],
        PURITY: [0.5] * 8,
        VIEWS: [0.1 + 0.2 * up for up in UP],
    }
    rows = {name: [*row, row[0], row[0], 0.99 if name == KNN else 0.7] for name, row in accuracy.items()}
    made = together(rows, 2500, seed=0)
    run = series(
        {name: row[:8] for name, row in made.items()},
        random={name: row[8:10] for name, row in made.items()},
        plain={"pixels": {name: made[name][10] for name in (KNN, LINEAR, LOWSHOT, PURITY)}},
    )
    verdict = judge(run)
    found = {one.metric: one for one in verdict.witnesses}
    assert list(found) == [*(witness.metric for witness in WITNESSES), VIEWS]
    assert [one.says for one in found.values()] == ["none", "gain", "loss", "none", "gain"]
    assert [one.name for one in found.values()][:3] == ["kNN", "the linear probe", "5-shot accuracy"]
    assert [one.room for one in found.values()] == [False, True, True, True, True]
    sizes: dict[str, Witness] = {witness.metric: witness for witness in WITNESSES}
    for one in list(found.values())[:-1]:
        assert (one.size, one.n, one.start) == (sizes[one.metric].gain, 2500, "step 0")
    assert found[LINEAR].above == ("untrained networks", "raw pixels")
    assert found[LOWSHOT].below == ("untrained networks", "raw pixels")
    assert (found[KNN].below, found[KNN].level) == (("raw pixels",), ("untrained networks",))
    # Its numbers are those of its row of evidence.
    for claim in verdict.evidence[:5]:
        one = found[claim.metric]
        assert (claim.effect, claim.ci95, claim.n) == (one.change, one.ci95, one.n)
        assert claim.p is not None
        assert claim.p_corrected == max(claim.p, one.p_corrected)
