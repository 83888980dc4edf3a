"""The evaluator: features of one checkpoint in, two estimates of their intrinsic dimension out."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from swaveval.plugin import Features, Metric, Need, Role, Skip, Term, require_finite
from swaveval_intrinsic_dim import spanning_tree, twonn

FEWEST = 20


@dataclass(frozen=True)
class Dimension:
    """Intrinsic dimension of the features, by TwoNN and by the minimum spanning tree.

    Attributes:
        images: most training images that are looked at, drawn by the seed; both estimates take n² distances.
        discard: share of the largest ratios that TwoNN leaves out.
    """

    images: int = 800
    discard: float = 0.1

    name: ClassVar[str] = "dimension"
    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[Need]] = frozenset()
    terms: ClassVar[Mapping[str, Term]] = {
        "dimension.twonn": Term(
            "Intrinsic dimension (TwoNN)",
            "How many directions the features vary in around an image, seen from its two nearest neighbours.",
            "Slope of −ln(1 − F(μ)) over ln μ, μ the ratio of the second to the first nearest-neighbour distance, the "
            "largest ones (`discard`) left out (Facco et al. 2017).",
            "TwoNN",
        ),
        "dimension.spanning_tree": Term(
            "Intrinsic dimension (spanning tree)",
            "The same, seen from how the length of a tree through all images grows with their number.",
            "1 / (1 − m), m the slope of ln length of the Euclidean minimum spanning tree on ln n over random subsets "
            "of half to all images (Costa and Hero 2004).",
            "spanning tree",
        ),
    }
    roles: ClassVar[Mapping[str, tuple[Role, ...]]] = {"dimension.twonn": (Role.HEADLINE,)}

    def __call__(self, features: Features, *, seed: int) -> Iterable[Metric]:
        require_finite(features)
        given = features.train if len(features.train) else features.test
        random = np.random.default_rng(seed)
        rows = np.sort(random.choice(len(given), size=min(self.images, len(given)), replace=False))
        points = np.unique(given[rows].astype(np.float64), axis=0)  # copies say nothing about a dimension
        if len(points) < FEWEST:
            raise Skip(f"needs {FEWEST} images with different features, this set has {len(points)}")
        apart = _distances(points)
        ratios = twonn.ratios(apart)
        if len(ratios) < FEWEST:
            raise Skip(f"needs {FEWEST} images that can be told apart, this set has {len(ratios)}")
        count, said = len(points), f"Euclidean, {len(points)} training images"
        yield _metric(
            "dimension.twonn",
            twonn.dimension(ratios, discard=self.discard),
            lambda: twonn.interval(ratios, discard=self.discard, seed=seed),
            len(ratios),
            f"{said}, largest {self.discard:.0%} of the ratios left out; interval: bootstrap over ratios",
        )
        grown = spanning_tree.measured(apart, spanning_tree.subsamples(count, seed=seed))
        yield _metric(
            "dimension.spanning_tree",
            spanning_tree.dimension(*grown),
            lambda: spanning_tree.interval(*grown, seed=seed),
            count,
            f"{said}, {len(grown[0])} subsets of half to all; interval: bootstrap over subsets, not over images",
        )


def _distances(points: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Euclidean distances, shape `(n, n)`; row by row, as a matrix product would round near points to one."""
    return np.stack([np.sqrt(np.square(points - point).sum(axis=1)) for point in points])


def _metric(name: str, value: float, interval: Any, n: int, protocol: str) -> Metric:
    ends = interval() if math.isfinite(value) else None
    return Metric(
        name,
        value,
        unit="dimensions",
        better="neither",
        ci95=ends if ends is not None and all(map(math.isfinite, ends)) else None,
        n=n,
        protocol=protocol,
    )
