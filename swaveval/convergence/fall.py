"""Has quality fallen from its peak by more than the best of n checkpoints stands out by chance?"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm

from swaveval.convergence.family import Question, question
from swaveval.convergence.noise import Estimate, contrast
from swaveval.convergence.quality import Quality
from swaveval.convergence.start import gain_over_start, over_random


@dataclass(frozen=True, slots=True, eq=False)
class Fall:
    """From the best checkpoint to the last.

    Attributes:
        peak: row of the best checkpoint before the last, chosen on other images than the fall is measured on.
        estimate: last minus peak, with both errors.
        optimism: by how much the best of n equally good checkpoints is expected to stand out through jitter alone.
        p: one-sided, of a fall larger than the optimism from a peak that was above the start and above these
            untrained networks: what was never learned is not lost.
        metric: it was measured on. n: images.
        asked: of the family.
    """

    peak: int
    estimate: Estimate
    optimism: float
    p: float
    metric: str
    n: int
    asked: Question


def fall_from_peak(quality: Quality, confirm: Quality | None) -> Fall | None:
    """Test the fall from the best checkpoint to the last, against best-of-n optimism.

    The peak is chosen on one set of images and the fall measured on another, so the choice does not profit from the
    images' noise: on the test images, or on half of the training images where these are more. It does profit from
    jitter, which both sets share: the best of k equally good checkpoints stands out by about σ·E[max of k normals],
    which is taken off the fall.
    """
    if quality.length < 3:
        return None
    if confirm is None or len(confirm.points) != quality.length or confirm.n < quality.n // 2:
        choose, measured = halves(quality)
    else:
        choose, measured = quality, confirm
    last = quality.length - 1
    peak = int(np.argmax(choose.values[:last]))
    weights = np.zeros(len(measured.values))
    weights[last], weights[peak] = 1.0, -1.0
    estimate = contrast(measured.values, weights, measured.noise, weights)
    optimism = math.sqrt(measured.noise.jitter) * expected_maximum(last)
    p = max(estimate.p_below(-optimism), gain_over_start(measured, [peak]).p_above(optimism))
    if (these := over_random(measured, [peak], spread=False)) is not None:
        p = max(p, these.p_above())
    if peak == 0 and quality.start != "random initialisations":
        p = 1.0
    asked = question(p, measured, -weights, estimate)
    return Fall(peak, estimate, optimism, p, measured.metric, measured.n, asked)


def expected_maximum(n: int) -> float:
    """E of the largest of n standard normal values (Blom's approximation, 1958)."""
    return float(norm.ppf((n - 0.375) / (n + 0.25))) if n > 1 else 0.0


def halves(quality: Quality) -> tuple[Quality, Quality]:
    """Even and odd images: one half to choose by, the other to measure on."""
    even, odd = (
        replace(quality, correct=quality.correct[:, begin::2], index=quality.index[begin::2]) for begin in (0, 1)
    )
    return even, odd
