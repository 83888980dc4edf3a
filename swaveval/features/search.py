"""The search itself: propose by products, order by exact closeness, prove, and search again what cannot be proved."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from swaveval.features.candidates import Bank, Products, above, best_candidates
from swaveval.features.centred import Frame, Rows
from swaveval.features.exact import SimilarityMetric, closeness, on_grid, rank, row_blocks, similarity

Array = np.ndarray[Any, np.dtype[Any]]

_MARGIN = 32  # candidates beyond k: room for what products put in the wrong order
_HARD = 256  # unproved queries held at a time: their candidates have no bound but the bank
_PAIRS = 1 << 12  # query-candidate pairs worth handing to another thread
_PER_PAIR = 64  # numbers that are brought to float64 in the time of a pair, about
# Exact closeness of one candidate costs about as much as 64 bank rows cost more in float64 than in float32.
_WIDE = 64


@dataclass(frozen=True, eq=False)
class Search:
    """Queries against one prepared bank."""

    queries: Rows
    bank: Bank
    products: Products

    @classmethod
    def over(cls, queries: Rows, bank: Rows, *, metric: SimilarityMetric, products: Products) -> "Search":
        frame = Frame.of(bank, metric, gpu=products.device if products.centres else None)
        return cls(queries, Bank(bank, frame), products)

    @property
    def frame(self) -> Frame:
        return self.bank.frame

    def nearest(self, part: slice, k: int) -> tuple[Array, Array]:
        """Closeness and bank rows `(q, k)` of a slice of the queries, in the order `rank` defines."""
        own = np.arange(part.start, part.stop)
        count = k + _MARGIN
        if count >= len(self.bank):
            everything = np.tile(np.arange(len(self.bank)), (len(own), 1))
            return self._ranked(self._closeness(own, everything), everything, k)
        centred = self._centred(part)
        values, index = np.empty((len(own), k)), np.empty((len(own), k), np.int64)
        pending = np.arange(len(own))
        error = np.empty((0, 1))
        for dtype, products in self._stages(count):
            asked = centred[pending]
            found, scores, spread = best_candidates(asked, self.bank, count, dtype=dtype, products=products)
            error = spread.error(asked, self.frame, dtype, products.run)
            near = (
                self._closeness(own[pending], found)
                if dtype == torch.float32
                else self._settled(own[pending], asked, found, scores, error)
            )
            values[pending], index[pending] = self._ranked(near, found, k)
            # What was left out has a computed score of at most the smallest kept.
            proved = (self._lowest(asked, values[pending, -1:]) - error)[:, 0] > scores.min(axis=1)
            pending, error = pending[~proved], error[~proved]
            if len(pending) == 0:
                return values, index
        for few in row_blocks(len(pending), _HARD):
            hard = pending[few]
            values[hard], index[hard] = self._among_ties(own[hard], centred[hard], values[hard, -1:], k, error[few])
        return values, index

    def _stages(self, count: int) -> Iterator[tuple[torch.dtype, Products]]:
        if len(self.bank) > _WIDE * count and not self.products.in_float64:
            yield torch.float32, self.products
        yield torch.float64, self.products.for_float64

    def _lowest(self, centred: Array, worst: Array) -> Array:
        """The smallest true score that a row as near as the k-th can have, `(q, 1)`."""
        return np.asarray(self.frame.scores(worst, centred) - self.frame.grid(worst))

    def _settled(self, own: Array, centred: Array, index: Array, scores: Array, error: Array) -> Array:
        """From float64 scores a closeness `(q, c)` that orders as the exact one does and is the same in float32.

        Most scores are further from each other than their error, so their order is known, and their closeness but for
        one step of its grid. Where one of both is open, the exact closeness is computed.
        """
        near, at_most = self._bounds(centred, scores, error)
        query, place = np.nonzero(self._open(near, at_most))
        near[query, place] = self._closeness(own[query], index[query, place][:, None])[:, 0]
        return near

    def _open(self, near: Array, at_most: Array) -> Array:
        """Of pairs between these bounds, `(q, c)`: those whose place, or rounding to float32, they leave open."""
        metric, found = self.frame.metric, np.empty(near.shape, np.bool_)

        def one(part: slice) -> None:
            low, high = near[part], at_most[part]
            order = np.argsort(low, axis=1)
            rising, reach = np.take_along_axis(low, order, axis=1), np.take_along_axis(high, order, axis=1)
            meets = np.zeros(low.shape, np.bool_)
            meets[:, 1:] = np.maximum.accumulate(reach, axis=1)[:, :-1] >= rising[:, 1:]
            meets[:, :-1] |= reach[:, :-1] >= rising[:, 1:]
            np.put_along_axis(found[part], order, meets, axis=1)
            found[part] |= similarity(low, metric) != similarity(high, metric)
            found[part] &= low < high

        _in_threads(one, len(near), near.shape[1])
        return found

    def _bounds(self, centred: Array, scores: Array, error: Array) -> tuple[Array, Array]:
        """The smallest and the largest closeness that pairs of these float64 scores can have, each `(q, c)`."""
        low, high = (self.frame.closeness(scores + slack, centred) for slack in (-error, error))
        if self.frame.metric == "euclidean":
            low, high = np.minimum(low, 0.0), np.minimum(high, 0.0)
        return on_grid(low, self.frame.metric), on_grid(high, self.frame.metric)

    def _among_ties(self, own: Array, centred: Array, worst: Array, k: int, error: Array) -> tuple[Array, Array]:
        """The nearest where more rows tie, or nearly, than there are candidates.

        Args:
            worst: closeness of the k-th of some rows, shape `(q, 1)`: the true k-th is at least as near.
            error: of float64 scores, shape `(q, 1)`.
        """
        threshold = self._lowest(centred, worst) - error
        found = above(centred, self.bank, threshold, products=self.products.for_float64)
        values, index = np.empty((len(own), k)), np.empty((len(own), k), np.int64)
        for row, (rows, scores) in enumerate(found):
            one = slice(row, row + 1)
            at_least, at_most = (bound[0] for bound in self._bounds(centred[one], scores[None], error[one]))
            # k rows are certainly as near as `edge`, the last of them at `last`: what cannot come before it is out.
            edge = np.partition(at_least, -k)[-k]
            last = np.flatnonzero(at_least == edge)[k - np.count_nonzero(at_least > edge) - 1]
            contends = (at_most > edge) | ((at_most == edge) & (np.arange(len(rows)) <= last))
            near = self._settled(own[one], centred[one], rows[None, contends], scores[None, contends], error[one])
            values[one], index[one] = rank(near, rows[None, contends], k)
        return values, index

    def _centred(self, part: slice) -> Array:
        """Of queries, `(q, d)`, float64."""
        whole = np.empty((part.stop - part.start, len(self.frame.centre)))

        def one(inner: slice) -> None:
            few = slice(part.start + inner.start, part.start + inner.stop)
            whole[inner] = self.frame.centred(self.queries, few)

        _in_threads(one, len(whole), whole.shape[1] // _PER_PAIR)
        return whole

    def _ranked(self, near: Array, index: Array, k: int) -> tuple[Array, Array]:
        values, ordered = np.empty((len(near), k)), np.empty((len(near), k), np.int64)

        def one(part: slice) -> None:
            values[part], ordered[part] = rank(near[part], index[part], k)

        _in_threads(one, len(near), near.shape[1])
        return values, ordered

    def _closeness(self, own: Array, candidates: Array) -> Array:
        """Exact closeness of queries to their candidates, `(q, c)`."""
        near = np.empty(candidates.shape)

        def one(part: slice) -> None:
            near[part] = closeness(
                self.queries.values[own[part]],
                self.bank.rows.values,
                self.bank.rows.position(candidates[part]),
                self.frame.metric,
                query_norms=self.queries.norms[own[part]],
                bank_norms=self.bank.rows.norms,
            )

        _in_threads(one, len(own), candidates.shape[1])
        return near


def _in_threads(work: Callable[[slice], None], rows: int, pairs_per_row: int) -> None:
    """Do `work` on slices of the rows; what it computes for a row does not depend on how they are sliced."""
    parts = list(row_blocks(rows, max(1, _PAIRS // max(1, pairs_per_row))))
    if len(parts) <= 1:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        list(pool.map(work, parts))
