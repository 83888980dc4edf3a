"""The rule that says what a run of the bank deserves beyond what a probe with many labels tells."""

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.verdicts.truth_beyond import (
    Beyond,
    alike,
    amended,
    by_few,
    commonest,
    outputs,
    p_above,
    rank,
    sequential,
)


def beyond(**changes: float) -> Beyond:
    """A run whose features are as those of untrained networks."""
    usual = {
        "alike": 0.3,
        "commonest": 0.2,
        "rank": 50.0,
        "rank_untrained": 40.0,
        "classes": 10,
        "few": 0.5,
        "few_best": 0.51,
        "few_worst": 0.49,
        "few_gain_p": 0.5,
        "few_lost_p": 0.5,
    }
    return Beyond(**{**usual, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("word", ["learning", "converged", "not-learning", "regressed", "collapsed", ""])
def test_a_constant_output_is_a_collapse_whatever_a_probe_finds(word: str) -> None:
    assert amended(word, beyond(alike=0.995)) == ("collapsed", "")
    assert amended(word, beyond(commonest=1.0)) == ("collapsed", "")
    assert amended(word, beyond(alike=0.98, commonest=0.98)) == (word, "")


def test_lost_directions_are_one_where_nothing_was_gained_and_untrained_networks_have_them() -> None:
    gone = beyond(rank=9.0)
    assert amended("not-learning", gone) == amended("", gone) == ("collapsed", "")
    assert amended("learning", gone) == ("learning", "")
    assert amended("not-learning", beyond(rank=9.0, rank_untrained=9.5)) == ("not-learning", "")
    assert amended("not-learning", beyond(rank=10.5)) == ("not-learning", "")


def test_few_labels_that_contradict_many_divide_the_truth_and_never_turn_it() -> None:
    gains, loses = beyond(few=0.54, few_gain_p=0.001), beyond(few=0.46, few_lost_p=0.001)
    assert amended("not-learning", gains) == ("not-learning", "inconclusive")
    assert amended("learning", loses) == ("learning", "inconclusive")
    assert amended("learning", gains) == ("learning", "")
    assert amended("not-learning", loses) == ("not-learning", "")
    assert amended("not-learning", beyond(few=0.54, few_gain_p=0.02)) == ("not-learning", "")
    assert amended("not-learning", beyond(few=0.52, few_gain_p=0.001)) == ("not-learning", "")


def test_the_numbers_are_what_they_are_called() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((40, 6)) + 1
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = (unit @ unit.T)[~np.eye(40, dtype=bool)]
    assert alike(rows) == pytest.approx(cosines.mean())
    assert alike(np.ones((5, 3))) == pytest.approx(1)
    assert commonest(np.eye(4)[[0, 0, 0, 2]]) == 0.75
    assert rank(np.eye(7)) == pytest.approx(7, rel=1e-4)
    assert rank(np.outer(rng.standard_normal(30), np.ones(5))) == pytest.approx(1, rel=1e-3)


def test_five_labels_a_class() -> None:
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(4), 30)
    apart = np.eye(4)[labels] + 0.05 * rng.standard_normal((120, 4))
    noise = rng.standard_normal((120, 4))
    assert by_few(apart, labels).mean() == 1
    assert by_few(noise, labels).mean() == pytest.approx(0.25, abs=0.08)
    assert p_above(by_few(apart, labels), by_few(noise, labels)) < 1e-6
    assert p_above(np.ones(5), np.ones(5)) == 1


def test_a_head_is_read_from_its_tensors() -> None:
    head = nn.Sequential(nn.Linear(8, 6, bias=False), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 5)).eval()
    state = {f"projection_head.layers.{name}": value for name, value in head.state_dict().items()}
    weight, bias = torch.randn(3, 5), torch.randn(3)
    rows = torch.randn(10, 8)
    assert [type(layer) for layer in sequential(state)] == [type(layer) for layer in head]
    given, none = outputs(state, rows.numpy())
    assert none is None
    assert np.allclose(given, head(rows).detach().numpy(), atol=1e-6)
    _, scores = outputs({**state, "prototypes.heads.0.weight": weight, "prototypes.heads.0.bias": bias}, rows.numpy())
    expected = nn.functional.normalize(head(rows)).detach() @ weight.T + bias
    assert scores is not None
    assert np.allclose(scores, expected.numpy(), atol=1e-5)
