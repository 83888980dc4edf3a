"""Directories that differ by a number alone, with a file of one name in each: the moments of a training, or several.

Names do not tell `1000/weights.pt`, `2000/weights.pt` (one training, by its steps) from `0/model.pt`, `1/model.pt` (one
model of each seed, or of each setting of a search), nor do the versions of an artifact as Weights & Biases fetches them
(`model-3f2k9x:v0/model.ckpt`, `model-3f2k9x:v1/model.ckpt`). The weights do: of one training each goes on from those of
the number before.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from swaveval.checkpoints.arrangement import Arrangement
from swaveval.checkpoints.lineage import Sample
from swaveval.checkpoints.names import NameReading, read_name
from swaveval.checkpoints.read_as_one import read_as_one
from swaveval.results import CheckpointRecord

# `1000`; `model-3f2k9x:v0`.
_NUMBERED = re.compile(r"(?:(?P<of>[^/]+):v)?(?P<number>[0-9]{1,18})")
_SAID = (
    "the directories differ by a number alone: taken for one training{}, since the weights of each go on from those "
    "before"
)


def one_training(
    records: Sequence[CheckpointRecord], files: Mapping[str, tuple[float, int]], samples: Mapping[str, Sample]
) -> Arrangement | None:
    """The records as one training in the order of their directories' numbers; None where they are not one.

    Args:
        records, files: as for `arrange`. samples: by digest.
    """
    read = _counting([record.name for record in records if record.state == "ready"])
    found = None if read is None else read_as_one(records, files, samples, read=read)
    if found is None:
        return None
    order = " in the order of these numbers" if found.order == "name" else ""
    return replace(found, notes=(_SAID.format(order), *found.notes))


def _counting(names: Sequence[str]) -> Callable[[str], NameReading] | None:
    """Reads the directory that holds a number as one; None where names differ in anything else.

    Names without such a directory (`latest/model.pt`) are read as they are: a copy has no place of its own.
    """
    every = [tuple(name.split("/")) for name in names]
    paths = [path for path in every if any(_NUMBERED.fullmatch(part) for part in path[:-1])]
    if len(paths) < 3 or len({len(path) for path in paths}) > 1:
        return None
    varies = [place for place, parts in enumerate(zip(*paths, strict=True)) if len(set(parts)) > 1]
    if len(varies) != 1 or varies[0] == len(paths[0]) - 1:
        return None
    place = varies[0]
    found = [match for path in paths if (match := _NUMBERED.fullmatch(path[place]))]
    if len(found) < len(paths) or len({match["of"] for match in found}) > 1:
        return None
    if len({int(match["number"]) for match in found}) < len(paths):
        return None

    def read(name: str) -> NameReading:
        parts = name.split("/")
        match = _NUMBERED.fullmatch(parts[place]) if len(parts) == len(paths[0]) else None
        if match is None:
            return read_name(name)
        number = match["number"]
        plain = read_name("/".join((*parts[:place], number, *parts[place + 1 :])))
        run = tuple(word for word in plain.run if word != number)
        return replace(plain, numbers=(("", int(number)), *plain.numbers), run=run, status=False)

    return read
