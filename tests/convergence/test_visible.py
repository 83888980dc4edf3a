"""Labels that cannot be seen in the images: dealt at random, all alike, imbalanced, and real ones."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.neighbors import KNeighborsClassifier

from swaveval.convergence import judge
from swaveval.convergence.visible import Unseen, clause, unseen
from swaveval.evaluators.intervals import wilson_mean
from swaveval.results import Artifact, Metric, Series
from tests.convergence.simulated import KNN, outcomes, series

Array = np.ndarray[Any, np.dtype[Any]]
VIEWS = "views.retrieval"
RISING = [0.05, 0.2, 0.3, 0.35, 0.38, 0.4, 0.41]


def with_labels(run: Series, labels: Array, names: Sequence[str]) -> Series:
    """The series with the labels of its images, as an evaluation stores them."""
    arrays = {"label": labels, "index": np.arange(len(labels), dtype=np.int32)}
    data = replace(run.manifest.data, class_names=tuple(names), labelled=True)
    stored = dict(run.arrays) | {("data.labels", ""): Artifact("data.labels", arrays)}
    return replace(run, arrays=stored, manifest=replace(run.manifest, data=data))


def loo(features: Array, labels: Array) -> Array:
    """scikit-learn's leave-one-out kNN: the nearest of 21 is the image itself, which does not vote."""
    found = KNeighborsClassifier(21, metric="cosine").fit(features, labels).kneighbors(return_distance=False)
    votes = np.apply_along_axis(np.bincount, 1, labels[found[:, :20]], minlength=labels.max() + 1)
    return np.asarray(votes.argmax(axis=1) == labels)


def balanced(features: Array, labels: Array) -> Metric:
    half, features = len(labels) // 2, features / features.std(axis=0)
    fitted = LogisticRegression(max_iter=5000, tol=1e-3).fit(features[:half], labels[:half])
    predicted, true = fitted.predict(features[half:]), labels[half:]
    classes, n = np.unique(true, return_counts=True)
    recall = recall_score(true, predicted, average=None, labels=classes)
    interval = wilson_mean(np.round(recall * n).astype(np.int64), n)
    return Metric("linear.balanced", float(recall.mean()), ci95=interval, n=len(true))


def evaluated(features: Sequence[Array], labels: Array) -> Series:
    """A series of checkpoints with these features, the last two of them as untrained networks."""
    rows = np.stack([loo(each, labels) for each in features])
    views = outcomes(RISING[: len(rows) - 2], len(labels), seed=1)
    low = outcomes([0.05, 0.05], len(labels), seed=2)
    run = series({KNN: rows[:-2], VIEWS: views}, random={KNN: rows[-2:], VIEWS: low})
    points = (*run.points, *run.baselines)
    for point, each in zip(points, features, strict=True):
        object.__setattr__(point, "metrics", dict(point.metrics) | {"linear.balanced": balanced(each, labels)})
    return with_labels(run, labels, [f"class {i}" for i in range(labels.max() + 1)])


@pytest.fixture(scope="module")
def digits() -> tuple[list[Array], Array]:
    """Features of falling use: pixels behind random projections of 2 to 64 dimensions."""
    data = load_digits()
    generator = np.random.default_rng(0)
    chosen = generator.permutation(len(data.data))[:700]
    pixels = data.data[chosen] / 16
    made = [pixels @ generator.standard_normal((64, width)) for width in (3, 4, 6, 8, 16, 24, 64, 5, 5)]
    return made, data.target[chosen].astype(np.int64)


@pytest.mark.parametrize("seed", range(4))
def test_labels_dealt_at_random_are_found_out(digits: tuple[list[Array], Array], seed: int) -> None:
    """A folder for each day, shard or camera: nothing in the images tells them apart."""
    features, labels = digits
    generator = np.random.default_rng(seed)
    shares = [[0.5, 0.5], [0.7, 0.2, 0.1], [0.96, 0.04], [0.1] * 10][seed]
    dealt = generator.choice(len(shares), size=len(labels), p=shares)
    verdict = judge(evaluated(features, dealt))
    assert "tell the classes (class 0, class 1" in verdict.labels_set_aside
    assert (verdict.labelled, verdict.quality_metric, verdict.verdict) == (False, VIEWS, "learning")
    assert verdict.sentence.startswith("Learning (judged without the labels, which say nothing here): view retrieval")
    assert "--labels none" in verdict.advice[0].reason


