"""What the loss did, stated apart from quality: it decides nothing by itself."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from swaveval.convergence.verdict import LossShape, LossState
from swaveval.results import LossCurve
from swaveval.results.loss import LN_K_IN_WORDS

Array = np.ndarray[Any, np.dtype[Any]]

# A loss that moved less than this since the first third of training is called flat.
FLAT = 0.03


def loss_state(curve: LossCurve | None) -> LossState:
    """Shape of a loss curve, of its means over whole epochs; `unknown` when there is none.

    Its end is the median of the last tenth of the epochs (at least the last one), its reference for falling or rising
    the median of as many around one third of the way.
    """
    if curve is None or not curve.values:
        return LossState()
    _, values = by_epoch(curve)
    finite = np.isfinite(values)
    if not finite.any():
        return LossState(state="nan", ln_k=curve.ln_k, source=curve.source, axis=curve.axis)
    width = max(1, len(values) // 10)
    start = float(values[finite][0])
    end = float(np.median(values[finite][-width:]))
    ln_k = curve.ln_k
    gap = None if not ln_k else 1 - end / ln_k
    return LossState(
        state=_shape(curve, values, width),
        start=start,
        end=end,
        change=(end - start) / start if min(start, end) > 0 else None,
        ln_k=ln_k,
        gap=gap,
        at_ln_k=gap is not None and abs(gap) <= LN_K_IN_WORDS,
        source=curve.source,
        axis=curve.axis,
    )


def by_epoch(curve: LossCurve) -> tuple[Array, Array]:
    """Finished epochs and the mean loss of each; the curve itself where it is no finer, or on another axis.

    NaN anywhere in an epoch makes that epoch NaN.
    """
    epochs, values = np.asarray(curve.epochs, dtype=np.float64), np.asarray(curve.values, dtype=np.float64)
    if curve.axis != "epoch":
        return epochs, values
    whole = np.ceil(epochs - 1e-6)
    if len(np.unique(whole)) < 3:
        return epochs, values
    places, group = np.unique(whole, return_inverse=True)
    return places, np.bincount(group, weights=values) / np.bincount(group)


@dataclass(frozen=True, slots=True)
class Since:
    """What the loss did in the last two thirds of training.

    Attributes:
        place: one third of the way, on the curve's axis.
        change: since then, as a share of the loss there; of a loss that is not positive throughout (a cosine's, a
            likelihood's), whose zero means nothing, as a share of its `range`.
        range: largest minus smallest value; None for a positive loss.
    """

    place: float
    change: float
    range: float | None


def since_third(curve: LossCurve | None) -> Since | None:
    """None where it has under three values."""
    if curve is None:
        return None
    epochs, values = by_epoch(curve)
    finite = np.isfinite(values)
    epochs, values = epochs[finite], values[finite]
    if len(values) < 3:
        return None
    width = max(1, len(values) // 10)
    middle = int(np.searchsorted(epochs, epochs[0] + (epochs[-1] - epochs[0]) / 3))
    reference = float(np.median(values[max(0, middle - width // 2) : middle + (width + 1) // 2]))
    change = float(np.median(values[-width:])) - reference
    if values.min() > 0:
        return Since(float(epochs[middle]), change / reference, None)
    span = float(np.ptp(values))
    return Since(float(epochs[middle]), change / span if span else 0.0, span)


def _shape(curve: LossCurve, values: Array, width: int) -> LossShape:
    if not np.isfinite(values[-width:]).all():
        return "nan"
    moved = since_third(curve)
    if moved is None:
        return "unknown"
    if abs(moved.change) <= FLAT:
        return "flat"
    return "falling" if moved.change < 0 else "rising"
