"""A verdict as JSON and back, and which words oppose each other."""

import json
from dataclasses import replace
from itertools import product

import pytest

from swaveval.convergence import Verdict, judge
from swaveval.convergence.verdict import WORDS, VerdictState, opposed
from tests.convergence.simulated import KNN, LINEAR, series, together


@pytest.mark.parametrize("end", [0.35, 0.75])
def test_a_verdict_is_read_back_as_it_was(end: float) -> None:
    curve = [0.50 + (end - 0.50) * place / 5 for place in range(6)]
    made = together({KNN: [*curve, 0.5, 0.5], LINEAR: [*curve, 0.5, 0.5]}, 1000, seed=0)
    run = series({m: rows[:6] for m, rows in made.items()}, random={m: rows[6:] for m, rows in made.items()})
    found = judge(run)
    assert (found.best is None) is (end < 0.50)
    assert Verdict.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_what_is_no_verdict_is_refused() -> None:
    body = judge(series(together({KNN: [0.5, 0.6]}, 200, seed=0))).to_json()
    with pytest.raises(ValueError, match="no verdict is called 'splendid'"):
        Verdict.from_json(body | {"verdict": "splendid"})
    with pytest.raises(TypeError):
        Verdict.from_json(body | {"of a later version": 1})


def test_good_and_bad_words_oppose_each_other_and_no_others_do() -> None:
    good, bad = {"learning", "converged"}, {"collapsed", "not-learning", "regressed"}
    assert {*good, *bad, "inconclusive"} == set(WORDS)
    for one, other in product(WORDS, WORDS):
        assert opposed(one, other) is ((one in good and other in bad) or (one in bad and other in good))


def test_only_a_verdict_by_views_that_opposes_contradicts() -> None:
    found = replace(judge(series(together({KNN: [0.5, 0.6]}, 200, seed=0))), verdict="learning")
    assert not found.contradicted
    assert not replace(found, without_labels="inconclusive").contradicted
    assert replace(found, without_labels="collapsed").contradicted


@pytest.mark.parametrize("state", WORDS)
def test_its_line_says_the_word_once_and_the_state_first(state: VerdictState) -> None:
    found = judge(series(together({KNN: [0.5, 0.6]}, 200, seed=0)))
    said = replace(found, verdict=state, sentence=f"{WORDS[state].title}: kNN: 3.")
    assert said.line == f"{state}: kNN: 3."
    aside = "Learning (judged without the labels): kNN: 3."
    assert replace(found, verdict=state, sentence=aside).line == f"{state}: {aside}"
