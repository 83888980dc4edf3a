"""Simulated experiments with a known truth: how often does each 95 % interval hold it?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from swaveval.convergence.paired import paired_difference
from swaveval.evaluators import jackknife
from swaveval.evaluators.agreement import agreement as cluster_agreement
from swaveval.evaluators.intervals import bootstrap, wilson, wilson_mean
from swaveval.evaluators.knn import Knn, Vote
from swaveval.evaluators.lowshot import LowShot
from swaveval.evaluators.silhouette import silhouette
from swaveval.evaluators.supervised import labelled
from swaveval.features.features import Features
from swaveval.results import Metric


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something happened that should happen at a stated rate.

    Attributes:
        what: the interval or test, and the simulated situation.
        hits, repeats: how often, of how many.
        low, high: between which the rate has to lie.
    """

    what: str
    hits: int
    repeats: int
    low: float = 0.93
    high: float = 0.97

    @property
    def rate(self) -> float:
        return self.hits / self.repeats

    @property
    def kept(self) -> bool:
        return self.low <= self.rate <= self.high


def holds(interval: tuple[float, float] | None, truth: float) -> bool:
    return interval is not None and interval[0] <= truth <= interval[1]


def accuracies(repeats: int, draw: np.random.Generator) -> Iterator[Rate]:
    """Wilson, at accuracies that a model may have: one drawn anew in each repeat, as coverage at one oscillates."""
    for n in (30, 100, 450, 10_000):
        p = draw.uniform(0.3, 0.99, repeats)
        hits = sum(holds(wilson(int(draw.binomial(n, truth)), n), truth) for truth in p)
        yield Rate(f"accuracy, Wilson, n={n}, accuracy uniform in 30…99 %", hits, repeats)
    for classes, per_class in ((10, 3), (10, 45), (10, 1000), (100, 20), (1000, 50)):
        hits = 0
        for _ in range(repeats):
            recall = draw.beta(8, 2, classes)
            n = np.maximum(1, draw.poisson(per_class, classes))
            hits += holds(wilson_mean(draw.binomial(n, recall), n), float(recall.mean()))
        yield Rate(f"balanced accuracy, {classes} classes of about {per_class} test images", hits, repeats)


def any_statistic(repeats: int, draw: np.random.Generator) -> Iterator[Rate]:
    """The percentile bootstrap, on the standard deviation of exponentials and the mean of a skewed loss."""
    for name, statistic, truth in (("mean", np.mean, 1.0), ("median", np.median, np.log(2))):
        hits = 0
        for repeat in range(repeats):
            values = draw.exponential(size=300)
            interval = bootstrap(lambda rows, v=values, f=statistic: float(f(v[rows])), 300, seed=repeat, repeats=500)
            hits += holds(interval, float(truth))
        yield Rate(f"percentile bootstrap, {name} of 300 exponential values", hits, repeats)


