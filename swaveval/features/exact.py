"""Similarities that depend on the two vectors alone: not on blocks, threads, devices or positions in an array.

A matrix product may round the same pair differently at another place of the matrix or with another number of threads.
So products only *find* neighbours; what is reported and ordered by comes from here: float64, one fixed order of
summation per pair, then rounded to a grid that is coarser than float64 noise and finer than float32 features, which
makes mathematical ties (duplicates, parallel vectors, small integers) real ties.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Int64

from swaveval.features.errors import FeatureError

Array = np.ndarray[Any, np.dtype[Any]]
SimilarityMetric = Literal["cosine", "euclidean"]

# Coarser than what float64 loses in a sum of thousands, finer than what float32 features can tell apart.
GRID = 2.0**-36
_SPLITTER = 2.0**17 + 1.0  # Veltkamp's splitting: keeps 53 - 17 = 36 significant bits
_MANY = 1 << 24  # numbers whose squares are worth several threads
_CHUNK = 1 << 17  # float64 elements gathered at a time: 1 MiB, stays in a core's cache


def read_only(array: Array) -> Array:
    """The array itself where it is read-only already, else a view through which nothing can be written."""
    if not array.flags.writeable:
        return array
    view = array.view()
    view.flags.writeable = False
    return view


def row_blocks(n: int, size: int) -> Iterator[slice]:
    """Consecutive slices of at most `size` rows that cover `n`."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def row_norms(rows: Array, *, name: str = "images", block: int = 512, threads: int = 1) -> Float64[np.ndarray, " n"]:
    """Euclidean norm of each row, float64, equal for equal rows, whatever the number of threads.

    Args:
        rows: shape `(n, d)`, any real dtype, possibly a memmap.
        name: what a row is, for the message.

    Raises:
        FeatureError: some rows hold NaN or infinities; the message says how many.
    """
    norms = np.empty(len(rows))

    def one(part: slice) -> None:
        values = np.asarray(rows[part], dtype=np.float64)
        norms[part] = np.sqrt(np.einsum("nd,nd->n", values, values))

    if threads < 2 or rows.size < _MANY:
        for part in row_blocks(len(rows), block):
            one(part)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(one, row_blocks(len(rows), block)))
    broken = int(np.count_nonzero(~np.isfinite(norms)))
    if broken:
        raise FeatureError(
            f"{broken} of {len(rows)} {name} have NaN or infinite features, so no neighbour can be told from another; "
            "the checkpoint diverged or was saved in a precision that overflowed: look at `swaveval inspect`"
        )
    return norms


def closeness(
    queries: Array,
    bank: Array,
    candidates: Int64[np.ndarray, "q c"],
    metric: SimilarityMetric,
    *,
    query_norms: Float64[np.ndarray, " q"],
    bank_norms: Float64[np.ndarray, " n"],
) -> Float64[np.ndarray, "q c"]:
    """Closeness of each query to its own candidate rows of the bank; larger is nearer.

    `cosine`: q·b / (|q||b|), 0 where either vector is zero. `euclidean`: -|q - b|². Both `on_grid`.
    """
    count, dimensions = candidates.shape[1], bank.shape[1]
    values = np.empty(candidates.shape)
    together = max(1, _CHUNK // max(1, count * dimensions))
    raw = np.empty((together * count, dimensions), bank.dtype)
    wide = np.empty((together, count, dimensions))
    for part in row_blocks(len(queries), together):
        size = part.stop - part.start
        rows = wide[:size]
        # mode="clip" writes into `raw` without a hidden copy; the indices are in range.
        np.take(bank, candidates[part].ravel(), axis=0, out=raw[: size * count], mode="clip")
        np.copyto(rows, raw[: size * count].reshape(rows.shape))
        query = np.asarray(queries[part], dtype=np.float64)
        if metric == "cosine":
            np.einsum("qcd,qd->qc", rows, query, out=values[part])
        else:
            np.subtract(rows, query[:, None, :], out=rows)
            np.einsum("qcd,qcd->qc", rows, rows, out=values[part])
    if metric == "cosine":
        lengths = query_norms[:, None] * bank_norms[candidates]
        values /= np.where(lengths == 0.0, 1.0, lengths)
        return on_grid(values, metric)
    return on_grid(-values, metric)


def on_grid(values: Float64[np.ndarray, "*shape"], metric: SimilarityMetric) -> Float64[np.ndarray, "*shape"]:
    """Cosines rounded to multiples of 2⁻³⁶, negative squared distances to 36 significant bits."""
    if metric == "cosine":
        return np.rint(values / GRID) * GRID + 0.0
    scaled = values * _SPLITTER
    return scaled - (scaled - values) + 0.0


def rank(
    values: Float64[np.ndarray, "q c"], index: Int64[np.ndarray, "q c"], k: int
) -> tuple[Float64[np.ndarray, "q k"], Int64[np.ndarray, "q k"]]:
    """The k nearest of each row, nearest first; equally near ones by ascending index."""
    by_index = np.argsort(index, axis=1, kind="stable")
    ordered = np.take_along_axis(values, by_index, axis=1)
    order = np.argsort(-ordered, axis=1, kind="stable")[:, :k]
    picked = np.take_along_axis(by_index, order, axis=1)
    return np.take_along_axis(values, picked, axis=1), np.take_along_axis(index, picked, axis=1)


def similarity(values: Float64[np.ndarray, "q k"], metric: SimilarityMetric) -> Array:
    """Closeness as reported: cosine, or negative distance; float32."""
    with np.errstate(over="ignore"):
        return (values if metric == "cosine" else 0.0 - np.sqrt(-values)).astype(np.float32)
