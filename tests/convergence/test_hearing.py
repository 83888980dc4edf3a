"""How the witnesses of a run are heard together: whose gain lends its share of the family's error, and to what."""

from collections.abc import Sequence

import numpy as np
import pytest

from swaveval.convergence.hearing import Hearing, hear
from swaveval.convergence.thresholds import ALPHA
from swaveval.convergence.witnesses import labelled
from tests.convergence.simulated import KNN, LINEAR, series, together

GAINING = [0.50, 0.60, 0.66, 0.70, 0.72, 0.73]
LEVEL = [0.50] * 6


def both(knn: Sequence[float], linear: Sequence[float], *, random: float) -> dict[str, Hearing]:
    """Two witnesses of six checkpoints and three untrained networks: these reach `random` by kNN, .50 by the probe."""
    made = together({KNN: [*knn, *[random] * 3], LINEAR: [*linear, *[0.50] * 3]}, 1200, seed=4)
    run = series(
        {metric: rows[:6] for metric, rows in made.items()}, random={metric: rows[6:] for metric, rows in made.items()}
    )
    return {one.witness.metric: one for one in hear(run, labelled(run), still=False, seed=0)}


def test_only_a_gain_over_untrained_networks_lends_its_share_to_a_loss() -> None:
    """What rises to the level of untrained networks has shown nothing: a loss beside it stays one of many questions."""
    losing = [0.50, 0.49, 0.485, 0.48, 0.475, 0.47]
    counts, does_not = (both(GAINING, losing, random=random) for random in (0.50, 0.95))
    assert counts[KNN].findings.gain_p_corrected <= ALPHA >= does_not[KNN].findings.gain_p_corrected
    assert counts[KNN].findings.above_p_corrected <= ALPHA < does_not[KNN].findings.above_p_corrected
    # Of the probe nothing else differs.
    lost = [one[LINEAR].findings for one in (counts, does_not)]
    assert lost[0].loss_p == pytest.approx(lost[1].loss_p, rel=0.5)
    assert lost[0].loss_p_corrected < 0.7 * lost[1].loss_p_corrected


def test_a_gain_is_corrected_as_one_over_the_start_alone() -> None:
    """Whether it is above untrained networks is a question of its own, in a family of its own."""
    near, far = (both(GAINING, LEVEL, random=random) for random in (0.50, 0.95))
    for metric in (KNN, LINEAR):
        corrected = [one[metric].findings.gain_p_corrected for one in (near, far)]
        assert corrected[0] == pytest.approx(corrected[1], rel=0.1, abs=1e-3)


def test_the_rise_along_the_series_is_asked_of_those_that_show_a_gain() -> None:
    found = both(GAINING, LEVEL, random=0.50)
    gained, level = (found[metric].findings for metric in (KNN, LINEAR))
    assert gained.rise_p_corrected <= ALPHA
    assert level.rise_p_corrected == 1.0
    # The one that asks has the whole error of a gain; two that ask share it, as far as they are not alike.
    again = both(GAINING, GAINING, random=0.50)
    assert again[KNN].findings.rise_p == gained.rise_p
    assert again[KNN].findings.rise_p_corrected >= gained.rise_p_corrected


def test_a_run_in_which_nothing_gains_asks_no_rise() -> None:
    found = both(LEVEL, LEVEL, random=0.50)
    assert [one.findings.rise_p_corrected for one in found.values()] == [1.0, 1.0]
    assert np.all([one.findings.gain_p_corrected > ALPHA for one in found.values()])
