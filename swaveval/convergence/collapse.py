"""Signs of collapse in a run: where the loss sits, and what became of the representation."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from swaveval.convergence.quality import is_random, untrained
from swaveval.convergence.verdict import LossState
from swaveval.results import Series

# A representation is called shrunk when one of these has lost half of what an untrained network has.
SPREAD = ("spectrum.rankme_centred", "spectrum.std", "views.lidar")
SHRUNK = 0.5
GONE = 0.2
# Prototypes that share all the mass: usage perplexity below this.
FEW_PROTOTYPES = 1.5


@dataclass(frozen=True, slots=True)
class Sign:
    """One observation that a collapsed run shows.

    Attributes:
        kind: `loss` (at ln K), `shrunk` or `gone` (rank or spread against the start), `usage` (prototypes).
        metric: it was seen in. claim: a clause with its numbers. effect: the number.
    """

    kind: Literal["loss", "shrunk", "gone", "usage"]
    metric: str
    claim: str
    effect: float


def signs(series: Series, loss: LossState) -> tuple[Sign, ...]:
    """Every sign of collapse; none of them is proof while quality is above the start."""
    found: list[Sign] = []
    if loss.at_ln_k and loss.end is not None and loss.ln_k is not None and loss.gap is not None:
        share = 100 * loss.end / loss.ln_k
        claim = (
            f"the loss ends at {loss.end:.3f}, {share:.1f} % of ln K = {loss.ln_k:.3f}, the loss of a constant output"
        )
        found.append(Sign("loss", "loss", claim, loss.gap))
    for metric in SPREAD:
        change = against_start(series, metric)
        if change is None:
            continue
        start, end = change
        ratio = end / start if start > 0 else 1.0
        if ratio < SHRUNK:
            claim = f"{metric} is down from {start:.3g} in the untrained network to {end:.3g}"
            found.append(Sign("gone" if ratio < GONE else "shrunk", metric, claim, ratio))
    usage = last_value(series, "prototypes.perplexity")
    if usage is not None and usage < FEW_PROTOTYPES:
        claim = f"one prototype takes nearly all images (usage perplexity {usage:.2f})"
        found.append(Sign("usage", "prototypes.perplexity", claim, usage))
    return tuple(found)


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
