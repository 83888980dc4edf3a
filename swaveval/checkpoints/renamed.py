"""Files whose names tell nothing of when they were written, while each states it inside: `a.ckpt`, `good.ckpt`.

Words of names tell runs apart (`simclr.ckpt`, `swav.ckpt`), unless the files are moments of one training: each at an
epoch or step of its own, the weights of each going on from those before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from swaveval.checkpoints.arrangement import Arrangement
from swaveval.checkpoints.lineage import Sample
from swaveval.checkpoints.membership import of_a_task
from swaveval.checkpoints.names import NameReading, read_name
from swaveval.checkpoints.read_as_one import read_as_one
from swaveval.results import CheckpointRecord

_SAID = (
    "the names of the files are words that tell no moment: taken for one training in the order of the moments inside, "
    "since the weights of each go on from those before"
)


def one_training_renamed(
    records: Sequence[CheckpointRecord], files: Mapping[str, tuple[float, int]], samples: Mapping[str, Sample]
) -> Arrangement | None:
    """The records as one training in the order of their own moments; None where they are not one.

    Args:
        records, files: as for `arrange`. samples: by digest.
    """
    ready = [record for record in records if record.state == "ready"]
    if not all(_told_inside(record) and _tells_nothing(read_name(record.name)) for record in ready):
        return None
    found = read_as_one(records, files, samples, read=_without_words)
    return None if found is None else replace(found, notes=(_SAID, *found.notes))


def _told_inside(record: CheckpointRecord) -> bool:
    named = record.load.get("named", ())
    return any(
        value is not None and axis not in named for axis, value in (("epoch", record.epoch), ("step", record.step))
    )


def _tells_nothing(reading: NameReading) -> bool:
    """Whether a name is words only, none of them that of a training on a task."""
    stated = reading.epoch is not None or reading.step is not None or reading.numbers or reading.moments
    return not stated and not of_a_task(reading)


def _without_words(name: str) -> NameReading:
    """The name without its words; directories, and what counts runs (`seed 1`), stay."""
    reading, parents = read_name(name), name.count("/")
    own = (word for word in reading.run[parents:] if " " in word)
    return replace(reading, run=(*reading.run[:parents], *own))
