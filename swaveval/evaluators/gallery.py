"""Which images to look at: neighbours of fixed queries at every checkpoint, and the most typical of each group.

Positions in the ImageSet only; whoever has the images makes the pictures.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from swaveval.evaluators.contract import Need, NotFinite, Skip
from swaveval.evaluators.partition import cluster_count, clustering, partition
from swaveval.evaluators.rows import count, labels, positions, sample, take
from swaveval.evaluators.threads import one_thread
from swaveval.features.features import Features, FeatureSeries
from swaveval.features.neighbours import FeatureError, nearest
from swaveval.results import Artifact

Array = np.ndarray[Any, np.dtype[Any]]


def spread_queries(known: Array | None, wanted: int, *, n: int, seed: int) -> Array:
    """Rows to ask about: drawn from the classes in turn, so that `wanted` rows touch as many classes as they can.

    Args:
        known: label of each row, shape `(n,)`, -1 where unlabelled; None draws from all rows alike.

    Returns:
        shape `(min(wanted, n),)`, int64, ascending.
    """
    draw = np.random.default_rng([seed, n])
    order = draw.permutation(n)
    if known is None or not (known >= 0).any():
        return np.sort(order[:wanted])
    classes = np.unique(known[known >= 0])
    # A random rank of the classes, so that with more classes than queries it is not always the first few.
    rank = dict(zip(classes.tolist(), draw.permutation(len(classes)).tolist(), strict=True))
    seen: dict[int, int] = {}
    keys = []
    for row in order.tolist():
        label = int(known[row])
        seen[label] = seen.get(label, 0) + 1
        keys.append((label < 0, seen[label], rank.get(label, 0)))
    chosen = sorted(range(n), key=keys.__getitem__)[:wanted]
    return np.sort(order[chosen])


def nearest_rows(features: Features, queries: Array, k: int) -> tuple[Array, Array]:
    """The k rows of both splits nearest to each of `queries` (rows, ascending) by cosine, itself left out.

    Returns:
        rows, shape `(q, k)`, int64, and cosine, shape `(q, k)`, float32; k is clipped to n − 1.
    """
    asked = take(features, queries)
    k = min(k, count(features) - 1)
    found = [nearest(asked, split, k + 1, device=features.device) for split in (features.train, features.test)]
    rows = np.concatenate([found[0].index, found[1].index + len(features.train)], axis=1)
    cosine = np.concatenate([found[0].similarity, found[1].similarity], axis=1)
    cosine = np.where(rows == queries[:, None], -np.inf, cosine).astype(np.float32)
    best = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(rows, best, axis=1), np.take_along_axis(cosine, best, axis=1)


def most_typical(assignment: Array, score: Array, *, groups: int, per_group: int) -> tuple[Array, Array]:
    """The rows with the highest score in each of the largest groups.

    Args:
        assignment: group of each row, shape `(n,)`.
        score: shape `(n,)`: how typical a row is of its group.

    Returns:
        group numbers, largest group first, shape `(g,)`, int32; rows, shape `(g, per_group)`, int64, the most typical
        first and -1 where the group has no more.
    """
    counts = np.bincount(assignment)
    chosen = np.argsort(-counts, kind="stable")[: min(groups, np.count_nonzero(counts))]
    rows = np.full((len(chosen), per_group), -1, dtype=np.int64)
    for at, group in enumerate(chosen):
        members = np.flatnonzero(assignment == group)
        best = members[np.argsort(-score[members], kind="stable")[:per_group]]
        rows[at, : len(best)] = best
    return chosen.astype(np.int32), rows


@dataclass(frozen=True)
class Gallery:
    """Queries and typical images of every checkpoint.

    Attributes:
        queries: images asked about, the same at every checkpoint.
        k: nearest images of each.
        groups: prototypes and clusters shown, those with the most images.
        per_group: images of each.
        max_images: k-means runs on a seeded sample of at most so many, the one that `clusters` fits its centres to.
        clusters: of k-means; None for one per class, 10 without labels.
        restarts: of k-means.
    """

    queries: int = 8
    k: int = 8
    groups: int = 12
    per_group: int = 8
    max_images: int = 50_000
    clusters: int | None = None
    restarts: int = 5

    name: ClassVar[str] = "gallery"
    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[Need]] = frozenset({Need.IMAGES})
    over_series: ClassVar[bool] = True

    def __post_init__(self) -> None:
        smallest = (self.queries, self.k, self.groups, self.per_group, self.max_images, self.restarts)
        if min(*smallest, 1 if self.clusters is None else self.clusters) < 1:
            raise ValueError("gallery: every parameter is at least 1")

    def __call__(self, series: FeatureSeries, *, seed: int) -> Iterable[Artifact]:
        if len(series) == 0:
            raise Skip("there is no checkpoint to show")
        if count(series[0]) < 2:
            raise Skip(f"needs at least two images to show neighbours; there are {count(series[0])}")
        with one_thread():
            found = [
                artifact
                for digest, features in zip(series.digests, series, strict=True)
                for artifact in self._checkpoint(features, digest, seed)
            ]
        if not found:
            raise Skip("the features of every checkpoint hold NaN or infinities: none has neighbours to show")
        return found

    def _checkpoint(self, features: Features, digest: str, seed: int) -> Iterator[Artifact]:
        place = positions(features)
        rows = spread_queries(labels(features), self.queries, n=count(features), seed=seed)
        try:
            neighbours, cosine = nearest_rows(features, rows, self.k)
            kinds, groups, images = self._typical(features, seed)
        except (NotFinite, FeatureError):
            return  # no neighbours among NaN; the evaluators that give numbers say so in words
        yield Artifact(
            "gallery.queries",
            {"query": place[rows], "neighbours": place[neighbours], "similarity": cosine},
            checkpoint=digest,
        )
        yield Artifact(
            "gallery.typical",
            {"group": groups, "images": np.where(images >= 0, place[images], -1).astype(np.int32), "kind": kinds},
            checkpoint=digest,
        )

    def _typical(self, features: Features, seed: int) -> tuple[Array, Array, Array]:
        """Kind of each group, its number, and its most typical rows."""
        sampled = sample(features, self.max_images, seed=seed)
        wanted, chance = self.clusters or cluster_count(features), {"seed": seed, "restarts": self.restarts}
        centres = clustering(features, self.max_images, wanted, **chance)
        clusters = partition(take(features, sampled), wanted, **chance, found=centres)
        group, rows = most_typical(
            clusters.assignment, clusters.similarity, groups=self.groups, per_group=self.per_group
        )
        found = [("cluster", group, np.where(rows >= 0, sampled[rows], -1))]
        outputs = features.prototypes
        if outputs is not None:
            assignment = np.concatenate([outputs.train_assignment, outputs.test_assignment])
            score = np.concatenate([outputs.train_score, outputs.test_score])
            found.insert(
                0, ("prototype", *most_typical(assignment, score, groups=self.groups, per_group=self.per_group))
            )
        kinds = np.concatenate([np.full(len(group), kind, dtype="U9") for kind, group, _ in found])
        return kinds, np.concatenate([entry[1] for entry in found]), np.concatenate([entry[2] for entry in found])
