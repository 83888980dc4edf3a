"""Features like those of a network, of any number, without a network: for searches and evaluators at full size.

Clustered by class, non-negative as after a ReLU and average pooling, with a common mean and a decaying spectrum.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from swaveval.features.features import Features

Array = np.ndarray[Any, np.dtype[Any]]
_BLOCK = 8192


def rows_like(n: int, d: int, *, classes: int, seed: int, dtype: str = "float32") -> tuple[Array, Array]:
    """Features `(n, d)` in memory, and their labels `(n,)`."""
    parts = list(_blocks(n, d, classes=classes, seed=seed, dtype=dtype))
    return np.concatenate([rows for rows, _ in parts]), np.concatenate([labels for _, labels in parts])


def mapped_features(directory: Path, n_train: int, n_test: int, d: int, *, classes: int, seed: int = 0) -> Features:
    """Labelled float16 Features whose rows lie in memory-mapped files under `directory`, made a block at a time.

    1,281,167 × 2048 is 5.2 GB on disk, and takes a minute or two to make. An existing file of the right shape is used.
    """
    directory.mkdir(parents=True, exist_ok=True)
    name = f"{n_train}-{n_test}-{d}-{classes}-{seed}"
    rows_file, labels_file = directory / f"rows-{name}.npy", directory / f"labels-{name}.npy"
    if not labels_file.exists():
        rows = np.lib.format.open_memmap(rows_file, "w+", np.float16, (n_train + n_test, d))
        labels = np.empty(n_train + n_test, np.int64)
        for number, (block, of_block) in enumerate(_blocks(len(rows), d, classes=classes, seed=seed, dtype="float16")):
            start = number * _BLOCK
            rows[start : start + len(block)] = block
            labels[start : start + len(block)] = of_block
            if number % 16 == 15:
                rows.flush()
        del rows
        np.save(labels_file, labels)
    held, labels = np.load(rows_file, mmap_mode="r"), np.load(labels_file)
    return Features(
        train=held[:n_train],
        test=held[n_train:],
        train_labels=labels[:n_train],
        test_labels=labels[n_train:],
        train_index=np.arange(n_train, dtype=np.int32),
        test_index=np.arange(n_train, n_train + n_test, dtype=np.int32),
        class_names=tuple(f"class {number}" for number in range(classes)),
        protocol=f"synthetic, {classes} classes, seed {seed}",
    )


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
