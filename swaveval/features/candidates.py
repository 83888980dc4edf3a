"""The bank rows that may be among the nearest, found by matrix products in blocks, with a bound on the rounding error.

Both metrics become one product. With μ the bank's centre, q' = q - μ and b' = b - μ (after L2 normalisation for the
cosine), a query orders the bank by

    cosine     q·b             = q'·b' + μ·b'      + q·μ
    euclidean  -|q - b|² / 2   = q'·b' - |b'|² / 2 - |q'|² / 2

where the last term is the query's own constant. Centring matters: features of young or collapsed networks share a
large mean, and float32 products of uncentred vectors lose exactly the differences that neighbours are made of.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from swaveval.features.exact import GRID, SimilarityMetric, row_blocks

Array = np.ndarray[Any, np.dtype[Any]]

_QUERIES = 1024  # queries per product; with 16384 bank rows the scores are 64 MiB of float32
_ACCUMULATE = 128  # longest run of products added up before a partial sum is set down
_CONVERT = 512  # rows brought to float64 at a time: stays in cache
_GROUP = 16  # bank rows whose maximum stands for them when most cannot qualify


@dataclass(frozen=True, eq=False)
class Rows:
    """Feature rows as they are stored, or some of them.

    Attributes:
        values: shape `(n, d)`.
        norms: shape `(n,)`, float64.
        chosen: shape `(m,)`, which rows these are; None for all. Never copied out of a memmap at once.
    """

    values: Array
    norms: Array
    chosen: Array | None = None

    def __len__(self) -> int:
        return len(self.values) if self.chosen is None else len(self.chosen)

    def read(self, part: slice) -> tuple[Array, Array]:
        """A fresh float64 copy `(b, d)` of some rows, and their norms `(b,)`."""
        rows = part if self.chosen is None else self.chosen[part]
        return np.array(self.values[rows], dtype=np.float64), self.norms[rows]

    def position(self, index: Array) -> Array:
        """Rows of `values` for rows of this."""
        return index if self.chosen is None else self.chosen[index]


@dataclass(frozen=True, eq=False)
class Frame:
    """The centred coordinates of one search.

    Attributes:
        metric: which of the two forms.
        centre: μ, shape `(d,)`, float64.
        scale: power of two that Euclidean coordinates are divided by, so that no float32 product overflows.
    """

    metric: SimilarityMetric
    centre: Array
    scale: float = 1.0

    @classmethod
    def of(cls, bank: Rows, metric: SimilarityMetric) -> "Frame":
        """The frame of a bank: one pass over it."""
        total = np.zeros(bank.values.shape[1])
        for part in row_blocks(len(bank), _CONVERT):
            rows, norms = bank.read(part)
            total += (rows / _lengths(norms)[:, None] if metric == "cosine" else rows).sum(axis=0)
        centre = total / len(bank)
        if metric == "cosine":
            return cls(metric, centre)
        norms = bank.norms if bank.chosen is None else bank.norms[bank.chosen]
        reach = float(norms.max()) + math.sqrt(float(centre @ centre))
        return cls(metric, centre, 2.0 ** math.frexp(reach)[1])

    def centred(self, rows: Rows, part: slice) -> Array:
        """q' or b', shape `(b, d)`, float64."""
        values, norms = rows.read(part)
        if self.metric == "cosine":
            values /= _lengths(norms)[:, None]
        values -= self.centre
        if self.scale != 1.0:
            values /= self.scale
        return values

    def biases(self, centred: Array) -> Array:
        """The term of the sum that belongs to a bank row, shape `(b,)`."""
        return centred @ self.centre if self.metric == "cosine" else -0.5 * _squares(centred)

    def scores(self, closeness: Array, centred: Array) -> Array:
        """The score of pairs of known closeness `(q, c)`; centred queries `(q, d)`."""
        whole = closeness if self.metric == "cosine" else 0.5 * closeness / self.scale**2
        return np.asarray(whole - self._own(centred))

    def closeness(self, scores: Array, centred: Array) -> Array:
        """The inverse of `scores`."""
        whole = scores + self._own(centred)
        return np.asarray(whole if self.metric == "cosine" else 2 * whole * self.scale**2)

    def _own(self, centred: Array) -> Array:
        """The query's own term of the sum, `(q, 1)`."""
        if self.metric == "cosine":
            return np.asarray(centred @ self.centre + self.centre @ self.centre)[:, None]
        return -0.5 * _squares(centred)[:, None]

    def grid(self, closeness: Array) -> Array:
        """How far a true score can lie from that of its rounded closeness, generously."""
        step = 2 * GRID
        return np.asarray(step if self.metric == "cosine" else step * 0.5 * np.abs(closeness) / self.scale**2)


