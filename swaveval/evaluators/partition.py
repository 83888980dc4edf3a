"""One seeded k-means on the unit sphere, for what compares or illustrates clusters."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.cluster import KMeans

from swaveval.evaluators.rows import labels, unit
from swaveval.features.features import Features

Array = np.ndarray[Any, Any]

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
    """K = number of classes; 10 without labels."""
    known = labels(features)
    classes = 0 if known is None else len(np.unique(known[known >= 0]))
    return classes if classes > 1 else UNLABELLED_CLUSTERS


def partition(rows: Array, clusters: int, *, seed: int, starts: int) -> Partition:
    """k-means of the L2-normalised rows, the best of `starts` seeded starts; K is clipped to the distinct rows.

    Call it on one thread: scikit-learn's sums depend on their number.

    Args:
        rows: shape `(m, d)`.
    """
    u = unit(rows).astype(np.float32)
    distinct = len(np.unique(u, axis=0))
    fitted = KMeans(min(clusters, distinct), n_init=starts, random_state=seed).fit(u)
    centres = unit(fitted.cluster_centers_)
    assignment = fitted.labels_.astype(np.int32)
    return Partition(assignment, (u * centres[assignment]).sum(axis=1))
