"""Directories called by a number alone, with a file of one name in each: the moments of a training, or several.

Names do not tell `1000/weights.pt`, `2000/weights.pt` (one training, by its steps) from `0/model.pt`, `1/model.pt` (one
model of each seed, or of each setting of a search). The weights do: of one training each goes on from those of the
number before.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from swaveval.checkpoints.arrangement import Arrangement, arrange
from swaveval.checkpoints.lineage import Sample, goes_on
from swaveval.checkpoints.names import NameReading, read_name
from swaveval.results import CheckpointRecord

_SAID = (
    "the directories are called by a number alone: taken for one training in the order of these numbers, since the "
    "weights of each go on from those before"
)


def one_training(
    records: Sequence[CheckpointRecord], files: Mapping[str, tuple[float, int]], samples: Mapping[str, Sample]
) -> Arrangement | None:
    """The records as one training in the order of their directories' numbers; None where they are not one.

    Args:
        records, files: as for `arrange`. samples: by digest.
    """
    read = _counting([record.name for record in records if record.state == "ready"])
    if read is None:
        return None
    found = arrange(records, files, read=read)
    originals = [record for record in found.records if record.evaluated and record.same_as is None]
    if found.division.reasons or any(str(record.digest) not in samples for record in originals):
        return None
    if not goes_on([samples[str(record.digest)] for record in originals]):
        return None
    return replace(found, notes=(_SAID, *found.notes))


def _counting(names: Sequence[str]) -> Callable[[str], NameReading] | None:
    """Reads the directory that is a number as one; None where names differ in anything else.

    Names without such a directory (`latest/model.pt`) are read as they are: a copy has no place of its own.
    """
    every = [tuple(name.split("/")) for name in names]
    paths = [path for path in every if any(part.isdecimal() for part in path[:-1])]
    if len(paths) < 3 or len({len(path) for path in paths}) > 1:
        return None
    varies = [place for place, parts in enumerate(zip(*paths, strict=True)) if len(set(parts)) > 1]
    if len(varies) != 1 or varies[0] == len(paths[0]) - 1 or not all(path[varies[0]].isdecimal() for path in paths):
        return None
    if len({int(path[varies[0]]) for path in paths}) < len(paths):
        return None

    def read(name: str) -> NameReading:
        plain, parts = read_name(name), name.split("/")
        if len(parts) != len(paths[0]) or not parts[varies[0]].isdecimal():
            return plain
        run = tuple(word for word in plain.run if word != parts[varies[0]])
        return replace(plain, numbers=(("", int(parts[varies[0]])), *plain.numbers), run=run, status=False)

    return read
