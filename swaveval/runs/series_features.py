"""The features of a whole series, loaded when asked for."""

from collections.abc import Sequence

from swaveval.features.features import Features, FeatureSeries
from swaveval.results import CheckpointRecord
from swaveval.runs.workspace import Workspace


def feature_series(workspace: Workspace, records: Sequence[CheckpointRecord]) -> FeatureSeries:
    """Features by digest: memory-mapped where stored, extracted again where the cache was cleared."""
    by_digest = {str(record.digest): record for record in records}

    def load(digest: str) -> Features:
        return workspace.checkpoint_features(by_digest[digest])

    return FeatureSeries(tuple(by_digest), tuple(record.name for record in by_digest.values()), load)
