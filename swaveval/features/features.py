"""The features of one frozen backbone on one image set: the only thing an evaluator sees."""

import hashlib
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from swaveval.features.exact import read_only, row_blocks
from swaveval.features.neighbours import Neighbours, SimilarityMetric, nearest
from swaveval.results.seconds import SEARCHES, Stopwatch

Array = np.ndarray[Any, np.dtype[Any]]
# Of this process, which makes one cell at a time.
_WATCH = Stopwatch()


def search_seconds() -> float:
    """Seconds that this process has spent on searches for features so far."""
    return _WATCH.seconds.get(SEARCHES, 0.0)


@dataclass(frozen=True, eq=False)
class ViewFeatures:
    """Features of augmented views, grouped by source image.

    Attributes:
        features: shape `(m, q, d)`, float32: q views of each of m images; `[i, :]` are all of image i.
        index: shape `(m,)`, int: position of each source image in the ImageSet.
        protocol: the augmentation, in words.
    """

    features: Array
    index: Array
    protocol: str = ""

    def __post_init__(self) -> None:
        _protect(self)


@dataclass(frozen=True, eq=False)
class PrototypeOutputs:
    """What the SwaV head and prototypes say of the images and views.

    Scores are the prototype layer's outputs: cosine of the L2-normalised projection with each prototype (plus the
    bias where the layer has one), before the temperature.

    Attributes:
        weights: shape `(K, p)`, float32: the prototypes.
        train_assignment, test_assignment: argmax prototype of each image, shape `(n_split,)`, int32.
        train_score, test_score: the winning score, shape `(n_split,)`, float32.
        mean_probability: shape `(K,)`, float64: softmax(score / temperature) averaged over all images.
        view_scores: shape `(m, v, K)`, float32: scores of the first v ≥ 2 views of each view image.
        temperature, epsilon: of the SwaV loss, as trained or as assumed (see `settings_origin`).
        sinkhorn_iterations: likewise.
        settings_origin: where these three came from.
    """

    weights: Array
    train_assignment: Array
    test_assignment: Array
    train_score: Array
    test_score: Array
    mean_probability: Array
    view_scores: Array | None
    temperature: float = 0.1
    epsilon: float = 0.05
    sinkhorn_iterations: int = 3
    settings_origin: str = "defaults"

    def __post_init__(self) -> None:
        _protect(self)


