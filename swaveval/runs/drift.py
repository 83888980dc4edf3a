"""The cell `drift`: how far each layer moved from checkpoint to checkpoint, from the weights alone."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from swaveval.checkpoints.drift import drift
from swaveval.results import Artifact, Cell, CheckpointRecord, Metric
from swaveval.results.roles import MOVED
from swaveval.runs.failures import ends_the_run, sentence
from swaveval.runs.plan import PlannedCell
from swaveval.runs.workspace import Workspace


def drift_cell(workspace: Workspace, planned: PlannedCell, records: Sequence[CheckpointRecord]) -> Cell:
    """Load the checkpoints one after another, two in memory at a time, and store how far each layer moved."""
    started = time.perf_counter()
    created = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        if len(records) < 2:
            reason = "needs two checkpoints with different weights"
            return workspace.store.put(Cell(planned.key, status="skipped", reason=reason, created=created))
        moved = drift(workspace.loader.load(str(record.digest)) for record in records)
    except Exception as error:
        if ends_the_run(error):
            raise
        return workspace.store.put(Cell(planned.key, status="error", reason=sentence(error), created=created))
    metrics = tuple(
        Metric(
            id=MOVED,
            value=float(value),
            unit="ratio",
            better="neither",
            bounds=(0.0, None),
            protocol="‖w(t) − w(t−1)‖ / ‖w(t−1)‖ over all backbone weights",
            checkpoint=record.digest,
        )
        for record, value in zip(records[1:], moved.overall, strict=True)
    )
    cell = Cell(planned.key, metrics=metrics, seconds=time.perf_counter() - started, created=created)
    return workspace.store.put(cell, [Artifact("drift.layers", moved.arrays())])
