"""The manifest, the words and roles in it: every field comes back, old ones load, hostile ones do no harm."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score, balanced_accuracy_score

from swaveval.results import (
    CheckpointRecord,
    DataSummary,
    LossCurve,
    Metric,
    Point,
    Role,
    RunManifest,
    Series,
    Term,
    roles,
)
from swaveval.results.columns import columns_of
from swaveval.results.roles import declared
from swaveval.results.term import (
    base_id,
    inside,
    roles_from_json,
    roles_to_json,
    terms_from_json,
    terms_to_json,
)
from swaveval.results.versions import versions
from swaveval.results.witness import Witness
from swaveval.results.words import GROUPS, TERMS, words_of

DATA = DataSummary("digits", "in/digits", "f" * 64, 3, 2)


def through_json(manifest: RunManifest) -> RunManifest:
    """As stored: sealed files sort the keys of mappings."""
    return RunManifest.from_json(json.loads(json.dumps(manifest.to_json(), allow_nan=False, sort_keys=True)))


# -- the manifest ------------------------------------------------------------------------------------------------------


def test_every_field_of_a_manifest_is_stored() -> None:
    data = DataSummary(
        "digits", "in/digits", "f" * 64, 3, 2, ("zero", "one"), True, "drawn", "resize32",
        {"broken": [["a", "b"]]}, "own", "bf16", "as asked for", 9, "5 of 9 images",
    )  # fmt: skip
    manifest = RunManifest(
        "mine", data, (CheckpointRecord("a.ckpt", digest="d"), CheckpointRecord("b.ckpt", state="corrupt", reason="r")),
        evaluators=(("knn", 2, {"k": 20}), ("mine", 1, {})), loss=LossCurve("log", (1.0,), (2.0,)),
        hyperparameters={"prototypes": 30}, training_seconds=1.5, command="swaveval run", versions={"python": "3"},
        training_epochs=3, budget_seconds=60.0, repaired={"e" * 32: "2026-11-27"}, recipe="f" * 64,
        created="today", seed=4, notes=("one", "two"), cells=("c1", "c2"), order="epoch", source="../checkpoints",
        cell_names={"c1": ("knn", "a.ckpt"), "c2": ("mine", "all checkpoints")},
        terms={"z.x": Term("Z", "m", "d", "z"), "a.x": Term("A", "m", "d")}, roles={"z.x": ("headline", "witness")},
    )  # fmt: skip
    default = RunManifest("", DataSummary("", "", "", 0, 0), ())
    unsaid = [name for name in RunManifest.__dataclass_fields__ if getattr(manifest, name) == getattr(default, name)]
    assert not unsaid, "a field of which this test says nothing"
    assert not [name for name in DataSummary.__dataclass_fields__ if getattr(data, name) == getattr(default.data, name)]
    again = through_json(manifest)
    assert again == manifest
    assert list(again.terms) == ["z.x", "a.x"]


def test_a_manifest_of_which_little_was_stored() -> None:
    data = {"name": "digits", "path": "p", "fingerprint": "f", "n_train": 3, "n_test": 2, "of_the_future": 1}
    body = {"name": "old", "data": data, "checkpoints": [{"name": "a.ckpt"}]}
    expected = RunManifest("old", DataSummary("digits", "p", "f", 3, 2), (CheckpointRecord("a.ckpt"),))
    assert RunManifest.from_json(body) == expected
    assert RunManifest.from_json(body | {"schema": 1, "loss": None}) == expected
    with pytest.raises(ValueError, match=r"newer swaveval .manifest schema 2"):
        RunManifest.from_json(body | {"schema": 2})


# -- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "base", "parameters"),
    [
        ("knn.top1[k=200,T=0.1]", "knn.top1", "k=200,T=0.1"), ("knn.top1", "knn.top1", ""), ("a[b][c]", "a", "b][c"),
        ("a[]", "a", ""), ("[a]", "[a]", ""), ("a[b", "a[b", ""), ("a[b]c", "a[b]c", ""), ("a[x\ny]", "a", "x\ny"),
    ],
)  # fmt: skip
def test_an_id_and_its_parameters(metric: str, base: str, parameters: str) -> None:
    assert (base_id(metric), inside(metric)) == (base, parameters)


def test_the_short_label_where_there_is_one() -> None:
    assert Term("label", "meaning", "definition", "short").brief == "short"
    assert Term("label", "meaning", "definition").brief == "label"


anything = st.recursive(
    st.none() | st.integers() | st.text(max_size=500) | st.sampled_from(["headline", "witness", "x"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=12,
)


@given(anything)
def test_words_and_roles_from_a_hostile_manifest(body: Any) -> None:
    for term in terms_from_json(body).values():
        assert len(term.label) <= 80
        assert len(term.meaning) <= 400
        assert len(term.definition) <= 800
        assert len(term.short) <= 40
        assert "".join((term.label, term.meaning, term.definition, term.short)).isprintable()
    for metric, found in roles_from_json(body).items():
        assert len(metric) <= 120
        assert metric.isprintable()
        assert set(found) <= set(Role)


def test_words_are_cut_and_made_printable() -> None:
    entry = ["\x1b[31mred", "m" * 401, "d" * 801, "s" * 41, "too many"]
    (found,) = terms_from_json([["a.b", entry]]).values()
    assert found.label == "\\x1b[31mred"
    assert [len(found.meaning), len(found.definition), len(found.short)] == [400, 800, 40]
    whole = Term("l" * 80, "m" * 400, "d" * 800, "s" * 40)
    assert terms_from_json([["n" * 120, whole.to_json()]]) == {"n" * 120: whole}
    assert terms_from_json([["a.b", ["only a label"]]]) == {"a.b": Term("only a label", "", "")}
    assert len(next(iter(terms_from_json([["n" * 121, []]])))) == 120


def test_what_is_no_pair_is_passed_over() -> None:
    good = ["a.b", ["A", "m", "d", "s"]]
    assert terms_from_json([7, "ab", ["a"], ["a", [], []], ["a", "label"], None, good]) == {
        "a.b": Term("A", "m", "d", "s")
    }
    assert terms_from_json({"a.b": ["A"]}) == terms_from_json(None) == terms_from_json("ab") == {}


def test_words_and_roles_come_back_in_their_order() -> None:
    terms = {"b.x": Term("B", "m", "d", "s"), "a.x": Term("A", "m", "d")}
    assert list(terms_from_json(terms_to_json(terms)).items()) == list(terms.items())
    given_roles = {"b.x": (Role.WITNESS, Role.HEADLINE), "a.x": ()}
    assert roles_to_json(given_roles) == [["b.x", ["witness", "headline"]], ["a.x", []]]
    assert roles_from_json([*roles_to_json(given_roles), ["c.x", ["king", "selects"]]]) == {
        "b.x": ("headline", "witness"),
        "a.x": (),
        "c.x": ("selects",),
    }


def test_the_words_of_one_evaluator() -> None:
    assert list(words_of("umap")) == ["umap.trustworthiness"]
    assert set().union(*(words_of(name) for name in GROUPS)) == set(TERMS)
    assert not words_of("kn")
    assert all(term.label and term.meaning and term.definition and term.brief for term in TERMS.values())


# -- roles -------------------------------------------------------------------------------------------------------------


def test_the_table_of_roles_names_metrics_that_there_are() -> None:
    named: set[str] = set()
    for value in (each for name, each in vars(roles).items() if name.isupper() and name not in {"GROUPS"}):
        given = [value] if isinstance(value, str | Witness) else list(value)
        entries = [
            text for each in given for text in ([each.metric, each.confirms] if isinstance(each, Witness) else [each])
        ]
        entries += list(value.values()) if isinstance(value, dict) else []
        named |= {base_id(each) for each in entries if isinstance(each, str) and "." in each}
    assert named
    assert named <= set(TERMS)
    for evaluators in (roles.SUPERVISED, roles.GROUPED, roles.WITHOUT_LABELS, roles.WEIGHTS, roles.ACCURACIES):
        assert set(evaluators) <= set(GROUPS)


def test_a_test_label_never_selects() -> None:
    """`*.top1` without `loo` is measured on test images; what selects must not be."""
    choosing = [one.metric for one in (*roles.WITNESSES, *roles.ON_TEST, roles.RETRIEVAL) if one.chooses]
    assert choosing
    assert not [name for name in (*choosing, *roles.CHOOSES_WITHOUT_LABELS) if name.endswith(".top1")]
    assert all(one.confirms.endswith(".top1") for one in roles.WITNESSES if one.confirms)


def test_what_a_constant_answer_reaches_where_every_class_counts_alike() -> None:
    """Against scikit-learn: balanced accuracy of one answer is one over the number of classes, AMI nothing."""
    labels, constant = [0] * 6 + [1] * 3 + [2], [0] * 10
    score = {
        "knn.balanced": balanced_accuracy_score(labels, constant),
        "linear.balanced": balanced_accuracy_score(labels, constant),
        "clusters.ami": adjusted_mutual_info_score(labels, constant),
    }
    assert {metric: 1 / 3 if alike else 0.0 for metric, alike in roles.CLASSES_ALIKE.items()} == pytest.approx(score)


def plugins(**changes: Any) -> RunManifest:
    declared_roles = {
        "other.a": ("headline",), "mine.a": ("headline", "witness"), "knn.mine": ("headline",), "gone.a": ("headline",),
        "mine.b[k=1]": ("headline",), "mine.c": ("witness",), "mine.d": ("headline",),
    }  # fmt: skip
    evaluators = (("knn", 1, {}), ("mine", 1, {}), ("other", 1, {}))
    return RunManifest("run", DATA, (), **({"evaluators": evaluators, "roles": declared_roles} | changes))


def test_declared_metrics_stand_in_the_order_of_the_evaluators_and_none_is_a_builtins() -> None:
    assert declared(plugins(), Role.HEADLINE) == ("mine.a", "mine.b[k=1]", "mine.d", "other.a", "gone.a")
    assert declared(plugins(), Role.WITNESS) == ("mine.a", "mine.c")
    assert declared(plugins(), Role.SELECTS) == ()


# -- the small table ---------------------------------------------------------------------------------------------------


def measured(manifest: RunManifest, *metrics: str) -> Series:
    found = {name: Metric(name, 0.5) for name in metrics}
    return Series(manifest, (Point(CheckpointRecord("a", digest="d"), found),))


def test_columns_of_a_run_without_plugins() -> None:
    series = measured(RunManifest("run", DATA, ()), "prototypes.loss", "linear.top1", "knn.top1", "knn.balanced")
    assert columns_of(series) == [("knn.top1", "kNN"), ("linear.top1", "linear"), ("prototypes.loss", "SwaV loss")]


def test_columns_of_plugins_stand_behind_the_first_two() -> None:
    terms = {"other.z": Term("Z", "m", "d", "zed"), "other.y": Term("Y" * 30, "m", "d")}
    names = ("other.y", "other.z", "mine.x", "mine.a", "mine.b[k=1]", "mine.d", "knn.top1", "spectrum.rankme")
    series = measured(plugins(terms=terms, roles=plugins().roles | {"other.a": ()}), *names)
    assert columns_of(series) == [
        ("knn.top1", "kNN"),
        ("mine.a", "mine.a"),
        ("mine.b[k=1]", "mine.b[k=1]"),
        ("other.z", "zed"),
        ("spectrum.rankme", "RankMe"),
    ]
    without_terms = measured(plugins(roles={}), "other.y", "other.z")
    assert columns_of(without_terms) == [("other.y", "other.y")]


def test_a_long_label_is_cut() -> None:
    series = measured(plugins(terms={"mine.a": Term("M" * 25, "m", "d")}), "mine.a")
    ((_, label),) = columns_of(series)
    assert label == "M" * 23 + "…"


def test_a_metric_whose_evaluator_was_not_asked_for_has_no_column() -> None:
    assert columns_of(measured(plugins(evaluators=(("knn", 1, {}),)), "mine.a")) == []


def test_versions_name_what_is_installed_and_nothing_else() -> None:
    import bokeh
    import numpy

    found = versions()
    assert list(found)[:2] == ["python", "machine"]
    assert found["numpy"] == numpy.__version__
    assert found["bokeh"] == bokeh.__version__
    assert "cores" in found["machine"]
    assert all(found.values())


def test_a_package_that_is_not_installed_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swaveval.results.versions._PACKAGES", ("no-such-package", "numpy"))
    assert list(versions()) == ["python", "machine", "numpy"]


def test_pictures_of_the_page_are_no_evaluated_cells() -> None:
    """A plan has none of them; a cell that nobody can name counts."""
    names = {"c1": ("knn", "a.ckpt"), "c2": ("data", "all images"), "gone": ("knn", "b.ckpt")}
    manifest = RunManifest("", DATA, (), evaluators=(("knn", 1, {}),), cells=("c1", "c2", "c3"), cell_names=names)
    assert manifest.evaluated == ("c1", "c3")
