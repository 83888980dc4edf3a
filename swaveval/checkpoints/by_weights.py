"""What the weights say of whether the checkpoints of a directory are one run, where nothing else speaks against it."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

from swaveval.checkpoints.lineage import Descent, Sample, descent, strangers
from swaveval.checkpoints.membership import Division
from swaveval.checkpoints.moments import Found
from swaveval.checkpoints.name_order import OrderBasis
from swaveval.text import some

# Orders that are not that of a stated epoch or step.
_TELLS_NOTHING = ("name", "time", "unknown")
_BEGINNING = frozenset({"init", "initial", "random", "untrained", "scratch", "start"})


def divide_by_weights(division: Division, order: OrderBasis, samples: Mapping[str, Sample]) -> Division:
    """The division, with the trainings that the weights show where it has one run.

    Args:
        samples: by digest.

    Where nothing states when each file was written, files of which no two have anything in common are a run each
    (models of several seeds or settings). Where the order is stated, files that are woven into one another are runs.
    Where it is only that of modification times, or not known, weights may as well say that the order is another: a
    note.
    """
    if division.reasons or len(division.runs) != 1:
        return division
    (found,) = division.runs.values()
    if any(str(entry.record.digest) not in samples for entry in found):
        return division
    if strangers([samples[str(entry.record.digest)] for entry in _trained(found)]):
        return _of_many(division, found) if order in _TELLS_NOTHING else _noted(division, found)
    line = descent([samples[str(entry.record.digest)] for entry in found])
    if not line.kind or (line.kind == "anew" and _far(found, line.example)):
        return division
    said = _said(found, line)
    if len(line.groups) < 2 or order == "unknown" or (order == "time" and line.kind == "parted"):
        return replace(
            division, notes=(f"the order may be another, or the files of several runs: {said}", *division.notes)
        )
    runs = {f"run {i}": tuple(found[at] for at in group) for i, group in enumerate(line.groups, 1)}
    return Division(runs, (said,), division.notes)


def _trained(found: tuple[Found, ...]) -> list[Found]:
    """Files that are no start of a training: long trained networks have as little in common with theirs."""
    # Where all are untouched, nobody counted batches.
    told = any(not entry.record.load.get("untouched") for entry in found)
    return [
        entry
        for entry in found
        if not (entry.record.is_untrained or _BEGINNING & set(entry.reading.run))
        and not (told and entry.record.load.get("untouched"))
    ]


def _noted(division: Division, found: tuple[Found, ...]) -> Division:
    """Moments that are stated speak for one run, however far its checkpoints lie apart."""
    names = some([entry.record.name for entry in found], 3)
    said = (
        f"the files may be of several runs: the weights of {names} have nothing in common, as of several random starts"
    )
    return replace(division, notes=(said, *division.notes))


def _of_many(division: Division, found: tuple[Found, ...]) -> Division:
    names = some([entry.record.name for entry in found], 3)
    reason = f"the weights of {names} have nothing in common: each is of another training, with a start of its own"
    return Division({entry.record.name: (entry,) for entry in found}, (reason,), division.notes)


def _said(found: tuple[Found, ...], line: Descent) -> str:
    names = [found[at].record.name for at in line.example]
    if line.kind == "anew":
        return f"the weights start anew at {names[1]}: they have nothing in common with those of {names[0]} before it"
    outer, inner = f"{names[0]} and {names[2]}", names[1]
    if line.kind == "woven":
        return f"the weights of {outer} are of one training and have nothing in common with {inner} between them"
    several = {at for group in line.groups for at in group}
    rest = [entry.record.name for at, entry in enumerate(found) if at not in several]
    either = f"; {', '.join(rest[:6])} could be of any" if rest else ""
    return (
        f"the weights of {outer} are nearer to each other than to {inner} between them, time and again{either}; near "
        "their common start the runs are alike, so see whether the first files stand with the right one"
    )


def _far(found: tuple[Found, ...], example: tuple[int, ...]) -> bool:
    """Whether what lies between two files may be long enough for a network to forget its start."""
    before, after = example
    for axis in ("epoch", "step"):
        places = [getattr(entry.record, axis) for entry in found]
        if None not in places:
            gaps = [b - a for a, b in pairwise(places)]
            return bool(gaps[before] > 2 * max(gaps[before - 1], gaps[after]))
    return False
