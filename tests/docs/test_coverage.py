"""Nothing without its line: every metric id, every option, every Python block."""

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from swaveval.cli.app import app
from swaveval.evaluators.contract import is_over_series
from swaveval.evaluators.registry import available, create
from swaveval.results import Metric
from swaveval.runs.plan import EvaluatorSpec
from swaveval.runs.specs import DRIFT
from swaveval.testing.synthetic import synthetic_features, synthetic_series
from tests.docs.command_reference import PAGE, page
from tests.report.invented_results import Plan, write

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What is made smaller, so that an example of minutes takes seconds here.
SHORTER = {"epochs=15": "epochs=1"}
# A block that is a file: the examples after it use it by this name.
NAMED = re.compile(r"[Ss]ave this as `(\w+\.py)`:\s*$")


def test_the_page_of_commands_is_what_the_commands_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.docs.command_reference --write"


def test_every_option_has_its_line() -> None:
    """Also found without the generator: an option is written as it is typed."""
    text = PAGE.read_text(encoding="utf-8")
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        section = text.partition(f"\n## swaveval {name}\n")[2].partition("\n## ")[0]
        for parameter in command.params:
            assert all(f"`{option}`" in section for option in parameter.opts if option.startswith("-")), parameter.name


def metrics() -> Iterator[Metric]:
    """What every built-in evaluator yields on features that lack nothing."""
    features, series = synthetic_features(), synthetic_series()
    for plugin in available():
        if plugin.distribution.split()[0] != "swaveval":
            continue
        evaluator: Any = create(plugin.name)
        found = evaluator(series if is_over_series(evaluator) else features, seed=0)
        yield from (one for one in (item[-1] if isinstance(item, tuple) else item for item in found)
                    if isinstance(one, Metric))  # fmt: skip


def documented(text: str) -> set[str]:
    """Ids between backticks; `.cka_last` after `stability.cka_previous` is of the same evaluator."""
    found: set[str] = set()
    evaluator = ""
    for word in re.findall(r"`([a-z_]*\.[a-z][^`\s]*)`", text):
        evaluator = word.split(".")[0] or evaluator
        found.add(word if word[0] != "." else evaluator + word)
    return {_shape(one) for one in found}


def _shape(name: str) -> str:
    """`knn.top1[k=10,T=0.07]` as `knn.top1[k=,T=]`: a grid has one line. What is no grid keeps its words."""
    return re.sub(r"=(…|[0-9.]+|s)(?=[,\]])", "=", name)


def test_every_metric_has_its_line() -> None:
    text = "".join((DOCS / name).read_text(encoding="utf-8") for name in ("metrics.md", "metrics-label-free.md"))
    known = documented(text)
    found = {_shape(metric.id) for metric in metrics()}
    assert len(found) > 40
    assert sorted(found - known) == []
    assert isinstance(DRIFT, EvaluatorSpec)
    assert "drift.relative_l2" in known


def python_documents() -> list[Path]:
    return [path for path in sorted(DOCS.glob("*.md")) if BLOCK.search(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("document", python_documents(), ids=lambda path: path.name)
def test_every_python_block_runs_and_prints_what_it_says(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one directory, from top to bottom, beside the results of a run called runs/demo."""
    write(tmp_path / "runs" / "demo" / "report", Plan())
    monkeypatch.chdir(tmp_path)
    text = document.read_text(encoding="utf-8")
    for block in BLOCK.finditer(text):
        code = block.group(1)
        if named := NAMED.search(text[: block.start()]):
            (tmp_path / named.group(1)).write_text(code, encoding="utf-8")
        for long, short in SHORTER.items():
            code = code.replace(long, short)
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(code, document.name, "exec"), {"__name__": "block"})
        promised = re.findall(r"^\s*print\(.*\)  # (.*)$", code, re.MULTILINE)
        assert not promised or said.getvalue().splitlines() == promised
