"""Everything the author of an evaluator, an executor or an exporter needs; docs/plugins.md shows how.

from swaveval.plugin import Artifact, Features, Metric, Need, Skip, Term
"""

from typing import TYPE_CHECKING

from swaveval.evaluators.contract import (
    Evaluator,
    Need,
    NotFinite,
    SeriesEvaluator,
    Skip,
    require_finite,
)
from swaveval.features.features import Features, FeatureSeries, PrototypeOutputs, ViewFeatures
from swaveval.results import Artifact, Better, Cell, Metric, Role, Series, Term
from swaveval.results.exporters import Exporter, ExportError

if TYPE_CHECKING:
    from swaveval.runs.executors import Done, Executor, Job, Task

__all__ = [
    "Artifact",
    "Better",
    "Cell",
    "Done",
    "Evaluator",
    "Executor",
    "ExportError",
    "Exporter",
    "FeatureSeries",
    "Features",
    "Job",
    "Metric",
    "Need",
    "NotFinite",
    "PrototypeOutputs",
    "Role",
    "Series",
    "SeriesEvaluator",
    "Skip",
    "Task",
    "Term",
    "ViewFeatures",
    "require_finite",
]


def __getattr__(name: str) -> object:
    """What executors need is imported when it is asked for: an evaluator's process does without the whole of `runs`."""
    if name not in ("Done", "Executor", "Job", "Task"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from swaveval.runs import executors

    return getattr(executors, name)
