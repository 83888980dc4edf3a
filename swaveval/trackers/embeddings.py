"""The features of a checkpoint with everything that is known of each image: a row an image."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from swaveval.features.features import Features
from swaveval.features.store import FeatureStore
from swaveval.report.kinds import IMAGES, LABELS, kind_of
from swaveval.results import CheckpointRecord, DamagedCell, Point
from swaveval.results.exporters import ExportError
from swaveval.results.file_names import kept_file_names
from swaveval.text import shortened
from swaveval.trackers.content import Content

Array = np.ndarray[Any, np.dtype[Any]]
OUTCOMES = ".outcomes"


@dataclass(frozen=True, eq=False)
class Embeddings:
    """One checkpoint, its n images in the order of the image set.

    Attributes:
        record: the checkpoint.
        features: float32, shape `(n, d)`, as the evaluators had them: before the projection head, not normalised.
        index: int64, shape `(n,)`: position in the image set, ascending.
        files: n names relative to the data, byte for byte (undecodable bytes as surrogates).
        test: bool, shape `(n,)`.
        label: int64, shape `(n,)`, -1 where there is none. class_names: in the order of the labels.
        xy: float32, shape `(n, 2)`: place on the feature map of the page; NaN where it has none.
        outcomes: artifact id (`knn.loo_top1.outcomes`) to float32, shape `(n,)`: 1 right, 0 wrong, a share where an
            image is asked several times, NaN where it is not asked.
    """

    record: CheckpointRecord
    features: Array
    index: Array
    files: tuple[str, ...]
    test: Array
    label: Array
    class_names: tuple[str, ...]
    xy: Array
    outcomes: Mapping[str, Array] = field(default_factory=dict)

    def class_of(self, row: int) -> str:
        """The name of a row's class; empty where it has none."""
        label = int(self.label[row])
        if label < 0:
            return ""
        return self.class_names[label] if label < len(self.class_names) else f"class {label}"

    def rows(self, chosen: Array) -> "Embeddings":
        """Some of the rows."""
        return Embeddings(
            record=self.record,
            features=self.features[chosen],
            index=self.index[chosen],
            files=tuple(self.files[row] for row in chosen),
            test=self.test[chosen],
            label=self.label[chosen],
            class_names=self.class_names,
            xy=self.xy[chosen],
            outcomes={name: values[chosen] for name, values in self.outcomes.items()},
        )


def embeddings_of(content: Content, point: Point) -> Embeddings:
    """Features of a checkpoint, from the cache, with what the results say of each image.

    Raises:
        ExportError: the features, or the names of the images, are not kept here any more.
    """
    features = _features(content, point)
    index = np.concatenate([features.train_index, features.test_index]).astype(np.int64)
    order = np.argsort(index, kind="stable")
    index = index[order]
    vectors = np.concatenate([features.train, features.test])[order].astype(np.float32, copy=False)
    test = np.repeat([False, True], [len(features.train), len(features.test)])[order]
    return Embeddings(
        record=point.record,
        features=vectors,
        index=index,
        files=_files(content, index),
        test=test,
        label=_labels(content, index),
        class_names=content.series.manifest.data.class_names,
        xy=_map(content, point, index),
        outcomes=_outcomes(content, point, index),
    )


def find_map(content: Content, point: Point) -> tuple[Array, Array] | None:
    """The feature map of a checkpoint: positions `(m,)` in the image set, places `(m, 2)`; None without one."""
    for name in content.series.artifact_ids:
        arrays = artifact(content, name, str(point.record.digest)) if kind_of(name) == "map" else None
        if arrays is not None and {"xy", "index"} <= set(arrays):
            return arrays["index"], arrays["xy"].astype(np.float32)
    return None


def _features(content: Content, point: Point) -> Features:
    digest, data = str(point.record.digest), content.series.manifest.data
    protocol = next((cell.key.transform for cell in point.cells.values() if cell.key.backbone == digest), None)
    found = None
    if content.out is not None and protocol is not None:
        with warnings.catch_warnings():  # a damaged file counts as none; whether it is made anew is not ours to say
            warnings.simplefilter("ignore")
            found = FeatureStore(content.out / "cache" / "features").get(digest, protocol, data.fingerprint)
    if found is None:
        raise ExportError(
            f"the features of {shortened(point.record.name, 80)} are not in {content.out}/cache/features: the cache "
            "was cleared or not copied with the results, or these are features that swaveval was given or makes from "
            "pixels; the same `swaveval run` with --force makes those of checkpoints again"
        )
    return found


def _files(content: Content, index: Array) -> tuple[str, ...]:
    """Names from the cache, else those that the page shows, if these are all."""
    kept = None if content.out is None else kept_file_names(content.out, content.series.manifest.data.fingerprint)
    known = dict(enumerate(kept or ()))
    if not known and (shown := artifact(content, IMAGES)) is not None and "file" in shown:
        known = dict(zip(shown["index"].tolist(), shown["file"].tolist(), strict=True))
    missing = sum(int(row) not in known for row in index)
    if missing:
        raise ExportError(
            f"the file names of {missing:,} of {len(index):,} images are not in {content.out}/cache/names; the same "
            "`swaveval run` once more writes them down, and computes nothing again"
        )
    return tuple(known[int(row)] for row in index)


def _labels(content: Content, index: Array) -> Array:
    arrays = artifact(content, LABELS)
    if arrays is None or not {"label", "index"} <= set(arrays):
        return np.full(len(index), -1, dtype=np.int64)
    return _placed(index, arrays["index"], arrays["label"], -1).astype(np.int64)


def _map(content: Content, point: Point, index: Array) -> Array:
    found = find_map(content, point)
    if found is None:
        return np.full((len(index), 2), np.nan, dtype=np.float32)
    where, xy = found
    return np.stack([_placed(index, where, xy[:, side], np.nan) for side in (0, 1)], axis=1).astype(np.float32)


def _outcomes(content: Content, point: Point, index: Array) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for name in content.series.artifact_ids:
        if not name.endswith(OUTCOMES):
            continue
        arrays = artifact(content, name, str(point.record.digest))
        said = None if arrays is None else arrays.get("correct", arrays.get("share"))
        if arrays is not None and said is not None and "index" in arrays and arrays["index"].shape == said.shape:
            found[name] = _placed(index, arrays["index"], said.astype(np.float32), np.nan).astype(np.float32)
    return found


def _placed(index: Array, where: Array, values: Array, missing: float) -> Array:
    """Values known at some positions, at those of `index`.

    Args:
        index: ascending. where, values: shape `(m,)`. missing: what stands where nothing is known.
    """
    placed = np.full(len(index), missing, dtype=np.result_type(values.dtype, np.asarray(missing).dtype))
    rows = np.searchsorted(index, where)
    inside = rows < len(index)
    inside[inside] = index[rows[inside]] == where[inside]
    placed[rows[inside]] = values[inside]
    return placed


def artifact(content: Content, name: str, digest: str | None = None) -> Mapping[str, Array] | None:
    """Arrays of the results; None where there are none, or they are damaged."""
    try:
        return content.series.artifact(name, digest)
    except DamagedCell:
        return None
