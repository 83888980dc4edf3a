"""Signs of collapse in a run: where the loss sits, and what became of the representation."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from swaveval.convergence.quality import is_random, untrained
from swaveval.convergence.verdict import LossState
from swaveval.results import Series
from swaveval.results.loss import LN_K_COLLAPSED
from swaveval.results.roles import SPREAD, UNIFORMITY, USAGE

# A representation is called shrunk, or gone, when one of these is down to such a share of its largest value in the run.
# Healthy training lowers the rank, too (to half, on digits), so this speaks only where quality did not rise.
SHRUNK = 0.75
GONE = 0.1
# Log of the mean Gaussian potential of pairs: 0 for a point, the lower the more spread. This much of it may be lost.
CONTRACTION = 0.1
# Prototypes that share all the mass: usage perplexity below this.
FEW_PROTOTYPES = 1.5


@dataclass(frozen=True, slots=True)
class Sign:
    """One observation that a collapsed run shows.

    Attributes:
        kind: `loss` (at ln K), `shrunk` or `gone` (rank or spread within the run), `usage` (prototypes).
        metric: it was seen in. claim: a clause with its numbers.
        effect: the number: a share of the largest value, where something shrank.
        change: in the metric's unit, where something shrank.
    """

    kind: Literal["loss", "shrunk", "gone", "usage"]
    metric: str
    claim: str
    effect: float
    change: float | None = None


def signs(series: Series, loss: LossState) -> tuple[Sign, ...]:
    """Every sign of collapse; none of them is proof while quality is above the start."""
    found: list[Sign] = []
    if loss.end is not None and loss.ln_k is not None and loss.gap is not None and abs(loss.gap) <= LN_K_COLLAPSED:
        share = 100 * loss.end / loss.ln_k
        claim = (
            f"the loss ends at {loss.end:.3f}, {share:.1f} % of ln K = {loss.ln_k:.3f}, the loss of a constant output"
        )
        found.append(Sign("loss", "loss", claim, loss.gap))
    for metric in SPREAD:
        values = series.values(metric)
        finite = values[np.isfinite(values)]
        if len(finite) < 2 or finite.max() <= 0:
            continue
        most, end = float(finite.max()), float(finite[-1])
        ratio = end / most
        if ratio < SHRUNK:
            claim = f"{metric} is down from {most:.3g} to {end:.3g}"
            found.append(Sign("gone" if ratio < GONE else "shrunk", metric, claim, ratio, change=end - most))
    usage = last_value(series, USAGE)
    if usage is not None and usage < FEW_PROTOTYPES:
        claim = f"one prototype takes nearly all images (usage perplexity {usage:.2f})"
        found.append(Sign("usage", USAGE, claim, usage))
    return tuple(found)


def contraction(series: Series) -> tuple[float, float] | None:
    """Uniformity of untrained networks and of the last checkpoint, where the features ended less spread; else None.

    SwaV pulls views together, so that view retrieval rises in every training. Features are worth something when they
    also stay spread (Wang & Isola 2020, 2005.10242): rising retrieval with less uniformity than an untrained network
    has was, in every such run of tests/convergence/bank, no gain in quality.
    """
    untrained_values = [
        point.metrics[UNIFORMITY].value
        for point in series.baselines
        if is_random(point.record) and UNIFORMITY in point.metrics
    ]
    start, end = np.mean(untrained_values) if untrained_values else np.nan, last_value(series, UNIFORMITY)
    if end is None or not np.isfinite(start) or end <= (1 - CONTRACTION) * start:
        return None
    return float(start), end


def against_start(series: Series, metric: str) -> tuple[float, float] | None:
    """Value of a metric in the untrained network (own step 0, else the mean random initialisation) and at the end."""
    end = last_value(series, metric)
    begin = start_value(series, metric)
    return None if end is None or begin is None else (begin, end)


def start_value(series: Series, metric: str) -> float | None:
    own = [point for point in series.points[:1] if untrained(point.record)]
    points = own or [point for point in series.baselines if is_random(point.record)]
    values = [point.metrics[metric].value for point in points if metric in point.metrics]
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else None


def last_value(series: Series, metric: str) -> float | None:
    """The last finite value among the checkpoints."""
    values = series.values(metric)
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else None
