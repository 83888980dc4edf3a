"""Against scikit-dimension, scipy, and data whose dimension is known."""

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from swaveval_intrinsic_dim import spanning_tree, twonn
from swaveval_intrinsic_dim.evaluator import Dimension, _distances

from swaveval.plugin import Metric
from swaveval.testing import check, synthetic_features

MISSING = "scikit-dimension is not installed: pip install scikit-dimension"


def cube(dimension: int, *, ambient: int = 40, count: int = 400, seed: int = 0) -> np.ndarray:
    """A cube of this dimension, turned in a larger space."""
    random = np.random.default_rng(seed)
    turned, _ = np.linalg.qr(random.normal(size=(ambient, dimension)))
    return random.uniform(size=(count, dimension)) @ turned.T


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_both_see_the_dimension_of_a_cube(dimension: int) -> None:
    apart = _distances(cube(dimension))
    assert twonn.dimension(twonn.ratios(apart)) == pytest.approx(dimension, rel=0.2)
    grown = spanning_tree.measured(apart, spanning_tree.subsamples(len(apart), seed=0))
    assert spanning_tree.dimension(*grown) == pytest.approx(dimension, rel=0.25)


@pytest.mark.parametrize("dimension", [2, 5, 12])
def test_twonn_is_that_of_scikit_dimension(dimension: int) -> None:
    skdim = pytest.importorskip("skdim", reason=MISSING)
    points = cube(dimension)
    expected = skdim.id.TwoNN(discard_fraction=0.1).fit(points).dimension_
    assert twonn.dimension(twonn.ratios(_distances(points))) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("dimension", [2, 5, 12])
def test_the_spanning_tree_is_that_of_scikit_dimension(dimension: int) -> None:
    """On the subsets that it draws: its persistent homology dimension with α = 1 is this estimate."""
    skdim = pytest.importorskip("skdim", reason=MISSING)
    points = cube(dimension, count=120)
    found = skdim.id.PH(alpha=1.0, nsteps=5, subsamples=4, random_state=3).fit(points)
    random = np.random.RandomState(3)
    sizes = np.repeat(np.ceil(np.linspace(found.nmin_, found.nmax_, 5)).astype(int), 4)
    grown = spanning_tree.measured(_distances(points), [random.choice(120, size=n, replace=False) for n in sizes])
    assert spanning_tree.dimension(*grown) == pytest.approx(found.dimension_, rel=1e-9)


def test_the_tree_is_as_long_as_scipy_finds_it() -> None:
    apart = _distances(cube(3, count=80))
    assert spanning_tree.length(apart) == pytest.approx(minimum_spanning_tree(apart).sum())


def test_the_interval_holds_the_estimate_and_narrows_with_points() -> None:
    widths = []
    for count in (100, 800):
        ratios = twonn.ratios(_distances(cube(4, count=count)))
        low, high = twonn.interval(ratios, seed=0)
        assert low < twonn.dimension(ratios) < high
        widths.append(high - low)
    assert widths[1] < 0.6 * widths[0]


def test_every_metric_has_an_interval_and_words() -> None:
    found = [item for item in Dimension()(synthetic_features(), seed=0) if isinstance(item, Metric)]
    assert {metric.id for metric in found} == set(Dimension.terms)
    for metric in found:
        assert metric.ci95 is not None
        assert metric.ci95[0] <= metric.value <= metric.ci95[1]


def test_the_contract_is_kept() -> None:
    check("swaveval_intrinsic_dim.evaluator:Dimension")
