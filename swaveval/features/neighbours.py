"""Exact nearest neighbours, searched once in blocks: never an n×n matrix in memory."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]
SimilarityMetric = Literal["cosine", "euclidean"]


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The k nearest bank rows of every query, nearest first.

    Attributes:
        index: shape `(n_queries, k)`, int64: rows of the bank.
        similarity: shape `(n_queries, k)`, float32: cosine, or *negative* Euclidean distance; descending.
    """

    index: Array
    similarity: Array

    @property
    def k(self) -> int:
        return int(self.index.shape[1])

    def first(self, k: int) -> "Neighbours":
        """The k nearest of these."""
        return self if k == self.k else Neighbours(self.index[:, :k], self.similarity[:, :k])


def nearest(
    queries: Array,
    bank: Array,
    k: int,
    *,
    metric: SimilarityMetric = "cosine",
    exclude_self: bool = False,
    device: str = "cpu",
    block: int = 4096,
) -> Neighbours:
    """The exact k nearest rows of `bank` for each row of `queries`. (Being written.)"""
    raise NotImplementedError
