"""The search itself: propose by products, order by exact closeness, prove, and search again what cannot be proved."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from swaveval.features.candidates import Frame, Rows, above, best_candidates
from swaveval.features.exact import SimilarityMetric, closeness, on_grid, rank, row_blocks

Array = np.ndarray[Any, np.dtype[Any]]

_MARGIN = 32  # candidates beyond k: room for what products put in the wrong order
_HARD = 256  # unproved queries held at a time: their candidates have no bound but the bank
_PAIRS = 1 << 12  # query-candidate pairs worth handing to another thread
# Exact closeness of one candidate costs about as much as 64 bank rows cost more in float64 than in float32.
_WIDE = 64


@dataclass(frozen=True, eq=False)
class Search:
    """Queries against one prepared bank."""

    queries: Rows
    bank: Rows
    frame: Frame
    device: str
    block: int

    @classmethod
    def over(cls, queries: Rows, bank: Rows, *, metric: SimilarityMetric, device: str, block: int) -> "Search":
        return cls(queries, bank, Frame.of(bank, metric), device, block)

    def nearest(self, part: slice, k: int) -> tuple[Array, Array]:
        """Closeness and bank rows `(q, k)` of a slice of the queries, in the order `rank` defines."""
        own = np.arange(part.start, part.stop)
        count = k + _MARGIN
        if count >= len(self.bank):
            everything = np.tile(np.arange(len(self.bank)), (len(own), 1))
            return self._ranked(self._closeness(own, everything), everything, k)
        centred = self.frame.centred(self.queries, part)
        values, index = np.empty((len(own), k)), np.empty((len(own), k), np.int64)
        pending = np.arange(len(own))
        error = np.empty((0, 1))
        for dtype, device in self._stages(count):
            asked = centred[pending]
            found, scores, spread = best_candidates(
                asked, self.bank, self.frame, count, dtype=dtype, device=device, block=self.block
            )
            error = spread.error(asked, self.frame, dtype)
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

    def _stages(self, count: int) -> Iterator[tuple[torch.dtype, str]]:
        if len(self.bank) > _WIDE * count:
            yield torch.float32, self.device
        yield torch.float64, self._device64

    @property
    def _device64(self) -> str:
        return "cpu" if self.device.startswith("mps") else self.device  # MPS has no float64

    def _lowest(self, centred: Array, worst: Array) -> Array:
        """The smallest true score that a row as near as the k-th can have, `(q, 1)`."""
        return np.asarray(self.frame.scores(worst, centred) - self.frame.grid(worst))

    def _settled(self, own: Array, centred: Array, index: Array, scores: Array, error: Array) -> Array:
        """Exact closeness from float64 scores, `(q, c)`.

        Most scores lie further from the edge of their grid cell than their error, so their closeness is known without
        computing it. The others are computed.
        """
        near, at_most = self._bounds(centred, scores, error)
        query, place = np.nonzero(near < at_most)
        near[query, place] = self._closeness(own[query], index[query, place][:, None])[:, 0]
        return near

    def _bounds(self, centred: Array, scores: Array, error: Array) -> tuple[Array, Array]:
        """The smallest and the largest closeness that pairs of these float64 scores can have, each `(q, c)`."""
        low, high = (self.frame.closeness(scores + slack, centred) for slack in (-error, error))
        return on_grid(low, self.frame.metric), on_grid(high, self.frame.metric)

    def _among_ties(self, own: Array, centred: Array, worst: Array, k: int, error: Array) -> tuple[Array, Array]:
        """The nearest where more rows tie, or nearly, than there are candidates.

        Args:
            worst: closeness of the k-th of some rows, shape `(q, 1)`: the true k-th is at least as near.
            error: of float64 scores, shape `(q, 1)`.
        """
        threshold = self._lowest(centred, worst) - error
        found = above(centred, self.bank, self.frame, threshold, device=self._device64, block=self.block)
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
                self.bank.values,
                self.bank.position(candidates[part]),
                self.frame.metric,
                query_norms=self.queries.norms[own[part]],
                bank_norms=self.bank.norms,
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
