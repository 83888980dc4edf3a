"""DSE against its formula in float64, point by point, and what has no score."""

from dataclasses import replace

import numpy as np
import pytest

from swaveval.evaluators.contract import SeriesEvaluator, Skip
from swaveval.evaluators.dse import Dse, Structure, structure, weight
from swaveval.evaluators.partition import partition
from swaveval.features.features import Features, FeatureSeries
from swaveval.results import Metric
from swaveval.testing import synthetic_series


def series(*checkpoints: np.ndarray) -> FeatureSeries:
    names = tuple(f"{step:064x}" for step in range(len(checkpoints)))
    held = {
        name: Features(train=rows[: len(rows) // 2].astype(np.float32), test=rows[len(rows) // 2 :].astype(np.float32))
        for name, rows in zip(names, checkpoints, strict=True)
    }
    return FeatureSeries(names, names, held.__getitem__)


def run(given: FeatureSeries, **parameters: int) -> dict[tuple[str, int], Metric]:
    """By the last part of the id and the number of the checkpoint."""
    found = Dse(**parameters)(given, seed=0)
    return {(m.id.removeprefix("dse."), int(str(m.checkpoint), 16)): m for m in found}


def brute(points: np.ndarray, clusters: np.ndarray) -> tuple[float, float, float]:
    """2510.17299's three parts, by loops: singular values from eigenvalues, distances one by one."""
    n, d = points.shape
    centre = sum(points) / n
    radius = sum(np.sqrt(((p - centre) ** 2).sum()) for p in points) / n
    centroids = {c: points[clusters == c].mean(axis=0) for c in set(clusters.tolist())}
    inter = [
        min(np.sqrt(((p - other) ** 2).sum()) for c, other in centroids.items() if c != own)
        for p, own in zip(points, clusters.tolist(), strict=True)
    ]
    sizes = []
    for c, mean in centroids.items():
        own = points[clusters == c] - mean
        if len(own) > 1:
            nuclear = np.sqrt(np.maximum(np.linalg.eigvalsh(own @ own.T), 0)).sum()
            sizes.append(nuclear / np.sqrt(max(len(own) - 1, d)))
    sigma = np.sqrt(np.maximum(np.linalg.eigvalsh(points.T @ points), 0))
    share = sigma[sigma > 0] / sigma.sum()
    dimension = np.exp(-(share * np.log(share)).sum()) / min(n, d)
    return float(np.mean(inter) / radius), float(np.mean(sizes) / radius), float(dimension)


def normalised(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(np.float32).astype(np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize(("n", "d", "k"), [(60, 8, 5), (30, 50, 4)])
def test_the_parts_are_the_papers(n: int, d: int, k: int) -> None:
    draw = np.random.default_rng(n)
    points, clusters = draw.normal(size=(n, d)) + 1, draw.integers(0, k, n) * 3
    clusters[0] = 100  # a cluster of one image: a centroid to be near to, and no size
    found = structure(points, clusters)
    assert (found.inter, found.intra, found.dimension) == pytest.approx(brute(points, clusters), rel=1e-6)


def test_many_dimensions_go_by_the_gram_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    """On either side of square, and where a rank is missing."""
    draw = np.random.default_rng(7)
    for n, d in ((60, 20), (30, 50)):
        points, clusters = draw.normal(size=(n, 9)) @ draw.normal(size=(9, d)), np.arange(n) % 3
        directly = structure(points, clusters)
        with monkeypatch.context() as patched:
            patched.setattr("swaveval.evaluators.dse.DIRECT_SVD_WORK", 0)
            found = structure(points, clusters)
        assert found != directly
        assert (found.inter, found.intra) == pytest.approx((directly.inter, directly.intra), rel=1e-5)
        assert found.dimension == pytest.approx(directly.dimension, rel=1e-5)


def test_the_evaluator_is_the_paper_on_normalised_pooled_features() -> None:
    """Clusters that lie apart are found whatever the start of k-means: nothing of ours is left in the expectation."""
    draw = np.random.default_rng(0)
    truth = np.arange(120) % 6
    checkpoints = []
    for step in range(5):
        means = np.eye(6, 12) * 4 + 0.3 * step * draw.normal(size=(6, 12))
        noise = draw.normal(size=(120, 12)) * np.linspace(0.2, 0.05 * (1 + step), 12)
        checkpoints.append((means[truth] + noise) * draw.uniform(1, 3, size=(120, 1)))
    found = run(series(*checkpoints), clusters=6)
    expected = [brute(normalised(rows), truth) for rows in checkpoints]
    for t, parts in enumerate(expected):
        for name, value in zip(("inter", "intra", "dimension"), parts, strict=True):
            assert found[name, t].value == pytest.approx(value, rel=1e-6)
    after = np.asarray(expected)[1:]  # the first checkpoint sets no λ
    factor = np.std(after[:, 0] - after[:, 1]) / np.std(after[:, 2])
    for t, (inter, intra, dimension) in enumerate(expected):
        assert found["score", t].value == pytest.approx(inter - intra + factor * dimension, rel=1e-6)
        assert f"lambda={factor:.4g} by 4 checkpoints" in found["score", t].protocol
    assert [found[name, 0].better for name in ("inter", "intra", "dimension", "score")] == [
        *("higher", "lower", "higher", "higher")
    ]
    assert found["score", 0].n == 120
    assert "image level" in found["score", 0].protocol


def test_clusters_are_those_of_k_means_one_for_four_images_at_most() -> None:
    rows = np.random.default_rng(1).normal(size=(40, 6))
    found = run(series(rows))
    clusters = partition(rows.astype(np.float32), 10, seed=0, restarts=3).assignment
    assert found["inter", 0].value == pytest.approx(brute(normalised(rows), clusters)[0], rel=1e-6)
    assert "K=10" in found["inter", 0].protocol
    assert "K=24" in run(series(np.random.default_rng(1).normal(size=(200, 6))))["inter", 0].protocol


def test_better_structure_scores_higher() -> None:
    """Clusters that draw together while the dimensions stay."""
    draw = np.random.default_rng(2)
    truth, noise = np.arange(160) % 8, draw.normal(size=(160, 16))
    means = draw.normal(size=(8, 16)) * 2
    found = run(series(*(means[truth] * step + noise for step in (0.2, 0.5, 1, 2))), clusters=8)
    assert found["inter", 3].value > found["inter", 1].value
    assert found["intra", 3].value < found["intra", 1].value


def test_lambda_changes_with_the_series_and_the_parts_do_not() -> None:
    draw = np.random.default_rng(3)
    rows = [draw.normal(size=(60, 8)) * np.linspace(1, 0.2 + 0.2 * t, 8) for t in range(6)]
    short, long = run(series(*rows[:5])), run(series(*rows))
    for t in range(5):
        for name in ("inter", "intra", "dimension"):
            assert short[name, t] == long[name, t]
    assert short["score", 2].value != long["score", 2].value


def test_the_first_checkpoint_has_a_score_and_no_say() -> None:
    draw = np.random.default_rng(4)
    rows = [draw.normal(size=(60, 8)) * np.linspace(1, 0.1 + 0.2 * t, 8) for t in range(4)]
    one, other = run(series(rows[0], *rows[1:])), run(series(100 * rows[2] + 5, *rows[1:]))
    assert [one["score", t] for t in (1, 2, 3)] == [other["score", t] for t in (1, 2, 3)]
    assert one["score", 0].value != other["score", 0].value
    assert np.isfinite(one["score", 0].value)


def test_lambda_needs_three_that_differ() -> None:
    parts = [Structure(1.0, 0.5, 0.1), Structure(1.5, 0.5, 0.2), Structure(1.2, 0.4, 0.3)]
    assert weight(parts) == pytest.approx(np.std([0.5, 1.0, 0.8]) / np.std([0.1, 0.2, 0.3]))
    assert np.isnan(weight(parts[:2]))
    assert np.isnan(weight([replace(part, dimension=0.1) for part in parts]))
    short = run(synthetic_series(checkpoints=3))
    assert all(np.isnan(short["score", t].value) and "3 checkpoints after the first" in short["score", t].protocol
               for t in range(3))  # fmt: skip
    assert np.isfinite([short["inter", t].value for t in range(3)]).all()
    same = run(series(*[np.random.default_rng(0).normal(size=(40, 6))] * 4))
    assert np.isnan(same["score", 1].value)
    assert "whose dimension differs" in same["score", 1].protocol
    assert np.isfinite(run(synthetic_series(checkpoints=4))["score", 3].value)


@pytest.mark.parametrize("spoil", ["nan", "constant", "zero", "one direction"])
def test_a_checkpoint_without_structure_costs_only_itself(spoil: str) -> None:
    draw = np.random.default_rng(5)
    rows = [draw.normal(size=(48, 6)) * np.linspace(1, 0.2 + 0.2 * t, 6) for t in range(5)]
    whole = run(series(*rows[:2], *rows[3:]))
    rows[2] = {
        "nan": np.where(np.arange(6) == 2, np.nan, rows[2]),
        "constant": np.full((48, 6), 3.0),
        "zero": np.zeros((48, 6)),
        "one direction": np.outer(np.arange(1.0, 49), np.ones(6)),
    }[spoil]
    found = run(series(*rows))
    for name in ("inter", "intra", "dimension", "score"):
        assert np.isnan(found[name, 2].value)
        assert ("diverged" if spoil == "nan" else "collapsed") in found[name, 2].protocol
        for t, other in enumerate((0, 1, None, 2, 3)):
            if other is not None:
                assert found[name, t].value == whole[name, other].value


def test_one_dimension_has_two_directions() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 1))
    found = run(series(rows))
    assert found["intra", 0].value == 0
    assert found["dimension", 0].value == pytest.approx(1)


def test_refusals_and_parameters() -> None:
    with pytest.raises(Skip, match="no checkpoint"):
        run(FeatureSeries((), (), {}.__getitem__))
    with pytest.raises(Skip, match="at least 8 images to cluster; there are 7"):
        run(series(np.random.default_rng(0).normal(size=(7, 3))))
    assert len(run(series(np.random.default_rng(0).normal(size=(8, 3))))) == 4
    found = run(series(np.random.default_rng(0).normal(size=(100, 3))), max_images=40)
    assert found["inter", 0].n == 40
    assert "40 images (train and test, a seeded sample of 100)" in found["inter", 0].protocol
    assert isinstance(Dse(), SeriesEvaluator)
    for wrong in ({"max_images": 7}, {"clusters": 1}, {"restarts": 0}):
        with pytest.raises(ValueError, match="dse"):
            Dse(**wrong)
