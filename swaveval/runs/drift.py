"""What the cell `drift` holds: how far each layer moved from checkpoint to checkpoint, from the weights alone."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np

from swaveval.checkpoints.drift import Drift, continued, drift
from swaveval.evaluators.contract import Skip
from swaveval.results import Artifact, CellKey, Metric, ResultStore, StoreError
from swaveval.results.roles import MOVED
from swaveval.runs.loader import CheckpointLoader
from swaveval.runs.plugins import Produced

LAYERS = "drift.layers"
Earlier = Callable[[int], Drift | None]


def layer_drift(loader: CheckpointLoader, digests: Sequence[str], earlier: Earlier = lambda count: None) -> Produced:
    """Load the checkpoints one after another, three in memory at a time; of those that were looked at before, only the
    first and the last.

    Args:
        earlier: movement over so many of the first checkpoints, where it is stored.

    Raises:
        Skip: there is one only. CheckpointRefused, RuntimeError: as `CheckpointLoader.load`.
    """
    if len(digests) < 2:
        raise Skip("needs two checkpoints with different weights")
    moved = _moved(loader, digests, earlier)
    metrics = tuple(
        Metric(
            id=MOVED,
            value=float(value),
            unit="ratio",
            better="neither",
            bounds=(0.0, None),
            protocol="‖w(t) − w(t−1)‖ / ‖w(t−1)‖ over all backbone weights",
            checkpoint=digest,
        )
        for digest, value in zip(digests[1:], moved.overall, strict=True)
    )
    return *metrics, Artifact(LAYERS, moved.arrays())


def _moved(loader: CheckpointLoader, digests: Sequence[str], earlier: Earlier) -> Drift:
    for count in range(len(digests) - 1, 1, -1):
        if (stored := earlier(count)) is not None:
            since = drift(loader.load(digest) for digest in (digests[0], *digests[count - 1 :]))
            return continued(stored, since)
    return drift(loader.load(digest) for digest in digests)


def stored_drift(store: ResultStore, key: CellKey, digests: Sequence[str]) -> Drift | None:
    """Movement over the checkpoints of a stored cell; None where there is none, or it is damaged."""
    with suppress(StoreError, KeyError, ValueError):
        cell = store.get(key)
        if cell is None or cell.status != "ok":
            return None
        overall = {metric.checkpoint: metric.value for metric in cell.metrics}
        arrays = next(artifact.arrays for artifact in store.artifacts(cell) if artifact.id == LAYERS)
        values = np.asarray([overall[digest] for digest in digests[1:]], dtype=np.float64)
        return Drift(**arrays, overall=values)
    return None
