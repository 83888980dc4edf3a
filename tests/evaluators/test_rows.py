"""The fixed sample of images: distinct, and each class and split with its share."""

import numpy as np
import pytest

from swaveval.evaluators import rows
from swaveval.features.features import Features


def features(n_train: int, n_test: int, *, labelled: bool) -> Features:
    label = np.random.default_rng(0).integers(0, 3, n_train + n_test)
    known = (label[:n_train], label[n_train:]) if labelled else (None, None)
    return Features(np.zeros((n_train, 2), np.float32), np.zeros((n_test, 2), np.float32), *known)


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("limit", [1, 7, 60, 99])
def test_a_sample_is_distinct_and_in_proportion(limit: int, labelled: bool) -> None:
    given = features(70, 30, labelled=labelled)
    picked = rows.sample(given, limit, seed=3)
    assert len(picked) == limit
    assert np.array_equal(picked, np.unique(picked))
    assert np.array_equal(picked, rows.sample(given, limit, seed=3))
    known = rows.labels(given)
    stratum = (np.arange(100) >= 70) + 2 * (np.zeros(100, int) if known is None else known)
    for each in np.unique(stratum):
        share = (stratum == each).sum() * limit / 100
        assert abs((stratum[picked] == each).sum() - share) < 1


def test_all_rows_where_they_are_few_enough() -> None:
    assert rows.sample(features(7, 3, labelled=True), 10, seed=0).tolist() == list(range(10))
    assert len(rows.sample(features(7, 3, labelled=True), 9, seed=0)) == 9
