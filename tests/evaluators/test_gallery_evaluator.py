"""Neighbours by brute force, typical images by sorting, queries over the classes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swaveval.evaluators.clusters import Clusters
from swaveval.evaluators.contract import SeriesEvaluator, Skip
from swaveval.evaluators.gallery import Gallery, most_typical, nearest_rows, spread_queries
from swaveval.features.features import Features, FeatureSeries
from swaveval.results import Artifact
from swaveval.testing import synthetic_features, synthetic_series


def series(*checkpoints: Features) -> FeatureSeries:
    names = tuple(f"{step:064x}" for step in range(len(checkpoints)))
    return FeatureSeries(names, names, dict(zip(names, checkpoints, strict=True)).__getitem__)


def run(given_series: FeatureSeries, *, seed: int = 0, **parameters: int) -> dict[tuple[str, str], Artifact]:
    found = Gallery(**parameters)(given_series, seed=seed)
    return {(entry.id.removeprefix("gallery."), str(entry.checkpoint)): entry for entry in found}


def scattered(features: Features) -> Features:
    """The same images at positions that are not row numbers."""
    place = np.random.default_rng(5).permutation(180).astype(np.int32)
    return replace(features, train_index=place[:120], test_index=place[120:])


def test_neighbours_are_the_nearest_by_cosine() -> None:
    features = scattered(synthetic_features())
    only = run(series(features), queries=5, k=6)["queries", "0" * 64].arrays
    place = np.concatenate([features.train_index, features.test_index])
    z = np.concatenate([features.train, features.test]).astype(np.float64)
    u = (z / np.linalg.norm(z, axis=1, keepdims=True))[np.argsort(place)]  # by position
    similarity = u @ u.T
    np.fill_diagonal(similarity, -np.inf)
    expected = np.argsort(-similarity, axis=1)[only["query"], :6]
    np.testing.assert_array_equal(only["neighbours"], expected)
    np.testing.assert_allclose(
        only["similarity"], np.take_along_axis(similarity[only["query"]], expected, 1), atol=1e-6
    )
    assert only["query"].dtype == only["neighbours"].dtype == np.int32


def test_there_are_at_most_all_the_others() -> None:
    features = synthetic_features(n_train=6, n_test=4)
    rows, cosine = nearest_rows(features, np.asarray([0, 7]), 50)
    assert rows.shape == cosine.shape == (2, 9)
    assert [sorted(row) for row in rows.tolist()] == [
        [other for other in range(10) if other != query] for query in (0, 7)
    ]
    assert np.isfinite(cosine).all()


def test_queries_are_the_same_at_every_checkpoint_and_seeded() -> None:
    found = run(synthetic_series(checkpoints=3))
    queries = [entry.arrays["query"] for (kind, _), entry in found.items() if kind == "queries"]
    assert len(queries) == 3
    assert all(np.array_equal(queries[0], other) for other in queries)
    other = run(synthetic_series(checkpoints=1), seed=1)["queries", "0" * 64].arrays["query"]
    assert not np.array_equal(queries[0], other)


@given(
    seed=st.integers(0, 1000),
    wanted=st.integers(1, 30),
    known=st.lists(st.integers(-1, 6), min_size=1, max_size=40),
)
@settings(max_examples=60, deadline=None)
def test_queries_touch_as_many_classes_as_they_can(seed: int, wanted: int, known: list[int]) -> None:
    label = np.array(known)
    rows = spread_queries(label, wanted, n=len(label), seed=seed)
    assert len(set(rows.tolist())) == len(rows) == min(wanted, len(label))
    assert (np.diff(rows) > 0).all()
    classes = set(label[label >= 0].tolist())
    assert len(set(label[rows].tolist()) - {-1}) == min(len(classes), wanted)
    if (label >= 0).sum() >= wanted:
        assert (label[rows] >= 0).all()
    counts = [int((label[rows] == c).sum()) for c in classes if (label == c).sum() > (label[rows] == c).sum()]
    if counts:  # classes with images left over have had an equal number of turns, up to one
        assert max((label[rows] == c).sum() for c in classes) - min(counts) <= 1


def test_queries_of_many_classes_are_not_always_the_first() -> None:
    label = np.arange(100)
    chosen = np.concatenate([spread_queries(label, 4, n=100, seed=seed) for seed in range(20)])
    assert chosen.max() > 60


@pytest.mark.parametrize("known", [None, np.full(20, -1)])
def test_unlabelled_queries_are_drawn_from_all(known: np.ndarray | None) -> None:
    rows = spread_queries(known, 5, n=20, seed=0)
    assert len(set(rows.tolist())) == 5
    assert not np.array_equal(rows, np.arange(5))


def test_an_exact_duplicate_of_the_query_is_its_first_neighbour() -> None:
    features = synthetic_features()
    train = features.train.copy()
    train[50] = train[7]
    doubled = replace(features, train=train)
    rows, cosine = nearest_rows(doubled, np.array([7]), 3)
    assert rows[0, 0] == 50
    assert cosine[0, 0] == pytest.approx(1)
    assert 7 not in rows[0]


def test_most_typical() -> None:
    group = np.array([2, 0, 2, 2, 5, 5, 2])
    score = np.array([0.1, 0.9, 0.7, 0.2, 0.3, 0.8, 0.7])
    groups, rows = most_typical(group, score, groups=2, per_group=3)
    assert groups.tolist() == [2, 5]
    assert rows.tolist() == [[2, 6, 3], [5, 4, -1]]
    groups, _ = most_typical(group, score, groups=9, per_group=1)
    assert groups.tolist() == [2, 5, 0]


def test_typical_images_of_prototypes_and_clusters() -> None:
    features = scattered(synthetic_features())
    outputs = features.prototypes
    assert outputs is not None
    found = run(series(features), groups=3, per_group=4)["typical", "0" * 64].arrays
    assert found["kind"].tolist() == ["prototype"] * 3 + ["cluster"] * 3
    place = np.concatenate([features.train_index, features.test_index])
    prototype = np.concatenate([outputs.train_assignment, outputs.test_assignment])[np.argsort(place)]
    score = np.concatenate([outputs.train_score, outputs.test_score])[np.argsort(place)]
    largest = np.argsort(-np.bincount(prototype), kind="stable")[:3]
    assert found["group"][:3].tolist() == largest.tolist()
    for group, images in zip(found["group"][:3], found["images"][:3], strict=True):
        assert (prototype[images] == group).all()
        assert score[images].tolist() == sorted(score[prototype == group], reverse=True)[:4]


def test_clusters_are_those_of_the_clusters_evaluator() -> None:
    features = scattered(synthetic_features())
    (assigned,) = [entry for entry in Clusters()(features, seed=3) if entry.id == "clusters.assignment"]
    place = np.concatenate([features.train_index, features.test_index])
    cluster = assigned.arrays["cluster"][np.argsort(place)]
    found = run(series(features), seed=3)["typical", "0" * 64].arrays
    groups = found["kind"] == "cluster"
    assert groups.sum() == 4
    for group, images in zip(found["group"][groups], found["images"][groups], strict=True):
        assert (cluster[images] == group).all()


def test_small_groups_are_padded() -> None:
    features = synthetic_features(n_train=5, n_test=1, classes=2)
    found = run(series(features), per_group=10)["typical", "0" * 64].arrays
    images = found["images"]
    assert images.shape[1] == 10
    assert (images == -1).any()
    for kind in ("prototype", "cluster"):
        shown = images[found["kind"] == kind]
        assert sorted(shown[shown >= 0].tolist()) == list(range(6))


def test_without_a_head_there_are_only_clusters() -> None:
    found = run(series(replace(synthetic_features(), prototypes=None)))["typical", "0" * 64].arrays
    assert set(found["kind"].tolist()) == {"cluster"}


def test_a_diverged_checkpoint_is_left_out() -> None:
    features = synthetic_features()
    train = features.train.copy()
    train[0, 0] = np.nan
    broken = replace(features, train=train)
    found = run(series(features, broken))
    assert {digest for _, digest in found} == {"0" * 64}
    with pytest.raises(Skip, match="every checkpoint"):
        Gallery()(series(broken), seed=0)


def test_too_little_is_skipped() -> None:
    with pytest.raises(Skip, match="no checkpoint"):
        Gallery()(series(), seed=0)
    with pytest.raises(Skip, match="two images"):
        Gallery()(series(replace(synthetic_features(n_train=1, n_test=0, classes=1), prototypes=None)), seed=0)


def test_is_a_series_evaluator_with_checked_parameters() -> None:
    assert isinstance(Gallery(), SeriesEvaluator)
    assert Gallery().over_series
    for name in ("queries", "k", "groups", "per_group", "max_images", "clusters", "restarts"):
        with pytest.raises(ValueError, match="at least 1"):
            Gallery(**{name: 0})
