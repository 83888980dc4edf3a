"""The features of a whole series, one checkpoint in memory at a time."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from swaveval.features.features import Features, FeatureSeries
from swaveval.results import CheckpointRecord
from swaveval.runs.workspace import Workspace


def feature_series(
    workspace: Workspace, records: Sequence[CheckpointRecord], places: Mapping[str, Path]
) -> FeatureSeries:
    """Features by digest: memory-mapped where stored, extracted again where the cache was cleared."""
    by_digest = {str(record.digest): record for record in records}
    held: dict[str, Features] = {}

    def load(digest: str) -> Features:
        if digest not in held:
            # Two at a time: the previous checkpoint and this one, with their neighbour searches.
            while len(held) >= 2:
                held.pop(next(iter(held)))
            held[digest] = workspace.checkpoint_features(by_digest[digest], places[digest])
        return held[digest]

    return FeatureSeries(tuple(by_digest), tuple(record.name for record in by_digest.values()), load)
