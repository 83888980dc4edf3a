"""The ordered checkpoints with their numbers: what the verdict reads and the page draws."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from swaveval.results.cell import Cell
from swaveval.results.checkpoint import CheckpointRecord
from swaveval.results.manifest import RunManifest
from swaveval.results.metric import Artifact, Metric
from swaveval.results.seconds import OF_PAGE, StageSeconds
from swaveval.results.store import DamagedCell, ResultStore

FloatArray = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Point:
    """One checkpoint (or baseline) and what was measured on it.

    Attributes:
        record: the checkpoint.
        metrics: metric id to metric, from checkpoint and series evaluators alike.
        cells: evaluator name to cell, for the status of what is missing.
    """

    record: CheckpointRecord
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    cells: Mapping[str, Cell] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lost:
    """A result that the manifest names and the store has not, or not as it was written.

    Attributes:
        evaluator, checkpoint: whose it was.
        why: `missing`, `damaged`, or `its arrays are damaged`.
    """

    evaluator: str
    checkpoint: str
    why: str

    def __str__(self) -> str:
        return f"{self.evaluator} on {self.checkpoint} ({self.why})"


@dataclass(frozen=True, eq=False)
class Series:
    """An evaluation read back from its store.

    Attributes:
        manifest: what was evaluated and how.
        points: evaluated checkpoints in natural order, duplicates left out.
        baselines: evaluated baselines.
        artifact_index: (artifact id, checkpoint digest or "") to the cell that holds it.
        store: where arrays are read from, lazily; None for a series built in memory (then `arrays` holds them).
        arrays: in-memory artifacts by (artifact id, checkpoint digest or "").
        lost: results that should be here and are not; whoever shows the series must say so.
        seconds: what cells share took, by the backbone in their keys ("": of the whole evaluation); empty where no
            time was kept.
    """

    manifest: RunManifest
    points: tuple[Point, ...]
    baselines: tuple[Point, ...] = ()
    artifact_index: Mapping[tuple[str, str], Cell] = field(default_factory=dict)
    store: ResultStore | None = None
    arrays: Mapping[tuple[str, str], Artifact] = field(default_factory=dict)
    lost: tuple[Lost, ...] = ()
    seconds: Mapping[str, StageSeconds] = field(default_factory=dict)

    @classmethod
    def load(cls, out: Path) -> "Series":
        """Read `OUT` (the directory that holds `results/`), every file of it verified.

        A cell that is missing or damaged is left out and named in `lost`; of one whose arrays are damaged the metrics
        stay.

        Raises:
            StoreError: there are no results; DamagedCell: the manifest itself is not what was written.
        """
        store = ResultStore(out / "results")
        manifest = store.read_manifest()
        cells: list[Cell] = []
        lost: list[Lost] = []
        for name in manifest.cells:
            cell, why = _verified(store, name)
            if cell is not None:
                cells.append(cell)
            if why:
                lost.append(Lost(*_owner(manifest, name, cell), why))
        series = build_series(manifest, cells, store)
        return replace(series, lost=tuple(lost), seconds=_seconds(store, manifest, cells))

    @property
    def metric_ids(self) -> tuple[str, ...]:
        """Every metric id measured on some checkpoint or baseline, in order of first appearance."""
        return tuple(dict.fromkeys(name for point in (*self.points, *self.baselines) for name in point.metrics))

    @property
    def artifact_ids(self) -> tuple[str, ...]:
        """Every artifact id that some checkpoint, or the whole evaluation, has; sorted."""
        return tuple(sorted({name for name, _ in (*self.artifact_index, *self.arrays)}))

    def axis(self) -> tuple[str, FloatArray]:
        """Name and positions of the x-axis, which grow from each checkpoint to the next.

        `epoch` where every checkpoint has its own; `step` where epochs are missing or do not tell the checkpoints
        apart (all in epoch 0 of an endless data set) and steps do; else `checkpoint`, their positions.
        """
        epochs, steps = self._known("epoch"), self._known("step")
        if epochs is not None and _grows(epochs) and not (steps is not None and not epochs.any() and steps.any()):
            return "epoch", epochs
        if steps is not None and _grows(steps):
            return "step", steps
        return "checkpoint", np.arange(len(self.points), dtype=np.float64)

    def _known(self, name: Literal["epoch", "step"]) -> FloatArray | None:
        values = [getattr(point.record, name) for point in self.points]
        return None if any(value is None for value in values) else np.asarray(values, dtype=np.float64)

    def values(self, metric_id: str) -> FloatArray:
        """The metric at each checkpoint, shape `(n_points,)`; NaN where it is missing."""
        return np.asarray(
            [point.metrics[metric_id].value if metric_id in point.metrics else np.nan for point in self.points],
            dtype=np.float64,
        )

    def artifact(
        self, artifact_id: str, digest: str | None = None
    ) -> Mapping[str, np.ndarray[Any, np.dtype[Any]]] | None:
        """The arrays of an artifact of one checkpoint (or of the whole evaluation for `digest=None`), or None.

        Raises:
            DamagedCell: the stored arrays are not what was written.
        """
        place = (artifact_id, digest or "")
        if place in self.arrays:
            return self.arrays[place].arrays
        cell = self.artifact_index.get(place)
        if cell is None or self.store is None:
            return None
        return _read(self.store, cell)[place].arrays

    def outcomes(self, metric_id: str) -> tuple[np.ndarray[Any, np.dtype[Any]], np.ndarray[Any, np.dtype[Any]]] | None:
        """Per-image outcomes of a metric at every checkpoint.

        Returns:
            `correct`, bool of shape `(n_points, n_images)`, and `index`, int of shape `(n_images,)`; or None unless
            every checkpoint has them, one bool an image, on the same images.
        """
        rows = [self.artifact(f"{metric_id}.outcomes", point.record.digest) for point in self.points]
        present = [row for row in rows if row is not None and "correct" in row]
        if not present or len(present) != len(rows):
            return None
        index = present[0]["index"]
        if any(not np.array_equal(row["index"], index) for row in present):
            return None
        return np.stack([row["correct"] for row in present]).astype(np.bool_), index


def _verified(store: ResultStore, name: str) -> tuple[Cell | None, str]:
    """A cell as far as it is what was written, and what is the matter with it."""
    try:
        cell = store.get(name)
    except DamagedCell:
        return None, "damaged"
    if cell is None:
        return None, "missing"
    try:
        store.check_arrays(cell)
    except DamagedCell:
        return replace(cell, artifacts=()), "its arrays are damaged"
    return cell, ""


def _seconds(store: ResultStore, manifest: RunManifest, cells: list[Cell]) -> dict[str, StageSeconds]:
    """Every time that was kept of these cells, and of the evaluation."""
    places = dict.fromkeys(
        (cell.key.backbone, cell.key.data, cell.key.transform) for cell in cells if cell.key.backbone
    )
    found = {backbone: store.seconds.get(backbone, data, protocol) for backbone, data, protocol in places}
    shared = store.seconds.get("", manifest.data.fingerprint, manifest.data.transform)
    found[""] = StageSeconds({**shared.stages, **store.seconds.get(*OF_PAGE).stages})
    return {backbone: seconds for backbone, seconds in found.items() if seconds.stages or seconds.searches}


def _owner(manifest: RunManifest, name: str, cell: Cell | None) -> tuple[str, str]:
    """Evaluator and checkpoint of a cell, from the manifest, else from the cell, else by its file's name."""
    if name in manifest.cell_names:
        return manifest.cell_names[name]
    if cell is None:
        return "a result", f"file {name}"
    names = {record.digest: record.name for record in manifest.checkpoints}
    return cell.key.evaluator, names.get(cell.key.backbone, "all checkpoints")


