"""k-means, on a CPU and as on a GPU, against scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn import metrics as reference
from sklearn.cluster import KMeans

from swaveval.evaluators import lloyd
from swaveval.evaluators.kmeans import kmeans
from swaveval.evaluators.rows import unit
from swaveval.testing import synthetic_features


def test_kmeans_is_the_best_of_scikit_learns_runs() -> None:
    rows = synthetic_features(separation=1.0).all
    found = kmeans(rows, 5, seed=3, restarts=6)
    draw = np.random.default_rng([3, 5])
    states = [int(draw.integers(2**31)) for _ in range(6)]
    runs = [KMeans(5, n_init=1, random_state=state).fit(rows) for state in states]
    best = min(runs, key=lambda run: run.inertia_)
    assert found.inertia == pytest.approx([run.inertia_ for run in runs], rel=1e-5)
    assert reference.adjusted_rand_score(found.assign(rows), best.labels_) == 1.0
    assert found.restarts.shape == (6, 180)
    assert reference.adjusted_rand_score(found.restarts[0], runs[0].labels_) == 1.0


@pytest.mark.parametrize("separation", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("clusters", [1, 2, 6, 40])
def test_what_a_gpu_finds_is_as_good(separation: float, clusters: int) -> None:
    """The same algorithm from other draws: over restarts, its inertia is scikit-learn's."""
    rows = unit(synthetic_features(separation=separation).all).astype(np.float32)
    runs = [lloyd.lloyd(torch.from_numpy(rows), clusters, state=state) for state in range(20)]
    theirs = [KMeans(clusters, n_init=1, random_state=state).fit(rows).inertia_ for state in range(20)]
    inertia = np.asarray([run.inertia for run in runs])
    assert inertia.min() <= np.mean(theirs) * 1.001
    assert inertia.mean() == pytest.approx(np.mean(theirs), rel=0.02)
    for run in runs[:3]:
        distances = ((rows[:, None].astype(np.float64) - run.centres.numpy()[None].astype(np.float64)) ** 2).sum(axis=2)
        assert np.array_equal(run.labels.numpy(), distances.argmin(axis=1))
        assert run.inertia == pytest.approx(distances.min(axis=1).sum(), rel=1e-4)
    again = lloyd.lloyd(torch.from_numpy(rows), clusters, state=3)
    assert torch.equal(again.centres, runs[3].centres)


def test_more_clusters_than_different_rows_on_a_gpu() -> None:
    rows = torch.eye(5)[torch.tensor([0, 0, 0, 1, 1, 2])]
    run = lloyd.lloyd(rows, 5, state=0)
    assert run.inertia == pytest.approx(0.0, abs=1e-6)
    assert len(torch.unique(run.labels)) == 3


def test_assignment_is_the_nearest_centre() -> None:
    rows = synthetic_features(separation=1.0).all
    found = kmeans(rows, 7, seed=0)
    distances = ((rows[:, None].astype(np.float64) - found.centres[None].astype(np.float64)) ** 2).sum(axis=2)
    assert np.array_equal(found.assign(rows), distances.argmin(axis=1))