@pytest.mark.parametrize("kept", [range(10), (1, 7), (3, 8)])
def test_labels_that_can_be_seen_decide(digits: tuple[list[Array], Array], kept: Sequence[int]) -> None:
    features, labels = digits
    rows = np.isin(labels, list(kept))
    named = np.searchsorted(sorted(kept), labels[rows])
    run = evaluated([each[rows] for each in features], named)
    assert unseen(run) is None
    assert judge(run).labelled


def test_a_rare_class_that_only_balanced_accuracy_sees_counts_as_seen(digits: tuple[list[Array], Array]) -> None:
    """One image in thirty is a 0: leave-one-out kNN of poor features names the common class and is 97 % right."""
    features, labels = digits
    zeros = np.flatnonzero(labels == 0)[:20]
    rows = np.sort(np.concatenate([zeros, np.flatnonzero(labels != 0)]))
    run = evaluated([each[rows] for each in features], (labels[rows] == 0).astype(np.int64))
    assert unseen(run) is None


def test_classes_that_everything_tells_apart_say_nothing_of_the_network() -> None:
    """Every checkpoint, untrained networks and colours at 100 %: for instance grey scans beside colour photos."""
    n = 400
    perfect = np.ones((7, n), dtype=np.bool_)
    views, low = outcomes(RISING, n, seed=1), outcomes([0.05, 0.05], n, seed=2)
    run = series({KNN: perfect, VIEWS: views}, random={KNN: np.ones((2, n), dtype=np.bool_), VIEWS: low})
    verdict = judge(with_labels(run, np.arange(n) % 2, ["grey", "colour"]))
    assert "without an error" in verdict.labels_set_aside
    assert (verdict.labelled, verdict.verdict) == (False, "learning")


def test_labels_that_say_nothing_and_no_views_are_said_to_be_that() -> None:
    """`evaluators=("knn",)` and folders without meaning: kNN was evaluated, and nothing of it counts."""
    n = 400
    perfect = np.ones((7, n), dtype=np.bool_)
    run = series({KNN: perfect}, random={KNN: np.ones((2, n), dtype=np.bool_)})
    verdict = judge(with_labels(run, np.arange(n) % 2, ["grey", "colour"]))
    said = "Inconclusive: the labels say nothing here, and view retrieval, which needs none, was not evaluated."
    assert verdict.sentence.startswith(said)
    assert "without an error" in verdict.labels_set_aside


def test_one_weak_network_among_perfect_ones_lets_the_labels_decide() -> None:
    n = 400
    rows = np.ones((7, n), dtype=np.bool_)
    rows[0] = np.arange(n) % 3 > 0
    run = series({KNN: rows}, random={KNN: outcomes([0.7, 0.7], n, seed=2)})
    assert unseen(with_labels(run, np.arange(n) % 2, ["a", "b"])) is None


def test_without_stored_labels_or_baselines_nothing_is_claimed() -> None:
    run = series({KNN: outcomes([0.5] * 7, 400, seed=0)})
    assert unseen(run) is None
    assert unseen(with_labels(run, np.arange(400) % 2, ["a", "b"])) is None


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("a", "b"), "(a, b)"),
        (("a", "b", "c"), "(a, b, c)"),
        (("a", "b", "c", "d"), "(a, b, c …)"),
        (("x" * 60, "b"), f"({'x' * 40}, b)"),
    ],
)
@pytest.mark.parametrize("kind", ["chance", "always"])
def test_the_clause_names_a_few_classes_and_the_numbers(kind: Any, names: tuple[str, ...], shown: str) -> None:
    words = clause(Unseen(kind, best=0.87, majority=0.25, n=1234, features=9), names)
    assert f"the classes {shown} apart" in words
    assert "n = 1,234)" in words
    assert ("25 %, best 87 %" in words) is (kind == "chance")
    assert ("all 9 kinds of features" in words) is (kind == "always")
