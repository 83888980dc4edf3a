"""Signs of collapse in a run: where the loss sits, and what became of the representation.

Many people have no checkpoint from before the collapse: what became of the representation is seen against untrained
networks as well as within the run.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from swaveval.convergence.quality import is_random, untrained
from swaveval.convergence.verdict import LossState
from swaveval.results import Series
from swaveval.results.loss import LN_K_COLLAPSED
from swaveval.results.roles import SPOKEN, SPREAD, UNIFORMITY, USAGE

# A representation is called shrunk when rank or spread is down to such a share of its largest value in the run, or to
# such a one of what untrained networks have, and gone when it is down to such a share of either. Healthy training
# lowers the rank as well (to half, on digits; on photos to half of an untrained network's, at a high rate to a tenth):
# this speaks where quality did not rise.
SHRUNK = 0.75
SHRUNK_BESIDE = 0.25
GONE = 0.1
# How near to the least that it can be the loss of a constant output ends, and how far from it healthy training stays:
# over the bank at most .0003 and at least .12.
LEAST = 0.001
# A negative cosine that is further from −1 than this is that of outputs that differ.
FAR = 0.05
# Log of the mean Gaussian potential of pairs: 0 for a point, the lower the more spread. This much of it may be lost.
CONTRACTION = 0.1
# Prototypes that share all the mass: usage perplexity below this.
FEW_PROTOTYPES = 1.5


@dataclass(frozen=True, slots=True)
class Sign:
    """One observation that a collapsed run shows.

    Attributes:
        kind: `loss` (at ln K, or the least it can be), `shrunk` or `gone` (rank or spread), `low` (these, from the
            first file on), `usage` (prototypes).
        metric: it was seen in. claim: a clause with its numbers.
        effect: the number: a share of the largest value, where something shrank.
        change: in the metric's unit, where something shrank.
    """

    kind: Literal["loss", "shrunk", "gone", "low", "usage"]
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
    elif (least := _at_its_least(loss)) is not None:
        found.append(least)
    shrunk = [sign for metric in SPREAD if (sign := _shrunk(series, metric)) is not None]
    found += [sign for sign in shrunk if sign.kind == "gone" or not _outputs_differ(loss)]
    usage = last_value(series, USAGE)
    if usage is not None and usage < FEW_PROTOTYPES:
        claim = f"one prototype takes nearly all images (usage perplexity {usage:.2f})"
        found.append(Sign("usage", USAGE, claim, usage))
    return tuple(found)


def _at_its_least(loss: LossState) -> Sign | None:
    """The end of a loss that can fall no further: −1 of a negative cosine, zero of a distance.

    Where nothing holds the outputs of different images apart (BYOL, SimSiam and VICReg without what does), agreement of
    the views is learned to the end by a constant output. Real views of an image never agree so far. (Labels can be
    learned as far: it is a sign and no more.)
    """
    if loss.end is None or loss.start is None or loss.ln_k is not None:
        return None
    if -1 - LEAST <= loss.end <= -1 + LEAST < loss.start:
        claim = f"the loss ends at {loss.end:.4f}, the least that a negative cosine can be: that of a constant output"
        return Sign("loss", "loss", claim.replace("-", "−", 1), 1 + loss.end)
    if loss.start > 0 and 0 <= loss.end <= LEAST * loss.start:
        claim = (
            f"the loss ends at {loss.end:.4f}, next to nothing of its {loss.start:.3g}, as low as a constant output "
            "brings a distance of views"
        )
        return Sign("loss", "loss", claim, loss.end / loss.start)
    return None


def _outputs_differ(loss: LossState) -> bool:
    """Whether the loss is a negative cosine that is far from the −1 of a constant output.

    BYOL and SimSiam lose rank at first, and win it back: less of it is no sign then.
    """
    if loss.end is None or loss.start is None or loss.ln_k is not None:
        return False
    return -1 + FAR <= loss.end <= loss.start <= FAR


def _shrunk(series: Series, metric: str) -> Sign | None:
    """Rank or spread at the end against its largest value in the run, and against untrained networks."""
    values = series.values(metric)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    name, end = SPOKEN[metric], float(finite[-1])
    others = _of_untrained(series, metric)
    beside = float(np.mean(others)) if others else 0.0
    if beside > 0 and end < GONE * beside:
        claim = f"{name} is {end:.3g} at the end, that of untrained networks {beside:.3g}"
        return Sign("gone", metric, claim, end / beside, change=end - beside)
    most = float(finite.max())
    if most <= 0 or end >= SHRUNK * most:
        if beside > 0 and end < SHRUNK_BESIDE * beside:  # what was saved first had shrunk already
            claim = f"{name} is {end:.3g} at the end, that of untrained networks {beside:.3g}"
            return Sign("low", metric, claim, end / beside, change=end - beside)
        return None
    claim = f"{name} is down from {most:.3g} at its highest to {end:.3g}"
    return Sign("gone" if end < GONE * most else "shrunk", metric, claim, end / most, change=end - most)


def _of_untrained(series: Series, metric: str) -> list[float]:
    return [
        point.metrics[metric].value
        for point in series.baselines
        if is_random(point.record) and metric in point.metrics and np.isfinite(point.metrics[metric].value)
    ]


def contraction(series: Series) -> tuple[float, float] | None:
    """Uniformity of untrained networks and of the last checkpoint, where the features ended less spread; else None.

    SwaV pulls views together, so that view retrieval rises in every training. Features are worth something when they
    also stay spread (Wang & Isola 2020, 2005.10242): rising retrieval with less uniformity than an untrained network
    has was, in every such run of tests/convergence/bank, no gain in quality. Of methods without prototypes it was one
    in every such run, so there it says nothing; a bare backbone may be of either.
    """
    if _without_prototypes(series):
        return None
    untrained_values = _of_untrained(series, UNIFORMITY)
    start, end = np.mean(untrained_values) if untrained_values else np.nan, last_value(series, UNIFORMITY)
    if end is None or not np.isfinite(start) or end <= (1 - CONTRACTION) * start:
        return None
    return float(start), end


def _without_prototypes(series: Series) -> bool:
    """Whether the checkpoints say so: each holds a head, and no prototypes beside it."""
    loads = [point.record.load for point in series.points]
    return bool(loads) and all(
        load.get("prototypes") is None and (load.get("size") or {}).get("head", 0) > 0 for load in loads
    )


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
