"""What numba compiles of a module that does not ask for it is kept all the same."""

import importlib.util
from pathlib import Path

import pytest

from swaveval.evaluators.compiler_cache import keep_compiled

SOURCE = """
import numba

@numba.njit
def doubled(x):
    return 2 * x

@numba.njit(cache=True)
def kept(x):
    return 3 * x

others = "not a function"
"""


def test_compiled_code_is_kept_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    path = tmp_path / "formulas.py"
    path.write_text(SOURCE)
    found = importlib.util.spec_from_file_location("formulas", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    before = module.kept._cache
    keep_compiled(module)
    keep_compiled(module)
    assert module.kept._cache is before
    assert (module.doubled(4), module.kept(4)) == (8, 12)
    assert {path.name.split(".")[1].split("-")[0] for path in (tmp_path / "__pycache__").glob("*.nbc")} == {
        "doubled",
        "kept",
    }
