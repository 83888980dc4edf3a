"""Features made up from a seed: the same every time, and read-only, so that an evaluator that writes to them fails."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from swaveval.features.features import Features, FeatureSeries, PrototypeOutputs, ViewFeatures

Array = np.ndarray[Any, np.dtype[Any]]


def synthetic_features(
    *,
    n_train: int = 120,
    n_test: int = 60,
    dimensions: int = 16,
    classes: int = 4,
    separation: float = 2.0,
    seed: int = 0,
) -> Features:
    """Gaussian classes with labels, views and prototype outputs: everything that an evaluator can need.

    Args:
        n_train, n_test: images in each split.
        dimensions: d.
        classes: C; every class has images where there are enough of them.
        separation: distance of the class means from their centre, in standard deviations within a class.
        seed: of everything.
    """
    draw = np.random.default_rng(seed)
    means = draw.normal(size=(classes, dimensions))
    means *= separation / np.linalg.norm(means, axis=1, keepdims=True)
    labels = np.arange(n_train + n_test) % classes
    labels = draw.permutation(labels)
    features = (means[labels] + draw.normal(size=(len(labels), dimensions)) / np.sqrt(dimensions)).astype(np.float32)
    sample = np.arange(min(40, len(labels)))
    noise = draw.normal(size=(len(sample), 4, dimensions)) * 0.3 / np.sqrt(dimensions)
    views = (features[sample][:, None] + noise).astype(np.float32)
    return Features(
        train=_fixed(features[:n_train]),
        test=_fixed(features[n_train:]),
        train_labels=_fixed(labels[:n_train]),
        test_labels=_fixed(labels[n_train:]),
        train_index=_fixed(np.arange(n_train)),
        test_index=_fixed(np.arange(n_train, n_train + n_test)),
        class_names=tuple(f"class {label}" for label in range(classes)),
        views=ViewFeatures(_fixed(views), _fixed(sample), protocol="Gaussian noise"),
        prototypes=_prototypes(features, views, n_train, draw),
        protocol="synthetic",
    )


def synthetic_series(*, checkpoints: int = 3, **settings: Any) -> FeatureSeries:
    """Checkpoints of growing separation on the same images; `settings` as for `synthetic_features`."""
    first = synthetic_features(separation=0.5, **settings)
    held: dict[str, Features] = {}
    for step in range(checkpoints):
        made = synthetic_features(separation=0.5 + step, **settings)
        held[f"{step:064x}"] = replace(made, train_labels=first.train_labels, test_labels=first.test_labels)
    names = tuple(f"epoch={step}.ckpt" for step in range(checkpoints))
    return FeatureSeries(digests=tuple(held), names=names, load=held.__getitem__)


def awkward_features() -> Iterator[tuple[str, Features]]:
    """Inputs that real directories produce, each with its name: a value, a Skip or NotFinite is expected, no crash."""
    usual = synthetic_features()
    yield "no labels", replace(usual, train_labels=None, test_labels=None, class_names=())
    yield "one class", _relabel(usual, lambda labels: np.zeros_like(labels))
    yield "a class absent from train", _without_class(usual, 0)
    yield "half the images unlabelled", _relabel(usual, lambda labels: np.where(np.arange(len(labels)) % 2, -1, labels))
    yield "every label missing", _relabel(usual, lambda labels: np.full_like(labels, -1))
    yield "one class per image", synthetic_features(n_train=12, n_test=6, classes=18)
    yield "two train images and one test image", synthetic_features(n_train=2, n_test=1, classes=2)
    yield "no head, no views", replace(usual, views=None, prototypes=None)
    yield "one image", replace(synthetic_features(n_train=1, n_test=0, classes=1), views=None, prototypes=None)
    yield "no test images", synthetic_features(n_test=0)
    yield "constant features", _replaced(usual, np.ones_like(usual.train), np.ones_like(usual.test))
    yield "zero features", _replaced(usual, np.zeros_like(usual.train), np.zeros_like(usual.test))
    yield "one dimension", _replaced(usual, usual.train[:, :1], usual.test[:, :1])
    yield "half precision", _replaced(usual, usual.train.astype(np.float16), usual.test.astype(np.float16))
    yield "huge features", _replaced(usual, usual.train * 1e15, usual.test * 1e15)
    spoilt = usual.train.copy()
    spoilt[3, 2] = np.nan
    yield "NaN features", _replaced(usual, spoilt, usual.test)


def _prototypes(features: Array, views: Array, n_train: int, draw: np.random.Generator) -> PrototypeOutputs:
    weights = draw.normal(size=(6, features.shape[1])).astype(np.float32)
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    scores = _unit(features) @ weights.T
    winner = scores.argmax(axis=1).astype(np.int32)
    probability = np.exp(scores.astype(np.float64) / 0.1)
    probability /= probability.sum(axis=1, keepdims=True)
    return PrototypeOutputs(
        weights=_fixed(weights),
        train_assignment=_fixed(winner[:n_train]),
        test_assignment=_fixed(winner[n_train:]),
        train_score=_fixed(scores.max(axis=1)[:n_train]),
        test_score=_fixed(scores.max(axis=1)[n_train:]),
        mean_probability=_fixed(probability.mean(axis=0)),
        view_scores=_fixed((_unit(views) @ weights.T).astype(np.float32)),
    )


def _relabel(features: Features, change: Any) -> Features:
    return replace(
        features,
        train_labels=_fixed(change(features.train_labels)),
        test_labels=_fixed(change(features.test_labels)),
    )


def _without_class(features: Features, label: int) -> Features:
    kept = np.asarray(features.train_labels) != label
    made = _replaced(features, features.train[kept], features.test)
    return replace(
        made,
        train_labels=_fixed(np.asarray(features.train_labels)[kept]),
        train_index=_fixed(features.train_index[kept]),
        prototypes=None,
    )


def _replaced(features: Features, train: Array, test: Array) -> Features:
    """The same images with other features; the views follow, so that nothing contradicts them."""
    assert features.views is not None
    sample = np.concatenate([train, test])[features.views.index].astype(np.float32)
    views = ViewFeatures(_fixed(np.repeat(sample[:, None], 4, axis=1)), features.views.index, protocol="none")
    return replace(features, train=_fixed(train), test=_fixed(test), views=views)


def _unit(rows: Array) -> Array:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def _fixed(array: Array) -> Array:
    array = np.array(array)
    array.setflags(write=False)
    return array
