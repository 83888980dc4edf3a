"""The example of docs/plugins.md works as printed."""

import re
from pathlib import Path

import pytest

from swaveval.evaluators.contract import parameters, words
from swaveval.evaluators.registry import build, create
from swaveval.results import Metric
from swaveval.testing import check, synthetic_features

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


CHANGED = [{}, {"k": 10}, {"share": 0.6}, {"k": 3, "share": 0.5}]


@pytest.mark.parametrize("changed", CHANGED, ids=str)
def test_its_words_hold_for_every_setting(changed: dict[str, float], tmp_path: Path) -> None:
    """`Margin(k=10)` was defined on the page by the 5 nearest."""
    (tmp_path / "margin.py").write_text(blocks()[0], encoding="utf-8")
    made = build(f"{tmp_path / 'margin.py'}:Margin", changed)
    terms, _ = words(made)
    metric = next(iter(made(synthetic_features(), seed=0)))  # type: ignore[arg-type]
    assert isinstance(metric, Metric)
    for name, value in parameters(made).items():
        assert f"`{name}`" in terms[metric.id].definition
        assert (f"{value:.0%}" if name == "share" else f"the {value} nearest") in metric.protocol
    assert not re.search(r"\d", terms[metric.id].definition)


def test_words_may_be_made_from_the_parameters(tmp_path: Path) -> None:
    text = blocks()[0].replace(
        "    terms: ClassVar[Mapping[str, Term]] = {",
        "    @property\n    def terms(self) -> Mapping[str, Term]:\n        return {",
    )
    text = text.replace(
        'definition="At least `share` of the `k` nearest', 'definition=f"At least {self.share} of the {self.k} nearest'
    )
    (tmp_path / "margin.py").write_text(text, encoding="utf-8")
    source = f"{tmp_path / 'margin.py'}:Margin(k=10)"
    check(source)
    assert "0.8 of the 10 nearest" in words(create(source))[0]["margin.surrounded"].definition
