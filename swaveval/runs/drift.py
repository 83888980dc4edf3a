"""What the cell `drift` holds: how far each layer moved from checkpoint to checkpoint, from the weights alone."""

from collections.abc import Sequence

from swaveval.checkpoints.drift import drift
from swaveval.evaluators.contract import Skip
from swaveval.results import Artifact, Metric
from swaveval.results.roles import MOVED
from swaveval.runs.loader import CheckpointLoader
from swaveval.runs.plugins import Produced


def layer_drift(loader: CheckpointLoader, digests: Sequence[str]) -> Produced:
    """Load the checkpoints one after another, two in memory at a time.

    Raises:
        Skip: there is one only. CheckpointRefused, RuntimeError: as `CheckpointLoader.load`.
    """
    if len(digests) < 2:
        raise Skip("needs two checkpoints with different weights")
    moved = drift(loader.load(digest) for digest in digests)
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
    return *metrics, Artifact("drift.layers", moved.arrays())