@dataclass(frozen=True, slots=True)
class Spread:
    """Largest |b'| and largest |bias| in the bank: what rounding errors of products are relative to."""

    radius: float = 0.0
    bias: float = 0.0

    def error(self, queries: Array, frame: Frame, dtype: torch.dtype) -> Array:
        """Bound on |computed - true score|, `(q, 1)`, for centred queries `(q, d)`, whatever the order of summation.

        γ·(|q'||b'| + |bias|) with γ = n·u/(1 - n·u) for n roundings in a row (Higham, Accuracy and Stability of
        Numerical Algorithms, §3.1), plus what float64 loses in centring.
        """
        d = len(frame.centre)
        length = np.sqrt(_squares(queries))
        roundings = min(d, _ACCUMULATE) + math.ceil(d / _ACCUMULATE) + 8
        product = _gamma(roundings, dtype) * (length * self.radius + self.bias)
        product += (d + 2) * torch.finfo(dtype).tiny * (length + self.radius + 1)  # what underflow loses
        # Twice: for the score, and for the query's own term with the closeness itself.
        slack = 2 * _gamma(d + 64, torch.float64)
        if frame.metric == "cosine":
            # Normalising and taking away the centre lose a share of the whole vectors' lengths, 1 and |μ| ≤ 1 …
            return np.asarray(product + slack * (length + 1) * (length + 3))[:, None]
        # … while a difference of stored numbers is rounded once, relative to itself.
        return np.asarray(product + slack * (length + self.radius) ** 2)[:, None]


@torch.inference_mode()
def best_candidates(
    queries: Array, bank: Rows, frame: Frame, count: int, *, dtype: torch.dtype, device: str, block: int
) -> tuple[Array, Array, Spread]:
    """The `count` bank rows with the largest computed scores for each query, in no order.

    Args:
        queries: centred queries, shape `(q, d)`, float64.
        count: fewer than the bank has.

    Returns:
        index `(q, count)`, int64; their scores, float64: no row left out has a computed score above the smallest; and
        the bank's spread, for the error bound.
    """
    values = torch.full((len(queries), count), -math.inf, dtype=dtype, device=device)
    index = torch.zeros((len(queries), count), dtype=torch.int64, device=device)
    sent = torch.from_numpy(queries).to(dtype).to(device)
    width = math.ceil(min(block, len(bank)) / _GROUP) * _GROUP
    buffer = torch.empty(min(_QUERIES, len(queries)) * width, dtype=dtype, device=device)
    spread = Spread()
    with _full_precision():
        for columns, rows, bias, here in _bank_blocks(bank, frame, dtype, device, block):
            spread = Spread(max(spread.radius, here.radius), max(spread.bias, here.bias))
            for part in row_blocks(len(queries), _QUERIES):
                scores = _product(sent[part], rows, bias, buffer)
                _keep_best(scores, columns.start, values[part], index[part])
    return index.cpu().numpy(), values.cpu().double().numpy(), spread


@torch.inference_mode()
def above(
    queries: Array, bank: Rows, frame: Frame, threshold: Array, *, device: str, block: int
) -> list[tuple[Array, Array]]:
    """The bank rows whose float64 score reaches the query's threshold `(q, 1)`: ascending index, and score."""
    sent = torch.from_numpy(queries).to(device)
    limit = torch.from_numpy(threshold).to(device)
    width = math.ceil(min(block, len(bank)) / _GROUP) * _GROUP
    buffer = torch.empty(len(queries) * width, dtype=torch.float64, device=device)
    found: list[list[tuple[Array, Array]]] = [[] for _ in range(len(queries))]
    with _full_precision():
        for columns, rows, bias, _ in _bank_blocks(bank, frame, torch.float64, device, block):
            scores = _product(sent, rows, bias, buffer)
            reached = scores >= limit
            query, column = torch.nonzero(reached, as_tuple=True)
            ends = np.cumsum(np.bincount(query.cpu().numpy(), minlength=len(queries)))[:-1]
            index = np.split(column.cpu().numpy() + columns.start, ends)
            for kept, *part in zip(found, index, np.split(scores[reached].cpu().numpy(), ends), strict=True):
                kept.append((part[0], part[1]))
    return [(np.concatenate([i for i, _ in parts]), np.concatenate([s for _, s in parts])) for parts in found]


