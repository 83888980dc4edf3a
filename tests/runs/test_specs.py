"""Evaluators by name: what their cells' keys need, and whose name it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from swaveval.evaluators.knn import Knn
from swaveval.runs.plan import EvaluatorSpec
from swaveval.runs.plugins import PluginHosts
from swaveval.runs.specs import DRIFT, describe, make_specs, split_names
from swaveval.specification import PluginError, UnknownName
from tests.field.around_runs import write_plugin
from tests.runs.watching import alive


@pytest.fixture(scope="module")
def hosts() -> Iterator[PluginHosts]:
    made = PluginHosts()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("knn", ("knn",)),
        ("knn,linear", ("knn", "linear")),
        (" knn , linear ", ("knn", "linear")),
        ("knn(k=10),linear(c=1,2)", ("knn(k=10)", "linear(c=1,2)")),
        ("a(b,c),d(e,f),g", ("a(b,c)", "d(e,f)", "g")),
        ("./mine.py:Mine(x=1, y=2),knn", ("./mine.py:Mine(x=1, y=2)", "knn")),
        ("", ()),
        (",, ,", ()),
    ],
)
def test_commas_inside_parentheses_are_of_parameters(text: str, parts: tuple[str, ...]) -> None:
    assert split_names(text) == parts


def test_a_built_in_by_its_own_description(hosts: PluginHosts) -> None:
    (spec,) = make_specs(["knn(k=10)"], hosts)
    assert (spec.name, spec.source, spec.version) == ("knn", "knn(k=10)", Knn.version)
    assert dict(spec.parameters)["k"] == 10
    assert list(spec.parameters) == sorted(spec.parameters)
    assert not spec.over_series
    assert not spec.broken
    assert not spec.foreign
    assert spec.terms["knn.top1"].label == "kNN accuracy"


def test_in_the_order_asked_for_and_each_once(hosts: PluginHosts) -> None:
    specs = make_specs(["spectrum", "drift", "knn", "spectrum"], hosts)
    assert [spec.name for spec in specs] == ["spectrum", "drift", "knn"]
    assert specs[1] is DRIFT
    assert specs[1].over_series


def test_series_evaluators_are_known_as_such(hosts: PluginHosts) -> None:
    assert {spec.name: spec.over_series for spec in make_specs(["umap", "stability", "knn"], hosts)} == {
        "umap": True,
        "stability": True,
        "knn": False,
    }


@pytest.mark.parametrize("sources", [["knn", "knn(k=5)"], ["knn(k=5)", "knn"]])
def test_one_evaluator_in_two_ways_is_a_mistake(sources: list[str], hosts: PluginHosts) -> None:
    with pytest.raises(PluginError, match=r"knn is asked for twice, as 'knn.*' and as 'knn.*'; a page shows one"):
        make_specs(sources, hosts)


@pytest.mark.parametrize(
    ("source", "words"), [("knnn", "knn"), ("knn(q=3)", "q"), ("no_such_module:Thing", "no_such_module")]
)
def test_typing_errors(source: str, words: str, hosts: PluginHosts) -> None:
    if ":" in source:  # somebody's own module: its own error, beside the others' results
        (spec,) = make_specs([source], hosts)
        assert spec.broken
        assert words in spec.broken
        assert (spec.name, spec.version, spec.parameters) == ("Thing", 0, ())
    else:
        with pytest.raises(PluginError, match=words):
            make_specs([source], hosts)


def test_nobody_has_the_name(hosts: PluginHosts) -> None:
    with pytest.raises(UnknownName):
        make_specs(["knn", "nobody"], hosts)


def test_a_file_is_foreign(tmp_path: Path, hosts: PluginHosts) -> None:
    source = write_plugin(tmp_path / "mine.py")
    (spec,) = make_specs([source], hosts)
    assert (spec.name, spec.version, spec.foreign, spec.broken, spec.parameters) == ("mine", 1, True, "", ())
    assert describe(source, hosts)["name"] == "mine"


def broken(spec: EvaluatorSpec) -> str:
    assert spec.foreign
    return spec.broken


def test_a_built_ins_name_is_nobody_elses(tmp_path: Path, hosts: PluginHosts) -> None:
    """Its metrics would pass for the built-in's, also where the built-in was not asked for."""
    for taken in ("knn", "drift", "data"):
        source = write_plugin(tmp_path / f"as_{taken}.py", name=taken)
        (spec,) = make_specs([source], hosts)
        assert f"calls itself {taken!r}, the name of what swaveval itself brings; its metrics would" in broken(spec)
        assert spec.name == "Mine"


def test_two_plugins_of_one_name(tmp_path: Path, hosts: PluginHosts) -> None:
    sources = [write_plugin(tmp_path / f"{letter}.py") for letter in "abc"]
    specs = make_specs(sources, hosts)
    assert [spec.name for spec in specs] == ["mine", "Mine", "Mine-2"]
    assert specs[0].broken == ""
    for spec in specs[1:]:
        assert f"calls itself 'mine', as {sources[0]} does" in broken(spec)


def test_broken_plugins_each_have_a_name_of_their_own(tmp_path: Path, hosts: PluginHosts) -> None:
    sources = [write_plugin(tmp_path / f"{letter}.py", top="raise ValueError('no')") for letter in "ab"]
    specs = make_specs(sources, hosts)
    assert [spec.name for spec in specs] == ["Mine", "Mine-2"]
    assert all("no" in broken(spec) for spec in specs)
    named = tmp_path / "c.py"
    named.write_text("class knn:\n    pass\n")
    (spec,) = make_specs([f"{named}:knn"], hosts)
    assert spec.name == "knn-2"
    assert broken(spec)


def test_processes_stay_with_whoever_brought_them(tmp_path: Path) -> None:
    """What is asked of a plugin later, the same process answers; without a place for it, none is left."""
    place = tmp_path / "pid"
    source = write_plugin(tmp_path / "mine.py", top=f"import os; open({str(place)!r}, 'w').write(str(os.getpid()))")
    with_ = PluginHosts()
    make_specs([source], with_)
    assert alive(int(place.read_text()))
    with_.close()
    assert not alive(int(place.read_text()))
    make_specs([source])
    assert not alive(int(place.read_text()))


def test_what_is_listed_of_each(hosts: PluginHosts) -> None:
    drift = describe("drift", hosts)
    assert (drift["name"], drift["needs"], drift["over_series"]) == ("drift", ["weights"], True)
    assert drift["version"] == DRIFT.version
    knn = describe("knn", hosts)
    assert (knn["name"], knn["over_series"], knn["version"]) == ("knn", False, Knn.version)
    assert "labels" in knn["needs"]
    assert knn["summary"]
