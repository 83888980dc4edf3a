"""The built-in evaluators keep the contract, and the kit notices those that do not."""

from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from swaveval.evaluators.registry import available
from swaveval.testing import (
    ConformanceError,
    awkward_features,
    check,
    synthetic_features,
    synthetic_series,
    violations,
)

SKELETON = """
    import warnings
    from dataclasses import dataclass, field
    from typing import ClassVar
    import numpy as np
    from swaveval.evaluators.contract import Need, NotFinite, Skip
    from swaveval.results import Artifact, Metric

    @dataclass(frozen=True)
    class Mine:
        k: int = 3
        name: ClassVar[str] = "mine"
        version: ClassVar[int] = 1
        needs: ClassVar[frozenset] = frozenset()

        def __call__(self, features, *, seed):
            correct = np.zeros(len(features.test), bool)
            yield Metric("mine.top1", 0.0, protocol="nothing is right")
            yield Artifact("mine.top1.outcomes", {"correct": correct, "index": np.arange(len(correct), dtype=np.int32)})
"""

FAULTS = {
    "does not begin with mine": ('Metric("mine.top1"', 'Metric("top1"'),
    "more than once": ("yield Metric", 'yield Metric("mine.top1", 0.0, protocol="twice"); yield Metric'),
    "no protocol": ('protocol="nothing is right"', 'protocol=""'),
    "has the interval": ("0.0, protocol", "0.0, ci95=(0.4, 0.2), protocol"),
    r"within bounds \(0, 1\)": ("0.0, protocol", "0.0, bounds=(0, 1), ci95=(-0.5, 0.2), protocol"),
    "does not hold its value 0": ("0.0, protocol", "0.0, ci95=(0.2, 0.4), protocol"),
    "called a fraction": ("0.0, protocol", "1.7, protocol"),
    "outcomes are correct": ("0.0, protocol", "0.5, protocol"),
    "belongs to no metric": ('"mine.top1.outcomes"', '"mine.top5.outcomes"'),
    "must be bool": ("dtype=np.int32", "dtype=np.int64"),
    "look for correct": ('"index": ', '"position": '),
    "other numbers": ("0.0, protocol", "float(np.random.random()), protocol"),
    "assignment destination is read-only": ("correct = ", "features.train[0] = 0; correct = "),
    "yields tuple": ("yield Metric", "yield ('mine.top1', 0.0); yield Metric"),
    "yields nothing": ("yield Metric", "return; yield Metric"),
    "a checkpoint 'abc'": ("0.0, protocol", "0.0, checkpoint='abc', protocol"),
    "not frozen": ("frozen=True", "frozen=False"),
    "not a dataclass": ("@dataclass(frozen=True)", ""),
    "are not JSON": ("k: int = 3", "k: complex = 3j"),
    "cannot be rebuilt": ("k: int = 3", "k: int = field(init=False, default=3)"),
    "its parameters are {'k': {'1': 2}}": ("k: int = 3", "k: dict = field(default_factory=lambda: {1: 2})"),
    "Warning: careful": ("correct = ", "warnings.warn('careful'); correct = "),
    "on ordinary features: it refuses": ("correct = ", "raise Skip('never says anything')\n            correct = "),
    "on ordinary features: ZeroDivisionError": ("correct = ", "1 / 0; correct = "),
    "on one class: IndexError": ("correct = ", "np.unique(features.test_labels)[1]; correct = "),
    "on one image: it refuses with 'no'": (
        "correct = ",
        "len(features.test) or (_ for _ in ()).throw(Skip('no')); correct = ",
    ),
    "cannot be loaded: NameError": ("    @dataclass", "    undefined_name\n\n    @dataclass"),
}


@pytest.fixture
def write(tmp_path: Path):  # type: ignore[no-untyped-def]
    def written(code: str) -> str:
        place = tmp_path / "mine.py"
        place.write_text(dedent(code), encoding="utf-8")
        return f"{place}:Mine"

    return written


@pytest.mark.parametrize("name", [plugin.name for plugin in available()])
def test_built_in_evaluators_keep_the_contract(name: str) -> None:
    check(name)


def test_parameters_can_be_given() -> None:
    check("knn(k=3, loo_queries=20)")
    check("clusters(clusters=3, fit_limit=50)")


def test_the_skeleton_keeps_the_contract(write) -> None:  # type: ignore[no-untyped-def]
    assert list(violations(write(SKELETON))) == []
    check(write(SKELETON) + "(k=5)")


@pytest.mark.parametrize("message", FAULTS)
def test_each_fault_is_noticed(write, message: str) -> None:  # type: ignore[no-untyped-def]
    old, new = FAULTS[message]
    assert old in SKELETON
    with pytest.raises(ConformanceError, match=message):
        check(write(SKELETON.replace(old, new, 1)))


def test_synthetic_features_are_what_they_say() -> None:
    features = synthetic_features(n_train=50, n_test=20, dimensions=8, classes=3)
    assert features.train.shape == (50, 8)
    assert features.test.shape == (20, 8)
    assert set(features.train_labels) == {0, 1, 2}
    assert not features.train.flags.writeable
    assert features.views.features.shape == (40, 4, 8)
    again = synthetic_features(n_train=50, n_test=20, dimensions=8, classes=3)
    assert np.array_equal(features.train, again.train)
    series = synthetic_series(checkpoints=4)
    assert len(series) == 4
    assert len(set(series.digests)) == 4
    assert np.array_equal(series[0].train_labels, series[3].train_labels)


def test_awkward_features_have_distinct_names_and_consistent_shapes() -> None:
    made = dict(awkward_features())
    assert len(made) >= 14
    for features in made.values():
        for split in ("train", "test"):
            labels, index = getattr(features, f"{split}_labels"), getattr(features, f"{split}_index")
            assert len(getattr(features, split)) == len(index)
            assert labels is None or len(labels) == len(index)
