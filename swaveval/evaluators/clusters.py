"""k-means clusters of the backbone features: what groups the model has found, and how far they are the classes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np

from swaveval.evaluators import contingency, jackknife, rows
from swaveval.evaluators.agreement import agreement, shuffled_purity
from swaveval.evaluators.contract import Need, Skip, require_finite
from swaveval.evaluators.intervals import small_sample, student
from swaveval.evaluators.kmeans import Clustering
from swaveval.evaluators.partition import clustering
from swaveval.evaluators.scatter import scatter
from swaveval.evaluators.silhouette import silhouette
from swaveval.evaluators.supervised import accuracy, outcomes
from swaveval.evaluators.threads import one_thread
from swaveval.features.features import Features
from swaveval.results import Artifact, Metric, Term
from swaveval.results.words import words_of

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Clusters:
    """k-means on L2-normalised features of all images; with labels: purity, NMI, AMI, ARI, Hungarian accuracy, scatter.

    Purity rises with K, so it stands beside its value under shuffled labels at the same K; across different K compare
    AMI or ARI. Without labels there are the silhouette, the agreement between restarts, and the assignment.

    Attributes:
        clusters: K; None takes the number of classes, or `unlabelled_clusters` without labels or with one class.
        unlabelled_clusters: K without labels.
        restarts: k-means++ initialisations, of which the smallest inertia wins.
        fit_limit: centres are fitted to at most so many images, a fixed sample; every image is then assigned.
        silhouette_limit: images in the silhouette, a fixed sample.
        shuffles: label permutations behind `clusters.purity_shuffled`.
        groups: of images, each left out once for the jackknife intervals.
    """

    clusters: int | None = None
    unlabelled_clusters: int = 10
    restarts: int = 5
    fit_limit: int = 50_000
    silhouette_limit: int = 2_000
    shuffles: int = 20
    groups: int = 50

    name: ClassVar[str] = "clusters"
    version: ClassVar[int] = 2
    needs: ClassVar[frozenset[Need]] = frozenset()
    terms: ClassVar[Mapping[str, Term]] = words_of("clusters")

    def __post_init__(self) -> None:
        if min(self.clusters or 1, self.unlabelled_clusters, self.restarts, self.shuffles) < 1:
            raise ValueError("clusters: numbers of clusters, restarts and shuffles must be at least 1")
        if min(self.fit_limit, self.groups) < 2:
            raise ValueError("clusters: fit_limit and groups must be at least 2")

    def __call__(self, features: Features, *, seed: int) -> Iterable[Metric | Artifact]:
        require_finite(features)
        n = rows.count(features)
        if n < 2:
            raise Skip(f"needs at least two images to form clusters, found {n}")
        labels = rows.labels(features)
        known = None if labels is None or not (labels >= 0).any() else labels
        classes = 0 if known is None else len(np.unique(known[known >= 0]))
        fitted = rows.sample(features, self.fit_limit, seed=seed)
        counted = classes if classes > 1 else self.unlabelled_clusters
        found = clustering(features, self.fit_limit, self.clusters or counted, seed=seed, restarts=self.restarts)
        constant = len(found.centres) == 1 and rows.is_constant(rows.unit(rows.take(features, fitted)))
        assignment = _assign(features, found)
        protocol = self._protocol(n, len(fitted), found, constant)
        yield Artifact("clusters.assignment", {"cluster": assignment})
        yield self._silhouette(features, assignment, protocol, seed)
        if self.restarts > 1:
            yield _restart_agreement(found, protocol)
        if known is None:
            return
        if classes < 2:
            # Every clustering of one class is pure; the number would only mislead.
            return
        kept = known >= 0
        label = np.unique(known[kept], return_inverse=True)[1]
        left_out = f"; {n - len(label)} unlabelled images left out of the comparison with labels"
        compared = protocol if kept.all() else f"{protocol}{left_out}"
        yield from agreement(assignment[kept], label, protocol=compared, groups=self.groups, seed=seed)
        yield shuffled_purity(assignment[kept], label, protocol=compared, shuffles=self.shuffles, seed=seed)
        yield from _witness(features, assignment, known, compared)
        yield from self._restart_spread(found, known[fitted], compared)
        yield scatter(features, known)

    def _protocol(self, n: int, fitted: int, found: Clustering, constant: bool) -> str:
        k = len(found.centres)
        parts = [
            f"k-means on L2-normalised backbone features, K={k}, best of {self.restarts} seeded initialisations, "
            f"{n} images of both splits"
        ]
        if fitted < n:
            parts.append(f"centres fitted to a sample of {fitted}")
        if constant:
            parts.append("one cluster, as all features are equal up to rounding: a collapsed model")
        note = small_sample(n)
        return "; ".join([*parts, note] if note else parts)

    def _silhouette(self, features: Features, assignment: Array, protocol: str, seed: int) -> Metric:
        sampled = rows.sample(features, self.silhouette_limit, seed=seed)
        cluster = assignment[sampled]
        value, interval = float("nan"), None
        reason = "; undefined with a single cluster or only clusters of one"
        if 2 <= len(np.unique(cluster)) < len(sampled):
            parts = jackknife.groups(len(sampled), min(len(sampled), self.groups), seed=seed)
            with one_thread():
                value, without = silhouette(rows.unit(rows.take(features, sampled)), cluster, parts)
            interval, reason = jackknife.interval(value, without, bounds=(-1.0, 1.0)), ""
        return Metric(
            id="clusters.silhouette",
            value=value,
            unit="ratio",
            bounds=(-1.0, 1.0),
            ci95=interval,
            n=len(sampled),
            protocol=f"{protocol}; cosine silhouette on {len(sampled)} of them{reason}",
        )

    def _restart_spread(self, found: Clustering, labels: Array, protocol: str) -> Iterator[Metric]:
        """The spread over initialisations, apart from the spread over images."""
        kept = labels >= 0
        if self.restarts < 2 or not kept.any():
            return
        label = np.unique(labels[kept], return_inverse=True)[1]
        values = np.asarray([float(contingency.nmi(contingency.table(run[kept], label))) for run in found.restarts])
        yield Metric(
            id="clusters.nmi_restarts",
            value=float(values.mean()),
            unit="ratio",
            bounds=(0.0, 1.0),
            ci95=student(values, bounds=(0.0, 1.0)),
            n=len(values),
            protocol=f"{protocol}; mean NMI of the single initialisations, interval over them and not over images",
        )


def _witness(features: Features, assignment: Array, known: Array, protocol: str) -> Iterator[Metric | Artifact]:
    """`clusters.train_purity`: whether the commonest class among the train images of an image's cluster is its own."""
    n = len(features.train)
    asked = np.flatnonzero(known[:n] >= 0)
    classes, label = np.unique(known[asked], return_inverse=True)
    if len(classes) < 2:
        return
    found, cluster = np.unique(assignment[asked], return_inverse=True)
    counts = np.bincount(cluster * len(classes) + label, minlength=len(found) * len(classes))
    right = counts.reshape(len(found), len(classes)).argmax(axis=1)[cluster] == label
    yield accuracy(
        "clusters.train_purity", right, f"{protocol}; train images alone, of equally common classes the first"
    )
    index = features.train_index
    yield outcomes("clusters.train_purity", right, index[asked] if len(index) else asked)


def _assign(features: Features, found: Clustering) -> Array:
    """Cluster of every image, train then test, shape `(n,)`, int32."""
    everything = np.arange(rows.count(features))
    return np.concatenate([found.assign(rows.unit(block)) for block in rows.blocks(features, everything)])


def _restart_agreement(found: Clustering, protocol: str) -> Metric:
    """Mean AMI between the assignments of every two initialisations: 1 where k-means always finds the same groups."""
    tables = [contingency.table(one, other) for one, other in combinations(found.restarts, 2)]
    values = [float(contingency.ami(table, contingency.expected_information(table))) for table in tables]
    return Metric(
        id="clusters.restart_ami",
        value=float(np.mean(values)),
        unit="ratio",
        better="higher",
        bounds=(-1.0, 1.0),
        n=len(found.restarts),
        protocol=f"{protocol}; mean AMI between the assignments of two initialisations, needs no labels",
    )
