"""Evaluators are found by name without being imported, and a broken one says what is wrong."""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from swaveval.evaluators.contract import parameters
from swaveval.evaluators.knn import Knn
from swaveval.evaluators.linear import Linear
from swaveval.evaluators.registry import DuplicateName, PluginError, UnknownName, available, build, create

GOOD = """
    from dataclasses import dataclass
    from typing import ClassVar
    from swaveval.results import Metric

    @dataclass(frozen=True)
    class Mine:
        threshold: float = 0.5
        sizes: tuple[int, ...] = (1, 2)
        name: ClassVar[str] = "mine"
        version: ClassVar[int] = 1
        needs: ClassVar[frozenset] = frozenset()

        def __call__(self, features, *, seed):
            yield Metric("mine.value", self.threshold, protocol="a constant")
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of installed packages that the interpreter looks into."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def install(site: Path, package: str, code: str, entries: str) -> None:
    """A distribution with one module and entry points, as an installer leaves it."""
    (site / f"{package}.py").write_text(dedent(code), encoding="utf-8")
    info = site / f"{package}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[swaveval.evaluators]\n{entries}\n", encoding="utf-8")


def test_the_built_ins_are_registered_like_anybodys() -> None:
    found = {plugin.name: plugin for plugin in available()}
    assert {"knn", "linear", "lowshot", "clusters", "prototypes", "spectrum", "views"} <= set(found)
    assert found["knn"].target == "swaveval.evaluators.knn:Knn"
    assert found["knn"].distribution.startswith("swaveval ")
    assert list(found) == sorted(found)


def test_listing_imports_no_evaluator() -> None:
    code = """
        import sys
        from swaveval.evaluators.registry import available
        assert len(available()) >= 7
        loaded = {name for name in sys.modules if name.startswith("swaveval.evaluators.")}
        assert loaded == {"swaveval.evaluators.contract", "swaveval.evaluators.registry"}, loaded
        assert "sklearn" not in sys.modules and "torch" not in sys.modules
    """
    finished = subprocess.run([sys.executable, "-c", dedent(code)], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize(
    "text, expected",
    [
        ("knn", Knn()),
        (" knn ", Knn()),
        ("knn()", Knn()),
        ("knn(k=10)", Knn(k=10)),
        ("knn(k=10, ks=[5, 10], temperatures=(0.1,))", Knn(k=10, ks=(5, 10), temperatures=(0.1,))),
        ("swaveval.evaluators.linear:Linear", Linear()),
        ("swaveval.evaluators.linear:Linear(held_out=0.2)", Linear(held_out=0.2)),
    ],
)
def test_specifications(text: str, expected: object) -> None:
    assert create(text) == expected


def test_a_stored_result_rebuilds_what_produced_it() -> None:
    made = Knn(k=7, ks=(1, 3))
    assert build(made.name, parameters(made)) == made


@pytest.mark.parametrize(
    "text, message",
    [
        ("nonsense", "no evaluator called 'nonsense'; installed are .*knn"),
        ("", "no evaluator called ''"),
        ("knn(k=)", "cannot read the parameters"),
        ("knn(5)", "only keyword=value"),
        ("knn(**{'k': 5})", "only keyword=value"),
        ("knn(k=__import__('os'))", "cannot read the parameters"),
        ("knn(k=ten)", "ten is no value: numbers"),
        ("knn(k=10)(k=11)", "no evaluator called"),
        ("knn)", "cannot read|no evaluator called"),
        ("knn(neighbours=5)", "no parameter neighbours; it has k, temperature, ks, temperatures, loo_queries"),
        ("knn(k=0)", "cannot be made: ValueError: knn: k and loo_queries must be at least 1"),
        ("nowhere.at.all:Thing", "cannot be loaded: ModuleNotFoundError: No module named 'nowhere'"),
        ("swaveval.evaluators.knn:Nothing", "cannot be loaded: AttributeError"),
        ("swaveval.evaluators.knn:ORIGINS", "is a dict, not a class"),
        ("missing.py:Thing", "cannot be loaded: FileNotFoundError: there is no file missing.py"),
        ("collections:OrderedDict", "has the name None"),
    ],
)
def test_what_cannot_be_had_is_a_sentence(text: str, message: str) -> None:
    with pytest.raises(PluginError, match=message) as caught:
        create(text)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_has_its_own_type() -> None:
    with pytest.raises(UnknownName):
        create("nonsense")


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    place = tmp_path / "my work (2)" / "mine.py"
    place.parent.mkdir()
    place.write_text(dedent(GOOD), encoding="utf-8")
    made = create(f"{place}:Mine(threshold=0.7, sizes=(3,))")
    assert parameters(made) == {"threshold": 0.7, "sizes": [3]}
    assert build(f"{place}:Mine", parameters(made)).sizes == (3,)  # type: ignore[union-attr]


def test_a_file_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    place = tmp_path / "mine.py"
    place.write_text("raise RuntimeError('first line\\nsecond line')", encoding="utf-8")
    before = set(sys.modules)
    with pytest.raises(PluginError, match=r"RuntimeError: first line$"):
        create(f"{place}:Mine")
    assert set(sys.modules) == before
    place.write_text(dedent(GOOD), encoding="utf-8")
    assert create(f"{place}:Mine").name == "mine"


def test_a_plugin_of_another_package(site: Path) -> None:
    install(site, "theirs", GOOD, "mine = theirs:Mine")
    assert {plugin.name: plugin.distribution for plugin in available()}["mine"] == "theirs 1.2"
    assert create("mine(threshold=0.1)").name == "mine"


@pytest.mark.parametrize(
    "package, code, message",
    [
        ("raises", "import nothing_of_that_name", "evaluator raises:Mine cannot be loaded: ModuleNotFoundError"),
        ("leaves", "raise SystemExit(3)", "cannot be loaded: SystemExit: 3"),
        ("renamed", GOOD.replace('"mine"', '"other"'), "calls itself 'other'"),
        ("unnamed", GOOD.replace('"mine"', '"not a name"'), "must be an identifier"),
        ("old", GOOD.replace("= 1\n", '= "1"\n'), "has the version '1'; it must be an integer"),
        ("greedy", GOOD.replace("frozenset()", '{"labels"}'), "must be a frozenset of Need"),
        ("mute", GOOD.replace("__call__", "run"), "cannot be called"),
    ],
)
def test_a_broken_plugin_costs_only_itself(site: Path, package: str, code: str, message: str) -> None:
    install(site, package, code, f"mine = {package}:Mine")
    assert "mine" in {plugin.name for plugin in available()}
    with pytest.raises(PluginError, match=message):
        create("mine")
    assert create("knn") == Knn()


def test_two_plugins_with_one_name_are_an_error(site: Path) -> None:
    install(site, "one", GOOD, "mine = one:Mine")
    install(site, "two", GOOD, "mine = two:Mine")
    with pytest.raises(DuplicateName, match=r"two evaluators are called 'mine': .* from (one|two) 1\.2"):
        available()
    with pytest.raises(DuplicateName):
        create("mine")


def test_an_interrupt_is_not_a_plugins_failure(site: Path) -> None:
    install(site, "stops", "raise KeyboardInterrupt", "mine = stops:Mine")
    with pytest.raises(KeyboardInterrupt):
        create("mine")