def _bank_blocks(
    bank: Rows, frame: Frame, dtype: torch.dtype, device: str, block: int
) -> Iterator[tuple[slice, Tensor, Tensor, Spread]]:
    """Blocks of centred bank rows with their biases, padded to whole groups by rows that score -inf."""
    for part in row_blocks(len(bank), block):
        size = part.stop - part.start
        padded = size + -size % _GROUP
        rows = torch.zeros((padded, len(frame.centre)), dtype=dtype)
        bias = torch.full((padded,), -math.inf, dtype=dtype)
        radius = largest = 0.0
        for inner in row_blocks(size, _CONVERT):
            centred = frame.centred(bank, slice(part.start + inner.start, part.start + inner.stop))
            biases = frame.biases(centred)
            rows[inner] = torch.from_numpy(centred).to(dtype)
            bias[inner] = torch.from_numpy(biases).to(dtype)
            radius = max(radius, math.sqrt(float(_squares(centred).max())))
            largest = max(largest, float(np.abs(biases).max()))
        yield part, rows.to(device), bias.to(device), Spread(radius, largest)


def _product(queries: Tensor, rows: Tensor, bias: Tensor, buffer: Tensor) -> Tensor:
    """queries·rowsᵀ + bias, `(q, b)`, contiguous, in the buffer, as a sum of sums of `_ACCUMULATE` products.

    Shorter sums make the error bound a fraction of what one long sum would give, at no cost that can be measured.
    """
    scores = buffer[: len(queries) * len(rows)].view(len(queries), len(rows))
    torch.addmm(bias, queries[:, :_ACCUMULATE], rows[:, :_ACCUMULATE].T, out=scores)
    for start in range(_ACCUMULATE, queries.shape[1], _ACCUMULATE):
        stop = start + _ACCUMULATE
        scores.addmm_(queries[:, start:stop], rows[:, start:stop].T)
    return scores


def _keep_best(scores: Tensor, first: int, values: Tensor, index: Tensor) -> None:
    """Merge a block's scores `(q, b)` into the best so far, `values` and `index` `(q, count)`, in place.

    Sorting whole rows would cost as much as the product. A row of the bank qualifies only if it beats the worst kept
    one; sixteen at a time are ruled out by their maximum.
    """
    count, width = values.shape[1], scores.shape[1]
    groups = width // _GROUP
    floor = values.amin(dim=1)
    maxima = scores.view(-1, groups, _GROUP).amax(dim=2)
    if groups > count:
        # `count` groups reach the count-th largest maximum, so at least `count` columns do.
        floor = torch.maximum(floor, maxima.topk(count, dim=1, sorted=False).values.amin(dim=1))
    group = torch.nonzero((maxima >= floor[:, None]).view(-1)).squeeze(1)
    if 2 * len(group) > maxima.numel():
        best = scores.topk(min(count, width), dim=1, sorted=False)
        _merge(best.values, best.indices + first, values, index)
        return
    kept = scores.view(-1, _GROUP).index_select(0, group)
    own_floor = floor.index_select(0, torch.div(group, groups, rounding_mode="floor"))
    place = torch.nonzero((kept >= own_floor[:, None]).view(-1)).squeeze(1)
    cell = group.index_select(0, torch.div(place, _GROUP, rounding_mode="floor")) * _GROUP + place % _GROUP
    query, column = torch.div(cell, width, rounding_mode="floor"), cell % width
    # From a list ordered by query to one row per query.
    sizes = torch.bincount(query, minlength=len(values))
    slot = torch.arange(len(query), device=scores.device) - (sizes.cumsum(0) - sizes).index_select(0, query)
    new_values = scores.new_full((len(values), int(sizes.max())), -math.inf)
    new_index = index.new_zeros(new_values.shape)
    flat = query * new_values.shape[1] + slot
    new_values.view(-1)[flat] = kept.view(-1).index_select(0, place)
    new_index.view(-1)[flat] = column + first
    _merge(new_values, new_index, values, index)


def _merge(new_values: Tensor, new_index: Tensor, values: Tensor, index: Tensor) -> None:
    best = torch.cat([values, new_values], dim=1).topk(values.shape[1], dim=1, sorted=False)
    index.copy_(torch.cat([index, new_index], dim=1).gather(1, best.indices))
    values.copy_(best.values)


def _squares(rows: Array) -> Array:
    """|x|² of each row."""
    return np.asarray(np.einsum("nd,nd->n", rows, rows))


def _lengths(norms: Array) -> Array:
    """Norms to divide by: a zero vector stays zero."""
    return np.where(norms == 0.0, 1.0, norms)


def _gamma(terms: int, dtype: torch.dtype) -> float:
    unit = torch.finfo(dtype).eps / 2
    return terms * unit / (1 - terms * unit)


@contextmanager
def _full_precision() -> Iterator[None]:
    """The error bound holds for IEEE products only: no TF32, no bfloat16 passes, whatever the process has set."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
