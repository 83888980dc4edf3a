"""What is advised, against the settings and the numbers it is drawn from."""

from typing import Any

import pytest

from swaveval.convergence import advice
from swaveval.convergence.findings import Findings, analyse
from swaveval.convergence.noise import Estimate
from swaveval.convergence.quality import Quality
from swaveval.convergence.verdict import Best, LossState, VerdictState
from tests.convergence.simulated import measured

AT_LN_K = LossState("flat", start=3.9, end=3.4, ln_k=3.4, gap=0.0, at_ln_k=True)
ELSEWHERE = LossState("falling", start=3.9, end=2.0, ln_k=3.4, gap=0.41)
LEARNING = [0.3, 0.5, 0.6, 0.65, 0.68, 0.7, 0.71]


def found(accuracy: list[float]) -> tuple[Quality, Findings]:
    quality = measured(accuracy)
    return quality, analyse(quality, confirm=None, seed=0)


def actions(
    state: VerdictState, settings: dict[str, Any], *, loss: LossState = AT_LN_K, classes: int = 10
) -> list[str]:
    given = advice.advise(
        state, quality=None, findings=None, best=None, loss=loss, signs=(), settings=settings, classes=classes
    )
    return [each.action for each in given]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"epsilon": 0.3}, ["lower ε, to 0.05"]),
        ({"epsilon": 0.05}, ["lower ε, to 0.03"]),
        ({"epsilon": 0.02, "learning_rate": 3.0}, ["lower the learning rate or warm it up longer"]),
        ({"prototypes": 30}, ["use more prototypes"]),
        ({"prototypes": 100, "learning_rate": 3.0}, ["lower the learning rate or warm it up longer"]),
        ({"frozen_prototype_steps": 10}, ["freeze the prototypes longer at first"]),
        ({"frozen_prototype_steps": 100, "learning_rate": 3.0}, ["lower the learning rate or warm it up longer"]),
        ({"crop_min_scales": [0.3, 0.05]}, ["use gentler crops"]),
        ({"crop_min_scales": [0.3, 0.2], "learning_rate": 3.0}, ["lower the learning rate or warm it up longer"]),
        ({"epsilon": 0.3, "prototypes": 30, "learning_rate": 3.0}, ["lower ε, to 0.05", "use more prototypes"]),
        ({}, ["try more prototypes, a smaller ε, a longer prototype freeze, gentler crops"]),
        # Settings come from a file: what is no number says nothing.
        (
            {"epsilon": "big", "prototypes": float("nan"), "crop_min_scales": "all"},
            ["try more prototypes, a smaller ε, a longer prototype freeze, gentler crops"],
        ),
    ],
)
def test_a_collapse_is_read_against_the_settings(settings: dict[str, Any], expected: list[str]) -> None:
    assert actions("collapsed", settings) == expected


def test_a_collapse_names_ln_k_once_and_only_where_the_loss_lies_there() -> None:
    for loss, times in ((AT_LN_K, 1), (ELSEWHERE, 0)):
        given = advice.against_collapse({"epsilon": 0.3, "prototypes": 30}, 10, loss)
        assert sum("ln K = 3.400" in each.reason for each in given) == times
    alone = advice.against_collapse({"prototypes": 30}, 10, AT_LN_K)
    assert "30 prototypes for 10 classes" in alone[0].reason
    assert "ln K" in alone[0].reason


def test_prototypes_are_counted_against_the_classes_there_are() -> None:
    assert actions("collapsed", {"prototypes": 29}, classes=0) == ["use more prototypes"]
    assert actions("collapsed", {"prototypes": 30}, classes=0) != ["use more prototypes"]
    assert actions("collapsed", {"prototypes": 100}, classes=11) == ["use more prototypes"]
    reason = advice.against_collapse({"prototypes": 20}, 0, ELSEWHERE)[0].reason
    assert "classes; " not in reason
    assert reason.startswith("there are 20 prototypes;")


def test_a_run_that_stands_still_is_told_why() -> None:
    quality, unchanged = found([0.5, 0.5])
    same = analyse(
        Quality(quality.metric, quality.points, quality.axis, quality.x, quality.correct[[0, 0]]), confirm=None, seed=0
    )
    assert "not frozen" in advice.against_stillness({}, same, still=True)[0].action
    # The same answers are no proof that the weights stood still.
    assert "not frozen" not in advice.against_stillness({}, same, still=False)[0].action
    assert advice.against_stillness({"epsilon": 0.3}, unchanged, still=False)[0].action == "lower ε, to 0.05"
    raised = advice.against_stillness({"epsilon": 0.05}, unchanged, still=False)[0]
    assert raised.action.startswith("raise the learning rate")
    _, lost = found(LEARNING[::-1])
    assert lost.lost
    worse = advice.against_stillness({"learning_rate": 3.0}, lost, still=False)[0]
    assert worse.action.startswith("lower the learning rate")
    assert worse.reason.endswith("; the learning rate is 3")
    assert advice.against_stillness({}, None, still=False)[0].reason == "quality is not shown to be above the start"


@pytest.mark.parametrize(
    ("state", "action"),
    [
        ("learning", "train longer"),
        ("converged", "stop here, or restart with a longer schedule"),
        ("regressed", "stop at the peak; lower the learning rate or shorten the schedule before training again"),
        ("inconclusive", None),
        ("not-learning", None),
        ("collapsed", None),
    ],
)
def test_how_long_to_train(state: VerdictState, action: str | None) -> None:
    quality, findings = found(LEARNING)
    object.__setattr__(findings, "tail", Estimate(0.05, 0.01**2, 0.0))
    given = advice.duration(state, quality, findings)
    assert [each.action for each in given] == ([] if action is None else [action])
    assert all(f"{100 * findings.tail.effect:+.1f}" in each.reason and "from epoch 4" in each.reason for each in given)


def test_only_a_significant_tail_still_rises() -> None:
    quality, findings = found(LEARNING)
    object.__setattr__(findings, "tail", Estimate(0.05, 0.01**2, 0.0))
    assert advice.duration("learning", quality, findings)[0].reason.endswith("it is still rising")
    object.__setattr__(findings, "tail", Estimate(0.005, 0.01**2, 0.0))
    assert advice.duration("learning", quality, findings) == []
    assert advice.duration("learning", *found([0.3, 0.5])) == []


def test_the_checkpoint_to_use_comes_first_and_not_of_a_run_that_learned_nothing() -> None:
    quality, findings = found(LEARNING)
    best = Best("epoch=5.ckpt", tied_with=("a", "b", "c", "d"), reason="highest")
    for state, named in (("learning", best), ("regressed", best), ("collapsed", None), ("not-learning", None)):
        given = advice.advise(
            state,  # type: ignore[arg-type]
            quality=quality,
            findings=findings,
            best=named,
            loss=AT_LN_K,
            signs=(),
            settings={},
            classes=10,
        )
        assert given[0].action.startswith("use epoch=5.ckpt") is (named is not None)
        assert any("epoch=5.ckpt" in each.action for each in given) is (named is not None)
    assert advice.use(best).action == "use epoch=5.ckpt (a, b, c … cannot be told apart from it)"
    assert advice.use(Best("x", tied_with=("a",))).action == "use x (a cannot be told apart from it)"
    assert advice.use(Best("x", reason="why")) == advice.Advice("use x", "why")
