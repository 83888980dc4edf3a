"""The checkpoint to use, chosen by all witnesses without test labels, with those that cannot be told apart from it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from swaveval.convergence.hearing import Hearing
from swaveval.convergence.noise import contributions, shared_covariance
from swaveval.convergence.quality import Quality
from swaveval.convergence.verdict import Best
from swaveval.convergence.wording import listed

Array = np.ndarray[Any, np.dtype[Any]]

DRAWS = 1000


def choose(heard: Sequence[Hearing], test: Quality | None, *, seed: int) -> Best:
    """Name the checkpoint that no other beats beyond chance by any witness, and those it cannot be told apart from.

    Where every checkpoint is beaten by another one by some witness, it is the one that is beaten by least; the reason
    says which witness would have another. The run's own untrained network is never the one.

    Args:
        heard: witnesses of the same checkpoints that look at no test label.
        test: what the optimism of choosing on test images is stated of.
    """
    measured = [one.quality for one in heard]
    values = np.stack([one.values[: one.length] for one in measured])
    shortfall, limit = shortfalls(values, joint_draws(measured, seed=seed))
    # Nobody asks for the network that was not trained, though the others may be no better.
    first_trained = 1 if measured[0].untrained_first and values.shape[1] > 1 else 0
    best = first_trained + int(np.argmin(shortfall[first_trained:]))
    tied = [row for row in np.flatnonzero(shortfall <= limit) if row != best] if shortfall[best] <= limit[best] else []
    first = measured[0]
    record = first.points[best].record
    return Best(
        checkpoint=record.name,
        epoch=record.epoch,
        tied_with=tuple(first.points[row].record.name for row in tied),
        metric=first.metric,
        optimism=None if test is None else best_of_n_optimism(test.values[: test.length], test.draws(seed)),
        reason=_reason(heard, values, best, beaten=bool(shortfall[best] > limit[best]), tied=len(tied)),
    )


def _reason(heard: Sequence[Hearing], values: Array, best: int, *, beaten: bool, tied: int) -> str:
    others = values.shape[1] - 1
    some = f"; {tied} of the other {others} cannot be told apart from it" if tied else ""
    none = "the other one cannot" if others == 1 else f"none of the other {others} can"
    apart = f"; {none} be told apart from it" if tied == others > 0 else some
    if len(heard) == 1:
        (one,) = heard
        of = " of the trained checkpoints" if values[0].max() > values[0, best] else ""
        return f"highest {one.quality.metric}{of} ({100 * values[0, best]:.1f} %, n = {one.quality.n:,}){apart}"
    shown = listed([f"{one.name} ({100 * value:.1f} %)" for one, value in zip(heard, values[:, best], strict=True)])
    away = [
        f"{one.name} is highest at {one.quality.moment(int(row.argmax()))} ({100 * row.max():.1f} %)"
        for one, row in zip(heard, values, strict=True)
        if row.max() > row[best]
    ]
    # Beside numbers of the test images these need their name.
    where = "on training images " if any(one.witness.labelled and one.witness.chooses for one in heard) else ""
    if beaten:
        return f"{where}the witnesses disagree, and it is beaten by least: {shown}; {listed(away)}"
    if others == 0:
        return f"it is the only checkpoint; {where}it reaches {shown}"
    return f"{where}by none of {shown} is another checkpoint better beyond chance{apart}"


def joint_draws(measured: Sequence[Quality], *, seed: int) -> Array:
    """Deviations of every witness's values on images resampled once for all, shape `(b, W, T)`.

    Drawn from the normal distribution with the covariance over images, those that two witnesses share counted for both.
    """
    length = measured[0].length
    return image_draws([one.correct[:length] for one in measured], [one.index for one in measured], seed=seed)


def image_draws(correct: Sequence[Array], index: Sequence[Array], *, seed: int, draws: int = DRAWS) -> Array:
    """The same of outcomes.

    Args:
        correct: one array of shape `(T, n)` for each witness. index: its images, shape `(n,)`, sorted.

    Returns:
        shape `(draws, W, T)`.
    """
    covariance = shared_covariance([contributions(rows) for rows in correct], index)
    generator = np.random.default_rng(seed)
    drawn = generator.multivariate_normal(np.zeros(len(covariance)), covariance, size=draws, method="eigh")
    return drawn.reshape(draws, len(correct), len(correct[0]))


def shortfalls(values: Array, deviations: Array, *, level: float = 0.95) -> tuple[Array, Array]:
    """By how many standard errors each checkpoint is beaten at most, and how many chance alone would give.

    Multiple comparison with the best (Hsu 1981), over witnesses as well: of checkpoint t it is the largest, over
    witnesses and other checkpoints s, of (value_s - value_t) / se_st; the second array is the `level` quantile of the
    same over the deviations. So a checkpoint that is truly best by every witness is beaten beyond chance with
    probability 1 - level at most.

    Args:
        values: shape `(W, T)`. deviations: shape `(b, W, T)`, of resampled images.

    Returns:
        Two arrays of shape `(T,)`.
    """
    count = values.shape[1]
    if count == 1:
        return np.zeros(1), np.zeros(1)
    shortfall, limit = np.empty(count), np.empty(count)
    for row in range(count):
        others = np.arange(count) != row
        difference = (deviations - deviations[:, :, [row]])[:, :, others]
        error = np.maximum(difference.std(axis=0), 1e-12)
        shortfall[row] = np.max((values - values[:, [row]])[:, others] / error)
        limit[row] = max(0.0, float(np.quantile(np.max(difference / error, axis=(1, 2)), level)))
    return shortfall, limit


def best_of_n_optimism(values: Array, draws: Array) -> float:
    """By how much "the best of these on this set" overstates the chosen one, in fractions.

    The bootstrap's estimate: on resampled images, how far the winner's value there lies above its value here.

    Args:
        values: shape `(T,)`. draws: shape `(b, T)`, the values on resampled images.
    """
    winner = draws.argmax(axis=1)
    return float(max(0.0, np.mean(draws[np.arange(len(draws)), winner] - values[winner])))