def agreement(repeats: int, draw: np.random.Generator) -> Iterator[Rate]:
    """Cluster agreement at a fixed clustering: the truth is the mean over samples of as many images."""
    for clusters, purity, n in ((10, 0.6, 450), (10, 0.95, 450), (10, 0.6, 1800), (30, 0.7, 1800)):
        joint = _joint(clusters, 10, purity, np.random.default_rng(0))
        found: dict[str, list[tuple[float, tuple[float, float] | None]]] = {}
        for repeat in range(repeats):
            cells = draw.choice(joint.size, n, p=joint.ravel())
            for name, value, interval in _agreement(cells // 10, cells % 10, repeat):
                found.setdefault(name, []).append((value, interval))
        for name, repeated in found.items():
            truth = float(np.mean([value for value, _ in repeated]))
            hits = sum(holds(interval, truth) for _, interval in repeated)
            yield Rate(f"clusters.{name}, jackknife, K={clusters}, C=10, purity about {purity}, n={n}", hits, repeats)


def _agreement(cluster: np.ndarray, label: np.ndarray, seed: int) -> Iterator[tuple[str, float, Any]]:
    """The evaluator's own numbers for an assignment."""
    label = np.unique(label, return_inverse=True)[1]
    for metric in cluster_agreement(cluster, label, protocol="", groups=50, seed=seed):
        if metric.id != "clusters.hungarian":
            yield metric.id.removeprefix("clusters."), metric.value, metric.ci95


def _joint(clusters: int, classes: int, purity: float, draw: np.random.Generator) -> np.ndarray:
    """A joint distribution of cluster and class, shape `(K, C)`, each cluster with one main class."""
    share = draw.dirichlet(np.full(classes, 0.5), clusters) * (1 - purity)
    share[np.arange(clusters), np.arange(clusters) % classes] += purity
    return share * draw.dirichlet(np.full(clusters, 20.0))[:, None]


def silhouettes(repeats: int, draw: np.random.Generator) -> Iterator[Rate]:
    """The jackknife interval of the mean silhouette, at fixed centres."""
    centres = np.random.default_rng(0).normal(size=(5, 8))
    found = []
    for repeat in range(repeats):
        rows = centres[draw.integers(0, 5, 400)] + draw.normal(size=(400, 8)) * 0.7
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        nearest = (unit @ (centres / np.linalg.norm(centres, axis=1, keepdims=True)).T).argmax(axis=1)
        value, without = silhouette(unit, nearest, jackknife.groups(400, 50, seed=repeat))
        found.append((value, jackknife.interval(value, without)))
    truth = float(np.mean([value for value, _ in found]))
    hits = sum(holds(interval, truth) for _, interval in found)
    yield Rate("clusters.silhouette, jackknife, 400 images", hits, repeats)


def lowshot(repeats: int, draw: np.random.Generator) -> Iterator[Rate]:
    """The evaluator itself, seed after seed: does its interval hold the mean over all draws of labelled images?"""
    features = _gaussians(2000, 400, draw)
    for shots in (1, 5):
        made: list[Metric] = [next(iter(LowShot(shots=(shots,))(features, seed=seed))) for seed in range(repeats)]
        truth = float(np.mean([metric.value for metric in made]))
        hits = sum(holds(metric.ci95, truth) for metric in made)
        yield Rate(f"lowshot.top1[shots={shots}], Student over 10 draws, the evaluator itself", hits, repeats)


def knn(repeats: int, draw: np.random.Generator) -> Iterator[Rate]:
    """The evaluator itself: `top1` of one bank on new test images, `loo_top1` on new train images each time.

    The truth is the mean over all repeats.
    """
    evaluator = Knn()
    one = _gaussians(300, 0, draw)
    for separation in (0.9, 0.5):
        found: dict[str, list[Metric]] = {"knn.top1": [], "knn.loo_top1": []}
        for seed in range(repeats):
            new = _gaussians(300, 300, draw, separation)
            tested = replace(one, test=new.test, test_labels=new.test_labels)
            found["knn.top1"].append(_first(evaluator(tested, seed=seed)))
            found["knn.loo_top1"].append(_first(evaluator.leave_one_out(labelled(new), Vote(20), seed=seed)))
        for name, metrics in found.items():
            truth = float(np.mean([metric.value for metric in metrics]))
            hits = sum(holds(metric.ci95, truth) for metric in metrics)
            images = "300 new test images" if name == "knn.top1" else "300 new train images"
            yield Rate(f"{name}, {truth:.0%} on average, {images} each time", hits, repeats)


def _first(produced: Any) -> Metric:
    """The first metric, no more being computed than is needed for it."""
    return next(item for item in produced if isinstance(item, Metric))


def _gaussians(n_train: int, n_test: int, draw: np.random.Generator, separation: float = 0.9) -> Features:
    means = np.random.default_rng(7).normal(size=(5, 12)) * separation
    labels = draw.integers(0, 5, n_train + n_test)
    rows = (means[labels] + draw.normal(size=(len(labels), 12))).astype(np.float32)
    train, test = rows[:n_train], rows[n_train:]
    return Features(train, test, labels[:n_train], labels[n_train:], class_names=tuple("abcde"))


def pairs(repeats: int, draw: np.random.Generator) -> Iterator[Rate]:
    """Two checkpoints on the same images: false alarms at α = .05 without a difference, coverage with one."""
    for n, discordant in ((450, 0.10), (2000, 0.10), (10_000, 0.10), (10_000, 0.30)):
        alarms = exclusions = hits = 0
        for repeat in range(repeats):
            same = paired_difference(*_outcomes(n, discordant, 0.0, draw), seed=repeat, draws=1000)
            alarms += same.p <= 0.05
            exclusions += not holds(same.ci95, 0.0)
            other = paired_difference(*_outcomes(n, discordant, 0.02, draw), seed=repeat, draws=1000)
            hits += holds(other.ci95, 0.02)
        situation = f"n={n}, outcomes differ on {discordant:.0%} of the images"
        yield Rate(f"McNemar's exact p ≤ .05 without a difference, {situation}", alarms, repeats, 0.04, 0.06)
        yield Rate(f"paired interval excludes 0 without a difference, {situation}", exclusions, repeats, 0.04, 0.06)
        yield Rate(f"paired interval holds a difference of 2 points, {situation}", hits, repeats)


def _outcomes(n: int, discordant: float, effect: float, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two outcome vectors, the first better by `effect` in expectation."""
    kind = draw.choice(3, n, p=[(discordant + effect) / 2, (discordant - effect) / 2, 1 - discordant])
    both = draw.random(n) < 0.8
    return np.where(kind == 2, both, kind == 0), np.where(kind == 2, both, kind == 1)
