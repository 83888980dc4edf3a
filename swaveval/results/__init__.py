"""What was measured, as plain values: metrics, cells, series, and the store that keeps them.

Knows nothing of torch. Everything downstream of the evaluators (verdict, page, export) works from this package alone.
"""

from swaveval.results.cell import Cell, CellKey, Status
from swaveval.results.checkpoint import BaselineKind, CheckpointKind, CheckpointRecord, CheckpointState
from swaveval.results.loss import LossCurve
from swaveval.results.manifest import DataSummary, RunManifest
from swaveval.results.metric import Artifact, Better, Metric
from swaveval.results.series import Lost, Point, Series
from swaveval.results.store import DamagedCell, ResultStore, StoreError
from swaveval.results.term import Role, Term

__all__ = [
    "Artifact",
    "BaselineKind",
    "Better",
    "Cell",
    "CellKey",
    "CheckpointKind",
    "CheckpointRecord",
    "CheckpointState",
    "DamagedCell",
    "DataSummary",
    "LossCurve",
    "Lost",
    "Metric",
    "Point",
    "ResultStore",
    "Role",
    "RunManifest",
    "Series",
    "Status",
    "StoreError",
    "Term",
]
