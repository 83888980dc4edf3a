"""Low-shot ridge against scikit-learn's RidgeClassifierCV and against leaving images out one by one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import RidgeClassifierCV, RidgeCV

from swaveval.evaluators import ridge, ridge_on_gpu
from swaveval.evaluators.contract import NotFinite, Skip
from swaveval.evaluators.intervals import student
from swaveval.evaluators.lowshot import LowShot, draw_rows
from swaveval.evaluators.standardise import mean_and_scale
from swaveval.features.features import Features
from swaveval.results import Artifact, Metric
from swaveval.testing import synthetic_features


def run(features: Features, evaluator: LowShot | None = None, seed: int = 0) -> dict[str, Metric]:
    produced = (evaluator or LowShot())(features, seed=seed)
    return {metric.id: metric for metric in produced if isinstance(metric, Metric)}


def data(seed: int, n: int, d: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.arange(n) % classes)
    return draw.normal(size=(n, d)) + 0.7 * draw.normal(size=(classes, d))[labels], labels


@pytest.mark.parametrize("n, d", [(12, 40), (60, 9), (20, 20)])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), classes=st.integers(3, 6))
def test_weights_and_penalty_are_scikit_learns(n: int, d: int, seed: int, classes: int) -> None:
    features, labels = data(seed, n, d, classes)
    penalties = (0.1, 1.0, 10.0, 100.0)
    target = np.where(labels[:, None] == np.arange(classes), 1.0, -1.0)
    theirs = RidgeCV(penalties, fit_intercept=True).fit(features, target)
    ours = ridge.fit(features, labels, classes, penalties)
    assert ours.penalty == theirs.alpha_
    assert ours.weight == pytest.approx(theirs.coef_.T, abs=1e-8)
    assert ours.bias == pytest.approx(theirs.intercept_, abs=1e-8)
    classifier = RidgeClassifierCV(penalties).fit(features, labels)
    queries, _ = data(seed + 1, 50, d, classes)
    assert np.array_equal(ours.scores(queries).argmax(axis=1), classifier.predict(queries))


def test_the_penalty_is_the_best_when_images_are_really_left_out() -> None:
    features, labels = data(3, 24, 10, 3)
    penalties = (0.01, 1.0, 30.0, 1000.0)
    target = np.where(labels[:, None] == np.arange(3), 1.0, -1.0)
    errors = []
    for penalty in penalties:
        squares = []
        for row in range(24):
            kept = np.arange(24) != row
            centre, level = features[kept].mean(axis=0), target[kept].mean(axis=0)
            x, y = features[kept] - centre, target[kept] - level
            weight = np.linalg.solve(x.T @ x + penalty * np.eye(10), x.T @ y)
            squares.append((target[row] - level - (features[row] - centre) @ weight) ** 2)
        errors.append(np.mean(squares))
    assert ridge.fit(features, labels, 3, penalties).penalty == penalties[int(np.argmin(errors))]


@pytest.mark.parametrize("n, d", [(12, 40), (60, 9), (20, 20), (200, 300)])
@pytest.mark.parametrize("kind", ["noise", "equal", "collapsed"])
def test_what_a_gpu_computes_is_the_same_classifier(n: int, d: int, kind: str) -> None:
    features, labels = data(4, n, d, 4)
    if kind != "noise":
        features = np.ones((n, d)) if kind == "equal" else features[:, :1] * np.ones(d)
    penalties = (0.1, 1.0, 10.0, 100.0)
    ours = ridge.fit(features, labels, 4, penalties)
    weight, bias, penalty = ridge_on_gpu.fit(torch.from_numpy(features), torch.from_numpy(labels), 4, penalties)
    assert penalty == ours.penalty
    assert weight.numpy() == pytest.approx(ours.weight, abs=1e-8)
    assert bias.numpy() == pytest.approx(ours.bias, abs=1e-8)
    queries, asked = data(5, 90, d, 4)
    found = ridge_on_gpu.right([(ours.weight, ours.bias), (-ours.weight, ours.bias)], queries, asked, "cpu")
    for row, sign in zip(found, (1, -1), strict=True):
        scores = queries @ (sign * ours.weight) + ours.bias
        if kind == "noise":
            assert np.array_equal(row, scores.argmax(axis=1) == asked)
    assert found.shape == (2, 90)


def test_equal_features_predict_the_mean_target() -> None:
    fitted = ridge.fit(np.ones((6, 3)), np.array([0, 0, 0, 1, 1, 2]), 3, (0.1, 10.0))
    assert fitted.penalty == 10.0
    assert fitted.scores(np.ones((1, 3))) == pytest.approx(np.array([[0.0, -1 / 3, -2 / 3]]))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(1, 10), st.integers(0, 100))
def test_draws_take_the_shots_of_every_class(labels: list[int], shots: int, seed: int) -> None:
    target = np.unique(labels, return_inverse=True)[1]
    rows = draw_rows(target, shots, np.random.default_rng(seed))
    assert np.array_equal(rows, np.unique(rows))
    assert np.array_equal(np.bincount(target[rows]), np.minimum(np.bincount(target), shots))


def test_every_image_can_be_drawn() -> None:
    target = np.arange(40) % 4
    drawn = [draw_rows(target, 2, np.random.default_rng(seed)) for seed in range(200)]
    assert set(np.concatenate(drawn)) == set(range(40))


def test_the_metric_is_the_mean_over_its_draws() -> None:
    features = synthetic_features(separation=1.0)
    metric = run(features, LowShot(shots=(5,), draws=12), seed=7)["lowshot.top1[shots=5]"]
    mean, scale = mean_and_scale(features.train)
    train, test = ((part.astype(np.float64) - mean) / scale for part in (features.train, features.test))
    values = []
    for draw in range(12):
        rows = draw_rows(features.train_labels, 5, np.random.default_rng([7, 5, draw]))
        model = RidgeClassifierCV(LowShot().penalties).fit(train[rows], features.train_labels[rows])
        values.append(model.score(test, features.test_labels))
    assert metric.value == pytest.approx(np.mean(values))
    assert metric.ci95 == pytest.approx(student(np.asarray(values)))
    assert metric.n == 12
    assert np.std(values) > 0
    assert "mean over 12 seeded draws" in metric.protocol
    assert "5 train images per class" in metric.protocol


def test_the_train_images_outside_each_draw_are_asked_too() -> None:
    """Against scikit-learn's classifier, draw by draw: the share of the draws in which an image was right."""
    features = synthetic_features(n_train=80, separation=1.0)
    produced = list(LowShot(shots=(1, 4), draws=6)(features, seed=7))
    (metric,) = (item for item in produced if isinstance(item, Metric) and "train" in item.id)
    (artifact,) = (item for item in produced if isinstance(item, Artifact))
    assert metric.id == "lowshot.train_top1[shots=4]"  # the nearest to five
    assert artifact.id == f"{metric.id}.outcomes"
    mean, scale = mean_and_scale(features.train)
    train = (features.train.astype(np.float64) - mean) / scale
    right, asked = np.zeros(80), np.zeros(80)
    for draw in range(6):
        rows = draw_rows(features.train_labels, 4, np.random.default_rng([7, 4, draw]))
        model = RidgeClassifierCV(LowShot().penalties).fit(train[rows], features.train_labels[rows])
        outside = np.setdiff1d(np.arange(80), rows)
        right[outside] += model.predict(train[outside]) == features.train_labels[outside]
        asked[outside] += 1
    assert np.array_equal(artifact.arrays["index"], features.train_index)
    assert artifact.arrays["share"] == pytest.approx(right / asked)
    assert metric.value == pytest.approx((right / asked).mean())
    assert metric.n == 80


