"""Which metrics are heard, of which checkpoints, and who may choose one."""

from dataclasses import replace

import pytest

from swaveval.convergence import judge, witnesses
from swaveval.convergence.witnesses import label_free, labelled, of_the_same_as, on_test
from swaveval.results import Role, Series
from swaveval.results.roles import RETRIEVAL, WITNESSES
from tests.convergence.simulated import KNN, LINEAR, LOWSHOT, PURITY, VIEWS, outcomes, series, together

CURVE = [0.3, 0.5, 0.6, 0.65, 0.7]
EVERY = (KNN, LINEAR, LOWSHOT, PURITY)


def run(*metrics: str, labels: bool = True) -> Series:
    return series(together(dict.fromkeys(metrics, CURVE), 400, seed=0), labelled=labels)


def heard(found: tuple[witnesses.Heard, ...]) -> list[str]:
    return [one.quality.metric for one in found]


def without(run_: Series, metric: str, *digests: str) -> Series:
    gone = {(f"{metric}.outcomes", digest) for digest in digests}
    return replace(run_, arrays={key: stored for key, stored in run_.arrays.items() if key not in gone})


def declare(run_: Series, **roles: Role) -> Series:
    """Metrics `own_…` as plugins' of these roles."""
    manifest = replace(
        run_.manifest,
        roles={f"{name}.score": (role,) for name, role in roles.items()},
        evaluators=tuple((name, 1, {}) for name in roles),
    )
    return replace(run_, manifest=manifest)


def test_they_are_heard_in_the_table_s_order_with_what_is_known_beforehand() -> None:
    found = labelled(run(VIEWS, PURITY, LOWSHOT, KNN, LINEAR))
    assert heard(found) == list(EVERY)
    for one, known in zip(found, WITNESSES, strict=True):
        assert one.witness is known
        assert (one.quality.jitter, one.quality.spread) == (known.jitter, known.spread)
    assert heard(label_free(run(VIEWS, KNN))) == [VIEWS]
    assert heard(labelled(run(PURITY))) == [PURITY]


def test_without_labels_only_views_are_heard() -> None:
    bare = run(VIEWS, *EVERY, labels=False)
    assert (heard(labelled(bare)), heard(label_free(bare))) == ([], [VIEWS])


def test_the_test_images_are_heard_only_where_nothing_else_is() -> None:
    assert heard(labelled(run("knn.top1", "linear.top1"))) == ["knn.top1", "linear.top1"]
    assert heard(labelled(run("knn.top1", LINEAR))) == [LINEAR]
    assert heard(on_test(run("knn.top1", LINEAR))) == ["knn.top1"]
    assert not any(one.witness.chooses for one in on_test(run("knn.top1", "linear.top1")))


def test_all_speak_of_the_same_checkpoints() -> None:
    """One that has seen fewer than most is left out; of as many the first decides."""
    whole = run(KNN, LINEAR, LOWSHOT)
    assert heard(labelled(without(whole, KNN, "c2"))) == [LINEAR, LOWSHOT]
    assert heard(labelled(without(without(whole, KNN, "c2"), LINEAR, "c3"))) == [LOWSHOT]
    other = without(without(run(KNN, LINEAR), KNN, "c2"), LINEAR, "c3")
    assert heard(labelled(other)) == [KNN]
    first = labelled(whole)[0]
    views = label_free(without(run(KNN, VIEWS), VIEWS, "c4"))
    assert of_the_same_as(first, views) == ()
    assert heard(of_the_same_as(first, label_free(run(KNN, VIEWS)))) == [VIEWS]


def test_a_plugin_s_witness_is_heard_last_and_chooses_nothing() -> None:
    owned = declare(run(KNN, "own.score"), own=Role.WITNESS)
    found = labelled(owned)
    assert heard(found) == [KNN, "own.score"]
    assert (found[1].witness.chooses, found[1].witness.labelled) == (False, True)
    # Without labels it stands beside view retrieval, and counts as one that rests on none.
    bare = declare(run(VIEWS, "own.score", labels=False), own=Role.WITNESS)
    assert heard(label_free(bare)) == [VIEWS, "own.score"]
    assert not label_free(bare)[1].witness.labelled
    # Another role, or a name of the built-in ones, makes no witness.
    assert heard(labelled(declare(run(KNN, "own.score"), own=Role.SELECTS))) == [KNN]


def test_a_gain_by_a_plugin_s_witness_is_one_and_is_chosen_by_the_others() -> None:
    made = {
        KNN: outcomes([0.6] * 6, 3000, seed=0, correlation=0.95),
        "own.score": outcomes([*CURVE, 0.72], 800, seed=1),
    }
    verdict = judge(declare(series(made), own=Role.WITNESS))
    assert (verdict.verdict, verdict.quality_metric) == ("learning", "own.score")
    assert verdict.best is not None
    assert verdict.best.metric == KNN


def test_the_table_s_numbers_are_in_fractions_and_have_a_share_each() -> None:
    for one in (*WITNESSES, RETRIEVAL):
        assert 0 < one.weight <= 1
        assert 0.01 <= one.gain <= 0.1
        assert one.plateau is None or 0 < one.plateau < 0.05
        assert 0 < one.jitter <= one.spread < 0.1
    assert max(WITNESSES, key=lambda one: one.weight).metric == KNN
    assert sum(one.weight for one in WITNESSES) == pytest.approx(1)
    assert {one.metric for one in WITNESSES if one.confirms} == {KNN, LINEAR}
