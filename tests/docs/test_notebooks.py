"""The notebooks run, from the first cell to the last."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from tests.report.invented_results import Plan, write

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
# Notebooks that train for longer than it takes to try their cells; `make notebooks` runs them.
TRAINING = {"collapsed_run.ipynb", "evaluate_your_model.ipynb", "how_many_prototypes.ipynb", "lightning_run.ipynb"}
# What is made smaller in the others.
SHORTER = {"epochs=8, batch_size=64": "epochs=1, batch_size=256"}
FILE = "%%writefile "


def cells(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))["cells"]
    return found


def code(name: str) -> Iterator[str]:
    for cell in cells(name):
        if cell["cell_type"] == "code":
            yield "".join(cell["source"])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a notebook runs, with the results of a demo beside it."""
    write(tmp_path / "runs" / "demo" / "report", Plan())
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    return tmp_path / "notebooks"


@pytest.mark.parametrize("name", [name for name in NAMES if name not in TRAINING])
def test_a_notebook_runs_from_its_first_cell_to_its_last(
    name: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mpl.use("agg")
    variables: dict[str, Any] = {}
    for text in code(name):
        if text.startswith(FILE):
            first, _, rest = text.partition("\n")
            (place / first.removeprefix(FILE)).write_text(rest + "\n", encoding="utf-8")
            continue
        for long, short in SHORTER.items():
            text = text.replace(long, short)
        exec(compile(text, name, "exec"), variables)
    plt.close("all")
    assert capsys.readouterr().out.count("\n") > 3


@pytest.mark.torture
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_in_a_kernel_as_it_is(name: str, place: Path) -> None:
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    (place / name).write_text((NOTEBOOKS / name).read_text(encoding="utf-8"), encoding="utf-8")
    command = [sys.executable, "-c", "from nbclient.cli import main; main()", "--timeout=1000", "--inplace", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = json.loads((place / name).read_text(encoding="utf-8"))["cells"]
    printed = [output for cell in made for output in cell.get("outputs", ()) if output.get("name") == "stdout"]
    assert printed


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_committed_without_outputs_and_begins_with_its_title(name: str) -> None:
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells(name))
    assert "".join(cells(name)[0]["source"]).startswith("# ")
    for text in code(name):
        compile(text.partition("\n")[2] if text.startswith(FILE) else text, name, "exec")


def test_every_notebook_stands_in_the_list() -> None:
    text = (NOTEBOOKS / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"]({name})" not in text] == []
