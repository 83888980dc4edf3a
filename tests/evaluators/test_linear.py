"""The linear probe against scikit-learn's, and the choice of C inside train."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, top_k_accuracy_score
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.preprocessing import StandardScaler

from swaveval.evaluators import standardise
from swaveval.evaluators.contract import NotFinite, Skip
from swaveval.evaluators.linear import RANKS, Linear, chosen_by, deal, log_loss, rank_of, stratified
from swaveval.evaluators.logistic import Problem
from swaveval.features.features import Features
from swaveval.results import Artifact, Metric
from swaveval.testing import synthetic_features


def run(features: Features, evaluator: Linear | None = None, seed: int = 0) -> tuple[dict[str, Metric], dict]:
    produced = list((evaluator or Linear())(features, seed=seed))
    metrics = {item.id: item for item in produced if isinstance(item, Metric)}
    return metrics, {item.id: item.arrays for item in produced if isinstance(item, Artifact)}


def reference(features: np.ndarray, labels: np.ndarray, c: float) -> tuple[StandardScaler, LogisticRegression]:
    scaler = StandardScaler().fit(features.astype(np.float64))
    model = LogisticRegression(C=c, tol=1e-9, max_iter=50_000)
    return scaler, model.fit(scaler.transform(features.astype(np.float64)), labels)


@pytest.fixture(scope="module")
def digits() -> Features:
    """Random ReLU features of scikit-learn's digits, 1,347 to 450."""
    pixels, labels = load_digits(return_X_y=True)
    draw = np.random.default_rng(0)
    features = np.maximum(pixels @ draw.normal(size=(64, 96)), 0).astype(np.float32)
    order = draw.permutation(len(labels))
    train, test = order[:1347], order[1347:]
    names = tuple("0123456789")
    return Features(features[train], features[test], labels[train], labels[test], train, test, names)


@pytest.mark.parametrize("c", [1e-4, 1e-2, 1.0])
def test_coefficients_and_predictions_are_scikit_learns(digits: Features, c: float) -> None:
    scaler, theirs = reference(digits.train, digits.train_labels, c)
    ours = Problem(digits.train, digits.train_labels, 10).fit(c)
    assert ours.converged
    assert ours.coefficients == pytest.approx(theirs.coef_, abs=1e-3)
    logits = ours.logits(digits.test)
    expected = theirs.decision_function(scaler.transform(digits.test.astype(np.float64)))
    assert logits - logits.mean(1, keepdims=True) == pytest.approx(expected - expected.mean(1, keepdims=True), abs=2e-2)
    assert np.array_equal(logits.argmax(axis=1), expected.argmax(axis=1))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), classes=st.integers(2, 6), c=st.sampled_from([1e-3, 0.1, 1.0]))
def test_parity_on_any_gaussians(seed: int, classes: int, c: float) -> None:
    features = synthetic_features(n_train=150, classes=classes, separation=1.0, seed=seed)
    _, theirs = reference(features.train, features.train_labels, c)
    coefficients = theirs.coef_
    if classes == 2:
        # scikit-learn keeps one logit u where we have ±u/2, whose squares sum to half of ‖u‖².
        _, theirs = reference(features.train, features.train_labels, 2 * c)
        coefficients = np.concatenate([-theirs.coef_, theirs.coef_]) / 2
    ours = Problem(features.train, features.train_labels, classes).fit(c)
    assert ours.coefficients == pytest.approx(coefficients, abs=1e-3)


def test_evaluator_has_scikit_learns_accuracy_at_the_c_it_chose(digits: Features) -> None:
    metrics, arrays = run(digits)
    scaler, theirs = reference(digits.train, digits.train_labels, metrics["linear.c"].value)
    test = scaler.transform(digits.test.astype(np.float64))
    predicted = theirs.predict(test)
    assert metrics["linear.top1"].value == pytest.approx(np.mean(predicted == digits.test_labels), abs=1e-12)
    assert metrics["linear.balanced"].value == pytest.approx(balanced_accuracy_score(digits.test_labels, predicted))
    expected = top_k_accuracy_score(digits.test_labels, theirs.decision_function(test), k=5)
    assert metrics["linear.top5"].value == pytest.approx(expected)
    assert np.array_equal(arrays["linear.confusion"]["counts"], confusion_matrix(digits.test_labels, predicted))
    assert np.array_equal(arrays["linear.top1.outcomes"]["correct"], predicted == digits.test_labels)
    assert np.array_equal(arrays["linear.top1.outcomes"]["index"], digits.test_index)
    assert metrics["linear.c_at_edge"].value == 0
    assert f"C={metrics['linear.c'].value:g}" in metrics["linear.top1"].protocol


