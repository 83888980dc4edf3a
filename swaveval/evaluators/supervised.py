"""What evaluators with labels share: the labelled part of the features, and the scores of a set of predictions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from swaveval.evaluators.contract import Skip
from swaveval.evaluators.intervals import small_sample, wilson, wilson_mean
from swaveval.features.features import Features
from swaveval.results import Artifact, Metric

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class Labelled:
    """The labelled images of a Features, and what a reader must know about them.

    Attributes:
        features: with every row labelled; the same object when no row had to go.
        train, test: shape `(n_split,)`, int64, labels in 0…classes-1.
        classes: C, counting classes without images.
        notes: sentences for the protocol: unlabelled images left out, classes absent from train, too few images.
    """

    features: Features
    train: Array
    test: Array
    classes: int
    notes: tuple[str, ...]

    def protocol(self, text: str, *extra: str) -> str:
        """`text` followed by every note that applies."""
        return "; ".join((text, *(note for note in (*extra, *self.notes) if note)))


def labelled(features: Features) -> Labelled:
    """The labelled images of both splits.

    Raises:
        Skip: nothing can be learnt: no labelled image in a split, or only one class among them.
    """
    if features.train_labels is None or features.test_labels is None:
        raise Skip("needs labels, which this evaluation does not have")
    bank, queries = np.asarray(features.train_labels), np.asarray(features.test_labels)
    for name, labels in (("train", bank), ("test", queries)):
        if not (labels >= 0).any():
            raise Skip(f"no image of the {name} split has a label")
    present = np.union1d(bank[bank >= 0], queries[queries >= 0])
    if len(present) < 2:
        raise Skip("all labelled images are of one class: any features would score 100 %")
    classes = max(len(features.class_names), int(present[-1]) + 1)
    kept = _keep(features, bank >= 0, queries >= 0)
    train, test = bank[bank >= 0].astype(np.int64), queries[queries >= 0].astype(np.int64)
    return Labelled(kept, train, test, classes, tuple(_notes(bank, queries)))


def _keep(features: Features, bank: Array, queries: Array) -> Features:
    if bank.all() and queries.all():
        return features  # keeps the neighbour search that other evaluators share
    return Features(
        train=features.train[bank],
        test=features.test[queries],
        train_labels=np.asarray(features.train_labels)[bank],
        test_labels=np.asarray(features.test_labels)[queries],
        train_index=features.train_index[bank] if len(features.train_index) else features.train_index,
        test_index=features.test_index[queries] if len(features.test_index) else features.test_index,
        class_names=features.class_names,
        protocol=features.protocol,
        device=features.device,
    )


def _notes(bank: Array, queries: Array) -> Iterator[str]:
    unlabelled = int((bank < 0).sum()), int((queries < 0).sum())
    if any(unlabelled):
        yield f"{unlabelled[0]} unlabelled train and {unlabelled[1]} unlabelled test images left out"
    known = np.unique(bank[bank >= 0])
    absent = np.setdiff1d(queries[queries >= 0], known)
    if len(absent):
        lost = int(np.isin(queries, absent).sum())
        yield f"{len(absent)} classes of the test images are absent from train, their {lost} images count as wrong"


def accuracy(name: str, correct: Array, protocol: str) -> Metric:
    """The share of `correct`, bool of shape `(n,)`, with Wilson's interval."""
    n = len(correct)
    hits = int(np.count_nonzero(correct))
    note = small_sample(n)
    return Metric(
        id=name,
        value=hits / n,
        bounds=(0.0, 1.0),
        ci95=wilson(hits, n),
        n=n,
        protocol=f"{protocol}; {note}" if note else protocol,
    )


def outcomes(name: str, correct: Array, index: Array) -> Artifact:
    """Per-image outcomes of the metric `name`, for paired tests.

    Args:
        correct: shape `(n,)`, bool.
        index: shape `(n,)`: positions in the ImageSet; without positions, rows count from 0.
    """
    position = index if len(index) == len(correct) else np.arange(len(correct))
    return Artifact(f"{name}.outcomes", {"correct": correct.astype(np.bool_), "index": position.astype(np.int32)})


def shares(name: str, share: Array, index: Array) -> Artifact:
    """As `outcomes`, where an image is asked several times: the share of times it was right.

    Args:
        share: shape `(n,)`, float in 0…1.
        index: shape `(n,)`: positions in the ImageSet, or rows.
    """
    return Artifact(f"{name}.outcomes", {"share": share.astype(np.float32), "index": index.astype(np.int32)})


def confusion_counts(labels: Array, predicted: Array, classes: int) -> Array:
    """Shape `(C, C)`, int64: images by true class (row) and predicted class (column)."""
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def class_scores(prefix: str, labels: Array, predicted: Array, *, given: Labelled, protocol: str) -> Iterator[Any]:
    """`prefix.balanced`, `prefix.confusion` and `prefix.per_class`, from labels and predictions of shape `(n,)`.

    Balanced accuracy is the unweighted mean of the recalls of the classes that have test images.
    """
    counts = confusion_counts(labels, predicted, given.classes)
    n = counts.sum(axis=1)
    seen = n > 0
    recall = np.full(given.classes, np.nan)
    recall[seen] = np.diag(counts)[seen] / n[seen]
    yield Metric(
        id=f"{prefix}.balanced",
        value=float(recall[seen].mean()),
        bounds=(0.0, 1.0),
        ci95=wilson_mean(np.diag(counts)[seen], n[seen]),
        n=len(labels),
        protocol=f"{protocol}; mean recall of {int(seen.sum())} classes",
    )
    yield Artifact(f"{prefix}.confusion", {"counts": counts.astype(np.int64)})
    yield Artifact(f"{prefix}.per_class", {"recall": recall, "n": n.astype(np.int64)})
