"""Features like those of a network, of any number, without a network: for searches and evaluators at full size.

Clustered by class, non-negative as after a ReLU and average pooling, with a common mean and a decaying spectrum.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
_BLOCK = 8192


def rows_like(n: int, d: int, *, classes: int, seed: int, dtype: str = "float32") -> tuple[Array, Array]:
    """Features `(n, d)` in memory, and their labels `(n,)`."""
    parts = list(_blocks(n, d, classes=classes, seed=seed, dtype=dtype))
    return np.concatenate([rows for rows, _ in parts]), np.concatenate([labels for _, labels in parts])


def _blocks(n: int, d: int, *, classes: int, seed: int, dtype: str) -> Iterator[tuple[Array, Array]]:
    common = np.random.default_rng([seed, 0])
    spectrum = (np.arange(1, d + 1) ** -0.5).astype(np.float32)
    mean = common.random(d, np.float32)
    centres = common.standard_normal((classes, d), np.float32) * spectrum
    for number, start in enumerate(range(0, n, _BLOCK)):
        rng = np.random.default_rng([seed, 1, number])
        size = min(_BLOCK, n - start)
        labels = rng.integers(classes, size=size)
        rows = rng.standard_normal((size, d), np.float32)
        rows *= 2 * spectrum
        rows += centres[labels]
        rows += 0.3 * mean
        yield np.maximum(rows, 0, out=rows).astype(dtype), labels
