"""The search itself: propose in float32, order in float64, prove, and search again what cannot be proved."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from swaveval.features.candidates import Frame, Rows, Spread, above, best_candidates
from swaveval.features.exact import SimilarityMetric, closeness, on_grid, rank, row_blocks

Array = np.ndarray[Any, np.dtype[Any]]

_MARGIN = 32  # candidates beyond k: room for what float32 puts in the wrong order
_HARD = 256  # unproved queries held at a time: their candidates have no bound but the bank
_PAIRS = 1 << 12  # query-candidate pairs worth handing to another thread


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
        if k + _MARGIN >= len(self.bank):
            everything = np.tile(np.arange(len(self.bank)), (len(own), 1))
            return self._rank(own, everything, k)
        centred = self.frame.centred(self.queries, part)
        values, index = np.empty((len(own), k)), np.empty((len(own), k), np.int64)
        pending = np.arange(len(own))
        spread = Spread()
        for dtype, device in ((torch.float32, self.device), (torch.float64, self._device64)):
            asked = centred[pending]
            proposed, cutoff, spread = best_candidates(
                asked, self.bank, self.frame, k + _MARGIN, dtype=dtype, device=device, block=self.block
            )
            values[pending], index[pending] = self._rank(own[pending], proposed, k)
            lowest = self._lowest(asked, values[pending, -1])
            proved = lowest - spread.error(asked, self.frame, dtype) > cutoff
            pending = pending[~proved]
            if len(pending) == 0:
                return values, index
        for few in row_blocks(len(pending), _HARD):
            hard = pending[few]
            values[hard], index[hard] = self._among_ties(
                own[hard], centred[hard], values[hard, -1], k, spread.error(centred[hard], self.frame, torch.float64)
            )
        return values, index

    def _among_ties(self, own: Array, centred: Array, worst: Array, k: int, error: Array) -> tuple[Array, Array]:
        """The nearest where more rows tie, or nearly, than there are candidates.

        Most float64 scores lie further from the edge of their grid cell than their error, so their closeness is known
        without computing it. Of the others, only those that could still be among the nearest are computed.

        Args:
            worst: closeness of the k-th of some rows, shape `(q,)`: the true k-th is at least as near.
            error: of the float64 scores, shape `(q,)`.
        """
        threshold = self._lowest(centred, worst) - error
        found = above(centred, self.bank, self.frame, threshold, device=self._device64, block=self.block)
        values, index = np.empty((len(own), k)), np.empty((len(own), k), np.int64)
        for row, (rows, scores) in enumerate(found):
            at_least, at_most = (
                on_grid(self.frame.closeness(scores + slack, centred[row : row + 1]), self.frame.metric)
                for slack in (-error[row], error[row])
            )
            edge = np.partition(at_least, -k)[-k]
            last = np.flatnonzero(at_least == edge)[k - np.count_nonzero(at_least > edge) - 1]
            contends = (at_most > edge) | ((at_most == edge) & (np.arange(len(rows)) <= last))
            near, rows, unsure = at_least[contends], rows[contends], (at_least < at_most)[contends]
            near[unsure] = self._closeness(own[row : row + 1], rows[None, unsure])[0]
            values[row], index[row] = (best[0] for best in rank(near[None], rows[None], k))
        return values, index

    @property
    def _device64(self) -> str:
        return "cpu" if self.device.startswith("mps") else self.device  # MPS has no float64

    def _lowest(self, centred: Array, worst: Array) -> Array:
        """The smallest true score that a row as near as the k-th can have, `(q,)`."""
        return np.asarray(self.frame.scores(worst, centred) - self.frame.grid(worst))

    def _rank(self, own: Array, candidates: Array, k: int) -> tuple[Array, Array]:
        """The k nearest of each query's candidates `(q, c)`, by exact closeness."""
        values, index = np.empty((len(own), k)), np.empty((len(own), k), np.int64)

        def one(part: slice) -> None:
            near = self._closeness(own[part], candidates[part])
            values[part], index[part] = rank(near, candidates[part], k)

        parts = row_blocks(len(own), max(1, _PAIRS // candidates.shape[1]))
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            list(pool.map(one, parts))
        return values, index

    def _closeness(self, own: Array, candidates: Array) -> Array:
        return closeness(
            self.queries.values[own],
            self.bank.values,
            self.bank.position(candidates),
            self.frame.metric,
            query_norms=self.queries.norms[own],
            bank_norms=self.bank.norms,
        )
