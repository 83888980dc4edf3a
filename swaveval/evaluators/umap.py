"""UMAP maps of every checkpoint in one frame, so that a slider through the series shows movement and not rotation.

The frame: each map starts from the previous checkpoint's and is then turned onto it. umap-learn's own AlignedUMAP
holds points still more firmly, at sixteen times the time (96 s against 6 s for six maps of 1,797 points) and the same
trustworthiness.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.linalg import eigh

from swaveval.evaluators.compiler_cache import keep_compiled, provide_cache
from swaveval.evaluators.contract import Need, NotFinite, Skip
from swaveval.evaluators.rows import is_constant, positions, sample, take, unit
from swaveval.evaluators.threads import one_thread
from swaveval.features.features import Features, FeatureSeries
from swaveval.features.neighbours import Neighbours
from swaveval.results import Artifact, Metric, Term
from swaveval.results.words import words_of

Array = np.ndarray[Any, np.dtype[Any]]

FEWEST_IMAGES = 4


def turned_onto(moving: Array, still: Array) -> Array:
    """`moving` rotated or reflected onto `still` (orthogonal Procrustes, Schönemann 1966), centred and as large.

    The size is set so that both have the same root-mean-square radius. The least-squares scale would also shrink a
    map by how badly it fits, and so shrink the maps of a long series to a point.

    Args:
        moving, still: shape `(m, 2)`, rows belonging together.

    Returns:
        shape `(m, 2)`, float64, with the mean of `still`.
    """
    centre = still.mean(axis=0)
    a, b = moving - moving.mean(axis=0), still - centre
    radius = np.linalg.norm(a)
    if radius == 0:
        return np.broadcast_to(centre, moving.shape).copy()
    left, _, right = np.linalg.svd(a.T @ b)
    return centre + (a @ (left @ right)) * (np.linalg.norm(b) / radius)


def principal_plane(rows: Array, *, seed: int) -> Array:
    """A first layout: the two leading principal components of the unit rows, shape `(m, 2)`, float64.

    Signs are fixed by making the largest entry of each direction positive. Seeded noise of a ten-thousandth keeps
    equal images apart and fills a component that does not exist.
    """
    z = unit(rows)
    z = z - z.mean(axis=0)
    d = z.shape[1]
    _, directions = eigh(z.T @ z, subset_by_index=[max(0, d - 2), d - 1])
    directions = directions[:, ::-1]
    leading = directions[np.abs(directions).argmax(axis=0), np.arange(directions.shape[1])]
    plane = np.zeros((len(rows), 2))
    plane[:, : directions.shape[1]] = z @ (directions * np.sign(leading))
    largest = np.abs(plane).max()
    noise = np.random.default_rng([seed, len(rows)]).normal(size=plane.shape)
    return plane + 1e-4 * (largest if largest > 0 else 1.0) * noise


def layout(rows: Array, graph: Neighbours, start: Array, *, min_dist: float, epochs: int, seed: int) -> Array:
    """One UMAP map (1802.03426) from the exact cosine neighbour graph, shape `(m, 2)`, float64.

    Args:
        rows: shape `(m, d)`, float32.
        graph: the k nearest of each row, itself first.
        start: shape `(m, 2)`, the layout to optimise from.
        epochs: of the optimisation.
        seed: makes it deterministic, on one thread.
    """
    with warnings.catch_warnings():
        # What umap-learn says of TensorFlow's absence, of transforming new points, and of the one thread asked for.
        warnings.filterwarnings("ignore", category=ImportWarning)
        warnings.filterwarnings("ignore", message="precomputed_knn")
        warnings.filterwarnings("ignore", message="n_jobs value")
        # Imported late: umap-learn compiles for two seconds on import, and for a quarter of a minute the first time.
        provide_cache()
        import umap
        import umap.spectral

        keep_compiled(umap.layouts, umap.umap_, umap.utils, umap.spectral)
        reducer = umap.UMAP(
            n_neighbors=graph.k,
            min_dist=min_dist,
            n_epochs=epochs,
            init=start.astype(np.float32),
            metric="cosine",
            random_state=seed,
            n_jobs=1,
            precomputed_knn=(graph.index.astype(np.int32), graph.distance),
            # Below 4,096 points umap-learn would otherwise put the given graph aside and search again.
            force_approximation_algorithm=True,
        )
        return np.asarray(reducer.fit_transform(rows), dtype=np.float64)


def trustworthiness(rows: Array, xy: Array, k: int) -> float:
    """1 − 2/(mk(2m − 3k − 1)) · Σ_i Σ_j (r(i, j) − k) over map neighbours j that are not feature neighbours of i.

    r is the rank of j among the cosine neighbours of i (Venna & Kaski 2001); 1 = the map invents no neighbour. As
    scikit-learn's.
    """
    from sklearn.manifold import trustworthiness as measure

    return float(measure(rows, xy, n_neighbors=k, metric="cosine"))


@dataclass(frozen=True)
class Umap:
    """Maps of one seeded sample of images at every checkpoint.

    Attributes:
        max_images: on the map; drawn in proportion to classes and splits.
        neighbours: of the UMAP graph (the point itself included) and of trustworthiness.
        min_dist: UMAP's smallest distance between points on the map.
        first_epochs: of the first map, which starts from principal components.
        next_epochs: of the others, which start from the map before: 200 are as trustworthy there as 500.
    """

    max_images: int = 2000
    neighbours: int = 15
    min_dist: float = 0.1
    first_epochs: int = 500
    next_epochs: int = 200

    name: ClassVar[str] = "umap"
    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[Need]] = frozenset()
    over_series: ClassVar[bool] = True
    terms: ClassVar[Mapping[str, Term]] = words_of("umap")

    def __post_init__(self) -> None:
        if self.max_images < FEWEST_IMAGES or self.neighbours < 2 or min(self.first_epochs, self.next_epochs) < 1:
            raise ValueError("umap: max_images from 4, neighbours from 2, epochs from 1")

    def __call__(self, series: FeatureSeries, *, seed: int) -> Iterable[Metric | Artifact]:
        if len(series) == 0:
            raise Skip("there is no checkpoint to map")
        images = len(series[0].train) + len(series[0].test)
        if images < FEWEST_IMAGES:
            raise Skip(f"a map needs at least {FEWEST_IMAGES} images; there are {images}")
        with one_thread():
            return list(self._maps(series, seed))

    def _maps(self, series: FeatureSeries, seed: int) -> Iterator[Metric | Artifact]:
        previous: Array | None = None
        for digest, features in zip(series.digests, series, strict=True):
            rows = sample(features, self.max_images, seed=seed)
            try:
                taken = take(features, rows)
            except NotFinite as reason:
                yield self._undefined(digest, str(reason))
                continue
            index = positions(features)[rows]
            if is_constant(taken):
                # The map of a collapsed model is one point; UMAP would spread the ties of the search over the plane.
                yield Artifact("umap.map", {"xy": np.zeros((len(rows), 2), np.float32), "index": index}, digest)
                yield self._undefined(digest, "the features of all images are equal: the model has collapsed")
                continue
            graph = features.map_neighbours(rows, min(self.neighbours, len(rows) - 1))
            xy = self._map(taken, graph, previous, seed)
            yield Artifact("umap.map", {"xy": xy.astype(np.float32), "index": index}, digest)
            yield self._trustworthiness(digest, features, taken, xy)
            previous = xy

    def _map(self, taken: Array, graph: Neighbours, previous: Array | None, seed: int) -> Array:
        """The map of one checkpoint in the frame of `previous`."""
        xy = layout(
            taken,
            graph,
            principal_plane(taken, seed=seed) if previous is None else previous,
            min_dist=self.min_dist,
            epochs=self.first_epochs if previous is None else self.next_epochs,
            seed=seed,
        )
        return xy - xy.mean(axis=0) if previous is None else turned_onto(xy, previous)

    def _trustworthiness(self, digest: str, features: Features, taken: Array, xy: Array) -> Metric:
        m = len(taken)
        # The definition needs k < m/2.
        k = min(self.neighbours, (m - 1) // 2)
        return Metric(
            id="umap.trustworthiness",
            value=trustworthiness(taken, xy, k),
            bounds=(0.0, 1.0),
            n=m,
            protocol=f"k={k}, cosine; {self._describe(m)}; {features.protocol}".rstrip("; "),
            checkpoint=digest,
        )

    def _describe(self, m: int) -> str:
        k = min(self.neighbours, m - 1)
        return f"UMAP of {m} images, n_neighbors={k}, min_dist={self.min_dist:g}, in the frame of the checkpoint before"

    def _undefined(self, digest: str, reason: str) -> Metric:
        return Metric(
            id="umap.trustworthiness", value=float("nan"), bounds=(0.0, 1.0), protocol=reason, checkpoint=digest
        )
