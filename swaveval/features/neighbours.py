"""Exact nearest neighbours, searched once in blocks: never an n×n matrix in memory."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from swaveval.features.duplicates import duplicate_groups
from swaveval.features.errors import FeatureError
from swaveval.features.exact import SimilarityMetric, read_only, row_blocks, row_norms, similarity

Array = np.ndarray[Any, np.dtype[Any]]

_TIES = 16  # groups of equal rows up to this size are left in the search
_TOGETHER = 16384  # queries whose candidates are held at a time
__all__ = ["FeatureError", "Neighbours", "SimilarityMetric", "nearest"]


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The k nearest bank rows of every query, nearest first.

    Attributes:
        index: shape `(n_queries, k)`, int64: rows of the bank.
        similarity: shape `(n_queries, k)`, float32: cosine, or *negative* Euclidean distance; descending.
        metric: which of the two.
    """

    index: Array
    similarity: Array
    metric: SimilarityMetric = "cosine"

    def __post_init__(self) -> None:
        # One search serves many evaluators.
        object.__setattr__(self, "index", read_only(self.index))
        object.__setattr__(self, "similarity", read_only(self.similarity))

    @property
    def k(self) -> int:
        return int(self.index.shape[1])

    @property
    def distance(self) -> Array:
        """`1 - cosine` or Euclidean distance, shape `(n_queries, k)`, float32, ascending, never negative."""
        distances = 1 - self.similarity if self.metric == "cosine" else -self.similarity
        return np.maximum(distances, np.float32(0))

    def first(self, k: int) -> "Neighbours":
        """The k nearest of these."""
        return self if k == self.k else Neighbours(self.index[:, :k], self.similarity[:, :k], self.metric)


def nearest(
    queries: Array,
    bank: Array,
    k: int,
    *,
    metric: SimilarityMetric = "cosine",
    exclude_self: bool = False,
    device: str = "cpu",
    block: int | None = None,
) -> Neighbours:
    """The exact k nearest rows of `bank` for each row of `queries`.

    Exact means: as if every similarity were computed in float64 and rounded to 2⁻³⁶ (cosine) or to 36 significant bits
    (squared distance); rows that are then equally near come in ascending index. Blocks, threads and device change the
    time, never the answer: products in blocks propose candidates, float64 orders them, and a bound on the
    rounding error proves that none was missed. Queries that it cannot be proved for are searched again in float64.

    A zero vector has cosine 0 with everything.

    Args:
        queries: shape `(q, d)`, float16/32/64, possibly a memmap.
        bank: shape `(n, d)`, likewise.
        k: how many; clipped to the bank (less one with `exclude_self`).
        exclude_self: query i is bank row i and is left out of its own neighbours; its duplicates are not.
        device: torch device of the products.
        block: bank rows per product; together with the queries of one this bounds the memory. None chooses by device.

    Raises:
        FeatureError: NaN or infinite features, or shapes that do not fit.
    """
    if queries.ndim != 2 or bank.ndim != 2 or queries.shape[1] != bank.shape[1]:
        raise FeatureError(
            f"queries of shape {queries.shape} and a bank of shape {bank.shape} cannot be compared: both must be "
            "(images, dimensions) with the same number of dimensions"
        )
    if exclude_self and len(queries) != len(bank):
        raise FeatureError(f"{len(queries)} queries are not the {len(bank)} rows of the bank, so self is not defined")
    k = max(0, min(k, len(bank) - exclude_self))
    if k == 0 or len(queries) == 0:
        empty = (len(queries), k)
        return Neighbours(np.zeros(empty, np.int64), np.zeros(empty, np.float32), metric)
    # torch takes seconds to import, and plans, pages and messages need this module without it.
    import torch

    from swaveval.features.candidates import Products
    from swaveval.features.centred import Rows
    from swaveval.features.search import Search

    threads = torch.get_num_threads()
    bank_norms = row_norms(bank, threads=threads)
    query_norms = bank_norms if queries is bank else row_norms(queries, threads=threads)
    wanted = k + exclude_self
    groups = duplicate_groups(bank, bank_norms, tolerated=_TIES)

    rows = Rows(bank, bank_norms, None if groups is None else groups.first)
    products = Products.on(device)
    if block is not None:
        products = replace(products, block=block)
    search = Search.over(Rows(queries, query_norms), rows, metric=metric, products=products)
    values = np.empty((len(queries), k))
    index = np.empty((len(queries), k), np.int64)
    for part in row_blocks(len(queries), _TOGETHER):
        value, found = search.nearest(part, min(wanted, len(rows)))
        if groups is not None:
            value, found = groups.expand(value, found, wanted)
        if exclude_self:
            value, found = _without(np.arange(part.start, part.stop), value, found)
        values[part], index[part] = value, found
    return Neighbours(index, similarity(values, metric), metric)


def _without(own: Array, values: Array, index: Array) -> tuple[Array, Array]:
    """Drop each query's own row from its k + 1 nearest; the last one where duplicates have crowded it out."""
    drop = index == own[:, None]
    drop[~drop.any(axis=1), -1] = True
    shape = (len(index), index.shape[1] - 1)
    return values[~drop].reshape(shape), index[~drop].reshape(shape)
