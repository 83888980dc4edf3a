"""Intrinsic dimensions against scipy's trees, scikit-dimension, brute force, and clouds whose dimension is known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform

from swaveval.evaluators.contract import Evaluator, NotFinite, Skip
from swaveval.evaluators.intrinsic import Intrinsic, distinct, local_dimensions
from swaveval.evaluators.spanning_tree import distances, mean_lengths, tree_dimension, tree_length, tree_sizes
from swaveval.features.features import Features
from swaveval.results import Metric
from swaveval.testing import synthetic_features


def of(rows: np.ndarray) -> Features:
    cut = len(rows) * 2 // 3
    return Features(train=rows[:cut].astype(np.float32), test=rows[cut:].astype(np.float32))


def run(rows: np.ndarray, **parameters: int) -> dict[str, Metric]:
    return {metric.id.removeprefix("intrinsic."): metric for metric in Intrinsic(**parameters)(of(rows), seed=0)}


def cube(n: int, d: int, *, ambient: int = 32, seed: int = 0) -> np.ndarray:
    """Uniform in a d-cube that lies somewhere in a larger space."""
    draw = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(draw.normal(size=(ambient, d)))
    return draw.random((n, d)) @ axes.T + draw.normal(size=ambient)


def sphere(n: int, d: int, *, seed: int = 0) -> np.ndarray:
    """Uniform on a d-sphere, which curves through d + 1 dimensions of a larger space."""
    draw = np.random.default_rng(seed)
    points = draw.normal(size=(n, d + 1))
    axes, _ = np.linalg.qr(draw.normal(size=(32, d + 1)))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)) @ axes.T


def moments(rows: np.ndarray, k: int) -> np.ndarray:
    """μ_k / (w_k − μ_k) as LDReg writes it, image by image."""
    found = []
    for own, row in enumerate(rows.astype(np.float64)):
        away = np.sort([np.linalg.norm(row - other) for place, other in enumerate(rows) if place != own])[:k]
        found.append(away.mean() / (away[-1] - away.mean()))
    return np.asarray(found)


# -- the tree ----------------------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 10_000), n=st.integers(2, 60), d=st.integers(1, 8), far=st.floats(0, 1e3))
@example(seed=2, n=54, d=1, far=64.0)  # two of its points are one
@settings(max_examples=40, deadline=None)
def test_distances_and_trees_are_scipys(seed: int, n: int, d: int, far: float) -> None:
    draw = np.random.default_rng(seed)
    rows = (draw.normal(size=(n, d)) + far).astype(np.float32)
    apart = distances(rows)
    expected = squareform(pdist(rows.astype(np.float64)))
    np.testing.assert_allclose(apart, expected, atol=1e-6)
    assert (apart == apart.T).all()
    chosen = draw.permutation(n)[: draw.integers(1, n + 1)]
    # scipy reads a distance below 1e-8 as no edge; each edge longer by one is the same tree.
    tree = minimum_spanning_tree(expected[np.ix_(chosen, chosen)] + 1).sum() - (len(chosen) - 1)
    assert tree_length(apart, chosen) == pytest.approx(tree, rel=1e-6, abs=1e-6)


def test_blocks_of_distances_fit_together() -> None:
    rows = np.random.default_rng(0).normal(size=(700, 5))
    np.testing.assert_allclose(distances(rows), squareform(pdist(rows)), atol=1e-7)


def test_sizes_are_halves() -> None:
    assert tree_sizes(4000, 5) == (250, 500, 1000, 2000, 4000)
    assert tree_sizes(100, 5) == (25, 50, 100)
    assert tree_sizes(32, 5) == (16, 32)
    assert tree_sizes(31, 5) == (31,)
    assert tree_sizes(4000, 2) == (2000, 4000)


def test_lengths_are_means_over_disjoint_parts() -> None:
    """With as many points as one part holds there is one tree; a line's parts are told apart by their lengths."""
    apart = np.abs(np.arange(64.0)[:, None] - np.arange(64.0))
    whole = mean_lengths(apart, (64,), draws=5, seed=0)
    assert whole == [63]
    order = np.random.default_rng([4, 64]).permutation(64)
    spans = [np.ptp(order[start : start + 20]) for start in (0, 20, 40)]
    assert mean_lengths(apart, (20,), draws=1, seed=4) == pytest.approx([np.mean(spans)])


def test_the_slope_is_the_papers() -> None:
    """L = c·n^((d − 1)/d) gives d back; a length that grows as fast as n, or not at all, gives none."""
    sizes = (16, 32, 64)
    for d in (1, 2.5, 30):
        assert tree_dimension(sizes, 7 * np.asarray(sizes) ** ((d - 1) / d)) == pytest.approx(d)
    assert np.isnan(tree_dimension(sizes, np.asarray(sizes) ** 1.01))
    assert np.isnan(tree_dimension(sizes, np.zeros(3)))
    assert np.isnan(tree_dimension((16,), np.ones(1)))


# -- dimensions that are known -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cloud", "d", "tolerance"), [(cube, 2, 0.12), (sphere, 2, 0.12), (cube, 5, 0.6), (sphere, 5, 0.4)]
)
def test_known_dimensions_in_a_larger_space(cloud: object, d: int, tolerance: float) -> None:
    """A cube's boundary lowers both; the k-th distance raises the local one by (d + 1)/(k − 1), 5 % and a little."""
    found = run(cloud(1500, d))  # type: ignore[operator]
    assert found["mst"].value == pytest.approx(d, abs=tolerance)
    assert found["lid"].value * 19 / 20 == pytest.approx(d, abs=tolerance)
    assert found["mst"].n == found["lid"].n == 1500