def test_of_many_train_images_a_sample_is_asked() -> None:
    """Each of the sample as it would be among all."""
    features = synthetic_features(n_train=80, separation=1.0)

    def asked(queries: int) -> dict[int, float]:
        produced = LowShot(shots=(4,), draws=6, train_queries=queries)(features, seed=7)
        (artifact,) = (item for item in produced if isinstance(item, Artifact))
        return dict(zip(artifact.arrays["index"].tolist(), artifact.arrays["share"].tolist(), strict=True))

    everything, some = asked(80), asked(30)
    assert len(some) == 30
    assert some.items() <= everything.items()
    assert (
        "sample of 30" in run(features, LowShot(shots=(4,), train_queries=30))["lowshot.train_top1[shots=4]"].protocol
    )


def test_images_that_every_draw_takes_are_not_asked() -> None:
    features = synthetic_features(n_train=24, separation=1.0)
    few = np.flatnonzero(features.train_labels == 0)[3:]
    kept = np.setdiff1d(np.arange(24), few)
    small = replace(
        features,
        train=features.train[kept],
        train_labels=features.train_labels[kept],
        train_index=features.train_index[kept],
    )
    (artifact,) = (item for item in LowShot(shots=(5,))(small, seed=0) if isinstance(item, Artifact))
    drawn = [draw_rows(small.train_labels, 5, np.random.default_rng([0, 5, draw])) for draw in range(10)]
    asked = set(range(len(kept))) - set.intersection(*(set(rows.tolist()) for rows in drawn))
    assert artifact.arrays["index"].tolist() == small.train_index[sorted(asked)].tolist()
    assert not asked & set(np.flatnonzero(small.train_labels == 0).tolist())


