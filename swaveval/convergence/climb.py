"""Does quality climb out of a trough that it fell into first?

Methods that nothing but their design keeps apart (BYOL, SimSiam) lose at first what an untrained network has, and win
it back. A run that stands below its start on the way up is not one that does not learn.
"""

import math
from dataclasses import dataclass

import numpy as np

from swaveval.convergence.fall import expected_maximum, halves
from swaveval.convergence.noise import Estimate, contrast
from swaveval.convergence.quality import Quality
from swaveval.convergence.thresholds import ALPHA
from swaveval.convergence.trend import last_third

_FEWEST = 5


@dataclass(frozen=True, slots=True, eq=False)
class Climb:
    """From the lowest trained checkpoint to the end.

    Attributes:
        trough: row of the lowest checkpoint, chosen on other images than the climb is measured on.
        estimate: mean of the last third minus the trough, with both errors.
        p: one-sided, of a climb larger than the lowest of n equally good checkpoints stands out by through jitter.
        n: images.
    """

    trough: int
    estimate: Estimate
    p: float
    n: int


def climb_from_trough(quality: Quality, tail_begin: int) -> Climb | None:
    """The mirror of a fall from the peak: chosen on half of the images, measured on the other.

    The first trained checkpoint is no trough: from there on BatchNorm's statistics settle, which is no learning.

    Returns:
        None with fewer than five trained checkpoints, or without a trough that is below the first and before the last
        third.
    """
    first = 1 if quality.untrained_first else 0
    if quality.length - first < _FEWEST:
        return None
    choose, measured = halves(quality)
    late = [row for row in last_third(tail_begin, quality.length) if row > first]
    before = range(first, min(late))
    trough = min(before, key=lambda row: float(choose.values[row]))
    if trough == first:
        return None
    weights = np.zeros(len(measured.values))
    weights[late] = 1 / len(late)
    weights[trough] -= 1.0
    estimate = contrast(measured.values, weights, measured.noise, weights)
    optimism = math.sqrt(measured.noise.jitter) * expected_maximum(len(before))
    return Climb(trough, estimate, estimate.p_above(optimism), measured.n)


def climbs(found: Climb | None) -> bool:
    """Whether it is shown; asked alone, as it only keeps a run from being called one that does not learn."""
    return found is not None and found.p <= ALPHA