def test_more_dimensions_give_more() -> None:
    values = [run(sphere(600, d)) for d in (3, 8, 20)]
    assert values[0]["mst"].value < values[1]["mst"].value < values[2]["mst"].value
    assert values[0]["lid"].value < values[1]["lid"].value < values[2]["lid"].value


def test_local_sees_what_ranks_do_not() -> None:
    """Features on a curve that winds through 20 dimensions: full rank, one dimension."""
    t = np.random.default_rng(0).random(800)
    rows = np.concatenate([np.sin(np.outer(t, np.arange(1, 11))), np.cos(np.outer(t, np.arange(1, 11)))], axis=1)
    found = run(rows)
    assert found["lid"].value == pytest.approx(1, abs=0.2)
    assert found["mst"].value == pytest.approx(1, abs=0.1)


def test_local_dimension_is_ldregs_formula() -> None:
    rows = np.random.default_rng(1).normal(size=(90, 6)).astype(np.float32)
    expected = moments(rows, 11)
    apart = distances(rows)
    np.fill_diagonal(apart, np.inf)
    np.testing.assert_allclose(local_dimensions(np.sort(apart, axis=1)[:, :11]), expected, rtol=1e-9)
    found = run(rows, k=11)["lid"]
    assert found.value == pytest.approx(np.exp(np.log(expected).mean()), rel=1e-9)
    assert found.ci95 is not None
    assert found.ci95[0] < found.value < found.ci95[1]
    assert found.better == "neither"


@pytest.mark.torture
def test_scikit_dimension_agrees() -> None:
    skdim = pytest.importorskip("skdim")
    rows = cube(800, 4)
    pointwise = skdim.id.MOM().fit_transform_pw(rows.astype(np.float32), n_neighbors=20)
    assert run(rows)["lid"].value == pytest.approx(np.exp(np.log(pointwise).mean()), rel=1e-5)
    tree = skdim.id.PH(alpha=1.0, nsteps=10, subsamples=5, random_state=0).fit(rows).dimension_
    assert run(rows)["mst"].value == pytest.approx(tree, rel=0.1)


# -- invariances, and what has no dimension ----------------------------------------------------------------------------


def test_rotation_place_and_scale_change_nothing() -> None:
    draw = np.random.default_rng(2)
    rows = draw.normal(size=(120, 6))
    turn, _ = np.linalg.qr(draw.normal(size=(6, 6)))
    for changed in (rows @ turn, rows + 3, rows * 1e4):
        for name, metric in run(changed).items():
            assert metric.value == pytest.approx(run(rows)[name].value, rel=1e-3)


def test_copies_count_once_and_are_named() -> None:
    rows = np.random.default_rng(3).normal(size=(80, 5))
    alone, copied = run(rows), run(np.concatenate([rows, rows[:50], -0.0 * rows[:1]]))
    assert copied["mst"].n == copied["lid"].n == 81
    assert "50 whose features equal another's left out" in copied["mst"].protocol
    assert copied["lid"].value == pytest.approx(alone["lid"].value, rel=0.1)
    assert "left out" not in alone["mst"].protocol
    zeros = np.array([[0.0, 1], [-0.0, 1], [2, 1]], dtype=np.float32)
    assert distinct(zeros).tolist() == [[0, 1], [2, 1]]


@pytest.mark.parametrize("value", [0.0, 7.5])
def test_a_collapsed_network_has_no_tree_and_is_not_the_best(value: float) -> None:
    rows = np.full((64, 8), value) + 1e-7 * np.random.default_rng(0).normal(size=(64, 8)) * value
    found = run(rows)
    assert np.isnan(found["mst"].value)
    assert found["lid"].value == 0
    assert all("collapsed" in metric.protocol for metric in found.values())


def test_few_different_features_have_none() -> None:
    rows = np.repeat(np.random.default_rng(0).normal(size=(20, 4)), 10, axis=0)
    for metric in run(rows).values():
        assert np.isnan(metric.value)
        assert "20 different features, 32 are needed" in metric.protocol


def test_equal_distances_have_no_local_dimension() -> None:
    """One-hot features: every image lies equally far from every other."""
    found = run(np.eye(40))
    assert np.isnan(found["lid"].value)
    assert "40 images left out" in found["lid"].protocol
    assert np.isnan(found["mst"].value)
    assert "as fast as the number of images" in found["mst"].protocol
    assert local_dimensions(np.array([[1.0, 1, 1], [1, 2, 3]])).tolist() == [np.inf, 2]


def test_sample_seed_and_refusals() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 6))
    found = run(rows, max_images=100)
    assert found["mst"].n == 100
    assert "a seeded sample of 300 images" in found["mst"].protocol
    again = list(Intrinsic(max_images=100)(of(rows), seed=0))
    assert again == list(found.values())
    assert list(Intrinsic(max_images=100)(of(rows), seed=1)) != again
    with pytest.raises(Skip, match="at least 32 images; there are 31"):
        run(rows[:31])
    assert set(run(rows[:32])) == {"mst", "lid"}
    spoilt = rows.copy()
    spoilt[5, 1] = np.inf
    with pytest.raises(NotFinite, match="1 of 300 images"):
        run(spoilt)
    usual = synthetic_features()
    unlabelled = replace(usual, train_labels=None, test_labels=None, class_names=())
    assert list(Intrinsic()(usual, seed=0)) == list(Intrinsic()(unlabelled, seed=0))


def test_is_an_evaluator_with_checked_parameters() -> None:
    assert isinstance(Intrinsic(), Evaluator)
    for wrong in ({"max_images": 31}, {"sizes": 1}, {"k": 1}, {"draws": 0}):
        with pytest.raises(ValueError, match="intrinsic"):
            Intrinsic(**wrong)
