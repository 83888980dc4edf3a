"""The search against brute force in float64, and everything it must not depend on."""

import dataclasses
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from swaveval.features import search
from swaveval.features.candidates import Products
from swaveval.features.duplicates import duplicate_groups
from swaveval.features.errors import FeatureError
from swaveval.features.exact import row_norms
from swaveval.features.features import Features
from swaveval.features.neighbours import Neighbours, SimilarityMetric, nearest

Array = np.ndarray[Any, np.dtype[Any]]
METRICS: tuple[SimilarityMetric, ...] = ("cosine", "euclidean")


def brute_force(queries: Array, bank: Array, k: int, metric: str, *, exclude_self: bool = False) -> tuple[Array, Array]:
    """All pairs in float64, rounded to 36 bits, stable order: index and closeness."""
    q, b = queries.astype(np.float64), bank.astype(np.float64)
    if metric == "cosine":
        lengths = np.linalg.norm(q, axis=1)[:, None] * np.linalg.norm(b, axis=1)[None, :]
        close = np.divide(q @ b.T, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        close = np.rint(close * 2**36) / 2**36
    else:
        close = -((q[:, None, :] - b[None, :, :]) ** 2).sum(axis=2)
        mantissa, exponent = np.frexp(close)
        close = np.ldexp(np.rint(mantissa * 2**36) / 2**36, exponent)
    if exclude_self:
        np.fill_diagonal(close, -np.inf)
    index = np.argsort(-close, axis=1, kind="stable")[:, : min(k, len(b) - exclude_self)]
    close = np.take_along_axis(close, index, axis=1)
    return index, close if metric == "cosine" else -np.sqrt(-close)


def assert_exact(found: Neighbours, expected: tuple[Array, Array]) -> None:
    np.testing.assert_array_equal(found.index, expected[0])
    np.testing.assert_allclose(found.similarity, expected[1].astype(np.float32), rtol=1e-6, atol=1e-7)


def made(kind: str, n: int = 520, d: int = 24, seed: int = 0) -> Array:
    """Features of the kinds that networks produce, good and bad."""
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=(n, d))
    kinds = {
        "normal": normal,
        "relu": np.maximum(normal, 0),
        "large common mean": 100 + 1e-2 * normal,
        "nearly collapsed": 1 + 1e-6 * normal,
        "collapsed to rounding": 1 + 2.0**-23 * rng.integers(-2, 3, size=(n, d)),
        "collapsed": np.ones((n, d)),
        "tight clusters": rng.normal(size=(7, d))[rng.integers(7, size=n)] + 1e-4 * normal,
        "third of them zero": np.where(rng.random((n, 1)) < 0.3, 0, normal),
        "many copies": normal[rng.integers(20, size=n)],
        "parallel": rng.integers(1, 50, size=(n, 1)) * rng.integers(-1, 2, size=(n, d // 8)),
        "small integers": rng.integers(-1, 2, size=(n, 5)),
        "one far away": np.concatenate([normal[1:], np.full((1, d), 1e9)]),
        "huge": 1e37 * normal,
        "tiny": 1e-37 * normal,
    }
    return kinds[kind].astype(np.float32)


KINDS = [
    "normal",
    "relu",
    "large common mean",
    "nearly collapsed",
    "collapsed to rounding",
    "collapsed",
    "tight clusters",
    "third of them zero",
    "many copies",
    "parallel",
    "small integers",
    "one far away",
    "huge",
    "tiny",
]


WAYS = ["float32 first", "float64 at once", "centred where products are made"]


@pytest.fixture(params=WAYS)
def precision(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Small banks are searched in float64, large ones in float32 first, on a GPU from rows it holds: all are tried."""
    monkeypatch.setattr(search, "_WIDE", search._WIDE if request.param == "float64 at once" else 0)
    if request.param == WAYS[2]:
        there = Products(device="cpu", queries=64, block=160, run=512, centres=True, held=1 << 30)
        monkeypatch.setattr(Products, "on", lambda device: there)
    return str(request.param)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_finds_what_a_cpu_finds(
    kind: str, metric: SimilarityMetric, quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_WIDE", 0)
    rows = made(kind)
    expected = nearest(rows, rows, 20, metric=metric, exclude_self=True)
    there = replace(Products.on("cuda"), in_float64=quick, held=1 << 30 if quick else 0)
    monkeypatch.setattr(Products, "on", lambda device: there)
    for block in (None, 200):
        found = nearest(rows, rows, 20, metric=metric, exclude_self=True, device="cuda", block=block)
        assert found.index.tobytes() == expected.index.tobytes()
        assert found.similarity.tobytes() == expected.similarity.tobytes()


@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", KINDS)
def test_equals_brute_force(kind: str, metric: SimilarityMetric) -> None:
    rows, (of_some, of_each) = made(kind), by_brute_force(kind, metric)
    assert_exact(nearest(rows[:90], rows, 20, metric=metric), of_some)
    assert_exact(nearest(rows, rows, 20, metric=metric, exclude_self=True), of_each)


@cache
def by_brute_force(kind: str, metric: SimilarityMetric) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Of the first ninety rows among all, and of all among the others: the same in every way of computing."""
    rows = made(kind)
    return brute_force(rows[:90], rows, 20, metric), brute_force(rows, rows, 20, metric, exclude_self=True)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_precisions_are_searched_as_they_are(dtype: type, metric: SimilarityMetric) -> None:
    rows = made("relu").astype(dtype)
    assert_exact(nearest(rows[:50], rows, 30, metric=metric), brute_force(rows[:50], rows, 30, metric))


SMALL = st.integers(-3, 3).map(float)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), metric=st.sampled_from(METRICS), k=st.integers(0, 9), copies=st.integers(1, 30))
def test_ties_go_to_the_lower_index(data: st.DataObject, metric: SimilarityMetric, k: int, copies: int) -> None:
    """Small integers make ties everywhere: equal, parallel, zero and mirrored vectors, repeated."""
    d = data.draw(st.integers(1, 4))
    bank = data.draw(hnp.arrays(np.float32, st.tuples(st.integers(1, 12), st.just(d)), elements=SMALL))
    queries = data.draw(hnp.arrays(np.float32, st.tuples(st.integers(1, 4), st.just(d)), elements=SMALL))
    bank = np.tile(bank, (copies, 1))
    assert_exact(nearest(queries, bank, k, metric=metric), brute_force(queries, bank, k, metric))
    assert_exact(
        nearest(bank, bank, k, metric=metric, exclude_self=True),
        brute_force(bank, bank, k, metric, exclude_self=True),
    )


@settings(max_examples=40, deadline=None)
@given(
    rows=hnp.arrays(
        np.float32,
        st.tuples(st.integers(60, 120), st.integers(1, 6)),
        elements=st.floats(-(2.0**60), 2.0**60, width=32),
    ),
    block=st.sampled_from([16, 50, 16384]),
    metric=st.sampled_from(METRICS),
    wide=st.sampled_from([0, 64]),
)
def test_any_finite_features(rows: Array, block: int, metric: SimilarityMetric, wide: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_WIDE", wide)
        found = nearest(rows, rows, 5, metric=metric, block=block)
    expected = brute_force(rows, rows, 5, metric)
    # Float64 products of brute force may themselves fall either side of a grid line; closeness may not differ.
    np.testing.assert_allclose(found.similarity, expected[1].astype(np.float32), rtol=1e-5, atol=1e-6)
    assert (np.diff(found.similarity, axis=1) <= 0).all()
    assert all(len(set(row)) == 5 for row in found.index.tolist())


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", ["relu", "nearly collapsed", "collapsed to rounding", "tight clusters", "many copies"])
def test_blocks_threads_and_matmul_precision_change_nothing(
    kind: str, metric: SimilarityMetric, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_WIDE", 0)
    rows = made(kind, n=300)
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    reference = nearest(rows, rows, 25, metric=metric, exclude_self=True)
    try:
        for count, block, matmul in ((1, 200, "highest"), (2, 300, "medium"), (2, 16384, "high")):
            torch.set_num_threads(count)
            torch.set_float32_matmul_precision(matmul)
            other = nearest(rows, rows, 25, metric=metric, exclude_self=True, block=block)
            assert other.index.tobytes() == reference.index.tobytes()
            assert other.similarity.tobytes() == reference.similarity.tobytes()
            assert torch.get_float32_matmul_precision() == matmul
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)


def test_a_query_finds_the_same_neighbours_alone_and_among_others() -> None:
    rows = made("relu", n=900, d=77)
    together = nearest(rows, rows, 40)
    for position in (0, 1, 450, 899):
        alone = nearest(rows[position : position + 1], rows, 40)
        assert alone.index.tobytes() == together.index[position].tobytes()
        assert alone.similarity.tobytes() == together.similarity[position].tobytes()


def test_bank_may_be_a_memmap(tmp_path: Any) -> None:
    rows = made("relu").astype(np.float16)
    np.save(tmp_path / "bank.npy", rows)
    mapped = np.load(tmp_path / "bank.npy", mmap_mode="r")
    found = nearest(mapped[:30], mapped, 10, block=64)
    assert found.index.tobytes() == nearest(rows[:30], rows, 10).index.tobytes()


def test_self_is_left_out_but_its_copies_are_not() -> None:
    rows = made("normal", n=200)
    rows[150] = rows[3]
    found = nearest(rows, rows, 5, exclude_self=True)
    assert found.index[3, 0] == 150
    assert found.index[150, 0] == 3
    assert not (found.index == np.arange(200)[:, None]).any()


def test_self_is_left_out_where_more_copies_than_k_stand_before_it() -> None:
    rows = np.ones((50, 3), np.float32)
    found = nearest(rows, rows, 4, exclude_self=True)
    np.testing.assert_array_equal(found.index[10], [0, 1, 2, 3])
    np.testing.assert_array_equal(found.index[2], [0, 1, 3, 4])


@pytest.mark.parametrize(
    ("queries", "bank", "k", "shape"),
    [(3, 5, 9, (3, 5)), (3, 5, 0, (3, 0)), (0, 5, 2, (0, 2)), (3, 0, 2, (3, 0)), (1, 1, 1, (1, 1))],
)
def test_k_is_clipped_to_the_bank(queries: int, bank: int, k: int, shape: tuple[int, int]) -> None:
    found = nearest(made("normal")[:queries], made("normal")[:bank], k)
    assert found.index.shape == found.similarity.shape == shape


def test_one_image_has_no_other() -> None:
    assert nearest(made("normal")[:1], made("normal")[:1], 5, exclude_self=True).index.shape == (1, 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_broken_rows_are_counted_in_the_message(bad: float) -> None:
    rows = made("normal", n=60)
    rows[[4, 9, 30], 2] = bad
    with pytest.raises(FeatureError, match=r"3 of 60 images have NaN or infinite features"):
        nearest(rows, rows, 5)
    with pytest.raises(FeatureError, match=r"1 of 5 images"):
        nearest(rows[:5], rows[31:], 5)


def test_shapes_that_do_not_fit_are_named() -> None:
    rows = made("normal")
    with pytest.raises(FeatureError, match=r"\(3, 24\).*\(520, 7\)"):
        nearest(rows[:3], rows[:, :7], 5)
    with pytest.raises(FeatureError, match="3 queries are not the 520 rows"):
        nearest(rows[:3], rows, 5, exclude_self=True)


def test_distances() -> None:
    rows = made("normal")
    cosine, euclidean = nearest(rows, rows, 6), nearest(rows, rows, 6, metric="euclidean")
    assert (cosine.distance[:, 0] == 0).all()
    assert (euclidean.distance[:, 0] == 0).all()
    pair = rows[7].astype(np.float64), rows[euclidean.index[7, 3]].astype(np.float64)
    assert euclidean.distance[7, 3] == pytest.approx(np.linalg.norm(pair[0] - pair[1]), rel=1e-6)
    assert euclidean.first(2).metric == "euclidean"
    np.testing.assert_array_equal(cosine.first(2).index, cosine.index[:, :2])


def test_duplicate_groups_are_found_by_content() -> None:
    rows = np.asarray([[1, 2], [2, 1], [1, 2], [0, 0], [1, 2], [2, 1]], np.float32)
    groups = duplicate_groups(rows, row_norms(rows), tolerated=2)
    assert groups is not None
    np.testing.assert_array_equal(groups.first, [0, 1, 3])
    np.testing.assert_array_equal(groups.members, [0, 2, 4, 1, 5, 3])
    assert duplicate_groups(rows, row_norms(rows), tolerated=3) is None


def features(n_train: int = 300, n_test: int = 40) -> Features:
    rows = made("relu", n=n_train + n_test)
    return Features(train=rows[:n_train], test=rows[n_train:])


def test_one_search_serves_every_k() -> None:
    held = features()
    wide = held.test_neighbours(60)
    narrow = held.test_neighbours(7)
    assert np.shares_memory(wide.index, narrow.index)
    np.testing.assert_array_equal(narrow.index, brute_force(held.test, held.train, 7, "cosine")[0])
    assert held.test_neighbours(5000).k == 300
    assert held.train_neighbours(5000).k == 299
    assert np.shares_memory(held.test_neighbours(3).index, held.test_neighbours(300).index)


def test_a_copy_with_other_rows_searches_anew() -> None:
    held = features()
    held.test_neighbours(5)
    other = dataclasses.replace(held, train=held.train[::-1])
    np.testing.assert_array_equal(other.test_neighbours(5).index, 299 - held.test_neighbours(5).index)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("subset", ["train", "mixed"])
def test_map_neighbours_are_what_umap_wants(subset: str, metric: SimilarityMetric) -> None:
    held = features()
    positions = np.arange(300) if subset == "train" else np.asarray([5, 339, 2, 300, 17, 301, 44])
    found = held.map_neighbours(positions, 6, metric)
    rows = held.all[positions]
    np.testing.assert_array_equal(found.index[:, 0], np.arange(len(positions)))
    assert (found.distance[:, 0] == 0).all()
    expected = brute_force(rows, rows, 5, metric, exclude_self=True)
    assert_exact(Neighbours(found.index[:, 1:], found.similarity[:, 1:], metric), expected)
    again = held.map_neighbours(positions, 3, metric)
    np.testing.assert_array_equal(again.index, found.index[:, :3])


def test_map_of_the_train_split_reuses_its_search() -> None:
    held = features()
    train = held.train_neighbours(200)
    held.map_neighbours(np.arange(300), 15)
    assert held.train_neighbours(200).index is train.index
    assert len(held._searches) == 1


def test_map_is_clipped_and_may_be_one_point() -> None:
    held = features()
    assert held.map_neighbours(np.asarray([3]), 15).index.shape == (1, 1)
    assert held.map_neighbours(np.asarray([3, 8, 310]), 15).k == 3


def test_broken_images_are_counted() -> None:
    whole = features()
    train, test = np.array(whole.train), np.array(whole.test)
    train[3, 1] = np.nan
    test[4, 0] = np.inf
    test[4, 1] = np.nan
    held = dataclasses.replace(whole, train=train, test=test)
    assert held.nonfinite == 2
    with pytest.raises(FeatureError, match="1 of 300 images"):
        held.train_neighbours(5)


@pytest.mark.torture
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("seed", range(3))
def test_a_bank_of_the_usual_size(seed: int, metric: SimilarityMetric) -> None:
    rows = made("relu", n=30_000, d=384, seed=seed)
    queries = rows[:400]
    found = nearest(queries, rows, 200, metric=metric)
    for part in range(0, 400, 40):
        index, _ = brute_force(queries[part : part + 2], rows, 200, metric)
        np.testing.assert_array_equal(found.index[part : part + 2], index)
