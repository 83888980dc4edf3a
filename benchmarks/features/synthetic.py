"""Features like those of a network, of any number, without a network: for searches and evaluators at full size.

Clustered by class, non-negative as after a ReLU and average pooling, with a common mean and a decaying spectrum.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
_BLOCK = 8192


def rows_like(n: int, d: int, *, classes: int, seed: int, dtype: str = "float32") -> tuple[Array, Array]:
    """Features `(n, d)` in memory, and their labels `(n,)`."""
    common = np.random.default_rng([seed, 0])
    spectrum = (np.arange(1, d + 1) ** -0.5).astype(np.float32)
    mean = common.random(d, np.float32)
    centres = common.standard_normal((classes, d), np.float32) * spectrum
    rows, labels = np.empty((n, d), dtype), np.empty(n, np.int64)

    def block(number: int) -> None:
        part = slice(number * _BLOCK, min(n, (number + 1) * _BLOCK))
        rng = np.random.default_rng([seed, 1, number])
        labels[part] = rng.integers(classes, size=part.stop - part.start)
        made = rng.standard_normal((part.stop - part.start, d), np.float32)
        made *= 2 * spectrum
        made += centres[labels[part]]
        made += 0.3 * mean
        rows[part] = np.maximum(made, 0, out=made)

    with ThreadPoolExecutor() as pool:
        list(pool.map(block, range(-(-n // _BLOCK))))
    return rows, labels
