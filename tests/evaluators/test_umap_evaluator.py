"""The maps lie in one frame, trustworthiness is what it says, and the same seed gives the same bits."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swaveval.evaluators.contract import SeriesEvaluator, Skip
from swaveval.evaluators.umap import Umap, layout, principal_plane, trustworthiness, turned_onto
from swaveval.features.features import Features, FeatureSeries
from swaveval.results import Artifact, Metric
from swaveval.testing import synthetic_features, synthetic_series

QUICK = {"first_epochs": 60, "next_epochs": 30}


def series(*checkpoints: Features) -> FeatureSeries:
    names = tuple(f"{step:064x}" for step in range(len(checkpoints)))
    return FeatureSeries(names, names, dict(zip(names, checkpoints, strict=True)).__getitem__)


def run(given_series: FeatureSeries, **parameters: float) -> tuple[dict[int, Metric], dict[int, Artifact]]:
    """Trustworthiness and map by the number of the checkpoint."""
    found = list(Umap(**{**QUICK, **parameters})(given_series, seed=0))
    at = {id(entry): int(str(entry.checkpoint), 16) for entry in found}
    return (
        {at[id(entry)]: entry for entry in found if isinstance(entry, Metric)},
        {at[id(entry)]: entry for entry in found if isinstance(entry, Artifact)},
    )


def brute_trustworthiness(z: np.ndarray, xy: np.ndarray, k: int) -> float:
    """Venna & Kaski 2001, eq. 1, by ranks."""
    m = len(z)
    u = z / np.linalg.norm(z.astype(np.float64), axis=1, keepdims=True)
    penalty = 0
    for i in range(m):
        near = np.argsort(np.linalg.norm(xy - xy[i], axis=1), kind="stable")
        near = near[near != i][:k]
        far = np.argsort(-(u @ u[i]), kind="stable")
        rank = {int(j): r for r, j in enumerate(far[far != i], start=1)}
        penalty += sum(max(0, rank[int(j)] - k) for j in near)
    return 1 - 2 / (m * k * (2 * m - 3 * k - 1)) * penalty


def test_maps_in_one_frame_with_their_trustworthiness() -> None:
    checkpoints = synthetic_series(checkpoints=3)
    trust, maps = run(checkpoints)
    assert set(trust) == set(maps) == {0, 1, 2}
    radius = []
    for t in range(3):
        xy, index = maps[t].arrays["xy"], maps[t].arrays["index"]
        z = np.concatenate([checkpoints[t].train, checkpoints[t].test])
        assert xy.shape == (180, 2)
        assert xy.dtype == np.float32
        assert index.dtype == np.int32
        np.testing.assert_array_equal(index, np.arange(180))
        assert trust[t].value == pytest.approx(brute_trustworthiness(z, xy.astype(np.float64), 15), abs=1e-5)
        assert trust[t].n == 180
        assert "n_neighbors=15" in trust[t].protocol
        np.testing.assert_allclose(xy.mean(axis=0), 0, atol=1e-4)
        radius.append(np.sqrt((xy**2).sum(axis=1).mean()))
    np.testing.assert_allclose(radius, radius[0], rtol=1e-4)
    for before, after in ((0, 1), (1, 2)):  # no rotation would bring them closer
        a, b = maps[after].arrays["xy"].astype(np.float64), maps[before].arrays["xy"].astype(np.float64)
        left, value, right = np.linalg.svd(a.T @ b)
        np.testing.assert_allclose(left @ right, np.eye(2), atol=1e-4)
        assert value.sum() == pytest.approx((a * b).sum(), rel=1e-6)


def test_a_map_shows_the_classes() -> None:
    features = synthetic_features(separation=4.0)
    trust, maps = run(series(features))
    assert features.train_labels is not None
    xy, label = maps[0].arrays["xy"][:120], features.train_labels
    distance = np.linalg.norm(xy[:, None] - xy[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (label[distance.argmin(axis=1)] == label).mean() > 0.95
    assert trust[0].value > 0.85


def test_the_same_seed_gives_the_same_bits_and_adding_a_checkpoint_moves_no_earlier_map() -> None:
    checkpoints = [synthetic_series(checkpoints=3)[t] for t in range(3)]
    _, short = run(series(*checkpoints[:2]))
    _, long = run(series(*checkpoints))
    for t in (0, 1):
        assert short[t].arrays["xy"].tobytes() == long[t].arrays["xy"].tobytes()


@given(seed=st.integers(0, 1000), angle=st.floats(0, 6.28), size=st.floats(0.1, 10), mirrored=st.booleans())
@settings(max_examples=30, deadline=None)
def test_turning_undoes_any_rotation_reflection_shift_and_scale(
    seed: int, angle: float, size: float, mirrored: bool
) -> None:
    draw = np.random.default_rng(seed)
    still = draw.normal(size=(20, 2)) * [3, 1] + 5
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag(
        [1, -1 if mirrored else 1]
    )
    np.testing.assert_allclose(turned_onto(still @ turn * size + draw.normal(size=2), still), still, atol=1e-9)


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_turning_keeps_shape_and_takes_the_size_of_the_frame(seed: int) -> None:
    draw = np.random.default_rng(seed)
    moving, still = draw.normal(size=(15, 2)), 4 * draw.normal(size=(15, 2))  # unrelated: least squares would shrink
    found = turned_onto(moving, still)
    np.testing.assert_allclose(found.mean(axis=0), still.mean(axis=0), atol=1e-9)
    before, after = (np.linalg.norm(z[:, None] - z[None], axis=2) for z in (moving, found))
    ratio = after[~np.eye(15, dtype=bool)] / before[~np.eye(15, dtype=bool)]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)
    assert np.linalg.norm(found - found.mean(axis=0)) == pytest.approx(np.linalg.norm(still - still.mean(axis=0)))


def test_a_point_is_turned_onto_the_centre() -> None:
    still = np.array([[0.0, 0], [2, 4]])
    np.testing.assert_allclose(turned_onto(np.ones((2, 2)), still), [[1, 2], [1, 2]])


def test_first_layout_is_the_principal_plane() -> None:
    draw = np.random.default_rng(0)
    z = (draw.normal(size=(200, 5)) * [0.1, 3, 0.2, 1, 0.1] + [9, 0, 0, 0, 0]).astype(np.float32)
    plane = principal_plane(z, seed=0)
    u = z / np.linalg.norm(z, axis=1, keepdims=True)
    left, value, _ = np.linalg.svd(u - u.mean(axis=0), full_matrices=False)
    expected = left[:, :2] * value[:2]
    expected *= np.sign((expected * plane).sum(axis=0))
    np.testing.assert_allclose(plane, expected, atol=1e-3)
    one = principal_plane(z[:, 1:2], seed=0)
    assert one.shape == (200, 2)
    assert len(np.unique(one[:, 1])) == 200


def test_starting_from_the_map_before_keeps_it() -> None:
    features = synthetic_features(separation=3.0)
    z = np.concatenate([features.train, features.test])
    graph = features.map_neighbours(np.arange(180), 15)
    settings_of = {"min_dist": 0.1, "epochs": 60, "seed": 0}
    first = layout(z, graph, principal_plane(z, seed=0), **settings_of)
    again = turned_onto(layout(z, graph, first, **settings_of), first)
    spread = np.linalg.norm(first - first.mean(axis=0), axis=1).mean()
    assert np.linalg.norm(again - first, axis=1).mean() < 0.5 * spread


def test_collapse_is_one_point_and_divergence_no_map() -> None:
    fine = synthetic_features()
    constant = replace(fine, train=np.ones_like(fine.train), test=np.ones_like(fine.test))
    train = fine.train.copy()
    train[3, 0] = np.nan
    trust, maps = run(series(fine, constant, replace(fine, train=train), fine))
    assert set(maps) == {0, 1, 3}
    assert not maps[1].arrays["xy"].any()
    np.testing.assert_array_equal(maps[1].arrays["index"], np.arange(180))
    assert np.isnan(trust[1].value)
    assert "collapsed" in trust[1].protocol
    assert np.isnan(trust[2].value)
    assert "1 of 180 images" in trust[2].protocol
    # The frame survives the gap.
    assert np.linalg.norm(maps[3].arrays["xy"] - maps[0].arrays["xy"], axis=1).mean() < 3


@pytest.mark.parametrize("n_train, n_test", [(3, 1), (4, 1), (12, 5)])
def test_few_images_clip_the_neighbours(n_train: int, n_test: int) -> None:
    trust, maps = run(series(synthetic_features(n_train=n_train, n_test=n_test, classes=2)))
    m = n_train + n_test
    assert np.isfinite(maps[0].arrays["xy"]).all()
    assert f"k={min(15, (m - 1) // 2)}, cosine" in trust[0].protocol
    assert f"n_neighbors={min(15, m - 1)}" in trust[0].protocol


def test_the_sample_is_stratified_fixed_and_given_by_position() -> None:
    features = synthetic_features()
    place = np.random.default_rng(1).permutation(180).astype(np.int32)
    features = replace(features, train_index=place[:120], test_index=place[120:])
    _, maps = run(series(features, features), max_images=40)
    index = maps[0].arrays["index"]
    np.testing.assert_array_equal(index, maps[1].arrays["index"])
    assert len(set(index.tolist())) == 40
    label = np.empty(180, int)
    label[place] = np.concatenate([features.train_labels, features.test_labels])
    assert set(np.bincount(label[index])) <= {9, 10, 11}


def test_too_little_is_skipped() -> None:
    with pytest.raises(Skip, match="at least 4 images; there are 3"):
        Umap()(series(synthetic_features(n_train=2, n_test=1, classes=1)), seed=0)
    with pytest.raises(Skip, match="no checkpoint"):
        Umap()(series(), seed=0)


def test_trustworthiness_of_a_perfect_and_a_random_map() -> None:
    draw = np.random.default_rng(0)
    angle = draw.uniform(0, 6.28, 60)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert trustworthiness(circle, circle * 3 + 1, 5) == pytest.approx(1)
    assert trustworthiness(circle, draw.permutation(circle), 5) < 0.65


def test_is_a_series_evaluator_with_checked_parameters() -> None:
    assert isinstance(Umap(), SeriesEvaluator)
    assert Umap().over_series
    for wrong in ({"max_images": 3}, {"neighbours": 1}, {"first_epochs": 0}, {"next_epochs": 0}):
        with pytest.raises(ValueError, match="umap"):
            Umap(**wrong)
