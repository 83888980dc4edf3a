"""Cluster metrics against scikit-learn, scipy and the definitions."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as reference

from swaveval.evaluators import contingency, jackknife
from swaveval.evaluators.agreement import shuffled_purity
from swaveval.evaluators.clusters import Clusters
from swaveval.evaluators.contract import NotFinite, Skip
from swaveval.evaluators.intervals import wilson
from swaveval.evaluators.kmeans import kmeans
from swaveval.evaluators.scatter import scatter
from swaveval.evaluators.silhouette import silhouette
from swaveval.features.features import Features
from swaveval.results import Metric
from swaveval.testing import synthetic_features

ASSIGNMENTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), min_size=2, max_size=80)


def run(features: Features, evaluator: Clusters | None = None, seed: int = 0) -> tuple[dict[str, Metric], np.ndarray]:
    produced = list((evaluator or Clusters())(features, seed=seed))
    metrics = {item.id: item for item in produced if isinstance(item, Metric)}
    (assignment,) = (item.arrays["cluster"] for item in produced if item.id == "clusters.assignment")
    return metrics, assignment


def unit(features: Features) -> np.ndarray:
    everything = features.all.astype(np.float64)
    return everything / np.linalg.norm(everything, axis=1, keepdims=True)


def all_labels(features: Features) -> np.ndarray:
    return np.concatenate([features.train_labels, features.test_labels])


@settings(max_examples=50, deadline=None)
@given(ASSIGNMENTS)
def test_agreement_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    clusters, labels = np.asarray(pairs).T
    table = contingency.table(clusters, labels)
    assert contingency.nmi(table) == pytest.approx(reference.normalized_mutual_info_score(labels, clusters), abs=1e-9)
    assert contingency.nmi(table) == pytest.approx(reference.v_measure_score(labels, clusters), abs=1e-9)
    assert contingency.ari(table) == pytest.approx(reference.adjusted_rand_score(labels, clusters), abs=1e-9)
    expected = contingency.expected_information(table)
    theirs = reference.adjusted_mutual_info_score(labels, clusters)
    assert contingency.ami(table, expected) == pytest.approx(theirs, abs=1e-7)
    information = contingency.information_and_entropies(table)[0]
    assert information == pytest.approx(reference.mutual_info_score(labels, clusters), abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(ASSIGNMENTS)
def test_purity_is_its_definition(pairs: list[tuple[int, int]]) -> None:
    clusters, labels = np.asarray(pairs).T
    largest = [np.bincount(labels[clusters == cluster]).max() for cluster in np.unique(clusters)]
    assert contingency.purity(contingency.table(clusters, labels)) == pytest.approx(sum(largest) / len(pairs))


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_matching_is_the_best_of_all_permutations(pairs: list[tuple[int, int]]) -> None:
    clusters, labels = np.asarray(pairs).T
    best = max(int((np.asarray(order)[clusters] == labels).sum()) for order in permutations(range(5)))
    assert contingency.matched(contingency.table(clusters, labels)) == best


@given(ASSIGNMENTS, st.permutations(range(7)), st.permutations(range(5)))
def test_names_of_groups_do_not_matter(pairs: list[tuple[int, int]], one: list[int], two: list[int]) -> None:
    clusters, labels = np.asarray(pairs).T
    table = contingency.table(clusters, labels)
    renamed = contingency.table(np.asarray(one)[clusters], np.asarray(two)[labels])
    for measure in (contingency.purity, contingency.nmi, contingency.ari, contingency.matched):
        assert measure(renamed) == pytest.approx(measure(table), abs=1e-9)


@pytest.mark.parametrize("clusters, labels", [([0, 0, 0], [0, 0, 0]), ([0, 1, 2], [0, 1, 2]), ([0, 0, 0], [0, 1, 2])])
def test_single_and_singleton_groups(clusters: list[int], labels: list[int]) -> None:
    table = contingency.table(np.asarray(clusters), np.asarray(labels))
    expected = contingency.expected_information(table)
    assert contingency.nmi(table) == pytest.approx(reference.normalized_mutual_info_score(labels, clusters))
    assert contingency.ari(table) == pytest.approx(reference.adjusted_rand_score(labels, clusters))
    assert contingency.ami(table, expected) == pytest.approx(reference.adjusted_mutual_info_score(labels, clusters))


def test_tables_without_groups_are_those_of_the_images_left() -> None:
    draw = np.random.default_rng(0)
    clusters, labels = draw.integers(0, 5, 200), draw.integers(0, 4, 200)
    table = contingency.table(clusters, labels)
    groups = [np.arange(0, 50), np.arange(100, 200), np.flatnonzero(clusters == 2)]
    many = contingency.left_out(table, clusters, labels, groups)
    assert table.n == 200
    for row, group in zip(range(3), groups, strict=True):
        kept = np.setdiff1d(np.arange(200), group)
        alone = contingency.table(clusters[kept], labels[kept])
        for measure in (contingency.purity, contingency.nmi, contingency.ari):
            assert measure(many).shape == (3,)
            assert measure(many)[row] == pytest.approx(float(measure(alone)))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_silhouette_is_scikit_learns_with_and_without_some_images(seed: int, clusters: int) -> None:
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(60, 5))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cluster = np.concatenate([np.arange(clusters), draw.integers(0, clusters, 60 - clusters)])
    groups = [np.arange(clusters, 20), np.arange(30, 60)]
    value, without = silhouette(rows, cluster, groups)
    assert value == pytest.approx(reference.silhouette_score(rows, cluster, metric="cosine"))
    for found, group in zip(without, groups, strict=True):
        kept = np.setdiff1d(np.arange(60), group)
        assert found == pytest.approx(reference.silhouette_score(rows[kept], cluster[kept], metric="cosine"))


def test_silhouette_of_clusters_of_one_and_of_equal_images() -> None:
    rows = np.eye(4)[[0, 0, 1, 2]]
    cluster = np.array([0, 0, 1, 2])
    value, (without,) = silhouette(rows, cluster, [np.array([2, 3])])
    assert value == pytest.approx(reference.silhouette_score(rows, cluster, metric="cosine")) == 0.5
    assert np.isnan(without)  # a single cluster is left
    same = np.ones((4, 1))
    assert silhouette(same, np.array([0, 0, 1, 1]), [])[0] == 0.0


def test_metrics_are_those_of_the_assignment() -> None:
    features = synthetic_features(separation=0.7, classes=5)
    found, assignment = run(features)
    labels = all_labels(features)
    assert assignment.dtype == np.int32
    assert assignment.shape == (180,)
    assert len(np.unique(assignment)) == 5
    assert found["clusters.nmi"].value == pytest.approx(reference.normalized_mutual_info_score(labels, assignment))
    assert found["clusters.ami"].value == pytest.approx(reference.adjusted_mutual_info_score(labels, assignment))
    assert found["clusters.ari"].value == pytest.approx(reference.adjusted_rand_score(labels, assignment))
    silhouette = reference.silhouette_score(unit(features), assignment, metric="cosine")
    assert found["clusters.silhouette"].value == pytest.approx(silhouette, abs=1e-5)
    assert found["clusters.hungarian"].value <= found["clusters.purity"].value
    groups = jackknife.groups(180, 50, seed=0)
    for name, score in (("nmi", reference.normalized_mutual_info_score), ("ari", reference.adjusted_rand_score)):
        kept = [np.setdiff1d(np.arange(180), group) for group in groups]
        without = [float(score(labels[rows], assignment[rows])) for rows in kept]
        value = found[f"clusters.{name}"].value
        assert found[f"clusters.{name}"].ci95 == pytest.approx(jackknife.interval(value, without))
    for name in ("purity", "nmi", "ami", "ari", "hungarian", "silhouette"):
        metric = found[f"clusters.{name}"]
        assert metric.ci95[0] < metric.value < metric.ci95[1]
        assert metric.n == 180
        assert metric.ci95[1] - metric.ci95[0] > 0.01
        assert "K=5" in metric.protocol


def test_a_train_image_is_right_where_its_class_is_its_clusters() -> None:
    """Image by image from the assignment, test images left out of the count."""
    features = synthetic_features(separation=1.0)
    labels = features.train_labels.copy()
    labels[:7] = -1
    changed = replace(features, train_labels=labels)
    metrics, assignment = run(changed)
    produced = {item.id: item for item in Clusters()(changed, seed=0)}
    outcomes = produced["clusters.train_purity.outcomes"].arrays
    assert np.array_equal(outcomes["index"], features.train_index[7:])
    for row, correct in zip(range(7, len(labels)), outcomes["correct"], strict=True):
        mates = labels[7:][assignment[7 : len(labels)] == assignment[row]]
        classes, counts = np.unique(mates, return_counts=True)
        assert correct == (labels[row] == classes[counts.argmax()])
    assert metrics["clusters.train_purity"].value == outcomes["correct"].mean()
    assert 0.3 < outcomes["correct"].mean() < 1


def test_scatter_is_its_definition() -> None:
    features = synthetic_features(separation=0.7)
    rows, labels = unit(features), all_labels(features)
    means = np.stack([rows[labels == label].mean(axis=0) for label in range(4)])
    within = sum(((rows[labels == label] - means[label]) ** 2).sum() for label in range(4))
    between = sum((labels == label).sum() * ((means[label] - rows.mean(axis=0)) ** 2).sum() for label in range(4))
    found, _ = run(features)
    assert found["clusters.scatter"].value == pytest.approx(within / between)
    assert run(synthetic_features(separation=3.0))[0]["clusters.scatter"].value < found["clusters.scatter"].value / 3


def test_shuffled_purity_is_what_chance_reaches() -> None:
    features = synthetic_features(separation=6.0)
    found, assignment = run(features, Clusters(shuffles=200))
    draw = np.random.default_rng(1)
    labels = all_labels(features)
    chance = np.mean(
        [
            sum(np.bincount(shuffled[assignment == cluster]).max() for cluster in range(4)) / 180
            for shuffled in (draw.permutation(labels) for _ in range(500))
        ]
    )
    assert found["clusters.purity_shuffled"].value == pytest.approx(chance, abs=0.01)
    assert found["clusters.purity"].value == 1.0
    assert found["clusters.purity"].ci95 == pytest.approx(wilson(180, 180))
    few = run(features, Clusters(clusters=2))[0]["clusters.purity_shuffled"].value
    many = run(features, Clusters(clusters=40))[0]["clusters.purity_shuffled"].value
    assert few < found["clusters.purity_shuffled"].value < many


def test_hungarian_needs_as_many_clusters_as_classes() -> None:
    features = synthetic_features()
    assert "clusters.hungarian" in run(features)[0]
    assert "clusters.hungarian" not in run(features, Clusters(clusters=7))[0]


def test_without_labels_there_is_an_assignment_and_what_needs_none() -> None:
    features = replace(synthetic_features(separation=2.0), train_labels=None, test_labels=None, class_names=())
    found, assignment = run(features)
    assert set(found) == {"clusters.silhouette", "clusters.restart_ami"}
    assert len(np.unique(assignment)) == 10
    assert len(np.unique(run(features, Clusters(unlabelled_clusters=3))[1])) == 3
    assert "K=10" in found["clusters.silhouette"].protocol


def test_restarts_have_their_own_spread() -> None:
    features = synthetic_features(separation=0.4, classes=6)
    found, _ = run(features)
    labels = all_labels(features)
    runs = kmeans(unit(features).astype(np.float32), 6, seed=0).restarts
    values = [reference.normalized_mutual_info_score(labels, assignment) for assignment in runs]
    assert found["clusters.nmi_restarts"].value == pytest.approx(np.mean(values))
    assert found["clusters.nmi_restarts"].n == 5
    assert found["clusters.nmi_restarts"].ci95[0] < np.mean(values) < found["clusters.nmi_restarts"].ci95[1]
    pairs = [reference.adjusted_mutual_info_score(runs[i], runs[j]) for i in range(5) for j in range(i)]
    assert found["clusters.restart_ami"].value == pytest.approx(np.mean(pairs))
    alone = run(features, Clusters(restarts=1))[0]
    assert "clusters.restart_ami" not in alone
    assert "clusters.nmi_restarts" not in alone


def test_centres_from_a_sample_still_assign_everything() -> None:
    features = synthetic_features(n_train=400, separation=6.0)
    found, assignment = run(features, Clusters(fit_limit=60))
    assert assignment.shape == (460,)
    assert found["clusters.purity"].value == 1.0
    assert "centres fitted to a sample of 60" in found["clusters.purity"].protocol
    assert "fitted to" not in run(features)[0]["clusters.purity"].protocol


def test_silhouette_on_a_sample() -> None:
    features = synthetic_features(n_train=400, separation=1.0)
    whole = run(features)[0]["clusters.silhouette"]
    part = run(features, Clusters(silhouette_limit=100))[0]["clusters.silhouette"]
    assert part.n == 100
    assert whole.n == 460
    assert part.value == pytest.approx(whole.value, abs=0.1)


def test_unlabelled_images_are_clustered_but_not_compared() -> None:
    features = synthetic_features(separation=1.0)
    hidden = features.train_labels.copy()
    hidden[::2] = -1
    found, assignment = run(replace(features, train_labels=hidden))
    kept = np.concatenate([hidden, features.test_labels]) >= 0
    expected = reference.adjusted_rand_score(all_labels(features)[kept], assignment[kept])
    assert found["clusters.ari"].value == pytest.approx(expected)
    assert found["clusters.ari"].n == kept.sum() == 120
    assert "60 unlabelled images left out" in found["clusters.ari"].protocol
    assert assignment.shape == (180,)


def test_one_class_has_no_agreement() -> None:
    features = synthetic_features()
    one_class = replace(features, train_labels=np.zeros(120, np.int64), test_labels=np.zeros(60, np.int64))
    found, assignment = run(one_class)
    assert set(found) == {"clusters.silhouette", "clusters.restart_ami"}
    # One class says nothing of the number of groups: as without labels, and not a single cluster.
    assert len(np.unique(assignment)) == 10
    assert np.isfinite(found["clusters.silhouette"].value)


def test_a_collapsed_model_is_one_cluster() -> None:
    features = synthetic_features()
    noise = np.random.default_rng(0).normal(size=(180, 16)) * 1e-8
    rows = (np.ones(16) + noise).astype(np.float32)
    found, assignment = run(replace(features, train=rows[:120], test=rows[120:], views=None))
    assert set(assignment) == {0}
    assert np.isnan(found["clusters.silhouette"].value)
    assert "undefined with a single cluster" in found["clusters.silhouette"].protocol
    assert found["clusters.nmi"].value == 0
    assert found["clusters.purity"].value == np.bincount(all_labels(features)).max() / 180
    assert np.isnan(found["clusters.scatter"].value)
    assert "collapsed" in found["clusters.purity"].protocol


def test_more_clusters_than_images_are_clipped() -> None:
    found, assignment = run(synthetic_features(n_train=4, n_test=3, classes=2), Clusters(clusters=50))
    assert len(np.unique(assignment)) == 7
    assert "K=7" in found["clusters.purity"].protocol
    assert "only 7 images" in found["clusters.purity"].protocol


def test_it_skips_one_image_and_refuses_nan() -> None:
    with pytest.raises(Skip, match="at least two images"):
        run(synthetic_features(n_train=1, n_test=0))
    features = synthetic_features()
    with pytest.raises(NotFinite, match="60 of 180"):
        run(replace(features, test=features.test * np.nan))


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.sampled_from([0.01, 100.0]))
def test_rotation_and_the_length_of_each_vector_change_nothing(seed: int, scale: float) -> None:
    features = synthetic_features(seed=seed, separation=3.0)
    draw = np.random.default_rng(seed)
    rotation = np.linalg.qr(draw.normal(size=(16, 16)))[0]
    lengths = scale * draw.uniform(0.5, 2.0, (180, 1))
    train, test = (features.train * lengths[:120]) @ rotation, (features.test * lengths[120:]) @ rotation
    before = run(features)
    after = run(replace(features, train=train.astype(np.float32), test=test.astype(np.float32)))
    for name in ("purity", "nmi", "ami", "ari", "silhouette", "scatter"):
        key = f"clusters.{name}"
        assert after[0][key].value == pytest.approx(before[0][key].value, abs=1e-4)


def test_a_seed_is_the_initialisation() -> None:
    features = synthetic_features(separation=0.3, classes=8)
    one, two, three = (run(features, seed=seed) for seed in (1, 1, 2))
    assert one[0] == two[0]
    assert np.array_equal(one[1], two[1])
    assert not np.array_equal(one[1], three[1])


@pytest.mark.parametrize("wrong", [{"clusters": -1}, {"restarts": 0}, {"fit_limit": 1}, {"shuffles": 0}, {"groups": 1}])
def test_impossible_parameters_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="clusters: "):
        Clusters(**wrong)


def test_shuffled_purity_has_the_interval_of_its_shuffles() -> None:
    generator = np.random.default_rng(0)
    cluster, label = generator.integers(0, 4, 90), generator.integers(0, 3, 90)
    found = shuffled_purity(cluster, label, protocol="", shuffles=7, seed=2)
    draw = np.random.default_rng([2, 90])
    values = [float(contingency.purity(contingency.table(cluster, draw.permutation(label)))) for _ in range(7)]
    assert found.value == pytest.approx(np.mean(values))
    error = np.std(values, ddof=1) / np.sqrt(7)
    assert found.ci95 == pytest.approx(stats.t.interval(0.95, 6, np.mean(values), error))


def test_features_that_differ_by_rounding_alone_are_one_cluster() -> None:
    features = synthetic_features()
    noise = np.random.default_rng(0).normal(size=(180, 16)) * 2e-7
    rows = (1 + noise).astype(np.float32)
    assert len(np.unique(rows, axis=0)) == 180
    assert set(run(replace(features, train=rows[:120], test=rows[120:], views=None))[1]) == {0}


def test_classes_with_the_same_mean_have_no_scatter_between_them() -> None:
    opposite = np.tile(np.asarray([[1.0, 0.0], [-1.0, 0.0]], np.float32), (4, 1))
    found = scatter(Features(train=opposite, test=opposite[:2]), np.repeat(np.arange(5), 2))
    assert np.isnan(found.value)
    assert "undefined" in found.protocol
