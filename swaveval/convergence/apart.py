"""Settings side by side: which are beaten by another one beyond chance, by all witnesses together.

Multiple comparison with the best (Hsu 1981), as for the checkpoints of one run (`best.shortfalls`), with one error
more: a setting trained anew with another seed comes out elsewhere. Where settings have repeats, the variance between
seeds is pooled over them and added, divided by the number of repeats, to what images explain. Images are a part of the
spread between seeds too, so that they count twice: that errs on the side of caution (Obuchowski & Rockette 1995 take
the shared part alone, which needs more repeats than people have).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student

from swaveval.convergence.best import image_draws
from swaveval.convergence.paired import PairedDifference, paired_difference

Array = np.ndarray[Any, np.dtype[Any]]
Groups = Sequence[Sequence[int]]

DRAWS = 4000


@dataclass(frozen=True, eq=False)
class Answers:
    """What one witness saw of every run, on the same images.

    Attributes:
        metric: its id. name: in sentences.
        correct: shape `(R, n)`: bool, or float in 0…1 where an image is asked several times.
        index: int, shape `(n,)`, sorted: the images.
    """

    metric: str
    name: str
    correct: Array
    index: Array

    @property
    def values(self) -> Array:
        """Accuracy of every run, shape `(R,)`."""
        return np.asarray(self.correct.mean(axis=1, dtype=np.float64))


@dataclass(frozen=True, eq=False)
class Spread:
    """How far repeats of a setting lie apart.

    Attributes:
        variance: shape `(W,)`, between the seeds of a setting, pooled over settings. freedom: its degrees of freedom.
    """

    variance: Array
    freedom: int


@dataclass(frozen=True, eq=False)
class Compared:
    """G settings by W witnesses.

    Attributes:
        values: shape `(W, G)`, means over repeats.
        error: shape `(G, G, W)`: standard error of the difference between two settings.
        needed: shape `(G, G, W)`: by how much s has to be ahead of t (`[t, s, w]`) to beat it beyond chance.
        p: shape `(G, G, W)`: how often chance alone puts some setting as many standard errors ahead of t by some
            witness as s is by w.
        spread: between seeds; None where no setting has repeats.
    """

    values: Array
    error: Array
    needed: Array
    p: Array
    spread: Spread | None


def pooled(values: Array, groups: Groups) -> Spread | None:
    """The variance between repeats, pooled over the settings that have some.

    Args:
        values: shape `(W, R)`. groups: the runs of each setting.
    """
    freedom = sum(len(runs) - 1 for runs in groups)
    if not freedom:
        return None
    squares = sum(len(runs) * np.var(values[:, list(runs)], axis=1) for runs in groups)
    return Spread(np.asarray(squares / freedom), freedom)


def compare(answers: Sequence[Answers], groups: Groups, *, seed: int, draws: int = DRAWS) -> Compared:
    """Hold every setting against every other one by every witness.

    A setting that is truly the best by every witness is beaten (some p at most 0.05) with probability 5 % at most.

    Args:
        answers: one for each witness. groups: the runs of each setting, at least one each.
    """
    by_run = np.stack([one.values for one in answers])
    means = [_means(one.correct, groups) for one in answers]
    values = np.stack([rows.mean(axis=1) for rows in means])
    images = image_draws(means, [one.index for one in answers], seed=seed, draws=draws)
    spread = pooled(by_run, groups)
    count = len(groups)
    repeats = np.asarray([len(runs) for runs in groups], dtype=np.float64)
    generator = np.random.default_rng([seed, count])
    if spread is None:
        variance, again, moved = np.zeros(len(answers)), np.zeros((draws, len(answers))), images
    else:
        variance = spread.variance
        again = variance * generator.chisquare(spread.freedom, size=(draws, len(answers))) / spread.freedom
        between = np.sqrt(variance[:, None] / repeats)
        moved = images + between * generator.standard_normal(images.shape)
    error, needed, p = (np.zeros((count, count, len(answers))) for _ in range(3))
    for row in range(count):
        apart = 1 / repeats + 1 / repeats[row]
        explained = np.var(images - images[:, :, [row]], axis=0)
        error[row] = np.sqrt(np.maximum(explained + variance[:, None] * apart, 1e-24)).T
        drawn = np.sqrt(np.maximum(explained + again[:, :, None] * apart, 1e-24))
        reached = (moved - moved[:, :, [row]]) / drawn
        reached[:, :, row] = 0.0
        # Sorted, so that each p is a search.
        most = np.sort(reached.max(axis=(1, 2)))
        ahead = (values - values[:, [row]]).T / error[row]
        p[row] = (1 + draws - np.searchsorted(most, ahead, side="left")) / (1 + draws)
        needed[row] = max(0.0, float(np.quantile(most, 0.95))) * error[row]
        p[row, row] = 1.0
    return Compared(values, error, needed, np.minimum(p, 1.0), spread)


def difference(one: Answers, groups: Groups, a: int, b: int, *, seed: int) -> PairedDifference:
    """Setting a minus setting b by one witness; the seeds' spread counted where there are repeats.

    With repeats it is Student's, with Satterthwaite's degrees of freedom: those of the pooled variance for the part
    between seeds, of the images for theirs.
    """
    spread = pooled(one.values[None], groups)
    if spread is None:
        return paired_difference(one.correct[groups[a][0]], one.correct[groups[b][0]], seed=seed)
    each = _means(one.correct, [groups[a]])[0] - _means(one.correct, [groups[b]])[0]
    n, effect = len(each), float(each.mean())
    images = float(each.var(ddof=1)) / n if n > 1 else 0.0
    seeds = float(spread.variance[0]) * (1 / len(groups[a]) + 1 / len(groups[b]))
    if images + seeds == 0:
        return PairedDifference(effect, (effect, effect), 1.0 if effect == 0 else 0.0, n)
    freedom = (images + seeds) ** 2 / (images**2 / max(1, n - 1) + seeds**2 / spread.freedom)
    error = float(np.sqrt(images + seeds))
    reach = float(student.ppf(0.975, freedom)) * error
    p = float(2 * student.sf(abs(effect) / error, freedom))
    return PairedDifference(effect, (effect - reach, effect + reach), p, n)


def _means(correct: Array, groups: Groups) -> Array:
    """Outcomes averaged over the repeats of each setting, shape `(G, n)`."""
    return np.stack([correct[list(runs)].mean(axis=0, dtype=np.float64) for runs in groups])