# Neighbours that are searched for at least: of kNN's largest k, and of leave-one-out with those it sets aside.
_FLOORS = {("test", "cosine"): 200, ("train", "cosine"): 70}
Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Features:
    """Backbone outputs after pooling, before the head, in the ImageSet's order within each split.

    Attributes:
        train: shape `(n_train, d)`, float32 or float16, possibly a memmap: the bank.
        test: shape `(n_test, d)`: the queries.
        train_labels, test_labels: shape `(n_split,)`, int64, or None without labels. -1 marks an unlabelled image.
        train_index, test_index: shape `(n_split,)`, int: positions in the ImageSet.
        class_names: in label order; empty without labels.
        views: augmented views of a fixed sample, or None.
        prototypes: outputs of the SwaV head, or None for a checkpoint without one.
        protocol: eval transform and where the features were read, in words.
        device: torch device name that heavy evaluators may use.
        pictures: whether there are images that a page can show.

    Every array is read-only: an evaluator that wrote into one would change the numbers of those after it.
    """

    train: Array
    test: Array
    train_labels: Array | None = None
    test_labels: Array | None = None
    train_index: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    test_index: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    class_names: tuple[str, ...] = ()
    views: ViewFeatures | None = None
    prototypes: PrototypeOutputs | None = None
    protocol: str = ""
    device: str = "cpu"
    pictures: bool = True
    # init=False: a copy made by dataclasses.replace searches anew and never sees neighbours of other rows.
    _searches: dict[tuple[str, str], Neighbours] = field(default_factory=dict, repr=False, init=False)
    _made: dict[Hashable, Any] = field(default_factory=dict, repr=False, init=False)

    def __post_init__(self) -> None:
        _protect(self)

    @property
    def labelled(self) -> bool:
        return self.train_labels is not None and self.test_labels is not None

    @property
    def dimensions(self) -> int:
        """d."""
        return int(self.train.shape[1])

    @cached_property
    def all(self) -> Array:
        """Train then test, shape `(n_train + n_test, d)`, float32. A copy: for small sets (maps, galleries) only."""
        return read_only(np.concatenate([np.asarray(self.train, np.float32), np.asarray(self.test, np.float32)]))

    @cached_property
    def nonfinite(self) -> int:
        """Images of either split with a NaN or an infinity in their features. They are kept: what they mean for a
        number is for its evaluator to say.
        """
        return sum(
            int(np.count_nonzero(~np.isfinite(rows[part]).all(axis=1)))
            for rows in (self.train, self.test)
            for part in row_blocks(len(rows), 4096)
        )

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What `make` gives, made for the first who asks and shared with those after: neither may change it.

        Args:
            key: names it and everything besides these features that it depends on.
        """
        if key not in self._made:
            self._made[key] = make()
        made: Made = self._made[key]
        return made

    def rows(self, positions: Array) -> Array:
        """Rows of train then test by position in that order, shape `(m, d)`, float32; a copy of those rows only."""
        positions = np.asarray(positions)
        chosen = np.empty((len(positions), self.dimensions), np.float32)
        in_test = positions >= len(self.train)
        chosen[~in_test] = self.train[positions[~in_test]]
        chosen[in_test] = self.test[positions[in_test] - len(self.train)]
        return chosen

    def test_neighbours(self, k: int, metric: SimilarityMetric = "cosine") -> Neighbours:
        """The k nearest train images of every test image; k is clipped to the bank.

        Raises:
            FeatureError: some features are NaN or infinite.
        """
        return self._search("test", k, metric)

    def train_neighbours(self, k: int, metric: SimilarityMetric = "cosine") -> Neighbours:
        """The k nearest *other* train images of every train image (leave-one-out); k is clipped to n_train - 1.

        Raises:
            FeatureError: some features are NaN or infinite.
        """
        return self._search("train", k, metric)

    def map_neighbours(self, positions: Array, k: int, metric: SimilarityMetric = "cosine") -> Neighbours:
        """Exact neighbours among some of the images, each its own first at distance 0.

        `(result.index[:, :n], result.distance[:, :n])` is what umap-learn takes as `precomputed_knn`, where
        n_neighbors counts the point itself. A map of exactly the train split costs no second search.

        Args:
            positions: shape `(m,)`, distinct, rows of train then test (0 … n_train + n_test - 1).
            k: neighbours including the point itself; clipped to m.

        Returns:
            index into `positions`, not into the images: 0 … m - 1.

        Raises:
            FeatureError: some of these features are NaN or infinite.
        """
        positions = np.ascontiguousarray(positions, dtype=np.int64)
        others = max(0, min(k, len(positions)) - 1)
        if np.array_equal(positions, np.arange(len(self.train))):
            found = self._search("train", others, metric)
        else:
            place = (f"map {hashlib.sha256(positions.tobytes()).hexdigest()}", str(metric))
            held = self._searches.get(place)
            if held is None or held.k < others:
                chosen = self.rows(positions)
                with _WATCH.stage(SEARCHES):
                    held = nearest(chosen, chosen, others, metric=metric, exclude_self=True, device=self.device)
                self._searches[place] = held
            found = held.first(others)
        own = np.arange(len(positions))[:, None]
        nearest_possible = np.full(own.shape, 1.0 if metric == "cosine" else 0.0, np.float32)
        return Neighbours(
            np.concatenate([own, found.index], axis=1)[:, : min(k, len(positions))],
            np.concatenate([nearest_possible, found.similarity], axis=1)[:, : min(k, len(positions))],
            metric,
        )

    def _search(self, split: str, k: int, metric: SimilarityMetric) -> Neighbours:
        """Search once with the largest k asked for so far; smaller k are prefixes of it."""
        held = self._searches.get((split, metric))
        limit = max(0, len(self.train) - (split == "train"))
        wanted = max(0, min(k, limit))
        if held is None or held.k < wanted:
            queries = self.train if split == "train" else self.test
            # Most callers follow each other with different k; a floor makes the first search serve them all.
            reach = min(max(wanted, _FLOORS.get((split, metric), 0)), limit)
            itself = split == "train"
            with _WATCH.stage(SEARCHES):
                held = nearest(queries, self.train, reach, metric=metric, exclude_self=itself, device=self.device)
            self._searches[(split, metric)] = held
        return held.first(wanted)


def _protect(holder: Any) -> None:
    """Make every array of a dataclass a read-only view."""
    for entry in fields(holder):
        value = getattr(holder, entry.name, None)
        if isinstance(value, np.ndarray):
            object.__setattr__(holder, entry.name, read_only(value))


@dataclass(frozen=True, eq=False)
class FeatureSeries:
    """The features of the ordered checkpoints, loaded one at a time.

    Attributes:
        digests: one digest per checkpoint, in series order.
        names: their names, for messages.
        load: digest to Features (from the feature store; cheap, memory-mapped).
    """

    digests: tuple[str, ...]
    names: tuple[str, ...]
    load: Callable[[str], Features]

    def __len__(self) -> int:
        return len(self.digests)

    def __iter__(self) -> Iterator[Features]:
        return (self.load(digest) for digest in self.digests)

    def __getitem__(self, position: int) -> Features:
        return self.load(self.digests[position])
