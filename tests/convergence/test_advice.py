"""What is advised, against the settings and the numbers it is drawn from."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from swaveval.convergence import advice
from swaveval.convergence.decision import Judged
from swaveval.convergence.noise import Estimate
from swaveval.convergence.training import Method, Training, training_of
from swaveval.convergence.verdict import Best, LossState, VerdictState
from swaveval.results.roles import RETRIEVAL, WITNESSES
from tests.convergence.simulated import KNN, LINEAR, decided, heard, measured, outcomes, series

AT_LN_K = LossState("flat", start=3.9, end=3.4, ln_k=3.4, gap=0.0, at_ln_k=True)
ELSEWHERE = LossState("falling", start=3.9, end=2.0, ln_k=3.4, gap=0.41)
LEARNING = [0.3, 0.5, 0.6, 0.65, 0.68, 0.7, 0.71]
RISING, LEVEL = Estimate(0.05, 0.01**2, 0.0), Estimate(0.0, 0.01**2, 0.0)


def told(state: VerdictState, *, accuracy: Sequence[float] = LEARNING, **changes: Any) -> Judged:
    """A word on one witness with some of its findings changed."""
    one = heard(measured(accuracy))
    return decided(state, replace(one, findings=replace(one.findings, **changes)))


def actions(
    state: VerdictState,
    settings: dict[str, Any],
    *,
    loss: LossState = AT_LN_K,
    classes: int = 10,
    method: Method = "swav",
) -> list[str]:
    found = told(state, accuracy=[0.3, 0.5])
    given = advice.advise(found, best=None, loss=loss, training=Training(settings, classes, method))
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
        given = advice.against_collapse(Training({"epsilon": 0.3, "prototypes": 30}, 10, "swav"), loss)
        assert sum("ln K = 3.400" in each.reason for each in given) == times
    alone = advice.against_collapse(Training({"prototypes": 30}, 10, "swav"), AT_LN_K)
    assert "30 prototypes for 10 classes" in alone[0].reason
    assert "ln K" in alone[0].reason


@pytest.mark.parametrize("settings", [{}, {"learning_rate": 0.5}, {"epsilon": 0.3, "prototypes": 512}])
@pytest.mark.parametrize(("method", "loss"), [("", AT_LN_K), ("", ELSEWHERE), ("dino", AT_LN_K), ("dino", ELSEWHERE)])
def test_what_is_not_swavs_is_not_told_to_change_swavs_settings(
    method: Method, loss: LossState, settings: dict[str, Any]
) -> None:
    given = actions("collapsed", settings, loss=loss, method=method)
    assert given
    assert not [each for each in given if "prototype" in each or "ε" in each]
    assert any("teacher" in each for each in given) is (method == "dino")


@pytest.mark.parametrize(
    ("loads", "settings", "method"),
    [
        ([{"prototypes": 100, "family": "swaveval"}], {}, "swav"),
        ([{"prototypes": 100}, {}], {}, "swav"),
        ([{"prototypes": 512, "family": "dino"}], {"prototypes": 512}, "dino"),
        ([{"family": "dino"}], {}, ""),  # the teacher's backbone alone
        ([{"family": "lightly"}], {"learning_rate": 0.1, "temperature": 0.2}, ""),
        ([{"family": "plain backbone"}], {"epsilon": 0.05}, "swav"),
        ([], {}, ""),
    ],
)
def test_the_method_is_what_files_and_settings_show(
    loads: list[dict[str, Any]], settings: dict[str, Any], method: Method
) -> None:
    run = series({KNN: outcomes([0.5] * max(1, len(loads)), 20, seed=0)}, hyperparameters=settings)
    records = [replace(record, load=load) for record, load in zip(run.manifest.checkpoints, loads, strict=False)]
    data = replace(run.manifest.data, class_names=("a", "b", "c"))
    run = replace(run, manifest=replace(run.manifest, checkpoints=tuple(records), data=data))
    assert training_of(run, labelled=True) == Training(settings, 3, method)
    assert training_of(run, labelled=False).classes == 0


def test_prototypes_are_counted_against_the_classes_there_are() -> None:
    assert actions("collapsed", {"prototypes": 29}, classes=0) == ["use more prototypes"]
    assert actions("collapsed", {"prototypes": 30}, classes=0) != ["use more prototypes"]
    assert actions("collapsed", {"prototypes": 100}, classes=11) == ["use more prototypes"]
    reason = advice.against_collapse(Training({"prototypes": 20}, 0, "swav"), ELSEWHERE)[0].reason
    assert "classes; " not in reason
    assert reason.startswith("there are 20 prototypes;")


def test_a_run_that_stands_still_is_told_why() -> None:
    same = measured([0.5, 0.5])
    same = replace(same, correct=same.correct[[0, 0]])
    frozen, unchanged = (decided("not-learning", heard(same), moved=moved) for moved in (0.0, None))
    assert "not frozen" in advice.against_stillness({}, frozen)[0].action
    # The same answers are no proof that the weights stood still.
    assert "not frozen" not in advice.against_stillness({}, unchanged)[0].action
    assert advice.against_stillness({"epsilon": 0.3}, unchanged)[0].action == "lower ε, to 0.05"
    raised = advice.against_stillness({"epsilon": 0.05}, unchanged)[0]
    assert raised.action.startswith("raise the learning rate")
    lost = told("not-learning", accuracy=LEARNING[::-1])
    assert lost.lead.findings.lost
    worse = advice.against_stillness({"learning_rate": 3.0}, lost)[0]
    assert worse.action.startswith("lower the learning rate")
    assert worse.reason.startswith("kNN fell below the start; the learning rate is 3; a loss that jumps")
    assert advice.against_stillness({}, unchanged)[0].reason == "no witness shows it above the start"


def test_the_reason_names_what_it_is_not_shown_to_be_above() -> None:
    for first, random, against in (
        (0.0, None, "the start"),
        (1.0, [0.5, 0.5], "untrained networks"),
        (0.0, [0.5, 0.5], "both the start and untrained networks"),
    ):
        found = decided("not-learning", heard(measured([0.5] * 6, first=first, random=random)))
        assert advice.against_stillness({}, found)[0].reason == f"no witness shows it above {against}"
    # View retrieval that rose beside labels that say otherwise.
    views = heard(measured(LEARNING), witness=RETRIEVAL)
    assert views.findings.gained
    beside = decided("not-learning", heard(measured([0.5] * 7)), views)
    assert advice.against_stillness({}, beside)[0].reason == "no witness with labels shows it above the start"


def test_every_witness_that_fell_below_the_start_is_named() -> None:
    down = measured(LEARNING[::-1])
    lost = decided("not-learning", heard(down), heard(replace(down, metric=LINEAR), witness=WITNESSES[1]))
    assert advice.against_stillness({}, lost)[0].reason.startswith("kNN and the linear probe fell below the start; a ")


def test_below_untrained_networks_the_rate_may_be_wrong_either_way() -> None:
    """Not lost against its own start, whose BatchNorm was not settled; what tells high from low is named."""
    still = decided("not-learning", heard(measured([0.5] * 6, random=[0.51, 0.51])))
    assert not still.lead.findings.lost
    under = advice.against_stillness({"learning_rate": 0.1}, still, ["kNN"])[0]
    assert under.action.startswith("lower the learning rate, or raise it where the loss hardly moves")
    assert under.reason.startswith("kNN is below untrained networks; the learning rate is 0.1; a loss that jumps")
    assert "hardly moves for one too low" in under.reason
    # Without these: it stands where untrained networks stand.
    assert advice.against_stillness({}, still)[0].action.startswith("raise the learning rate")
    # It lies there, and nothing shows it beyond chance: the reason does not say it, the action does not bet on it.
    lower = decided("not-learning", heard(measured([0.5] * 6, random=[0.6, 0.6])))
    unsure = advice.against_stillness({}, lower)[0]
    assert (unsure.action, "below" in unsure.reason) == (under.action, False)
    # Where untrained networks are the start, both are one statement.
    apart = decided("not-learning", heard(measured(LEARNING[::-1], first=1.0, random=[0.95, 0.95])))
    for below in ((), ("kNN",)):
        assert advice.against_stillness({}, apart, below)[0].reason.count("kNN") == 1


def test_both_a_fall_and_a_place_below_are_named() -> None:
    lost = told("not-learning", accuracy=LEARNING[::-1])
    reason = advice.against_stillness({}, lost, ["kNN"])[0].reason
    assert reason.startswith("kNN fell below the start; kNN is below untrained networks; a loss")


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
    given = advice.duration(told(state, tail=RISING))
    assert [each.action for each in given] == ([] if action is None else [action])
    assert all("changed kNN by +5.0 ± 2.0 points" in each.reason and "from epoch 4" in each.reason for each in given)


def test_only_a_significant_tail_still_rises() -> None:
    assert advice.duration(told("learning", tail=RISING))[0].reason.endswith("it is still rising")
    assert advice.duration(told("learning", tail=Estimate(0.005, 0.01**2, 0.0))) == []
    assert advice.duration(told("learning", accuracy=[0.3, 0.5])) == []


@pytest.mark.parametrize(("end", "more"), [(0.98, True), (0.9995, False)])
def test_more_training_lifts_nothing_that_is_at_its_ceiling(end: float, more: bool) -> None:
    found = told("learning", accuracy=[0.9, 0.93, 0.95, 0.96, end, end, end], tail=RISING)
    assert found.rising
    assert bool(advice.duration(found)) is more


def test_the_witness_that_still_rises_gives_the_reason_and_a_fall_forbids_more() -> None:
    flat, rising = told("learning", tail=LEVEL).lead, told("learning", tail=RISING).lead
    probe = replace(rising, witness=WITNESSES[1], quality=replace(rising.quality, metric=LINEAR))
    (given,) = advice.duration(decided("learning", flat, probe))
    assert (given.action, "changed the linear probe by +5.0" in given.reason) == ("train longer", True)
    fallen = replace(flat, findings=replace(flat.findings, fall_p_corrected=0.01))
    assert advice.duration(decided("learning", fallen, probe)) == []
    # View retrieval rises on while the classes have long settled.
    views = replace(rising, witness=RETRIEVAL, quality=replace(rising.quality, metric=RETRIEVAL.metric))
    assert advice.duration(decided("learning", flat, views)) == []


def test_the_checkpoint_to_use_comes_first_and_not_of_a_run_that_learned_nothing() -> None:
    best = Best("epoch=5.ckpt", tied_with=("a", "b", "c", "d"), reason="highest")
    states: tuple[tuple[VerdictState, Best | None], ...] = (
        ("learning", best),
        ("regressed", best),
        ("collapsed", None),
        ("not-learning", None),
    )
    for state, named in states:
        given = advice.advise(told(state, tail=RISING), best=named, loss=AT_LN_K, training=Training({}, 10))
        assert given[0].action.startswith("use epoch=5.ckpt") is (named is not None)
        assert any("epoch=5.ckpt" in each.action for each in given) is (named is not None)
    assert advice.use(best).action == "use epoch=5.ckpt (a, b, c … cannot be told apart from it)"
    assert advice.use(Best("x", tied_with=("a",))).action == "use x (a cannot be told apart from it)"
    assert advice.use(Best("x", reason="why")) == advice.Advice("use x", "why")


def test_images_unlike_those_of_the_training_show_nothing_of_the_training() -> None:
    found = told("not-learning", accuracy=[0.5] * 6)
    (given,) = advice.advise(
        found, best=None, loss=ELSEWHERE, training=Training({"epsilon": 0.3}, 10, "swav"), others=True
    )
    assert given.action == "evaluate it on images like those it was trained on"
