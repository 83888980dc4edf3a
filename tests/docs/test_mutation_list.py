"""The mutation campaign's list follows the code: what it names is there, and it leaves out no module of the verdict."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
LIST: dict[str, dict[str, Any]] = tomllib.loads(
    (REPOSITORY / "benchmarks" / "mutation" / "modules.toml").read_text(encoding="utf-8")
)
ENTRIES = [(package, name, entry) for package, names in LIST.items() for name, entry in names.items()]


@pytest.mark.parametrize(("package", "name", "entry"), ENTRIES, ids=[f"{one[0]}/{one[1]}" for one in ENTRIES])
def test_what_is_named_is_there(package: str, name: str, entry: dict[str, Any]) -> None:
    assert (REPOSITORY / "swaveval" / package / f"{name}.py").exists()
    for test in entry["tests"]:
        assert (REPOSITORY / "tests" / f"{test}.py").exists(), test


def test_every_module_of_the_verdict_is_named() -> None:
    every = {file.stem for file in (REPOSITORY / "swaveval" / "convergence").glob("*.py")}
    assert every - {"__init__", "thresholds"} <= set(LIST["convergence"])
