"""k-nearest-neighbour classification, by every protocol in use, from one neighbour search per similarity.

score(c) = Σ over the k nearest bank images of w · 1[label = c]; the class with the largest score is predicted. A kNN
number without its protocol is no number: on one set of features the four below differ by two points, and other
packages' defaults by fifty.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, ClassVar, Literal

import numpy as np

from swaveval.evaluators import jackknife
from swaveval.evaluators.contract import Need, require_finite
from swaveval.evaluators.intervals import effective, wilson_share
from swaveval.evaluators.supervised import Labelled, accuracy, class_scores, labelled, outcomes
from swaveval.evaluators.threads import each
from swaveval.features.features import Features
from swaveval.features.neighbours import Neighbours, SimilarityMetric, nearest
from swaveval.results import Artifact, Metric, Term
from swaveval.results.words import words_of

Array = np.ndarray[Any, np.dtype[Any]]
Weighting = Literal["exp(s/T)", "1/d", "1/(d+1e-5)"]

# Of train images, each left out once to see how far leave-one-out outcomes depend on one another.
GROUPS = 50
# The jackknife of a statistic with jumps overstates its variance (Efron & Stein 1981). A quarter of what it finds above
# the binomial variance gives intervals that hold the truth 93-97 % of the time: benchmarks/intervals/coverage.md.
EXCESS = 0.25
# Neighbours beyond those that vote which are looked at first when some are left out.
_NEARBY = 12


@dataclass(frozen=True, slots=True)
class Vote:
    """One protocol.

    Attributes:
        k: neighbours that vote.
        temperature: T of exp(s/T); without meaning for the other weightings.
        metric: `cosine`, or `euclidean` on the features as they are.
        weighting: of a neighbour's vote, s its cosine and d its distance.
        origin: whose protocol it is.
    """

    k: int
    temperature: float = 0.07
    metric: SimilarityMetric = "cosine"
    weighting: Weighting = "exp(s/T)"
    origin: str = ""

    @property
    def id(self) -> str:
        if self.weighting == "exp(s/T)":
            return f"knn.top1[k={self.k},T={self.temperature:g}]"
        return f"knn.top1[k={self.k},{self.metric},w={self.weighting}]"

    def describe(self, bank: int) -> str:
        weight = f"exp(s/{self.temperature:g})" if self.weighting == "exp(s/T)" else self.weighting
        origin = f"{self.origin}: " if self.origin else ""
        clipped = f" (asked for {self.k}, clipped to the bank)" if self.k > bank else ""
        return f"{origin}{self.metric}, k={min(self.k, bank)}{clipped}, weight {weight}"


# Who uses which (k, T) with cosine and exp(s/T).
ORIGINS = {(k, 0.07): "dino" for k in (10, 20, 100, 200)} | {(200, 0.1): "lightly, InstDisc 1805.01978"}
SOLO_LEARN = Vote(20, metric="euclidean", weighting="1/(d+1e-5)", origin="solo-learn, offline")
CLOSER_LOOK = Vote(20, metric="euclidean", weighting="1/d", origin="closer-look 2407.12210")


@dataclass(frozen=True)
class Knn:
    """kNN on the test split, and leave-one-out on the training split.

    `knn.top1` is DINO's protocol; `knn.loo_top1` needs no test label and is what checkpoints are selected by.

    Attributes:
        k, temperature: of `knn.top1` and `knn.loo_top1`.
        ks, temperatures: of the grid, of which `knn.sensitivity` is the spread.
        loo_queries: leave-one-out on at most so many training images, a seeded sample of them: all against all of
            1.28 million would take a day.
    """

    k: int = 20
    temperature: float = 0.07
    ks: tuple[int, ...] = (10, 20, 100, 200)
    temperatures: tuple[float, ...] = (0.01, 0.07, 0.1, 1.0)
    loo_queries: int = 20_000

    name: ClassVar[str] = "knn"
    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[Need]] = frozenset({Need.LABELS, Need.TRAIN_SPLIT})
    terms: ClassVar[Mapping[str, Term]] = words_of("knn")

    def __post_init__(self) -> None:
        if min(self.k, *self.ks, self.loo_queries) < 1 or min(self.temperature, *self.temperatures) <= 0:
            raise ValueError("knn: k and loo_queries must be at least 1, temperatures above 0")

    def __call__(self, features: Features, *, seed: int) -> Iterable[Metric | Artifact]:
        require_finite(features)
        given = labelled(features)
        headline = Vote(self.k, self.temperature, origin=ORIGINS.get((self.k, self.temperature), ""))
        yield from self._test(given, headline)
        yield from self._grid(given)
        yield from self.leave_one_out(given, headline, seed=seed)

    def _test(self, given: Labelled, vote: Vote) -> Iterator[Metric | Artifact]:
        predicted = _predict(given, vote)
        protocol = given.protocol(vote.describe(len(given.train)), f"bank of {len(given.train)} train images")
        correct = predicted == given.test
        yield accuracy("knn.top1", correct, protocol)
        yield outcomes("knn.top1", correct, given.features.test_index)
        yield from class_scores("knn", given.test, predicted, given=given, protocol=protocol)

    def _grid(self, given: Labelled) -> Iterator[Metric]:
        grid = [Vote(k, t, origin=ORIGINS.get((k, t), "")) for k, t in product(self.ks, self.temperatures)]
        values = []
        for vote in grid:
            found = _score(given, vote)
            values.append(found.value)
            yield found
        yield from (_score(given, vote) for vote in (SOLO_LEARN, CLOSER_LOOK))
        yield Metric(
            id="knn.sensitivity",
            value=max(values) - min(values),
            better="neither",
            bounds=(0.0, 1.0),
            n=len(given.test),
            protocol=f"largest less smallest top-1, cosine, k in {list(self.ks)} × T in {list(self.temperatures)}",
        )

    def leave_one_out(self, given: Labelled, vote: Vote, *, seed: int) -> Iterator[Metric | Artifact]:
        """`knn.loo_top1` and its outcomes: every training image by the vote of the others; nothing of a single one."""
        bank = len(given.train)
        if bank < 2:
            return
        # More neighbours than vote: the jackknife takes some away.
        reach = 2 * vote.k + 30
        if bank <= self.loo_queries:
            rows = np.arange(bank)
            found = given.features.train_neighbours(reach)
        else:
            rows = np.sort(np.random.default_rng([seed, bank]).choice(bank, self.loo_queries, replace=False))
            found = _others(given.features, rows, reach)
        correct = votes(found, given.train, given.classes, vote) == given.train[rows]
        sampled = f"on a seeded sample of {len(rows)} train images" if len(rows) < bank else ""
        text = f"leave-one-out on the train split, {vote.describe(bank - 1)}"
        parts = jackknife.groups(bank, min(bank, GROUPS), seed=seed)
        error = dependent_error(found, rows, given.train, given.classes, vote, parts)
        yield self._dependent(correct, error, given.protocol(text, sampled))
        index = given.features.train_index
        yield outcomes("knn.loo_top1", correct, index[rows] if len(index) else rows)

    def _dependent(self, correct: Array, error: float, protocol: str) -> Metric:
        """`knn.loo_top1`, its interval at the effective number of images."""
        metric = accuracy("knn.loo_top1", correct, protocol)
        independent = metric.value * (1 - metric.value) / len(correct)
        variance = independent + EXCESS * max(0.0, error**2 - independent)
        n = effective(metric.value, len(correct), variance**0.5)
        how = "" if n == len(correct) else f"; images depend on each other as neighbours: interval as of {n:.0f}"
        return replace(metric, ci95=wilson_share(metric.value, n), protocol=f"{metric.protocol}{how}")


def votes(neighbours: Neighbours, labels: Array, classes: int, vote: Vote, *, block: int = 4096) -> Array:
    """Predicted class of every query.

    Equal scores go to the lower class; they occur where whole classes are as near as each other, as in a collapsed
    model, whose neighbours are all equally near.

    Args:
        neighbours: at least min(k, bank) of them per query, nearest first.
        labels: shape `(n_bank,)`, int64, in 0…classes-1.
        vote: the protocol.
        block: queries at a time; bounds the memory to `block · classes` numbers.

    Returns:
        shape `(n_queries,)`, int64.
    """
    neighbours = neighbours.first(min(vote.k, neighbours.k))
    predicted = np.empty(len(neighbours.index), dtype=np.int64)
    for start in range(0, len(predicted), block):
        rows = slice(start, start + block)
        weight = weights(neighbours.similarity[rows], vote)
        cell = np.arange(len(weight))[:, None] * classes + labels[neighbours.index[rows]]
        score = np.bincount(cell.ravel(), weight.ravel(), minlength=len(weight) * classes)
        predicted[rows] = score.reshape(len(weight), classes).argmax(axis=1)
    return predicted


def dependent_error(
    neighbours: Neighbours, rows: Array, labels: Array, classes: int, vote: Vote, groups: Sequence[Array]
) -> float:
    """Standard error of the leave-one-out accuracy by leaving out groups of the bank, as queries and as neighbours.

    An image helps to decide on all its neighbours, so the outcomes are not n independent trials.

    Args:
        neighbours: of the train images `rows`, more than vote: 2k + 30 of them.
        labels: shape `(n_bank,)`.
        groups: disjoint sets of train images.
    """

    def one(group: Array) -> float | None:
        gone = np.zeros(len(labels), dtype=np.bool_)
        gone[group] = True
        asked = ~gone[rows]
        near = neighbours.first(min(neighbours.k, vote.k + _NEARBY))
        lost = gone[near.index[asked]]
        if near.k - lost.sum(axis=1).max(initial=0) < vote.k:  # rarely: so many of an image's nearest are in the group
            near = neighbours
            lost = gone[near.index[asked]]
        k = min(vote.k, int((~lost).sum(axis=1).min(initial=near.k)))
        if k == 0 or not asked.any():
            return None
        first = np.argsort(lost, axis=1, kind="stable")[:, :k]
        left = Neighbours(
            np.take_along_axis(near.index[asked], first, axis=1),
            np.take_along_axis(near.similarity[asked], first, axis=1),
        )
        return float((votes(left, labels, classes, vote) == labels[rows[asked]]).mean())

    without = each(one, groups)
    return 0.0 if None in without else jackknife.standard_error([share for share in without if share is not None])


def weights(similarity: Array, vote: Vote) -> Array:
    """Weight of each neighbour's vote, float64 of the shape `(n, k)` of `similarity`.

    exp((s − s_max)/T) is exp(s/T) up to a factor per query, and cannot overflow. For 1/d a neighbour at distance 0
    outvotes all others, as in scikit-learn.
    """
    s = similarity.astype(np.float64)
    if vote.weighting == "exp(s/T)":
        return np.exp((s - s.max(axis=1, keepdims=True)) / vote.temperature)
    distance = -s
    if vote.weighting == "1/(d+1e-5)":
        return 1 / (distance + 1e-5)
    same = distance <= 0
    inverse = 1 / np.where(same, 1.0, distance)
    return np.where(same.any(axis=1, keepdims=True), same.astype(np.float64), inverse)


def _predict(given: Labelled, vote: Vote) -> Array:
    return votes(given.features.test_neighbours(vote.k, vote.metric), given.train, given.classes, vote)


def _score(given: Labelled, vote: Vote) -> Metric:
    return accuracy(vote.id, _predict(given, vote) == given.test, given.protocol(vote.describe(len(given.train))))


def _others(features: Features, rows: Array, k: int) -> Neighbours:
    """The k nearest other train images of the train images `rows`, ascending."""
    found = nearest(features.train[rows], features.train, min(k + 1, len(features.train)), device=features.device)
    own = found.index == rows[:, None]
    # Among exact duplicates an image may be missing from its own list: then the last neighbour goes.
    own[~own.any(axis=1), -1] = True
    shape = len(rows), found.k - 1
    return Neighbours(found.index[~own].reshape(shape), found.similarity[~own].reshape(shape))
