"""An evaluator touches four places: its file, its entry point, its test, its docs. Nothing else knows its metrics."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from swaveval.results.words import TERMS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "swaveval"
POINTS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "entry-points"
]["swaveval.evaluators"]
# What the built-in metrics are called, for results stored before words were; and what each is for.
TABLES = {PACKAGE / "results" / "words.py", PACKAGE / "results" / "roles.py"}
IDS = re.compile(rf"(?<![\w.])({'|'.join(re.escape(name) for name in TERMS)})(?![\w])")


def texts(path: Path) -> Iterator[str]:
    """Every string of a module that is not documentation."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def named_in(path: Path) -> set[str]:
    return {name for text in texts(path) for name in IDS.findall(text)}


def test_no_module_but_its_evaluator_and_the_tables_knows_a_metric() -> None:
    evaluators = PACKAGE / "evaluators"
    for path in sorted(PACKAGE.rglob("*.py")):
        if path not in TABLES and evaluators not in path.parents:
            assert not named_in(path), f"{path.relative_to(ROOT)} names {sorted(named_in(path))}"


def test_no_template_or_script_knows_a_metric() -> None:
    for path in (*PACKAGE.rglob("*.j2"), *PACKAGE.rglob("*.js")):
        assert not IDS.findall(path.read_text(encoding="utf-8")), path


def test_the_search_finds_what_it_is_to_find(tmp_path: Path) -> None:
    """Also inside f-strings and longer texts; not in documentation, nor where another id begins alike."""
    module = tmp_path / "module.py"
    module.write_text('"""knn.top1"""\nx = f"{1}knn.top1.outcomes"\ny = "own.knn.top1"\nz = "views.lidars"\n')
    assert named_in(module) == {"knn.top1"}


@pytest.mark.parametrize("name", sorted(POINTS))
def test_an_evaluator_has_its_file_its_test_and_its_docs(name: str) -> None:
    module = PACKAGE / "evaluators" / f"{name}.py"
    assert POINTS[name].startswith(f"swaveval.evaluators.{name}:")
    assert module.exists()
    tests = [path for path in (ROOT / "tests" / "evaluators").glob("test_*.py") if name in path.stem]
    assert tests, f"no tests/evaluators/test_{name}.py"
    docs = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("metrics*.md"))
    assert f"(`{name}`)" in docs, f"docs/metrics.md has no heading for `{name}`"


def test_no_other_evaluator_names_its_metrics() -> None:
    """But for what prototypes and clusters share: one measures the agreement of groups with labels for both."""
    for name in POINTS:
        own = {
            metric for metric in named_in(PACKAGE / "evaluators" / f"{name}.py") if not metric.startswith(f"{name}.")
        }
        assert own == ({"clusters.purity", "clusters.ami"} if name == "prototypes" else set()), name