def test_more_shots_know_more() -> None:
    metrics = run(synthetic_features(n_train=400, separation=1.0))
    assert [name for name in metrics if "train" not in name] == [
        f"lowshot.top1[shots={shots}]" for shots in (1, 5, 10, 25)
    ]
    values = [metric.value for name, metric in metrics.items() if "train" not in name]
    assert values == sorted(values)
    assert values[0] > 0.3


def test_shots_that_no_class_has_are_left_out_and_short_classes_said() -> None:
    features = synthetic_features(n_train=40)  # ten of each class
    found = [name for name in run(features) if "train" not in name]
    assert found == [f"lowshot.top1[shots={shots}]" for shots in (1, 5, 10)]
    kept = ~((features.train_labels == 0) & (np.cumsum(features.train_labels == 0) > 3))
    short = replace(
        features,
        train=features.train[kept],
        train_labels=features.train_labels[kept],
        train_index=features.train_index[kept],
    )
    metrics = run(short)
    assert "1 classes have fewer than 5 train images" in metrics["lowshot.top1[shots=5]"].protocol
    assert "fewer than" not in metrics["lowshot.top1[shots=1]"].protocol


def test_labels_need_not_be_consecutive() -> None:
    features = synthetic_features(separation=4.0)
    spread = np.array([3, 7, 8, 20])
    changed = replace(
        features, train_labels=spread[features.train_labels], test_labels=spread[features.test_labels], class_names=()
    )
    assert {k: m.value for k, m in run(changed).items()} == {k: m.value for k, m in run(features).items()}


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), shift=st.floats(-10, 10), scale=st.sampled_from([0.05, 4.0, 100.0]))
def test_shift_and_scale_change_nothing(seed: int, shift: float, scale: float) -> None:
    features = synthetic_features(seed=seed, separation=1.0)
    train, test = (part.astype(np.float64) * scale + shift for part in (features.train, features.test))
    one, two = run(features), run(replace(features, train=train, test=test))
    assert [m.value for m in one.values()] == pytest.approx([m.value for m in two.values()])


def test_a_seed_is_the_draws() -> None:
    features = synthetic_features(separation=0.7)
    assert run(features, seed=1) == run(features, seed=1)
    assert run(features, seed=1) != run(features, seed=2)


def test_it_skips_and_refuses_with_a_sentence() -> None:
    features = synthetic_features()
    with pytest.raises(Skip, match="train images are of one class"):
        run(replace(features, train_labels=np.zeros(120, np.int64)))
    with pytest.raises(NotFinite, match="180 of 180"):
        run(replace(features, train=features.train * np.nan, test=features.test * np.nan))


@pytest.mark.parametrize("wrong", [{"shots": ()}, {"shots": (0,)}, {"draws": 0}, {"penalties": (0.0,)}])
def test_impossible_parameters_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="lowshot: "):
        LowShot(**wrong)
