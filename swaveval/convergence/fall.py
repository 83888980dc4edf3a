"""Has quality fallen from its peak by more than the best of n checkpoints stands out by chance?"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm

from swaveval.convergence.family import Question, question
from swaveval.convergence.noise import Estimate, contrast
from swaveval.convergence.quality import Quality
from swaveval.convergence.start import gain_over_start, over_random
from swaveval.convergence.thresholds import FAR


@dataclass(frozen=True, slots=True, eq=False)
class Fall:
    """From the best checkpoint to the last.

    Attributes:
        peak: row of the best checkpoint before the last, chosen on other images than the fall is measured on.
        estimate: last minus peak, with both errors.
        optimism: by how much the best of n equally good checkpoints is expected to stand out through jitter alone; of
            a fall that is far beyond any jitter, how far that is.
        p: one-sided, of a fall larger than the optimism from a peak that was above the start and above these
            untrained networks: what was never learned is not lost.
        far: whether it is beyond any jitter, so that its error is the images'.
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
    far: bool


def fall_from_peak(quality: Quality, confirm: Quality | None) -> Fall | None:
    """Test the fall from the best checkpoint to the last, against best-of-n optimism.

    The peak is chosen on one set of images and the fall measured on another, so the choice does not profit from the
    images' noise: on the test images, or on half of the training images where these are more. It does profit from
    jitter, which both sets share: the best of k equally good checkpoints stands out by about σ·E[max of k normals],
    which is taken off the fall.

    A sharp fall looks like jitter itself in a short series. So a second question is asked with the images' error alone:
    of a fall larger than `FAR` times the jitter assumed beforehand, from a peak as far above the start. Where nothing
    but jitter goes on that is as good as never answered with yes, so the smaller p stands as it is.
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
    gained = gain_over_start(measured, [peak])
    these = over_random(measured, [peak], spread=False)
    optimism, beyond = math.sqrt(measured.noise.jitter) * expected_maximum(last), FAR * measured.jitter
    p = max(estimate.p_below(-optimism), gained.p_above(optimism), 0.0 if these is None else these.p_above())
    sharp = max(estimate.on_images.p_below(-beyond), gained.on_images.p_above(beyond))
    sharp = max(sharp, 0.0 if these is None else these.on_images.p_above(beyond))
    if peak == 0 and quality.start != "random initialisations":
        p = sharp = 1.0
    far = sharp < p
    if far:
        p, estimate, optimism = sharp, estimate.on_images, beyond
    asked = question(p, measured, -weights, estimate)
    return Fall(peak, estimate, optimism, p, measured.metric, measured.n, asked, far)


def expected_maximum(n: int) -> float:
    """E of the largest of n standard normal values (Blom's approximation, 1958)."""
    return float(norm.ppf((n - 0.375) / (n + 0.25))) if n > 1 else 0.0


def halves(quality: Quality) -> tuple[Quality, Quality]:
    """Even and odd images: one half to choose by, the other to measure on."""
    even, odd = (
        replace(quality, correct=quality.correct[:, begin::2], index=quality.index[begin::2]) for begin in (0, 1)
    )
    return even, odd
