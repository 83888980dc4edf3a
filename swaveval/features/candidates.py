"""The bank rows that may be among the nearest, found by matrix products in blocks, their rounding error bounded."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from swaveval.features.centred import Block, Frame, Rows, Spread, bank_block, bank_block_on
from swaveval.features.exact import row_blocks

Array = np.ndarray[Any, np.dtype[Any]]

_GROUP = 16  # bank rows whose maximum stands for them when most cannot qualify
# GPUs whose matrix units multiply float64 as fast as others of theirs multiply float32, by compute capability.
_FLOAT64 = frozenset({(8, 0), (9, 0)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Products:
    """How a device makes products.

    Attributes:
        device: torch device.
        queries: of a product.
        block: bank rows of a product; on a CPU 1024 queries by 16384 rows are 64 MiB of float32.
        run: products added up before a partial sum is set down. Shorter sums make the error bound a fraction of what
            one long sum would give; on a CPU at no cost that can be measured.
        centres: rows are centred there, not on the CPU.
        in_float64: at once; float32 has nothing to gain.
        held: bytes of the bank's rows that may stay there from one search to the next.
    """

    device: str
    queries: int = 1024
    block: int = 16384
    run: int = 128
    centres: bool = False
    in_float64: bool = False
    held: int = 0

    @classmethod
    def on(cls, device: str) -> "Products":
        if not device.startswith("cuda"):
            return cls(device=device)
        free, _ = torch.cuda.mem_get_info(device)
        # Of the scores, and of what is made of them, there are about four.
        block = max(1024, min(65536, free // (4 * 4096 * 8) // 1024 * 1024))
        quick = torch.cuda.get_device_capability(device) in _FLOAT64
        return cls(
            device=device,
            queries=4096,
            block=block,
            run=4096 if quick else 512,
            centres=True,
            in_float64=quick,
            held=free // 3,
        )

    @property
    def for_float64(self) -> "Products":
        """The same where there is float64: MPS has none."""
        return Products(block=self.block, device="cpu") if self.device.startswith("mps") else self


@dataclass(frozen=True, eq=False)
class Bank:
    """A bank as products need it, in blocks; kept on a device that has room for it."""

    rows: Rows
    frame: Frame
    _kept: dict[tuple[torch.dtype, str], list[Block]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def blocks(self, dtype: torch.dtype, products: Products) -> Iterator[Block]:
        """Padded to whole groups by rows that score -inf."""
        if (kept := self._kept.get((dtype, products.device))) is not None:
            yield from kept
            return
        size = len(self) * len(self.frame.centre) * dtype.itemsize
        keeping = list[Block]() if size <= products.held else None
        for part in row_blocks(len(self), products.block):
            count = part.stop - part.start
            padded = count + -count % _GROUP
            if products.centres:
                block = bank_block_on(products.device, self.rows, self.frame, part, dtype=dtype, padded=padded)
            else:
                made = bank_block(self.rows, self.frame, part, dtype=dtype, padded=padded)
                block = Block(part, made.rows.to(products.device), made.bias.to(products.device), made.spread)
            if keeping is not None:
                keeping.append(block)
            yield block
        if keeping is not None:
            self._kept[dtype, products.device] = keeping

    def width(self, products: Products) -> int:
        """Columns of the widest block."""
        return math.ceil(min(products.block, len(self)) / _GROUP) * _GROUP


@torch.inference_mode()
def best_candidates(
    queries: Array, bank: Bank, count: int, *, dtype: torch.dtype, products: Products
) -> tuple[Array, Array, Spread]:
    """The `count` bank rows with the largest computed scores for each query, in no order.

    Args:
        queries: centred queries, shape `(q, d)`, float64.
        count: fewer than the bank has.

    Returns:
        index `(q, count)`, int64; their scores, float64: no row left out has a computed score above the smallest; and
        the bank's spread, for the error bound.
    """
    device = products.device
    values = torch.full((len(queries), count), -math.inf, dtype=dtype, device=device)
    index = torch.zeros((len(queries), count), dtype=torch.int64, device=device)
    sent = torch.from_numpy(queries).to(dtype).to(device)
    together = min(products.queries, len(queries))
    buffer = torch.empty(together * bank.width(products), dtype=dtype, device=device)
    spread = Spread()
    with _full_precision():
        for block in bank.blocks(dtype, products):
            spread = Spread(max(spread.radius, block.spread.radius), max(spread.bias, block.spread.bias))
            for part in row_blocks(len(queries), products.queries):
                scores = _product(sent[part], block, buffer, products.run)
                _keep_best(scores, block.columns.start, values[part], index[part])
    return index.cpu().numpy(), values.cpu().double().numpy(), spread


@torch.inference_mode()
def above(queries: Array, bank: Bank, threshold: Array, *, products: Products) -> list[tuple[Array, Array]]:
    """The bank rows whose float64 score reaches the query's threshold `(q, 1)`: ascending index, and score."""
    sent = torch.from_numpy(queries).to(products.device)
    limit = torch.from_numpy(threshold).to(products.device)
    buffer = torch.empty(len(queries) * bank.width(products), dtype=torch.float64, device=products.device)
    found: list[list[tuple[Array, Array]]] = [[] for _ in range(len(queries))]
    with _full_precision():
        for block in bank.blocks(torch.float64, products):
            scores = _product(sent, block, buffer, products.run)
            reached = scores >= limit
            query, column = torch.nonzero(reached, as_tuple=True)
            ends = np.cumsum(np.bincount(query.cpu().numpy(), minlength=len(queries)))[:-1]
            index = np.split(column.cpu().numpy() + block.columns.start, ends)
            for kept, *part in zip(found, index, np.split(scores[reached].cpu().numpy(), ends), strict=True):
                kept.append((part[0], part[1]))
    return [(np.concatenate([i for i, _ in parts]), np.concatenate([s for _, s in parts])) for parts in found]


def _product(queries: Tensor, block: Block, buffer: Tensor, run: int) -> Tensor:
    """queries·rowsᵀ + bias, `(q, b)`, contiguous, in the buffer, as a sum of sums of `run` products."""
    rows = block.rows
    scores = buffer[: len(queries) * len(rows)].view(len(queries), len(rows))
    torch.addmm(block.bias, queries[:, :run], rows[:, :run].T, out=scores)
    for start in range(run, queries.shape[1], run):
        scores.addmm_(queries[:, start : start + run], rows[:, start : start + run].T)
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
    if groups > count and first == 0:
        # `count` groups reach the count-th largest maximum, so at least `count` columns do. (Of later blocks few rows
        # are above what is kept already.)
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


@contextmanager
def _full_precision() -> Iterator[None]:
    """The error bound holds for IEEE products only: no TF32, no bfloat16 passes, whatever the process has set."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
