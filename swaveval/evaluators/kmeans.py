"""Spherical-space k-means: scikit-learn's, seeded restarts one by one, the same bits on any number of threads."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from swaveval.evaluators import lloyd
from swaveval.evaluators.threads import each, one_thread

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class Clustering:
    """The best of several k-means runs.

    Attributes:
        centres: shape `(K, d)`, float32.
        inertia: sum of squared distances to the nearest centre, of each run, shape `(restarts,)`.
        restarts: shape `(restarts, n)`, int32: the assignment of each run.
        device: that products with the centres are made on.
    """

    centres: Array
    inertia: Array
    restarts: Array
    device: str = "cpu"

    def assign(self, rows: Array) -> Array:
        """Nearest centre of each row, shape `(n,)`, int32; of equally near ones the first."""
        if self.device != "cpu":
            return self._assigned_there(rows)
        half_squares = (self.centres.astype(np.float64) ** 2).sum(axis=1) / 2
        with one_thread():
            closeness = rows.astype(np.float32) @ self.centres.T - half_squares.astype(np.float32)
        return closeness.argmax(axis=1).astype(np.int32)

    def _assigned_there(self, rows: Array) -> Array:
        there = torch.from_numpy(rows.astype(np.float32)).to(self.device)
        centres = torch.from_numpy(self.centres).to(self.device)
        labels, _ = lloyd.nearest(there, centres, (there.double() ** 2).sum(dim=1))
        return labels.cpu().numpy().astype(np.int32)


def kmeans(rows: Array, clusters: int, *, seed: int, restarts: int = 5, device: str = "cpu") -> Clustering:
    """Lloyd's algorithm from `restarts` k-means++ initialisations; the smallest inertia wins, of equals the first.

    Args:
        rows: shape `(n, d)`, float32.
        clusters: K, at most n. Fewer come out where fewer rows differ.
        seed: of the initialisations.
        restarts: how many.
        device: a GPU finds other clusters than a CPU, as good ones.
    """
    draw = np.random.default_rng([seed, clusters])
    states = [int(draw.integers(2**31)) for _ in range(restarts)]
    if device.startswith("cuda"):
        return _on_a_gpu(rows, clusters, states, device)
    # A warning about fewer distinct rows than clusters says nothing that the number of clusters does not.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        runs = each(
            lambda state: KMeans(clusters, init="k-means++", n_init=1, algorithm="lloyd", random_state=state).fit(rows),
            states,
        )
    inertia = np.asarray([run.inertia_ for run in runs])
    best = runs[int(inertia.argmin())]
    return Clustering(
        centres=best.cluster_centers_.astype(np.float32),
        inertia=inertia,
        restarts=np.stack([run.labels_ for run in runs]).astype(np.int32),
    )


def _on_a_gpu(rows: Array, clusters: int, states: list[int], device: str) -> Clustering:
    there = torch.from_numpy(np.asarray(rows, np.float32)).to(device)
    runs = [lloyd.lloyd(there, clusters, state=state) for state in states]
    inertia = np.asarray([run.inertia for run in runs])
    return Clustering(
        centres=runs[int(inertia.argmin())].centres.cpu().numpy(),
        inertia=inertia,
        restarts=np.stack([run.labels.cpu().numpy() for run in runs]).astype(np.int32),
        device=device,
    )
