"""The layout is the architecture: imports point one way, and start-up stays light."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "swaveval"

# All that stands below the floor where evaluations are put together.
BELOW = {
    "results",
    "data",
    "checkpoints",
    "features",
    "evaluators",
    "convergence",
    "report",
    "pretrain",
    "trackers",
}
# A package may import only what stands here; CONTRIBUTING.md shows it.
ALLOWED = {
    "results": set(),
    "data": {"results"},
    "checkpoints": {"results"},
    "features": {"results", "data", "checkpoints"},
    "pretrain": {"results", "data", "checkpoints"},
    "convergence": {"results"},
    "evaluators": {"results", "features"},
    "report": {"results", "convergence"},
    "trackers": {"results", "features", "convergence", "report"},
    "testing": {"results", "features", "evaluators"},
    "runs": BELOW,
    "api": BELOW | {"runs"},
    "cli": BELOW | {"runs", "api"},
}
WITHOUT_TORCH = ("results", "convergence", "report", "trackers")


def imported_modules(path: Path) -> set[str]:
    """Every module a file imports anywhere, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def test_every_package_is_in_the_table() -> None:
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(ALLOWED)


def floor(package: str) -> int:
    return max((1 + floor(below) for below in ALLOWED[package]), default=0)


def test_contributing_shows_this_table() -> None:
    """Floor and imports of each package as they are here; no row missing."""
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d) \| `(\w+)/` \| ([^|]*) \|", text, re.MULTILINE)
    shown = {}
    for storey, package, words in rows:
        named = set(re.findall(r"`(\w+)`", words))
        below = {other for other in ALLOWED if floor(other) < int(storey)}
        shown[package] = (int(storey), below - named if "all below" in words else named)
    assert shown == {package: (floor(package), imports) for package, imports in ALLOWED.items()}
    assert [int(storey) for storey, _, _ in rows] == sorted((int(storey) for storey, _, _ in rows), reverse=True)


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_imports_point_one_way(package: str) -> None:
    for path in (PACKAGE / package).rglob("*.py"):
        for module in imported_modules(path):
            parts = module.split(".")
            if parts[0] == "swaveval" and len(parts) > 1 and parts[1] in ALLOWED:
                assert parts[1] == package or parts[1] in ALLOWED[package], f"{path.name} imports {module}"


@pytest.mark.parametrize("package", WITHOUT_TORCH)
def test_no_torch_in(package: str) -> None:
    for path in (PACKAGE / package).rglob("*.py"):
        roots = {module.split(".")[0] for module in imported_modules(path)}
        assert not roots & {"torch", "torchvision", "lightly", "pytorch_lightning"}, path


HELP = """
import sys
sys.argv = ["swaveval", "--help"]
from swaveval.cli.app import main
try:
    main()
except SystemExit:
    pass
"""


@pytest.mark.parametrize(
    "code", ["import swaveval, swaveval.errors, swaveval.text", HELP, "import swaveval.report, swaveval.convergence"]
)
def test_heavy_packages_stay_out_of_start_up(code: str) -> None:
    heavy = "{'torch', 'sklearn', 'lightly', 'umap', 'bokeh'}"
    check = f"{code}\nimport sys; found = {heavy} & set(sys.modules); assert not found, found"
    finished = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_files_stay_small_and_named_for_what_they_hold() -> None:
    for path in sources():
        lines = path.read_text(encoding="utf-8").count("\n")
        assert lines <= 400, f"{path} has {lines} lines: the design is asking for something"
        assert path.stem not in {"utils", "util", "helpers", "common", "misc"}, path
