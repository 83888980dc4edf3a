"""kNN against brute force in float64, scikit-learn and lightly; and what real directories do to it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightly.utils.benchmarking import knn_predict
from lightly.utils.benchmarking.knn_classifier import KNNClassifier
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, recall_score
from sklearn.neighbors import KNeighborsClassifier

from swaveval.evaluators import jackknife
from swaveval.evaluators.contract import NotFinite, Skip
from swaveval.evaluators.intervals import wilson
from swaveval.evaluators.knn import CLOSER_LOOK, SOLO_LEARN, Knn, Vote, dependent_error, votes, weights
from swaveval.features.features import Features
from swaveval.features.neighbours import Neighbours
from swaveval.results import Artifact, Metric
from swaveval.testing import synthetic_features


def run(features: Features, evaluator: Knn | None = None, seed: int = 0) -> tuple[dict[str, Metric], dict]:
    produced = list((evaluator or Knn())(features, seed=seed))
    metrics = {item.id: item for item in produced if isinstance(item, Metric)}
    return metrics, {item.id: item.arrays for item in produced if isinstance(item, Artifact)}


def brute_scores(features: Features, vote: Vote, *, leave_one_out: bool = False) -> np.ndarray:
    """score(c) by the definition, one query at a time, float64."""
    bank = features.train.astype(np.float64)
    queries = bank if leave_one_out else features.test.astype(np.float64)
    scores = np.zeros((len(queries), len(features.class_names)))
    for row, query in enumerate(queries):
        if vote.metric == "cosine":
            near = bank @ query / np.linalg.norm(bank, axis=1) / np.linalg.norm(query)
        else:
            near = -np.linalg.norm(bank - query, axis=1)
        if leave_one_out:
            near[row] = -np.inf
        for other in np.argsort(-near)[: min(vote.k, len(bank) - leave_one_out)]:
            if vote.weighting == "exp(s/T)":
                weight = np.exp(near[other] / vote.temperature)
            elif vote.weighting == "1/d":
                weight = -1 / near[other]
            else:
                weight = 1 / (1e-5 - near[other])
            scores[row, features.train_labels[other]] += weight
    return scores


def clear(scores: np.ndarray) -> np.ndarray:
    """Queries whose first two classes are further apart than float32 similarities can blur."""
    ordered = np.sort(scores, axis=1)
    return ordered[:, -1] - ordered[:, -2] > 1e-4 * ordered[:, -1]


VOTES = [Vote(20), Vote(1), Vote(200, 0.1), Vote(7, 1.0), Vote(10, 0.02), SOLO_LEARN, CLOSER_LOOK]


@pytest.mark.parametrize("vote", VOTES, ids=lambda vote: vote.id)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), classes=st.integers(2, 9))
def test_predictions_are_those_of_brute_force(vote: Vote, seed: int, classes: int) -> None:
    features = synthetic_features(seed=seed, classes=classes, separation=1.0)
    scores = brute_scores(features, vote)
    found = votes(features.test_neighbours(vote.k, vote.metric), features.train_labels, classes, vote)
    assert clear(scores).mean() > 0.9
    assert np.array_equal(found[clear(scores)], scores.argmax(axis=1)[clear(scores)])


def test_leave_one_out_is_that_of_brute_force() -> None:
    features = synthetic_features(separation=1.0)
    scores = brute_scores(features, Vote(20), leave_one_out=True)
    metrics, arrays = run(features)
    right = scores.argmax(axis=1) == features.train_labels
    assert clear(scores).all()
    assert np.array_equal(arrays["knn.loo_top1.outcomes"]["correct"], right)
    assert np.array_equal(arrays["knn.loo_top1.outcomes"]["index"], features.train_index)
    assert metrics["knn.loo_top1"].value == right.mean()
    assert metrics["knn.loo_top1"].n == 120


@pytest.mark.parametrize("k, temperature", [(200, 0.1), (20, 0.07), (1, 0.1)])
def test_predictions_are_those_of_lightlys_knn_predict(k: int, temperature: float) -> None:
    features = synthetic_features(n_train=400, n_test=200, separation=1.0, classes=7)
    bank, queries = (torch.nn.functional.normalize(torch.tensor(x), dim=1) for x in (features.train, features.test))
    theirs = knn_predict(queries, bank.T, torch.tensor(features.train_labels), 7, k, temperature)[:, 0].numpy()
    vote = Vote(k, temperature)
    ours = votes(features.test_neighbours(k), features.train_labels, 7, vote)
    decided = clear(brute_scores(features, vote))
    assert decided.mean() > 0.99
    assert np.array_equal(ours[decided], theirs[decided])


def test_accuracy_is_that_of_lightlys_classifier() -> None:
    features = synthetic_features(n_train=400, n_test=200, separation=0.8, classes=7)
    theirs = KNNClassifier(None, 7, knn_k=200, knn_t=0.1, train_dataloader_idx=0, val_dataloader_idx=1)
    bank = theirs._prepare_features(torch.tensor(features.train))
    theirs._train_features_tensor, theirs._train_targets_tensor = bank.T, torch.tensor(features.train_labels)
    predicted = knn_predict(
        theirs._prepare_features(torch.tensor(features.test)),
        theirs._train_features_tensor,
        theirs._train_targets_tensor,
        theirs.num_classes,
        theirs.knn_k,
        theirs.knn_t,
    )[:, 0].numpy()
    assert 0.3 < (predicted == features.test_labels).mean() < 0.95
    assert run(features)[0]["knn.top1[k=200,T=0.1]"].value == (predicted == features.test_labels).mean()


def test_one_over_distance_is_scikit_learns_also_for_a_query_that_is_in_the_bank() -> None:
    features = synthetic_features(separation=1.0)
    features = replace(features, test=np.concatenate([features.train[:20], features.test[20:]]))
    theirs = KNeighborsClassifier(20, weights="distance", algorithm="brute").fit(features.train, features.train_labels)
    ours = votes(features.test_neighbours(20, "euclidean"), features.train_labels, 4, CLOSER_LOOK)
    assert np.array_equal(ours, theirs.predict(features.test))
    assert np.array_equal(ours[:20], features.train_labels[:20])


def test_headline_is_dinos_protocol_and_the_grid_holds_it() -> None:
    metrics, arrays = run(synthetic_features(separation=0.5))
    assert metrics["knn.top1"].value == metrics["knn.top1[k=20,T=0.07]"].value
    assert "dino: cosine, k=20, weight exp(s/0.07)" in metrics["knn.top1"].protocol
    assert "lightly" in metrics["knn.top1[k=200,T=0.1]"].protocol
    assert "euclidean" in metrics["knn.top1[k=20,euclidean,w=1/d]"].protocol
    assert "solo-learn" in metrics["knn.top1[k=20,euclidean,w=1/(d+1e-5)]"].protocol
    grid = [m.value for name, m in metrics.items() if name.startswith("knn.top1[") and "T=" in name]
    assert len(grid) == 16
    assert metrics["knn.sensitivity"].value == max(grid) - min(grid) > 0
    assert arrays["knn.top1.outcomes"]["correct"].mean() == metrics["knn.top1"].value


def test_class_scores_are_scikit_learns() -> None:
    features = synthetic_features(separation=0.7)
    metrics, arrays = run(features)
    predicted = votes(features.test_neighbours(20), features.train_labels, 4, Vote(20))
    assert np.array_equal(arrays["knn.confusion"]["counts"], confusion_matrix(features.test_labels, predicted))
    expected = recall_score(features.test_labels, predicted, average=None)
    assert arrays["knn.per_class"]["recall"] == pytest.approx(expected)
    assert np.array_equal(arrays["knn.per_class"]["n"], np.bincount(features.test_labels))
    balanced = metrics["knn.balanced"]
    assert balanced.value == pytest.approx(balanced_accuracy_score(features.test_labels, predicted))
    assert balanced.ci95[0] < balanced.value < balanced.ci95[1]


def test_one_search_per_similarity_serves_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    import swaveval.features.features as module

    searched = []
    real = module.nearest

    def counted(queries, bank, k, **settings):  # type: ignore[no-untyped-def]
        searched.append((len(queries), k, settings["metric"]))
        return real(queries, bank, k, **settings)

    monkeypatch.setattr(module, "nearest", counted)
    run(synthetic_features(n_train=300))
    assert sorted(searched) == [(60, 20, "euclidean"), (60, 200, "cosine"), (300, 70, "cosine")]


def test_k_is_clipped_to_the_bank_and_says_so() -> None:
    metrics, _ = run(synthetic_features(n_train=8, n_test=40))
    assert metrics["knn.top1[k=200,T=0.07]"].value == metrics["knn.top1[k=10,T=0.07]"].value
    assert "k=8 (asked for 200, clipped to the bank)" in metrics["knn.top1[k=200,T=0.07]"].protocol
    assert "k=7 (asked for 20, clipped to the bank)" in metrics["knn.loo_top1"].protocol
    assert "clipped" not in run(synthetic_features(n_train=20))[0]["knn.top1"].protocol


def test_small_temperatures_do_not_overflow() -> None:
    s = np.array([[1.0, 0.9, -1.0]], dtype=np.float32)
    found = weights(s, Vote(3, 1e-4))
    assert found == pytest.approx(np.array([[1.0, 0.0, 0.0]]))
    assert weights(s, Vote(3, 0.1)) == pytest.approx(np.exp((s.astype(np.float64) - 1) / 0.1))


def test_distance_weights() -> None:
    s = -np.array([[0.5, 2.0], [0.0, 1.0]], dtype=np.float32)
    assert weights(s, CLOSER_LOOK) == pytest.approx(np.array([[2.0, 0.5], [1.0, 0.0]]))
    assert weights(s, SOLO_LEARN) == pytest.approx(np.array([[1 / 0.50001, 1 / 2.00001], [1e5, 1 / 1.00001]]))


def test_equal_scores_go_to_the_lower_class() -> None:
    two = Neighbours(np.array([[0, 1]]), np.array([[0.5, 0.5]], dtype=np.float32))
    assert votes(two, np.array([2, 1]), 3, Vote(2)).tolist() == [1]
    assert votes(two, np.array([1, 2]), 3, Vote(2)).tolist() == [1]


def test_blocks_do_not_change_the_votes() -> None:
    features = synthetic_features(separation=0.5)
    found = features.test_neighbours(20)
    whole = votes(found, features.train_labels, 4, Vote(20))
    assert np.array_equal(votes(found, features.train_labels, 4, Vote(20), block=7), whole)


def test_a_class_absent_from_train_counts_as_wrong() -> None:
    features = synthetic_features(separation=4.0)
    kept = features.train_labels != 0
    features = replace(
        features,
        train=features.train[kept],
        train_labels=features.train_labels[kept],
        train_index=features.train_index[kept],
    )
    metrics, arrays = run(features)
    lost = int((features.test_labels == 0).sum())
    assert metrics["knn.top1"].value <= 1 - lost / 60
    assert arrays["knn.per_class"]["recall"][0] == 0
    assert f"1 classes of the test images are absent from train, their {lost} images" in metrics["knn.top1"].protocol


def test_a_class_without_test_images_has_no_recall_and_no_say() -> None:
    features = synthetic_features(separation=4.0)
    kept = features.test_labels != 3
    nowhere = np.zeros(0, np.int32)
    features = replace(features, test=features.test[kept], test_labels=features.test_labels[kept], test_index=nowhere)
    metrics, arrays = run(features)
    assert np.array_equal(arrays["knn.top1.outcomes"]["index"], np.arange(kept.sum()))
    assert np.isnan(arrays["knn.per_class"]["recall"][3])
    assert "mean recall of 3 classes" in metrics["knn.balanced"].protocol
    assert metrics["knn.balanced"].value == pytest.approx(arrays["knn.per_class"]["recall"][:3].mean())


def test_unlabelled_images_neither_vote_nor_count() -> None:
    features = synthetic_features(separation=0.7)
    hidden_train, hidden_test = features.train_labels.copy(), features.test_labels.copy()
    hidden_train[::3], hidden_test[::4] = -1, -1
    metrics, arrays = run(replace(features, train_labels=hidden_train, test_labels=hidden_test))
    bank, queries = hidden_train >= 0, hidden_test >= 0
    expected, other = run(
        replace(
            features,
            train=features.train[bank],
            train_labels=features.train_labels[bank],
            train_index=features.train_index[bank],
            test=features.test[queries],
            test_labels=features.test_labels[queries],
            test_index=features.test_index[queries],
        )
    )
    assert {name: m.value for name, m in metrics.items()} == {name: m.value for name, m in expected.items()}
    assert np.array_equal(arrays["knn.top1.outcomes"]["index"], features.test_index[queries])
    assert np.array_equal(arrays["knn.top1.outcomes"]["correct"], other["knn.top1.outcomes"]["correct"])
    assert "40 unlabelled train and 15 unlabelled test images left out" in metrics["knn.top1"].protocol


@pytest.mark.parametrize(
    "train, test, reason",
    [
        (None, None, "needs labels"),
        (0, 0, "one class"),
        (-1, 0, "no image of the train"),
        (0, -1, "no image of the test"),
    ],
)
def test_it_skips_with_a_sentence(train: int | None, test: int | None, reason: str) -> None:
    usual = synthetic_features()
    labels = [None if value is None else np.full(n, value) for value, n in ((train, 120), (test, 60))]
    with pytest.raises(Skip, match=reason):
        run(replace(usual, train_labels=labels[0], test_labels=labels[1]))


def test_nan_features_are_an_error_that_counts_them() -> None:
    features = synthetic_features()
    spoilt = features.test.copy()
    spoilt[5] = np.nan
    with pytest.raises(NotFinite, match="1 of 180 images have NaN"):
        run(replace(features, test=spoilt))


def test_few_test_images_are_said_to_be_few() -> None:
    assert "only 29 images" in run(synthetic_features(n_test=29))[0]["knn.top1"].protocol
    assert "only" not in run(synthetic_features(n_test=30))[0]["knn.top1"].protocol
    one = run(synthetic_features(n_test=1))[0]["knn.top1"]
    assert one.n == 1
    assert one.ci95[1] - one.ci95[0] > 0.7


def test_a_bank_of_one_image_has_no_leave_one_out() -> None:
    metrics, _ = run(synthetic_features(n_train=1, n_test=40, classes=2))
    assert "knn.top1" in metrics
    assert "knn.loo_top1" not in metrics


def test_leave_one_out_on_a_sample_agrees_with_the_whole_on_those_images() -> None:
    features = synthetic_features(separation=0.7)
    _, whole = run(features)
    metrics, sampled = run(features, Knn(loo_queries=50))
    rows = sampled["knn.loo_top1.outcomes"]["index"]
    assert len(rows) == 50
    assert np.array_equal(rows, np.unique(rows))
    everything = dict(zip(*(whole["knn.loo_top1.outcomes"][name] for name in ("index", "correct")), strict=True))
    assert sampled["knn.loo_top1.outcomes"]["correct"].tolist() == [everything[row] for row in rows]
    assert "sample of 50 train images" in metrics["knn.loo_top1"].protocol
    assert "sample" not in run(features, Knn(loo_queries=120))[0]["knn.loo_top1"].protocol


@pytest.mark.parametrize("loo_queries", [1000, 40])
def test_leave_one_out_error_is_that_of_banks_with_groups_really_removed(loo_queries: int) -> None:
    features = synthetic_features(separation=0.4)
    rows = np.arange(120)[:loo_queries]
    near = features.train_neighbours(70)
    near = Neighbours(near.index[rows], near.similarity[rows])
    groups = jackknife.groups(120, 10, seed=0)
    without = []
    for group in groups:
        kept = np.setdiff1d(np.arange(120), group)
        bank = Features(features.train[kept], features.test, features.train_labels[kept], features.test_labels)
        right = (
            votes(bank.train_neighbours(20), features.train_labels[kept], 4, Vote(20)) == features.train_labels[kept]
        )
        without.append(float(right[np.isin(kept, rows)].mean()))
    found = dependent_error(near, rows, features.train_labels, 4, Vote(20), groups)
    assert found == pytest.approx(jackknife.standard_error(without))
    assert found > 0


def test_leave_one_out_interval_is_wider_than_of_independent_images() -> None:
    metric = run(synthetic_features(n_train=300, separation=0.4))[0]["knn.loo_top1"]
    low, high = wilson(round(metric.value * 300), 300)
    assert metric.ci95[0] < low
    assert high < metric.ci95[1]
    assert metric.ci95[1] - metric.ci95[0] < 2 * (high - low)
    assert "images depend on each other as neighbours: interval as of" in metric.protocol


def test_a_sampled_image_does_not_vote_for_itself_among_duplicates() -> None:
    # Four copies of each image under four labels: whoever votes for itself is always right at k = 1.
    draw = np.random.default_rng(0)
    rows = np.repeat(draw.normal(size=(30, 8)).astype(np.float32), 4, axis=0)
    labels = np.tile(np.arange(4), 30)
    features = Features(rows, rows, labels, labels, class_names=tuple("abcd"))
    metrics, _ = run(features, Knn(k=1, loo_queries=60))
    assert metrics["knn.loo_top1"].value == 0


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([0.25, 4.0, 1024.0]))
def test_rotation_scale_and_order_change_nothing(seed: int, scale: float) -> None:
    features = synthetic_features(seed=seed, separation=0.8)
    draw = np.random.default_rng(seed)
    rotation = np.linalg.qr(draw.normal(size=(16, 16)))[0]
    order = draw.permutation(120)
    changed = replace(
        features,
        train=(scale * features.train[order] @ rotation).astype(np.float32),
        train_labels=features.train_labels[order],
        train_index=features.train_index[order],
        test=(scale * features.test @ rotation).astype(np.float32),
    )
    before, after = run(features)[1], run(changed)[1]
    decided = clear(brute_scores(features, Vote(20)))
    one, two = (arrays["knn.top1.outcomes"]["correct"] for arrays in (before, after))
    assert np.array_equal(one[decided], two[decided])


def test_the_seed_matters_only_for_the_sample() -> None:
    features = synthetic_features(separation=0.5)
    one, two = (run(features, seed=seed)[0] for seed in (0, 1))
    # The groups of the leave-one-out interval are drawn, too; the accuracy is the same.
    assert {name: metric.value for name, metric in one.items()} == {name: m.value for name, m in two.items()}
    first, second = (run(features, Knn(loo_queries=30), seed)[1]["knn.loo_top1.outcomes"]["index"] for seed in (0, 1))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("wrong", [{"k": 0}, {"ks": (0,)}, {"temperature": 0.0}, {"temperatures": (-1.0,)}])
def test_impossible_parameters_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="knn: k"):
        Knn(**wrong)


@pytest.mark.parametrize("k", [1, 45, 119])
@pytest.mark.parametrize("loo_queries", [60, 120])
def test_leave_one_out_votes_with_all_its_neighbours(k: int, loo_queries: int) -> None:
    features = synthetic_features(separation=0.4)
    # A temperature at which the last neighbours weigh as much as the first.
    scores = brute_scores(features, Vote(k, 10.0), leave_one_out=True)
    _, arrays = run(features, Knn(k=k, temperature=10.0, loo_queries=loo_queries))
    found = arrays["knn.loo_top1.outcomes"]
    right = scores.argmax(axis=1) == features.train_labels
    sure = clear(scores)
    assert sure.mean() > 0.9
    assert len(found["index"]) == loo_queries
    for row, correct in zip(found["index"], found["correct"], strict=True):
        assert correct == right[row] or not sure[row]
