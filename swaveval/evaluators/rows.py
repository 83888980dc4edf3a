"""Rows of both splits as one matrix, train then test: fixed samples of them, read in blocks.

The label-free evaluators look at every image alike. What they compute is bounded by a seeded sample, drawn from the
split sizes and labels alone, so that every checkpoint of a series is measured on the same images.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from swaveval.evaluators.contract import NotFinite
from swaveval.evaluators.threads import each
from swaveval.features.exact import row_blocks
from swaveval.features.features import Features

Array = np.ndarray[Any, np.dtype[Any]]

# Numbers that are worth several threads, and those that stay in a processor's cache.
_MANY, _CACHED = 1 << 24, 1 << 17


def count(features: Features) -> int:
    """n_train + n_test."""
    return len(features.train) + len(features.test)


def positions(features: Features) -> Array:
    """Position of each row in the ImageSet, shape `(n,)`, int32; the row numbers where no index was given."""
    n_train, n_test = len(features.train), len(features.test)
    train = features.train_index if len(features.train_index) == n_train else np.arange(n_train)
    test = features.test_index if len(features.test_index) == n_test else n_train + np.arange(n_test)
    return np.concatenate([train, test]).astype(np.int32)


def labels(features: Features) -> Array | None:
    """Label of each row, shape `(n,)`, int64, -1 where unlabelled; None without labels."""
    if features.train_labels is None or features.test_labels is None:
        return None
    return np.concatenate([features.train_labels, features.test_labels]).astype(np.int64)


def sample(features: Features, limit: int, *, seed: int) -> Array:
    """At most `limit` rows, ascending, in proportion to classes and splits.

    Systematic sampling over the rows sorted by class, split and a random key: each stratum gets its share, rounded
    down or up.

    Returns:
        shape `(min(n, limit),)`, int64. The same for every checkpoint of a series.
    """
    n = count(features)
    if n <= limit:
        return np.arange(n)
    draw = np.random.default_rng([seed, n])
    strata = [np.arange(n) >= len(features.train)]
    known = labels(features)
    if known is not None:
        strata.append(known)
    order = np.lexsort([draw.random(n), *strata])
    picks = ((np.arange(limit) + draw.random()) * (n / limit)).astype(np.int64)
    return np.sort(order[np.minimum(picks, n - 1)])


def take(features: Features, rows: Array) -> Array:
    """The features of `rows` (ascending), shape `(len(rows), d)`, float32.

    Raises:
        NotFinite: some of them are NaN or infinite.
    """
    cut = len(features.train)
    in_train = rows[rows < cut]
    in_test = rows[rows >= cut] - cut
    taken = np.concatenate(
        [np.asarray(features.train[in_train], np.float32), np.asarray(features.test[in_test], np.float32)]
    )
    bad = int((~np.isfinite(taken)).any(axis=1).sum())
    if bad:
        raise NotFinite(
            f"{bad} of {len(rows)} images have NaN or infinite features: the training diverged before this "
            "checkpoint; use an earlier one"
        )
    return taken


def blocks(features: Features, rows: Array, *, size: int = 8192) -> Iterator[Array]:
    """The features of `rows` in consecutive blocks of at most `size` rows, float64.

    Raises:
        NotFinite: some of them are NaN or infinite.
    """
    for start in range(0, len(rows), size):
        yield take(features, rows[start : start + size]).astype(np.float64)


def unit(rows: Array) -> Array:
    """Rows divided by their L2 norm, float64; a row of zeros stays zero."""
    if rows.size < _MANY:
        return _unit(rows)
    found = np.empty(rows.shape)

    def one(part: slice) -> None:
        found[part] = _unit(rows[part])

    each(one, row_blocks(len(rows), max(1, _CACHED * len(rows) // rows.size)))
    return found


def _unit(rows: Array) -> Array:
    rows = rows.astype(np.float64)
    norm = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.where(norm == 0, 1.0, norm)


def is_constant(rows: Array) -> bool:
    """Whether all rows of shape `(n, d)` are equal up to the rounding of a float32 network.

    A collapsed model's outputs differ in their last bits, and that noise has full rank: normalised by its own size it
    would look like rich features. The line is a root-mean-square deviation of 1e-6 of the mean's length.
    """
    rows = rows.astype(np.float64)
    mean = rows.mean(axis=0)
    return rounding_only(float(((rows - mean) ** 2).sum(axis=1).mean()), float(mean @ mean))


def rounding_only(variance: float, squared_mean: float) -> bool:
    """The rule of `is_constant`, from the mean squared distance to the mean and the mean's squared length."""
    return variance <= 1e-12 * squared_mean
