"""A plugin's file finds its neighbours, in its own process as under `check`; nobody else finds anything there."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from swaveval.evaluators.registry import PluginError, create
from swaveval.features.store import FeatureStore
from swaveval.results import Metric
from swaveval.runs.plugins import PluginHost, StoredFeatures
from swaveval.testing import synthetic_features
from tests.field.around_runs import write_plugin

FORMS = {
    "a file": ("near_file.py", "from near_file import VALUE"),
    "a package": ("near_package/__init__.py", "import near_package as p; VALUE = p.VALUE"),
    "a module of a package": ("near_deep/inner.py", "from near_deep.inner import VALUE"),
    "a directory of modules": ("near_bare/inner.py", "from near_bare.inner import VALUE"),
    "over another": ("near_other.py", "from near_first import VALUE"),
    "in the call": ("near_late.py", ""),
}


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    for name in [name for name in sys.modules if name.startswith("near_")]:
        del sys.modules[name]


@pytest.mark.parametrize("form", FORMS)
def test_neighbours_are_found_in_every_process(form: str, tmp_path: Path) -> None:
    file, top = FORMS[form]
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("VALUE = 0.25\n")
    if "deep" in file:
        (tmp_path / "near_deep/__init__.py").write_text("from near_deep.inner import VALUE as _\n")
    (tmp_path / "near_first.py").write_text("from near_other import VALUE\n")
    late = "from near_late import VALUE\n" if not top else ""
    source = write_plugin(tmp_path / "mine.py", f'{late}yield Metric("mine.a", VALUE)', top=top)
    features = synthetic_features()
    (found, _) = list(create(source)(features, seed=0))
    assert found == Metric("mine.a", 0.25)
    FeatureStore(tmp_path / "features").put("backbone", "settings", "data", features)
    place = StoredFeatures(tmp_path / "features", "backbone", "settings", "data", images=len(features.train))
    host = PluginHost(source)
    try:
        assert host.evaluate([place], seed=0, checkpoint="a.pth")[0] == found
    finally:
        host.close()


def test_others_find_nothing_beside_a_plugin(tmp_path: Path) -> None:
    """A library that tries an import of what is not installed must not get a file that lies there by chance."""
    (tmp_path / "near_chance.py").write_text("VALUE = 1\n")
    (tmp_path / "near_runs").mkdir()
    create(write_plugin(tmp_path / "mine.py"))
    for name in ("near_chance", "near_runs"):
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(name)
    with pytest.raises(PluginError, match="No module named 'near_runs'"):
        create(write_plugin(tmp_path / "other.py", top="import near_runs"))


@pytest.mark.parametrize(
    ("top", "place", "advice"),
    [
        ("import nosuch_library", "mine.py", "install nosuch_library, lay it beside mine.py, or name its directory in"),
        ("", "nosuch.inner", r"name its file \(nosuch/inner.py:Mine\), or its directory in PYTHONPATH"),
    ],
)
def test_a_module_that_is_not_there_is_said_with_advice(top: str, place: str, advice: str, tmp_path: Path) -> None:
    source = write_plugin(tmp_path / "mine.py", top=top) if place.endswith(".py") else f"{place}:Mine"
    with pytest.raises(PluginError, match=advice):
        create(source)
