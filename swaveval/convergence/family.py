"""All questions that one verdict asks of all its witnesses, held together to one error.

Witnesses are correlated: they are asked of the same images. Bonferroni's correction counts each as if it were on its
own. Here images are resampled once for all of them: the joint distribution of the standardised contrasts under no
change at all gives that of the smallest p-value (Westfall & Young 1993, their step-down minP), with a weight for each
question (Genovese, Roeder & Wasserman 2006). The images are resampled by a Gaussian multiplier (Chernozhukov,
Chetverikov & Kato 2013), whose draws are normal with the covariance of the contrasts over images. What checkpoints
jitter by is taken to be independent between witnesses, which errs on the side of caution (Slepian 1962).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from swaveval.convergence.noise import Estimate, contributions, shared_covariance
from swaveval.convergence.quality import Quality

Array = np.ndarray[Any, np.dtype[Any]]

DRAWS = 20_000


@dataclass(frozen=True, eq=False)
class Question:
    """One hypothesis: that a contrast between rows of a witness goes no further than it may.

    Attributes:
        p: one-sided, uncorrected.
        contribution: shape `(n,)`: what each image adds to the contrast, centred; its squares sum to the variance that
            images give it.
        index: shape `(n,)`: the images.
        se: standard error of the contrast, of images and of checkpoints.
    """

    p: float
    contribution: Array
    index: Array
    se: float


def question(p: float, quality: Quality, weights: Array, estimate: Estimate) -> Question:
    """The hypothesis about `weights · values`, whose p is known.

    Args:
        weights: shape `(r,)`, r at most the rows of `quality`: the first of them.
        estimate: of that contrast.
    """
    each = weights @ quality.correct[: len(weights)].astype(np.float64, copy=False)
    return Question(p, contributions(each[None])[0], quality.index, estimate.se)


def corrected(questions: Sequence[Question], weights: Sequence[float], *, seed: int, draws: int = DRAWS) -> list[float]:
    """p of each question corrected for having asked them all: at most ALPHA of all families err where it is ≤ ALPHA.

    Never below the uncorrected p, nor below what Holm's procedure would give with one question.

    Args:
        weights: of each question, above 0; only their ratios count.
    """
    if len(questions) <= 1:
        return [question.p for question in questions]
    share = np.asarray(weights, dtype=np.float64)
    p = np.asarray([question.p for question in questions])
    generator = np.random.default_rng([seed, len(questions)])
    null = generator.multivariate_normal(np.zeros(len(p)), correlation(questions), size=draws, method="eigh")
    return [float(value) for value in step_down(np.vstack([p, ndtr(-null)]), share)]


def step_down(p: Array, share: Array) -> Array:
    """p of each question corrected for having asked them all: Westfall & Young's step-down minP, weighted.

    Args:
        p: shape `(1 + draws, m)`: the p-values found, and those of draws in which there is nothing to be found.
        share: shape `(m,)`: weight of each question.

    Returns:
        shape `(m,)`, none below the p found.
    """
    order = np.argsort(p[0] / share, kind="stable")
    drawn = (p / share)[:, order]
    # Of the questions not yet answered, the smallest: from the last one forward.
    smallest = np.minimum.accumulate(drawn[:, ::-1], axis=1)[:, ::-1]
    reached = (smallest <= drawn[0]).mean(axis=0)
    found = np.empty_like(p[0])
    found[order] = np.minimum(np.maximum.accumulate(np.maximum(reached, p[0][order])), 1.0)
    return found


def correlation(questions: Sequence[Question]) -> Array:
    """Correlation of the standardised contrasts, `(m, m)`: what images that two of them share put into both."""
    errors = np.asarray([question.se for question in questions])
    scale = np.outer(errors, errors)
    shared = shared_covariance(
        [question.contribution[None] for question in questions], [question.index for question in questions]
    )
    found = np.divide(shared, scale, out=np.zeros_like(shared), where=scale > 0)
    np.fill_diagonal(found, 1.0)
    return np.clip(found, -1.0, 1.0)