def test_every_train_image_is_asked_out_of_its_fold(digits: Features) -> None:
    """Against scikit-learn's classifier, fitted fold by fold; one that saw its images gives more."""
    metrics, arrays = run(digits, seed=3)
    fold = deal(digits.train_labels, 5, np.random.default_rng([3, 1347, 5]))
    right = np.zeros(1347, dtype=np.bool_)
    for held in range(5):
        scaler, theirs = reference(
            digits.train[fold != held], digits.train_labels[fold != held], metrics["linear.c"].value
        )
        asked = scaler.transform(digits.train[fold == held].astype(np.float64))
        right[fold == held] = theirs.predict(asked) == digits.train_labels[fold == held]
    ours = arrays["linear.fold_top1.outcomes"]
    assert np.array_equal(ours["index"], digits.train_index)
    assert (ours["correct"] != right).sum() <= 2  # at a looser gradient
    assert metrics["linear.fold_top1"].value == ours["correct"].mean()
    assert metrics["linear.fold_top1"].n == 1347
    scaler, everything = reference(digits.train, digits.train_labels, metrics["linear.c"].value)
    seen = everything.score(scaler.transform(digits.train.astype(np.float64)), digits.train_labels)
    assert seen > metrics["linear.fold_top1"].value + 0.01


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=80), st.integers(2, 6), st.integers(0, 100))
def test_folds_share_out_every_class_and_all_rows(labels: list[int], folds: int, seed: int) -> None:
    given_labels = np.asarray(labels)
    fold = deal(given_labels, folds, np.random.default_rng(seed))
    for rows in (fold, *(fold[given_labels == label] for label in np.unique(given_labels))):
        counts = np.bincount(rows, minlength=folds)
        assert counts.max() - counts.min() <= 1
    again = deal(given_labels, folds, np.random.default_rng(seed))
    assert np.array_equal(fold, again)


@pytest.mark.parametrize("c", [1.0, 100_000.0])
def test_a_fold_is_classified_by_what_knows_nothing_of_it(digits: Features, c: float) -> None:
    """By a fit that was handed the other folds' rows and nothing else.

    Where classes separate, whatever another fit leaves (where it ended, its preconditioner) tells of what it has seen.
    """
    arrays = run(digits, Linear(grid=(c,)))[1]
    fold = deal(digits.train_labels, 5, np.random.default_rng([0, 1347, 5]))
    expected = np.zeros(1347, dtype=np.bool_)
    for held in range(5):
        rest = fold != held
        probe = Problem(digits.train[rest], digits.train_labels[rest], 10).fit(c, tolerance=RANKS, max_iterations=500)
        expected[~rest] = probe.logits(digits.train[~rest]).argmax(axis=1) == digits.train_labels[~rest]
    assert np.array_equal(arrays["linear.fold_top1.outcomes"]["correct"], expected)


def test_an_image_that_is_alone_in_its_class_is_never_right_out_of_its_fold() -> None:
    features = synthetic_features(n_train=40, separation=6.0)
    alone = features.train_labels.copy()
    alone[0] = 4
    changed = replace(features, train_labels=alone, class_names=tuple("abcde"))
    _, arrays = run(changed)
    assert not arrays["linear.fold_top1.outcomes"]["correct"][0]
    assert arrays["linear.fold_top1.outcomes"]["correct"][1:].mean() > 0.9


def test_c_is_chosen_without_a_look_at_the_test_split(digits: Features) -> None:
    shuffled = np.random.default_rng(0).permutation(digits.test_labels)
    one, two = run(digits)[0], run(replace(digits, test_labels=shuffled))[0]
    assert one["linear.c"] == two["linear.c"]
    assert two["linear.top1"].value < 0.3


def test_c_is_chosen_on_the_held_out_tenth() -> None:
    features = synthetic_features(n_train=400, separation=0.6, classes=6, dimensions=64)
    evaluator = Linear(grid=(1e-4, 1e-2, 1.0))
    metrics, _ = run(features, evaluator, seed=5)
    draw = np.random.default_rng([5, 400])
    # The same draws in the same order: the sample (everything) first, then the held-out tenth of it.
    assert np.array_equal(stratified(features.train_labels, 1.0, draw), np.arange(400))
    held = stratified(features.train_labels, 0.1, draw, spare=True)
    fitted = np.setdiff1d(np.arange(400), held)
    right, losses = [], []
    for c in evaluator.grid:
        scaler, model = reference(features.train[fitted], features.train_labels[fitted], c)
        rows = scaler.transform(features.train[held].astype(np.float64))
        right.append(model.predict(rows) == features.train_labels[held])
        losses.append(sklearn_log_loss(features.train_labels[held], model.predict_proba(rows)))
    chosen = chosen_by(right, losses)
    assert losses[chosen] == min(losses)
    assert metrics["linear.c"].value == evaluator.grid[chosen]
    assert metrics["linear.c"].n == len(held)
    said = f"({len(held)} images, {right[chosen].mean():.1%} right there)"
    assert "chosen by log loss" in metrics["linear.top1"].protocol
    assert said in metrics["linear.top1"].protocol


