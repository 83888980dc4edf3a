"""Names read another way, where the weights say that they are those of one training."""

from collections.abc import Callable, Mapping, Sequence

from swaveval.checkpoints.arrangement import Arrangement, arrange
from swaveval.checkpoints.lineage import Sample, goes_on
from swaveval.checkpoints.names import NameReading
from swaveval.results import CheckpointRecord


def read_as_one(
    records: Sequence[CheckpointRecord],
    files: Mapping[str, tuple[float, int]],
    samples: Mapping[str, Sample],
    *,
    read: Callable[[str], NameReading],
) -> Arrangement | None:
    """The records arranged by these readings; None where something speaks against one training.

    Args:
        records, files, read: as for `arrange`. samples: by digest; without that of every network nobody can tell.
    """
    found = arrange(records, files, read=read)
    originals = [record for record in found.records if record.evaluated and record.same_as is None]
    if found.division.reasons or any(str(record.digest) not in samples for record in originals):
        return None
    return found if goes_on([samples[str(record.digest)] for record in originals]) else None
