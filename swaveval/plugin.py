"""Everything the author of an evaluator needs; docs/plugins.md shows how.

from swaveval.plugin import Artifact, Features, Metric, Need, Skip, Term
"""

from swaveval.evaluators.contract import (
    Evaluator,
    Need,
    NotFinite,
    SeriesEvaluator,
    Skip,
    require_finite,
)
from swaveval.features.features import Features, FeatureSeries, PrototypeOutputs, ViewFeatures
from swaveval.results import Artifact, Better, Metric, Role, Term

__all__ = [
    "Artifact",
    "Better",
    "Evaluator",
    "FeatureSeries",
    "Features",
    "Metric",
    "Need",
    "NotFinite",
    "PrototypeOutputs",
    "Role",
    "SeriesEvaluator",
    "Skip",
    "Term",
    "ViewFeatures",
    "require_finite",
]
