"""Numbers and clauses of the sentence, character by character."""

import pytest

from swaveval.convergence.loss import Since
from swaveval.convergence.verdict import LossState
from swaveval.convergence.wording import (
    average_untrained,
    compared,
    ending,
    listed,
    loss_clause,
    loss_effect,
    moved,
    points,
    signed,
    these_untrained,
    untrained_networks,
)


@pytest.mark.parametrize(
    ("effect", "words"),
    [(0.01234, "+1.2"), (-0.0567, "−5.7"), (0.0, "+0.0"), (-0.0001, "+0.0"), (0.5, "+50.0"), (-1.0, "−100.0")],
)
def test_points_with_their_sign(effect: float, words: str) -> None:
    assert signed(effect) == words
    assert points(effect) == words[1:]


def test_a_list_in_words() -> None:
    assert [listed(["a", "b", "c"][:n]) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]
    assert listed(["a", "b", "c"], last="or") == "a, b or c"
    assert [untrained_networks(n) for n in (1, 3)] == ["1 untrained network", "3 untrained networks"]
    assert [these_untrained(n) for n in (1, 3)] == ["this untrained network", "these 3 untrained networks"]
    assert average_untrained(3) == "untrained networks on average (3 seen)"


def test_a_last_third_of_one_checkpoint_is_the_end() -> None:
    assert [ending([4]), ending([3, 4])] == ["at the end", "over the last third of training"]


def test_a_comparison_and_a_change() -> None:
    assert compared("kNN", -0.037, (-0.085, 0.011), 1450, 0.13, than="3 networks") == (
        "kNN is 3.7 ± 4.8 points below 3 networks (n = 1,450, paired, p = 0.13)"
    )
    assert moved("kNN", 0.081, (0.068, 0.094), 450, 1e-5) == "kNN rose 8.1 ± 1.3 points (n = 450, paired, p < 0.001)"
    for nothing in (-0.0004, 0.0, 0.0004):
        assert moved("kNN", nothing, (-0.01, 0.01), 450, 0.9) == (
            "kNN changed by 0.0 ± 1.0 points (n = 450, paired, p = 0.90)"
        )


@pytest.mark.parametrize(
    ("state", "change", "since", "words"),
    [
        ("falling", -0.8, Since(3.0, -0.2, None), "the loss fell 80 %"),
        ("rising", -0.8, Since(3.0, 0.33, None), "the loss fell 80 % in all and has risen 33 % since epoch 3"),
        ("falling", 0.1, Since(3.0, -0.2, None), "the loss rose 10 % in all and has fallen 20 % since epoch 3"),
        (
            "rising",
            -0.8,
            Since(3.0, 0.33, 1.25),
            "the loss fell 80 % in all and has risen 33 % of its range (1.2) since epoch 3",
        ),
        ("rising", 0.8, Since(3.0, 0.33, None), "the loss rose 80 %"),
        ("rising", -0.8, None, "the loss fell 80 %"),
    ],
)
def test_of_two_turns_the_later_one_is_told(state: str, change: float, since: Since | None, words: str) -> None:
    loss = LossState(state, start=4.0, end=1.0, change=change)  # type: ignore[arg-type]
    assert loss_clause(loss, since) == words


@pytest.mark.parametrize(("state", "effect"), [("flat", -0.01), ("falling", -0.6), ("unknown", -0.6)])
def test_the_effect_is_of_the_change_that_is_named_first(state: str, effect: float) -> None:
    loss = LossState(state, start=1.0, end=0.4, change=-0.6)  # type: ignore[arg-type]
    assert loss_effect(loss, Since(3.0, -0.01, None)) == effect
    assert loss_effect(loss, None) == -0.6


@pytest.mark.parametrize(
    ("axis", "words"), [("row", "row 3 of its log"), ("checkpoint", "checkpoint 4"), ("step", "step 3")]
)
def test_a_place_is_named_by_its_axis(axis: str, words: str) -> None:
    loss = LossState("flat", start=1.0, end=1.0, change=0.0, axis=axis)  # type: ignore[arg-type]
    assert loss_clause(loss, Since(3.0, -0.01, None)).endswith(f"since {words}")
