"""The centred coordinates of a search, in which both metrics are one product, and what products in them round.

With μ the bank's centre, q' = q - μ and b' = b - μ (after L2 normalisation for the cosine), a query orders the bank by

    cosine     q·b             = q'·b' + μ·b'      + q·μ
    euclidean  -|q - b|² / 2   = q'·b' - |b'|² / 2 - |q'|² / 2

where the last term is the query's own constant. Centring matters: features of young or collapsed networks share a
large mean, and float32 products of uncentred vectors lose exactly the differences that neighbours are made of.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from swaveval.features.exact import GRID, SimilarityMetric, row_blocks

Array = np.ndarray[Any, np.dtype[Any]]

_CONVERT = 512  # rows brought to float64 at a time: stays in cache
_SENT, _COPIERS = 16384, 4  # rows on their way to a GPU at a time, and threads that copy them


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

    def sent(self, part: slice, device: str) -> tuple[Tensor, Tensor]:
        """The same as tensors on a device, where they become float64: they travel as they are stored."""
        whole = torch.empty((part.stop - part.start, self.values.shape[1]), dtype=torch.float64, device=device)
        for inner in row_blocks(len(whole), _SENT):
            few = slice(part.start + inner.start, part.start + inner.stop)
            read = np.asarray(self.values[few if self.chosen is None else self.chosen[few]])
            # A tensor of its own: a GPU reads pinned memory by itself, and a read-only map would make torch warn.
            kind = torch.from_numpy(np.empty(0, read.dtype)).dtype
            staged = torch.empty(read.shape, dtype=kind, pin_memory=device.startswith("cuda"))
            _copy(staged.numpy(), read)
            whole[inner] = staged.to(device, non_blocking=True)
        norms = self.norms[part if self.chosen is None else self.chosen[part]]
        return whole, torch.from_numpy(np.array(norms)).to(device)

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
    def of(cls, bank: Rows, metric: SimilarityMetric, *, gpu: str | None = None) -> "Frame":
        """The frame of a bank: one pass over it, on a GPU if one is named."""
        total = np.zeros(bank.values.shape[1])
        for part in row_blocks(len(bank), _CONVERT if gpu is None else _SENT):
            if gpu is None:
                rows, norms = bank.read(part)
                total += (rows / _lengths(norms)[:, None] if metric == "cosine" else rows).sum(axis=0)
            else:
                there, lengths = bank.sent(part, gpu)
                total += (there / _divisors(lengths) if metric == "cosine" else there).sum(dim=0).cpu().numpy()
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

    def centred_on(self, device: str, rows: Rows, part: slice) -> tuple[Tensor, Tensor]:
        """b' `(b, d)` and its biases `(b,)` on a device that has float64."""
        values, norms = rows.sent(part, device)
        centre = torch.from_numpy(self.centre).to(device)
        if self.metric == "cosine":
            values /= _divisors(norms)
        values -= centre
        if self.scale != 1.0:
            values /= self.scale
        return values, values @ centre if self.metric == "cosine" else -0.5 * (values * values).sum(dim=1)

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

    def error(self, queries: Array, frame: Frame, dtype: torch.dtype, run: int) -> Array:
        """Bound on |computed - true score|, `(q, 1)`, for centred queries `(q, d)`, whatever the order of summation.

        γ·(|q'||b'| + |bias|) with γ = n·u/(1 - n·u) for n roundings in a row (Higham, Accuracy and Stability of
        Numerical Algorithms, §3.1), plus what float64 loses in centring.

        Args:
            run: products added up before a partial sum is set down.
        """
        d = len(frame.centre)
        length = np.sqrt(_squares(queries))
        roundings = min(d, run) + math.ceil(d / run) + 8
        product = _gamma(roundings, dtype) * (length * self.radius + self.bias)
        product += (d + 2) * torch.finfo(dtype).tiny * (length + self.radius + 1)  # what underflow loses
        # Twice: for the score, and for the query's own term with the closeness itself.
        slack = 2 * _gamma(d + 64, torch.float64)
        if frame.metric == "cosine":
            # Normalising and taking away the centre lose a share of the whole vectors' lengths, 1 and |μ| ≤ 1 …
            return np.asarray(product + slack * (length + 1) * (length + 3))[:, None]
        # … while a difference of stored numbers is rounded once, relative to itself.
        return np.asarray(product + slack * (length + self.radius) ** 2)[:, None]


@dataclass(frozen=True, eq=False)
class Block:
    """Some bank rows as products need them.

    Attributes:
        columns: which rows of the bank.
        rows: b' `(b, d)`, padded to whole groups by rows of zeros.
        bias: `(b,)`; -inf for a row of padding.
        spread: of these.
    """

    columns: slice
    rows: Tensor
    bias: Tensor
    spread: Spread


def bank_block(bank: Rows, frame: Frame, part: slice, *, dtype: torch.dtype, padded: int) -> Block:
    """Centred on the CPU, `padded` rows of them."""
    rows = torch.zeros((padded, len(frame.centre)), dtype=dtype)
    bias = torch.full((padded,), -math.inf, dtype=dtype)
    radius = largest = 0.0
    for inner in row_blocks(part.stop - part.start, _CONVERT):
        centred = frame.centred(bank, slice(part.start + inner.start, part.start + inner.stop))
        biases = frame.biases(centred)
        rows[inner] = torch.from_numpy(centred).to(dtype)
        bias[inner] = torch.from_numpy(biases).to(dtype)
        radius = max(radius, math.sqrt(float(_squares(centred).max())))
        largest = max(largest, float(np.abs(biases).max()))
    return Block(part, rows, bias, Spread(radius, largest))


def bank_block_on(device: str, bank: Rows, frame: Frame, part: slice, *, dtype: torch.dtype, padded: int) -> Block:
    """The same, centred on a device that has float64."""
    centred, biases = frame.centred_on(device, bank, part)
    size = len(centred)
    radius, largest = (centred * centred).sum(dim=1).max().sqrt(), biases.abs().max()
    if padded > size:
        centred = torch.nn.functional.pad(centred, (0, 0, 0, padded - size))
        biases = torch.nn.functional.pad(biases, (0, padded - size), value=-math.inf)
    return Block(part, centred.to(dtype), biases.to(dtype), Spread(float(radius), float(largest)))


def _squares(rows: Array) -> Array:
    """|x|² of each row."""
    return np.asarray(np.einsum("nd,nd->n", rows, rows))


def _lengths(norms: Array) -> Array:
    """Norms to divide by: a zero vector stays zero."""
    return np.where(norms == 0.0, 1.0, norms)


def _gamma(terms: int, dtype: torch.dtype) -> float:
    unit = torch.finfo(dtype).eps / 2
    return terms * unit / (1 - terms * unit)


def _copy(into: Array, rows: Array) -> None:
    """By a few threads: one alone copies slower than a GPU reads."""
    with ThreadPoolExecutor(_COPIERS) as pool:
        list(pool.map(lambda part: np.copyto(into[part], rows[part]), row_blocks(len(rows), _SENT // _COPIERS)))


def _divisors(norms: Tensor) -> Tensor:
    return torch.where(norms == 0.0, 1.0, norms)[:, None]
