"""What an evaluator may assume of the features it is given."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from swaveval.evaluators.contract import Need, is_over_series, unmet
from swaveval.evaluators.knn import Knn
from swaveval.evaluators.stability import Stability
from swaveval.features.features import Features
from swaveval.results import Metric
from swaveval.testing import synthetic_features


class Plain:
    """A plugin that is no dataclass and does not say what it sees."""

    name = "plain"
    version = 1
    needs: frozenset[Need] = frozenset()

    def __call__(self, features: Features, *, seed: int) -> Iterator[Metric]:
        yield from ()


def without(split: str) -> Features:
    features = synthetic_features()
    return replace(
        features, **{name: getattr(features, name)[:0] for name in (split, f"{split}_labels", f"{split}_index")}
    )


@pytest.mark.parametrize("split", ["train", "test"])
def test_one_split_is_not_two(split: str) -> None:
    assert "split" in unmet(frozenset({Need.TRAIN_SPLIT}), without(split))
    assert unmet(frozenset({Need.TRAIN_SPLIT}), synthetic_features()) == ""


def test_every_unmet_need_is_named() -> None:
    features = synthetic_features()
    bare = replace(features, views=None, prototypes=None)
    sentence = unmet(frozenset({Need.VIEWS, Need.PROTOTYPES, Need.IMAGES}), bare)
    assert sentence == f"needs {Need.PROTOTYPES.value} and {Need.VIEWS.value}, which this evaluation does not have"
    assert unmet(frozenset(), bare) == ""


def test_an_evaluator_sees_one_checkpoint_unless_it_says_otherwise() -> None:
    assert not is_over_series(Plain())
    assert not is_over_series(Knn())
    assert is_over_series(Stability())
