"""The checkpoint to use, chosen without test labels, with those that cannot be told apart from it."""

from typing import Any

import numpy as np

from swaveval.convergence.quality import Quality
from swaveval.convergence.verdict import Best

Array = np.ndarray[Any, np.dtype[Any]]


def choose(selection: Quality, test: Quality | None, *, seed: int) -> Best:
    """Name the best checkpoint by `selection` and its tied set; state the optimism of choosing on `test` instead."""
    correct = selection.correct[: selection.length]
    draws = selection.draws(seed)
    values = correct.mean(axis=1)
    best = int(np.argmax(values))
    tied = [row for row in confidence_set(values, draws) if row != best]
    record = selection.points[best].record
    others = f"; {len(tied)} of the other {selection.length - 1} cannot be told apart from it" if tied else ""
    return Best(
        checkpoint=record.name,
        epoch=record.epoch,
        tied_with=tuple(selection.points[row].record.name for row in tied),
        metric=selection.metric,
        optimism=None if test is None else best_of_n_optimism(test.values[: test.length], test.draws(seed)),
        reason=f"highest {selection.metric} ({100 * values[best]:.1f} %, n = {selection.n:,}){others}",
    )


def confidence_set(values: Array, draws: Array, *, level: float = 0.95) -> list[int]:
    """Checkpoints that may be the best, by multiple comparison with the best (Hsu 1981), bootstrapped over images.

    Checkpoint t stays in the set while max over s of (value_s - value_t) / se_st is not beyond the `level` quantile
    of the same maximum over the bootstrap's deviations, so that the truly best one is left out with probability
    1 - level at most, however many there are.

    Args:
        values: shape `(T,)`. draws: shape `(b, T)`, the values on resampled images.
    """
    deviations = draws - draws.mean(axis=0)
    kept: list[int] = []
    for row in range(len(values)):
        difference = deviations - deviations[:, [row]]
        error = np.maximum(difference.std(axis=0), 1e-12)
        others = np.arange(len(values)) != row
        if not others.any():
            return [row]
        observed = float(np.max(((values - values[row]) / error)[others]))
        limit = float(np.quantile(np.max((difference / error)[:, others], axis=1), level))
        if observed <= max(limit, 0.0):
            kept.append(row)
    return kept


def best_of_n_optimism(values: Array, draws: Array) -> float:
    """By how much "the best of these on this set" overstates the chosen one, in fractions.

    The bootstrap's estimate: on resampled images, how far the winner's value there lies above its value here.

    Args:
        values: shape `(T,)`. draws: shape `(b, T)`, the values on resampled images.
    """
    winner = draws.argmax(axis=1)
    return float(max(0.0, np.mean(draws[np.arange(len(draws)), winner] - values[winner])))
