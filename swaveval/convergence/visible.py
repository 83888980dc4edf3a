"""Can the labels be seen in these images at all? Labels are a claim, and most wrong ones fail this test.

Folders may mean a camera, a day, a shard or a split. Where no network, trained or untrained, no raw pixels and no
colours tell the classes apart beyond chance, accuracy against these labels says nothing of the images. Where all of
them tell the classes apart without an error, it says nothing of the network.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.stats import binomtest, norm

from swaveval.convergence.paired import holm
from swaveval.results import Point, Series
from swaveval.results.roles import CLASSES_ALIKE, VISIBLE

Array = np.ndarray[Any, np.dtype[Any]]

# Family-wise level at which one of all the features has to tell the classes apart. Strict, so that labels dealt at
# random are found out in 99 of 100 sets; real labels that need more than this are too faint to judge a network by.
SEEN = 0.01
# Wilson's and the jackknife's intervals are of this level.
_Z95 = float(norm.ppf(0.975))
# Of the images; an error here and there is a wrong label.
ALWAYS = 0.998


@dataclass(frozen=True, slots=True)
class Unseen:
    """Labels by which nothing can be judged.

    Attributes:
        kind: `chance` (nothing tells the classes apart) or `always` (everything does, without an error).
        best: highest leave-one-out accuracy of all features. majority: share of the commonest class.
        n: images. features: checkpoints and baselines asked.
    """

    kind: Literal["chance", "always"]
    best: float
    majority: float
    n: int
    features: int


def unseen(series: Series) -> Unseen | None:
    """Labels that nothing can be judged by, or None where they can be seen (or there is too little to say).

    Asked are all checkpoints, the untrained networks, raw pixels and the colour histogram: leave-one-out kNN against
    the share of the commonest class (exact binomial), and the measures that count every class alike against chance;
    all together under Holm's correction.
    """
    labels = series.artifact("data.labels")
    if labels is None:
        return None
    points = [point for point in (*series.points, *series.baselines) if _outcomes(series, point) is not None]
    plain = [point for point in points if point.record.kind == "baseline"]
    if not plain:
        return None
    rows = [found for point in points if (found := _outcomes(series, point)) is not None]
    label_of = dict(zip(labels["index"].tolist(), labels["label"].tolist(), strict=True))
    known = np.asarray([label_of.get(int(place), -1) for place in rows[0]["index"]])
    known = known[known >= 0]
    if len(known) == 0:
        return None
    majority = float(np.bincount(known).max() / len(known))
    accuracy = [float(row["correct"].mean()) for row in rows]
    found = (max(accuracy), majority, len(known), len(points))
    if min(accuracy) >= ALWAYS:
        return Unseen("always", *found)
    tests = [_above_majority(row["correct"], majority) for row in rows]
    tests += [p for point in points for p in _above_chance(point, len(np.unique(known)))]
    return None if min(holm(tests)) <= SEEN else Unseen("chance", *found)


def _outcomes(series: Series, point: Point) -> Any:
    """Leave-one-out outcomes; the majority class has none."""
    found = series.artifact(f"{VISIBLE}.outcomes", point.record.digest)
    return None if found is None or not len(found["correct"]) else found


def _above_majority(correct: Array, majority: float) -> float:
    return float(binomtest(int(correct.sum()), len(correct), min(1.0, majority), alternative="greater").pvalue)


def _above_chance(point: Point, classes: int) -> Iterator[float]:
    """One-sided p of each measure that counts the classes alike, from its interval.

    A majority vote is what nothing learned amounts to; these see what an imbalanced set's accuracy hides.
    """
    for name, per_class in CLASSES_ALIKE.items():
        metric = point.metrics.get(name)
        if metric is None or metric.ci95 is None or not np.isfinite([metric.value, *metric.ci95]).all():
            continue
        chance = 1 / classes if per_class else 0.0
        error = (metric.value - metric.ci95[0]) / _Z95
        if error > 0:
            yield float(norm.sf((metric.value - chance) / error))
        elif metric.value > chance:
            yield 0.0


def clause(found: Unseen, class_names: tuple[str, ...]) -> str:
    """Why the labels were set aside, as a clause."""
    shown = ", ".join(name[:40] for name in class_names[:3]) + (" …" if len(class_names) > 3 else "")
    if found.kind == "always":
        return (
            f"the labels were set aside: all {found.features} kinds of features, untrained networks and colours among "
            f"them, tell the classes ({shown}) apart without an error (n = {found.n:,})"
        )
    return (
        f"the labels were set aside: neither any checkpoint nor an untrained network, raw pixels or colours tell the "
        f"classes ({shown}) apart better than always naming the commonest one ({100 * found.majority:.0f} %, best "
        f"{100 * found.best:.0f} %, n = {found.n:,})"
    )
