"""Series of five witnesses with known truth, and real ones in which nothing was learned."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm

from benchmarks.verdicts.fixture import BANK, load
from swaveval.convergence.quality import Quality, read
from swaveval.results import Series
from swaveval.results.roles import RETRIEVAL, WITNESSES
from tests.convergence.simulated import series

Array = np.ndarray[Any, np.dtype[Any]]

INITS = Path(__file__).with_name("random_inits")
KNN, LINEAR, LOWSHOT, PURITY = (one.metric for one in WITNESSES)
VIEWS = RETRIEVAL.metric
TEST = "knn.top1"
METRICS = (KNN, TEST, LINEAR, LOWSHOT, PURITY, VIEWS)
# Accuracy where nothing was learned, as on the bank's sets; images with views are fewer.
LEVEL = {KNN: 0.80, TEST: 0.80, LINEAR: 0.85, LOWSHOT: 0.60, PURITY: 0.55, VIEWS: 0.30}
VIEW_IMAGES = 600
# Of the difficulty of an image, this share is common to all witnesses; the rest is each one's own.
COMMON = 0.6
DRAWS = 10
# k-means starts anew at every checkpoint: what purity scatters by on untrained networks.
SCATTER = 0.015


def drawn(
    accuracy: Mapping[str, Array], *, n: int, n_test: int, correlation: float, seed: int, spread: float = 0.0
) -> dict[str, Array]:
    """Outcomes of every witness from latent difficulties, `(T, n)` each; of low-shot shares of `DRAWS` draws.

    Args:
        correlation: latent, of an image's outcomes at two checkpoints. spread: standard deviation between checkpoints
            in the truth of all witnesses, the same for all.
    """
    generator = np.random.default_rng(seed)
    common, shift = generator.standard_normal(n), spread * generator.standard_normal(len(next(iter(accuracy.values()))))
    found: dict[str, Array] = {}
    for metric, values in accuracy.items():
        truth = np.clip(values + shift, 0.02, 0.98)
        if metric == PURITY:
            truth = np.clip(truth + SCATTER * generator.standard_normal(len(truth)), 0.02, 0.98)
        count = {VIEWS: min(VIEW_IMAGES, n), TEST: n_test}.get(metric, n)
        shared = generator.standard_normal(count) if metric == TEST else common[:count]
        difficulty = np.sqrt(COMMON) * shared + np.sqrt(1 - COMMON) * generator.standard_normal(count)
        limit = norm.ppf(truth)
        if metric == LOWSHOT:
            # Each draw has a difficulty of its own that lasts from checkpoint to checkpoint.
            draws = np.sqrt(0.5) * difficulty + np.sqrt(0.5) * generator.standard_normal((DRAWS, count))
            own = generator.standard_normal((len(truth), DRAWS, count))
            latent = np.sqrt(correlation) * draws + np.sqrt(1 - correlation) * own
            found[metric] = (latent < limit[:, None, None]).mean(axis=1)
        else:
            own = generator.standard_normal((len(truth), count))
            found[metric] = np.sqrt(correlation) * difficulty + np.sqrt(1 - correlation) * own < limit[:, None]
    return found


def build(rows: Mapping[str, Array], length: int, *, first: int = 0) -> Series:
    """Rows whose first `length` are checkpoints and the others untrained networks.

    Args:
        first: epoch of the first checkpoint: the untrained network at 0.
    """
    return series(
        {metric: given[:length] for metric, given in rows.items()},
        random={metric: given[length:] for metric, given in rows.items()},
        epochs=range(first, first + length),
    )


@cache
def real(path: Path) -> dict[str, Quality]:
    """Every witness of a stored series."""
    whole = load(path)
    return {metric: found for metric in METRICS if (found := read(whole, metric)) is not None}


def real_networks(seed: int, *, name: str, length: int, first: int = 0) -> Series:
    """Untrained networks in a random order: `length` of them as checkpoints from epoch `first` on, two as baselines."""
    found = real(INITS / f"{name}.npz")
    order = np.random.default_rng(seed).permutation(found[KNN].length)[: length + 2]
    return build({metric: one.correct[order] for metric, one in found.items()}, length, first=first)


def permuted(seed: int, *, run: str) -> Series:
    """A run that learned with its epochs in a random order, the start included."""
    found = real(BANK / f"{run}.npz")
    order = np.random.default_rng(seed).permutation(found[KNN].length)
    rows = {
        metric: one.correct[np.r_[order, one.random]]
        for metric, one in found.items()
        if one.length == len(order) and one.random
    }
    return build(rows, len(order))
