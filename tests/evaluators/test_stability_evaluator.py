"""CKA against its kernel form in float64, neighbour overlap by sets, and what cannot be compared."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score

from swaveval.evaluators.contract import SeriesEvaluator, Skip
from swaveval.evaluators.partition import partition
from swaveval.evaluators.stability import Stability, cka, shared_neighbours
from swaveval.features.features import Features, FeatureSeries
from swaveval.results import Metric
from swaveval.testing import synthetic_features, synthetic_series


def series(*checkpoints: Features) -> FeatureSeries:
    names = tuple(f"{step:064x}" for step in range(len(checkpoints)))
    return FeatureSeries(names, names, dict(zip(names, checkpoints, strict=True)).__getitem__)


def run(given_series: FeatureSeries, **parameters: int) -> dict[tuple[str, int], Metric]:
    """By the last part of the id and the number of the checkpoint."""
    found = Stability(**parameters)(given_series, seed=0)
    return {(m.id.removeprefix("stability."), int(str(m.checkpoint), 16)): m for m in found}


def centred(z: np.ndarray) -> np.ndarray:
    z = z.astype(np.float64)
    return z - z.mean(axis=0)


def kernel_cka(x: np.ndarray, y: np.ndarray) -> float:
    """1905.00414, eq. 2: HSIC(K, L) / √(HSIC(K, K) HSIC(L, L)) with centring matrices and n×n kernels."""
    n = len(x)
    h = np.eye(n) - np.ones((n, n)) / n
    first, second = (h @ (z.astype(np.float64) @ z.astype(np.float64).T) @ h for z in (x, y))
    return float((first * second).sum() / np.sqrt((first * first).sum() * (second * second).sum()))


def everything(features: Features) -> np.ndarray:
    return np.concatenate([features.train, features.test])


def test_agrees_with_kernels_sets_and_scikit_learn() -> None:
    checkpoints = synthetic_series(checkpoints=3)
    found = run(checkpoints, k=7)
    held = [checkpoints[t] for t in range(3)]
    rows = [everything(features) for features in held]
    for t in (1, 2):
        assert found["cka_previous", t].value == pytest.approx(kernel_cka(rows[t], rows[t - 1]), rel=1e-9)
    for t in (0, 1, 2):
        assert found["cka_last", t].value == pytest.approx(kernel_cka(rows[t], rows[2]), rel=1e-9)
    assert found["cka_last", 2].value == pytest.approx(1)
    neighbours = []
    for z in rows:
        u = z / np.linalg.norm(z.astype(np.float64), axis=1, keepdims=True)
        similarity = u @ u.T
        np.fill_diagonal(similarity, -np.inf)
        neighbours.append(np.argsort(-similarity, axis=1)[:, :7])
    for t in (1, 2):
        overlap = [len(set(a) & set(b)) / 7 for a, b in zip(neighbours[t - 1], neighbours[t], strict=True)]
        assert found["neighbours", t].value == pytest.approx(np.mean(overlap), abs=1e-9)
        low, high = found["neighbours", t].ci95 or (1, 0)
        assert low < found["neighbours", t].value < high
        one, other = (partition(rows[s], 4, seed=0, restarts=5).assignment for s in (t - 1, t))
        assert found["ami_previous", t].value == pytest.approx(adjusted_mutual_info_score(one, other), rel=1e-9)
    assert set(found) == {
        ("cka_last", 0),
        *((name, t) for name in ("cka_last", "cka_previous", "neighbours", "ami_previous") for t in (1, 2)),
    }


@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100))
@settings(max_examples=20, deadline=None)
def test_cka_is_invariant_to_rotation_scale_and_order_but_not_to_an_invertible_map(seed: int, scale: float) -> None:
    draw = np.random.default_rng(seed)
    x, y = draw.normal(size=(30, 6)), draw.normal(size=(30, 9))
    y[:, :6] += x
    base = cka(centred(x), centred(y))
    rotation = np.linalg.qr(draw.normal(size=(6, 6)))[0]
    order = draw.permutation(30)
    turned = x[order] @ rotation * scale + draw.normal(size=6)
    assert cka(centred(turned), centred(y[order])) == pytest.approx(base, rel=1e-9)
    assert cka(centred(y), centred(x)) == pytest.approx(base, rel=1e-12)
    assert 0 <= base < 1
    assert cka(centred(x), centred(turned[np.argsort(order)])) == pytest.approx(1, rel=1e-9)
    stretched = x * np.array([10, 1, 1, 1, 1, 1])
    assert cka(centred(stretched), centred(x)) < 0.99


def test_shared_neighbours() -> None:
    a = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
    b = np.array([[3, 1, 2], [4, 5, 6], [0, 4, 5], [2, 0, 9]])
    np.testing.assert_allclose(shared_neighbours(a, b), [1, 0, 1 / 3, 2 / 3])
    np.testing.assert_allclose(shared_neighbours(a[:1], b[:1]), [1])


def test_a_model_that_stands_still() -> None:
    features = synthetic_features()
    found = run(series(features, features))
    for name in ("cka_previous", "cka_last", "neighbours", "ami_previous"):
        assert found[name, 1].value == pytest.approx(1)


def test_unrelated_models_share_neighbours_by_chance() -> None:
    found = run(series(synthetic_features(classes=1), synthetic_features(classes=1, seed=1)), k=20)["neighbours", 1]
    assert found.value == pytest.approx(20 / 179, abs=0.03)
    assert "by chance 0.112" in found.protocol


def test_all_others_are_neighbours_where_there_are_fewer_images_than_k() -> None:
    checkpoints = synthetic_series(checkpoints=2)
    total = len(everything(checkpoints[0]))
    found = run(checkpoints, k=total + 5)
    assert found["neighbours", 1].value == 1.0
    # One neighbour fewer, and unrelated checkpoints need not agree on which one it is.
    assert run(checkpoints, k=total - 2)["neighbours", 1].value < 1.0


def test_cka_of_few_images_is_called_biased() -> None:
    small = synthetic_features(n_train=8, n_test=4, dimensions=16)
    assert "biased upwards" in run(series(small, small))["cka_last", 0].protocol
    assert "biased" not in run(synthetic_series())["cka_last", 0].protocol


def spoilt(how: str) -> Features:
    features = synthetic_features()
    train = features.train.copy()
    train[:] = train[0] if how == "constant" else np.where(np.arange(len(train))[:, None] == 3, np.nan, train)
    return replace(features, train=train, test=np.repeat(train[:1], 60, axis=0))


@pytest.mark.parametrize("how, reason", [("constant", "collapsed"), ("nan", "1 of 180 images")])
def test_a_spoilt_checkpoint_costs_only_its_own_comparisons(how: str, reason: str) -> None:
    fine = synthetic_features()
    found = run(series(fine, spoilt(how), fine, fine))
    for name in ("cka_previous", "neighbours", "ami_previous"):
        for t in (1, 2):
            assert np.isnan(found[name, t].value)
            assert reason in found[name, t].protocol
        assert found[name, 3].value == pytest.approx(1)
    assert np.isnan(found["cka_last", 1].value)
    assert found["cka_last", 0].value == pytest.approx(1)
    first = run(series(spoilt(how), fine))
    assert set(first) == {
        ("cka_last", 0),
        *((n, 1) for n in ("cka_last", "cka_previous", "neighbours", "ami_previous")),
    }
    last = run(series(fine, spoilt(how)))
    assert np.isnan(last["cka_last", 0].value)
    assert reason in last["cka_last", 0].protocol


def test_different_architectures_can_be_compared() -> None:
    found = run(series(synthetic_features(dimensions=16), synthetic_features(dimensions=5)))
    assert 0 <= found["cka_previous", 1].value <= 1


def test_too_little_is_skipped() -> None:
    with pytest.raises(Skip, match="there is 1"):
        Stability()(series(synthetic_features()), seed=0)
    two = synthetic_features(n_train=1, n_test=1, classes=1)
    with pytest.raises(Skip, match="three images"):
        Stability()(series(two, two), seed=0)


def test_the_sample_is_bounded() -> None:
    found = run(synthetic_series(), max_images=50, k=5)
    assert {metric.n for metric in found.values()} == {50}


def test_partition_is_as_good_as_scikit_learns() -> None:
    z = everything(synthetic_features(separation=1.0))
    u = z / np.linalg.norm(z, axis=1, keepdims=True)
    found = partition(z, 4, seed=0, restarts=10)
    expected = KMeans(4, n_init=10, random_state=0).fit(u)
    assert adjusted_mutual_info_score(found.assignment, expected.labels_) > 0.95
    centres = np.stack([u[found.assignment == c].mean(axis=0) for c in range(4)])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    np.testing.assert_allclose(found.similarity, (u * centres[found.assignment]).sum(axis=1), atol=1e-5)
    assert partition(np.ones((5, 3)), 4, seed=0, restarts=2).assignment.tolist() == [0] * 5


def test_is_a_series_evaluator_with_checked_parameters() -> None:
    assert isinstance(Stability(), SeriesEvaluator)
    assert Stability().over_series
    for wrong in ({"k": 0}, {"max_images": 2}, {"clusters": 0}, {"restarts": 0}):
        with pytest.raises(ValueError, match="stability"):
            Stability(**wrong)
