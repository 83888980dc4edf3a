"""Batches through an encoder: in order, each once, whatever is fetched together."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from swaveval.features.passing import FETCHED_TOGETHER, Passing


def batches(sizes: list[int]) -> Iterator[np.ndarray]:
    start = 0
    for size in sizes:
        yield np.arange(start, start + size, dtype=np.uint8).reshape(size, 1, 1, 1)
        start += size


@pytest.mark.parametrize("sizes", [[], [3], [4] * FETCHED_TOGETHER, [5] * (2 * FETCHED_TOGETHER + 3), [1, 7, 2]])
@pytest.mark.parametrize("device, together", [("cpu", 1), ("another", FETCHED_TOGETHER)])
@pytest.mark.parametrize("scored", [True, False])
def test_every_batch_comes_once_and_in_order(sizes: list[int], device: str, together: int, scored: bool) -> None:
    seen: list[int] = []

    def encode(batch: Tensor) -> tuple[Tensor, Tensor | None]:
        seen.append(len(batch))
        rows = batch.reshape(len(batch), 1).float()
        return rows, rows.double() * 2 if scored else None

    given = list(Passing(device).through(encode, batches(sizes)))
    assert seen == sizes
    assert len(given) == -(-len(sizes) // together)
    if sizes:
        assert np.array_equal(np.concatenate([rows for rows, _ in given])[:, 0], np.arange(sum(sizes)))
    for rows, scores in given:
        assert rows.dtype == np.float32
        assert (scores is None) != scored
        assert scores is None or np.array_equal(scores, rows * 2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("count", [1, FETCHED_TOGETHER, 5 * FETCHED_TOGETHER + 1])
def test_a_gpu_is_given_batches_that_are_there(count: int) -> None:
    """Copies, encoding and fetching overlap, each with memory of its own: large batches, so that a fault would show."""
    drawn = np.random.default_rng(0).integers(0, 256, (count, 64, 128, 128, 3), np.uint8)

    def encode(batch: Tensor) -> tuple[Tensor, Tensor | None]:
        assert batch.is_cuda
        rows = batch.flatten(1).to(torch.float64)
        for _ in range(20):  # so that batches are waited for
            rows = rows + 1
        sums = rows.sum(dim=1, keepdim=True)
        return sums, sums * 2

    given = list(Passing("cuda").through(encode, iter(drawn)))
    expected = drawn.reshape(count * 64, -1).sum(axis=1, dtype=np.int64) + 20 * 128 * 128 * 3
    assert np.array_equal(np.concatenate([rows for rows, _ in given])[:, 0], expected)
    assert np.array_equal(np.concatenate([scores for _, scores in given])[:, 0], 2 * expected)


def test_what_an_encoder_or_the_batches_raise_is_raised() -> None:
    def refuse(batch: Tensor) -> tuple[Tensor, Tensor | None]:
        raise RuntimeError("no")

    def broken() -> Iterator[np.ndarray]:
        yield from batches([2])
        raise OSError("gone")

    with pytest.raises(RuntimeError, match="no"):
        list(Passing("cpu").through(refuse, batches([2, 2])))
    with pytest.raises(OSError, match="gone"):
        list(Passing("cpu").through(lambda batch: (batch, None), broken()))
