"""The labelled part of the features, and the scores of predictions, worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from swaveval.evaluators.contract import Skip
from swaveval.evaluators.intervals import wilson, wilson_mean
from swaveval.evaluators.supervised import accuracy, class_scores, labelled, outcomes
from swaveval.features.features import Features
from swaveval.results import Artifact, Metric


def features(train: list[int], test: list[int], names: tuple[str, ...] = ()) -> Features:
    """Row i of train is (i, 0), row i of test (i, 1); positions 10 + i and 20 + i."""
    rows = [
        np.stack([np.arange(len(labels)), np.full(len(labels), split)], axis=1)
        for split, labels in enumerate((train, test))
    ]
    return Features(
        rows[0].astype(np.float32),
        rows[1].astype(np.float32),
        np.asarray(train),
        np.asarray(test),
        10 + np.arange(len(train)),
        20 + np.arange(len(test)),
        names,
    )


def test_nothing_is_copied_where_every_image_has_a_label() -> None:
    whole = features([0, 1, 0], [1, 0])
    given = labelled(whole)
    assert given.features is whole
    assert (given.train.tolist(), given.test.tolist(), given.classes, given.notes) == ([0, 1, 0], [1, 0], 2, ())
    assert given.protocol("text", "", "extra") == "text; extra"


@pytest.mark.parametrize(
    ("train", "test"), [([0, -1, 1], [1, 0]), ([0, 1, 1], [-1, 1, 0]), ([-1, 1, -1, 0], [0, -1, -1])]
)
def test_unlabelled_images_go_with_their_rows_and_positions(train: list[int], test: list[int]) -> None:
    given = labelled(features(train, test))
    for rows, index, ours, labels, first, split in (
        (given.features.train, given.features.train_index, given.train, train, 10, 0),
        (given.features.test, given.features.test_index, given.test, test, 20, 1),
    ):
        kept = [place for place, label in enumerate(labels) if label >= 0]
        assert rows.tolist() == [[place, split] for place in kept]
        assert index.tolist() == [first + place for place in kept]
        assert ours.tolist() == [labels[place] for place in kept]
    assert np.array_equal(given.features.train_labels, given.train)
    assert np.array_equal(given.features.test_labels, given.test)
    gone = train.count(-1), test.count(-1)
    assert given.notes == (f"{gone[0]} unlabelled train and {gone[1]} unlabelled test images left out",)


def test_features_without_positions_stay_without() -> None:
    bare = replace(features([0, -1, 1], [1, -1]), train_index=np.zeros(0, np.int64), test_index=np.zeros(0, np.int64))
    given = labelled(bare)
    assert (len(given.features.train_index), len(given.features.test_index)) == (0, 0)


def test_classes_that_train_lacks_are_counted_with_their_images() -> None:
    given = labelled(features([0, 2, 2, -1], [0, 1, 3, 3, -1], ("a", "b")))
    assert given.classes == 4
    assert "2 classes of the test images are absent from train, their 3 images count as wrong" in given.notes
    assert len(given.notes) == 2
    assert labelled(features([0, 1], [0], tuple("abcde"))).classes == 5
    assert labelled(features([0, 1], [0])).notes == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"train_labels": None}, "needs labels"),
        ({"test_labels": None}, "needs labels"),
        ({"train_labels": np.full(3, -1)}, "no image of the train split"),
        ({"test_labels": np.full(2, -1)}, "no image of the test split"),
        ({"train_labels": np.asarray([1, 1, -1]), "test_labels": np.asarray([1, 1])}, "of one class"),
    ],
)
def test_nothing_to_learn_is_a_sentence(changes: dict, reason: str) -> None:
    with pytest.raises(Skip, match=reason):
        labelled(replace(features([0, 1, 0], [1, 0]), **changes))


def test_two_classes_are_enough_and_may_lie_apart() -> None:
    assert labelled(features([0, 0], [1, 1])).classes == 2


def test_accuracy_and_its_outcomes() -> None:
    correct = np.asarray([True, False, True, True])
    metric = accuracy("a.top1", correct, "how")
    assert (metric.value, metric.n, metric.ci95, metric.bounds) == (0.75, 4, wilson(3, 4), (0.0, 1.0))
    assert metric.protocol.startswith("how; only 4 images")
    assert accuracy("a.top1", np.ones(30, bool), "how").protocol == "how"
    assert outcomes("a.top1", correct, np.asarray([5, 7, 8, 9])).arrays["index"].tolist() == [5, 7, 8, 9]
    assert outcomes("a.top1", correct, np.zeros(0)).arrays["index"].tolist() == [0, 1, 2, 3]


def test_class_scores_by_hand() -> None:
    given = labelled(features([0, 1, 3], [0, 1], tuple("abcd")))
    true, predicted = np.asarray([0, 0, 0, 1, 3]), np.asarray([0, 0, 1, 1, 0])
    found = {item.id: item for item in class_scores("a", true, predicted, given=given, protocol="how")}
    balanced, counts, recalls = found["a.balanced"], found["a.confusion"], found["a.per_class"]
    assert isinstance(balanced, Metric)
    assert isinstance(counts, Artifact)
    assert isinstance(recalls, Artifact)
    assert balanced.value == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert balanced.ci95 == wilson_mean(np.asarray([2, 1, 0]), np.asarray([3, 1, 1]))
    assert (balanced.n, balanced.protocol) == (5, "how; mean recall of 3 classes")
    assert counts.arrays["counts"].tolist() == [[2, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    assert recalls.arrays["n"].tolist() == [3, 1, 0, 1]
    assert recalls.arrays["recall"] == pytest.approx([2 / 3, 1, np.nan, 0], nan_ok=True)