def build_series(manifest: RunManifest, cells: list[Cell], store: ResultStore | None = None) -> Series:
    """Put each cell's metrics at the checkpoint they belong to."""
    by_digest: dict[str, tuple[dict[str, Metric], dict[str, Cell]]] = {}
    index: dict[tuple[str, str], Cell] = {}
    owners = {record.digest for record in manifest.checkpoints}
    for cell in cells:
        own = cell.key.backbone if cell.key.backbone in owners else None
        if own is not None:
            by_digest.setdefault(own, ({}, {}))[1][cell.key.evaluator] = cell
        for metric in cell.metrics:
            owner = metric.checkpoint or own
            # A metric is its evaluator's own: a cell with another's name in it must not replace that one's value.
            if owner is not None and metric.evaluator == cell.key.evaluator:
                by_digest.setdefault(owner, ({}, {}))[0][metric.id] = metric
        if own is None:
            for digest in owners - {None}:
                by_digest.setdefault(str(digest), ({}, {}))[1].setdefault(cell.key.evaluator, cell)
        for name, owner, _ in cell.artifacts:
            index[(name, owner or own or "")] = cell
    points = [
        Point(record, *by_digest.get(str(record.digest), ({}, {})))
        for record in manifest.checkpoints
        if record.evaluated
    ]
    return Series(
        manifest=manifest,
        points=tuple(point for point in points if point.record.kind == "checkpoint"),
        baselines=tuple(point for point in points if point.record.kind == "baseline"),
        artifact_index=index,
        store=store,
    )


def _grows(values: FloatArray) -> bool:
    # NaN compares as false: what a file claims may be anything.
    return bool(np.isfinite(values).all() and (np.diff(values) > 0).all())


@lru_cache(maxsize=192)
def _read_cached(store: ResultStore, digest: str) -> dict[tuple[str, str], Artifact]:
    cell = store.get(digest)
    if cell is None:
        return {}
    return {(artifact.id, artifact.checkpoint or ""): artifact for artifact in store.artifacts(cell)}


def _read(store: ResultStore, cell: Cell) -> dict[tuple[str, str], Artifact]:
    """The artifacts of a cell under the places the series knows them by."""
    artifacts = _read_cached(store, cell.key.digest)
    placed = dict(artifacts)
    for (name, owner), artifact in artifacts.items():
        if not owner:
            placed[(name, cell.key.backbone)] = artifact
    return placed
