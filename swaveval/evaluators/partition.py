"""One seeded k-means on the unit sphere, for what compares or illustrates clusters."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from swaveval.evaluators.kmeans import Clustering, kmeans
from swaveval.evaluators.rows import is_constant, labels, sample, take, unit
from swaveval.features.features import Features

Array = np.ndarray[Any, np.dtype[Any]]

UNLABELLED_CLUSTERS = 10


@dataclass(frozen=True, eq=False)
class Partition:
    """A clustering of rows.

    Attributes:
        assignment: shape `(m,)`, int32.
        similarity: shape `(m,)`, float64: cosine to the centre of the own cluster.
    """

    assignment: Array
    similarity: Array


def cluster_count(features: Features) -> int:
    """K = number of classes with images; 10 without labels. As `Clusters` chooses it."""
    known = labels(features)
    classes = 0 if known is None else len(np.unique(known[known >= 0]))
    return classes or UNLABELLED_CLUSTERS


def clustering(features: Features, limit: int, clusters: int, *, seed: int, restarts: int) -> Clustering:
    """k-means of the L2-normalised features of a seeded sample of at most `limit` images of both splits.

    Made once for all who ask for it with the same arguments. K is clipped to the images.
    """

    def make() -> Clustering:
        return _fitted(
            _sphere(take(features, sample(features, limit, seed=seed))), clusters, seed, restarts, features.device
        )

    return features.once(("k-means", limit, clusters, seed, restarts), make)


def partition(rows: Array, clusters: int, *, seed: int, restarts: int, found: Clustering | None = None) -> Partition:
    """k-means of the L2-normalised rows of shape `(m, d)`; K is clipped to m.

    For the same rows, K, seed and restarts these are the clusters, numbers included, that the evaluator `clusters` has.

    Args:
        found: the k-means of these rows, where it is known already.
    """
    u = _sphere(rows)
    found = found or _fitted(u, clusters, seed, restarts)
    assignment = found.assign(u)
    return Partition(assignment, (u * unit(found.centres)[assignment]).sum(axis=1))


def _sphere(rows: Array) -> Array:
    return unit(rows).astype(np.float32)


def _fitted(u: Array, clusters: int, seed: int, restarts: int, device: str = "cpu") -> Clustering:
    # Equal rows are one cluster, whatever K asks for.
    wanted = 1 if is_constant(u) else min(clusters, len(u))
    return kmeans(u, wanted, seed=seed, restarts=restarts, device=device)