def test_larger_values_of_c_are_left_out_behind_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise in many dimensions: the more a probe learns by heart, the worse it is on what was held out."""
    features = synthetic_features(n_train=2000, separation=0.1, classes=6, dimensions=100)
    fitted = []
    real = Problem.fit

    def fit(self, c, **settings):  # type: ignore[no-untyped-def]
        fitted.append(c)
        return real(self, c, **settings)

    monkeypatch.setattr(Problem, "fit", fit)
    evaluator = Linear()
    metrics, _ = run(features, evaluator)
    path = fitted[: -1 - evaluator.folds]
    assert len(path) < len(evaluator.grid)
    assert path == list(evaluator.grid[: len(path)])
    short = metrics["linear.c"].value
    monkeypatch.setattr("swaveval.evaluators.linear.PATIENCE", len(evaluator.grid))
    assert run(features, evaluator)[0]["linear.c"].value == short


@pytest.mark.parametrize("grid, edge", [((1e-6, 1e-5), 1.0), ((0.1,), 0.0)])
def test_the_edge_of_the_grid_is_flagged(digits: Features, grid: tuple[float, ...], edge: float) -> None:
    metrics, _ = run(digits, Linear(grid=grid))
    assert metrics["linear.c_at_edge"].value == edge
    assert ("edge of its grid" in metrics["linear.top1"].protocol) == bool(edge)
    assert metrics["linear.c"].value == grid[-1]


def test_top5_only_where_there_are_more_than_five_classes() -> None:
    assert "linear.top5" not in run(synthetic_features(classes=5))[0]
    assert run(synthetic_features(classes=6))[0]["linear.top5"].value > 0.9


def test_a_fit_that_runs_out_of_iterations_says_so(digits: Features) -> None:
    metrics, _ = run(digits, Linear(max_iterations=3, grid=(1.0,)))
    assert "stopped after 3 iterations" in metrics["linear.top1"].protocol
    assert "stopped" not in run(digits)[0]["linear.top1"].protocol


def test_blocks_and_memmaps_change_nothing(digits: Features, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Problem(digits.train.astype(np.float16), digits.train_labels, 10).fit(0.01)
    stored = np.lib.format.open_memmap(tmp_path / "f.npy", mode="w+", dtype=np.float16, shape=digits.train.shape)
    stored[:] = digits.train
    monkeypatch.setattr(standardise, "BLOCK", 100)
    monkeypatch.setattr("swaveval.evaluators.multinomial.RESIDENT_BYTES", 0)
    blocked = Problem(np.load(tmp_path / "f.npy", mmap_mode="r"), digits.train_labels, 10).fit(0.01)
    assert blocked.coefficients == pytest.approx(whole.coefficients, abs=1e-6)
    assert blocked.logits(digits.test) == pytest.approx(whole.logits(digits.test), abs=1e-5)


def test_standardisation_is_scikit_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    features = np.random.default_rng(0).normal(5.0, 3.0, (300, 8)).astype(np.float32)
    features[:, 3] = 7.5
    scaler = StandardScaler().fit(features.astype(np.float64))
    monkeypatch.setattr(standardise, "BLOCK", 64)
    mean, scale = standardise.mean_and_scale(features)
    assert mean == pytest.approx(scaler.mean_)
    assert scale == pytest.approx(scaler.scale_)
    assert scale[3] == 1.0


def test_rounding_noise_on_a_constant_is_not_blown_up() -> None:
    draw = np.random.default_rng(0)
    noise = (1 + 2e-7 * draw.normal(size=(200, 4))).astype(np.float32)
    assert np.all(noise.std(axis=0) > 0)
    assert np.array_equal(standardise.mean_and_scale(noise)[1], np.ones(4))
    # The same spread around zero is a feature.
    assert standardise.mean_and_scale(noise.astype(np.float64) - 1)[1] == pytest.approx(2e-7, rel=0.2)


@settings(max_examples=8, deadline=None)
@example(seed=76, shift=17.974157017887578, scale=0.01)  # several C give the same fit
@given(seed=st.integers(0, 1000), shift=st.floats(-50, 50), scale=st.sampled_from([0.01, 8.0, 1000.0]))
def test_shift_and_scale_change_nothing(seed: int, shift: float, scale: float) -> None:
    features = synthetic_features(seed=seed, separation=0.7)
    changed = replace(
        features,
        train=(features.train.astype(np.float64) * scale + shift),
        test=(features.test.astype(np.float64) * scale + shift),
    )
    one, two = run(features), run(changed)
    assert one[0]["linear.c"].value == two[0]["linear.c"].value
    assert np.array_equal(one[1]["linear.top1.outcomes"]["correct"], two[1]["linear.top1.outcomes"]["correct"])


def test_a_class_absent_from_train_counts_as_wrong() -> None:
    features = synthetic_features(separation=4.0, classes=7)
    kept = features.train_labels != 0
    metrics, arrays = run(
        replace(
            features,
            train=features.train[kept],
            train_labels=features.train_labels[kept],
            train_index=features.train_index[kept],
        )
    )
    assert arrays["linear.per_class"]["recall"][0] == 0
    assert arrays["linear.confusion"]["counts"][:, 0].sum() == 0
    lost = (features.test_labels == 0).mean()
    assert metrics["linear.top5"].value == pytest.approx(1 - lost)
    assert "absent from train" in metrics["linear.top1"].protocol


def test_one_image_per_class_leaves_nothing_to_choose_c_on() -> None:
    features = synthetic_features(separation=8.0)
    first = np.unique(features.train_labels, return_index=True)[1]
    few = {"train": features.train[first], "train_labels": np.arange(4), "train_index": features.train_index[first]}
    metrics, _ = run(replace(features, **few))
    assert metrics["linear.c"].value == 1.0
    assert metrics["linear.c"].n is None
    assert "no class has two train images" in metrics["linear.top1"].protocol


def test_selection_on_a_sample() -> None:
    features = synthetic_features(n_train=400, separation=1.0)
    metrics, _ = run(features, Linear(selection_limit=100))
    assert 8 <= metrics["linear.c"].n <= 12
    assert metrics["linear.top1"].value > 0.5
    assert "a stratified 10% of a sample of 101 images of train" in metrics["linear.top1"].protocol
    assert "sample" not in run(features)[0]["linear.top1"].protocol


def test_one_class_in_train_is_skipped() -> None:
    features = synthetic_features()
    with pytest.raises(Skip, match="train images are of one class"):
        run(replace(features, train_labels=np.zeros(120, np.int64)))


def test_nan_features_are_an_error() -> None:
    features = synthetic_features()
    spoilt = features.train.copy()
    spoilt[0, 0] = np.inf
    with pytest.raises(NotFinite, match="1 of 180"):
        run(replace(features, train=spoilt))


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=80),
    st.floats(0.05, 1.0),
    st.booleans(),
    st.integers(0, 100),
)
def test_stratified_takes_its_share_of_every_class(labels: list[int], share: float, spare: bool, seed: int) -> None:
    array = np.asarray(labels)
    found = stratified(array, share, np.random.default_rng(seed), spare=spare)
    assert np.array_equal(found, np.unique(found))
    for label in set(labels):
        size = labels.count(label)
        expected = min(max(1, round(share * size)), size - spare)
        assert (array[found] == label).sum() == expected


@settings(max_examples=30)
@given(seed=st.integers(0, 1000))
def test_rank_and_log_loss_are_those_of_the_definition(seed: int) -> None:
    draw = np.random.default_rng(seed)
    known = np.array([0, 2, 3, 5, 8, 9, 11])
    logits = draw.normal(size=(20, 7)).round(1) * 30
    labels = draw.choice(12, 20)
    rank = rank_of(logits, known, labels)
    for row, label in enumerate(labels):
        if label not in known:
            assert rank[row] >= 7
        else:
            order = sorted(range(7), key=lambda column, row=row: (-logits[row, column], column))
            assert known[order[rank[row]]] == label
    columns = draw.integers(0, 7, 20)
    probability = np.exp(logits - logits.max(axis=1, keepdims=True))
    probability /= probability.sum(axis=1, keepdims=True)
    own = np.maximum(probability[np.arange(20), columns], 1e-300)
    assert log_loss(logits, columns) == pytest.approx(-np.log(own).mean())


@pytest.mark.parametrize(
    "wrong",
    [{"grid": ()}, {"grid": (1.0, 0.1)}, {"grid": (0.0, 1.0)}, {"held_out": 1.0}, {"held_out": 0.0}, {"folds": 1}],
)
def test_impossible_parameters_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="linear: "):
        Linear(**wrong)


def test_no_images_have_no_logits(digits: Features) -> None:
    probe = Problem(digits.train, digits.train_labels, 10).fit(1e-3)
    assert probe.logits(digits.test[:0]).shape == (0, 10)
