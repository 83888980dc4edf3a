"""The z-score that linear and low-shot probes work on, from features that need not fit into memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from swaveval.evaluators.threads import crew
from swaveval.features.exact import row_blocks

Array = np.ndarray[Any, np.dtype[Any]]

# Rows at a time: what is done with them finds them in the processor's cache.
BLOCK = 1024


def blocks(features: Array, *, size: int = BLOCK) -> Iterator[Array]:
    """The rows in order, as fresh float64 arrays of at most `size` rows."""
    for start in range(0, len(features), size):
        yield np.array(features[start : start + size], dtype=np.float64)


def mean_and_scale(features: Array) -> tuple[Array, Array]:
    """Mean and standard deviation (divisor n) of each feature, in two passes.

    The deviation is 1 where a feature is constant up to the rounding of a float32 network: dividing by rounding errors
    would make a collapsed model's noise look like rich features.

    Args:
        features: shape `(n, d)`, n ≥ 1.

    Returns:
        mean and scale, shape `(d,)`, float64.
    """
    parts = list(row_blocks(len(features), BLOCK))
    mean = np.zeros(features.shape[1])

    def total(part: slice) -> Array:
        return np.asarray(np.array(features[part], dtype=np.float64).sum(axis=0))

    def squares(part: slice) -> Array:
        block = np.array(features[part], dtype=np.float64) - mean
        return np.asarray(np.einsum("nd,nd->d", block, block))

    with crew(most=len(parts)) as do:
        for found in do(total, parts):
            mean += found / len(features)
        variance = np.zeros_like(mean)
        for found in do(squares, parts):
            variance += found / len(features)
    scale = np.sqrt(variance)
    return mean, np.where(scale <= 1e-6 * np.abs(mean), 1.0, scale)
