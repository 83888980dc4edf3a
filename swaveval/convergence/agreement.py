"""Which label-free metrics move with the labelled ones: what to trust where there are no labels.

Over the trained checkpoints of one run, Kendall's τ between a label-free metric and each labelled witness. The
untrained network is left out: RankMe starts at ten times its later value, and any metric that only tells a trained
network from an untrained one would seem to track quality.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import kendalltau

from swaveval.convergence.quality import broken, untrained
from swaveval.results import Series
from swaveval.results.roles import TRACKED, WITNESSES

# Fewer checkpoints order themselves by chance.
FEWEST = 5


@dataclass(frozen=True, slots=True)
class Agreement:
    """One label-free metric.

    Attributes:
        metric: its id. wanted: +1 where higher is said to be better, -1 where lower is.
        tau: Kendall's τ-b with each labelled witness by its id, in -1…1, positive where the metric moves as it is said
            to; NaN where one of the two never moves.
        mean: of these, NaN without any.
        n: checkpoints.
    """

    metric: str
    wanted: int
    tau: dict[str, float]
    mean: float
    n: int


def agreements(series: Series) -> tuple[Agreement, ...]:
    """Every label-free metric that was measured, in the order of its table; none below `FEWEST` checkpoints."""
    places = [
        place for place, point in enumerate(series.points) if not untrained(point.record) and not broken(point.record)
    ]
    labelled = {one.metric: series.values(one.metric)[places] for one in WITNESSES}
    known = {metric: values for metric, values in labelled.items() if np.isfinite(values).any()}
    if len(places) < FEWEST or not known:
        return ()
    found = []
    for metric, wanted in TRACKED.items():
        values = wanted * series.values(metric)[places]
        if not np.isfinite(values).any():
            continue
        tau = {witness: _tau(values, other) for witness, other in known.items()}
        finite = [value for value in tau.values() if np.isfinite(value)]
        mean = float(np.mean(finite)) if finite else float("nan")
        found.append(Agreement(metric, wanted, tau, mean, int(np.isfinite(values).sum())))
    return tuple(found)


def _tau(one: np.ndarray, other: np.ndarray) -> float:
    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < FEWEST or np.ptp(one[both]) == 0 or np.ptp(other[both]) == 0:
        return float("nan")
    return float(kendalltau(one[both], other[both]).statistic)
