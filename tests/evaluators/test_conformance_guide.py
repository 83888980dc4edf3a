"""The example of docs/plugins.md works as printed."""

import re
from pathlib import Path

import pytest

from swaveval.evaluators.registry import create
from swaveval.results import Metric
from swaveval.testing import synthetic_features

GUIDE = Path(__file__).parents[2] / "docs" / "plugins.md"


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_guides_evaluator_keeps_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluator, checking = blocks()
    (tmp_path / "margin.py").write_text(evaluator, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    exec(compile(checking, "plugins.md", "exec"), {})
    near, far = (
        next(item for item in create("margin.py:Margin")(synthetic_features(separation=s), seed=0))  # type: ignore[arg-type]
        for s in (0.2, 5.0)
    )
    assert isinstance(near, Metric)
    assert near.value < 0.5 < far.value == 1.0
