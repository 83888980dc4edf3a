"""When each file was written, as far as files and names state it: inside the file first, then its name."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from swaveval.checkpoints.names import NameReading
from swaveval.results import CheckpointRecord


@dataclass(frozen=True, slots=True)
class Found:
    """A file, what it holds and what its name says.

    Attributes:
        record: its epoch and step are what is known of its place in the training.
        reading: of its name.
        modified: its modification time in seconds, or None.
        size: bytes.
    """

    record: CheckpointRecord
    reading: NameReading
    modified: float | None = None
    size: int = 0

    @property
    def moment(self) -> tuple[float | None, int | None]:
        return self.record.epoch, self.record.step

    @property
    def placed(self) -> bool:
        """Whether an epoch or a step is known."""
        return self.moment != (None, None)

    @property
    def mark(self) -> tuple[object, ...]:
        """What the file or its name says of when it was written; empty tuples and None where nothing."""
        return (*self.moment, self.reading.numbers, self.reading.moments)

    @property
    def marked(self) -> bool:
        """Whether they say anything, be it a number that orders nothing (`resnet50.pth`)."""
        return self.mark != (None, None, (), ())

    def at(self, epoch: float | None, step: int | None) -> "Found":
        return replace(self, record=replace(self.record, epoch=epoch, step=step))


def place(found: Sequence[Found]) -> tuple[list[Found], tuple[str, ...]]:
    """Every file at the epoch and step that is known of it; and what must be said of how they were found.

    What the file says wins over its name. Where files all say the same and their names tell them apart, what they say
    is no moment (the length of the training, a constant) and the names decide. A name that counts otherwise than the
    files do (from 0, from 1) is corrected by the files that have both.
    """
    found = _with_starts(_without_idle_counters(found))
    inside = [_inside(entry) for entry in found]
    ready = [i for i, entry in enumerate(found) if entry.record.state == "ready"]
    if _says_nothing([inside[i] for i in ready], [found[i] for i in ready]):
        stated = inside[ready[0]]
        words = f"epoch {stated[0]:g}" if stated[0] is not None else f"step {stated[1]}"
        note = f"the checkpoint files all state {words}: their order is that of their names"
        return [entry.at(entry.reading.epoch, entry.reading.step) for entry in found], (note,)
    epochs = [epoch for epoch, _ in inside]
    steps = [step for _, step in inside]
    counted = [step for step in steps if step is not None]
    if len(counted) > 1 == len(set(counted)) and len(set(epochs) - {None}) > 1:
        steps = [None] * len(found)  # the same in every epoch: a counter that nobody advanced
    if any(value is not None for value in (*epochs, *steps)):
        offset = _offset(epochs, [entry.reading.epoch for entry in found])
        lag = _offset(steps, [entry.reading.step for entry in found])
        return [
            entry.at(
                epoch if epoch is not None else _shifted(entry.reading.epoch, offset),
                step if step is not None else _whole(_shifted(entry.reading.step, lag)),
            )
            for entry, epoch, step in zip(found, epochs, steps, strict=True)
        ], ()
    return [entry.at(entry.reading.epoch, entry.reading.step) for entry in found], ()


def _with_starts(found: Sequence[Found]) -> Sequence[Found]:
    """The files, that of moment 0 marked as untrained where its BatchNorm has seen no image and others' has."""
    seen = [not entry.record.load.get("untouched") for entry in found if entry.record.state == "ready"]
    if not any(seen) or all(seen):
        return found
    return [
        replace(entry, record=replace(entry.record, untrained=True))
        if entry.record.load.get("untouched") and 0 in (entry.record.step, entry.record.epoch)
        else entry
        for entry in found
    ]


def _without_idle_counters(found: Sequence[Found]) -> Sequence[Found]:
    """The files without a step that is 0 in all of them, and without an epoch of -1 that is no beginning.

    A step that nobody advances says nothing, and least of all that a network is untrained. An epoch of -1 is the save
    before the first, unless several state it, or one that is called the last or the best (as stripped files do).
    """
    ready = [entry for entry in found if entry.record.state == "ready"]
    inside = [_inside(entry) for entry in ready]
    stated = {entry.record.digest for entry, (_, step) in zip(ready, inside, strict=True) if step is not None}
    idle = len(stated) > 1 and {step for _, step in inside} - {None} == {0}
    early = {entry.record.digest for entry, (epoch, _) in zip(ready, inside, strict=True) if epoch == -1}
    kept = []
    for entry in found:
        epoch, step = _inside(entry)
        record = entry.record
        if idle and step == 0:
            record = replace(record, step=None, untrained=False)
        if epoch == -1 and (len(early) > 1 or entry.reading.best or entry.reading.latest):
            record = replace(record, epoch=None)
        kept.append(entry if record is entry.record else replace(entry, record=record))
    return kept


def _inside(entry: Found) -> tuple[float | None, int | None]:
    named = entry.record.load.get("named", ())
    return (
        None if "epoch" in named else entry.record.epoch,
        None if "step" in named else entry.record.step,
    )


def _says_nothing(inside: Sequence[tuple[float | None, int | None]], found: Sequence[Found]) -> bool:
    if len({entry.record.digest for entry in found}) < 2 or len(set(inside)) != 1 or inside[0] == (None, None):
        return False
    stated = [(entry.reading.epoch, entry.reading.step) for entry in found]
    if (None, None) not in stated:
        return len(set(stated)) == len(stated)
    numbers = [entry.reading.numbers for entry in found]
    return len(found) > 2 and () not in numbers and len(set(numbers)) == len(numbers)


def _offset(inside: Sequence[float | None], named: Sequence[float | None]) -> float | None:
    """What must be added to a name's count to give the file's, where all that have both agree; 0 where none has."""
    both = {a - b for a, b in zip(inside, named, strict=True) if a is not None and b is not None}
    return both.pop() if len(both) == 1 else None if both else 0


def _shifted(value: float | None, offset: float | None) -> float | None:
    return None if value is None or offset is None else value + offset


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
