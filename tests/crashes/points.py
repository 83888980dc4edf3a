"""A writer and its reader against every crash: what a reader may see is the old whole, the new whole, or nothing."""

import hashlib
import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crashes.disk import Disk, State, write_state
from tests.crashes.recording import Moment, Recorder, recorded

NOTHING = "nothing"


@dataclass(frozen=True)
class Writer:
    """Something of ours that writes.

    Attributes:
        name: of what is written.
        write: does it below a directory; a generator that yields whenever what it wrote counts as kept.
        read: what a reader sees there: a value that compares, `NOTHING` where there is none or where it is noticed as
            damaged and made again. Any exception is a fault.
        before: what lies there already.
        again: whether what is written can be made again, so that losing it costs time only.
        between: whether a value lies between two others, for what grows in between.
    """

    name: str
    write: Callable[[Path], Iterator[None]]
    read: Callable[[Path], Any]
    before: Callable[[Path], None] = lambda root: None
    again: bool = False
    between: Callable[[Any, Any, Any], bool] = lambda value, old, new: False


@dataclass
class Tally:
    """What came of one writer."""

    name: str
    operations: int = 0
    points: int = 0
    states: int = 0
    torn: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def crash_everywhere(writer: Writer, place: Path, *, every: int = 1) -> Tally:
    """Crash before, within and after each operation, by a kill and by a power failure.

    Args:
        place: an empty directory.
        every: of the operations between what is kept, only each so many-th; the last is always among them.
    """
    root = place / "recorded"
    root.mkdir(parents=True)
    writer.before(root)
    disk = Disk.of(root)
    recorder, values, ends = _recorded(writer, root)
    operations = recorder.operations
    tally = Tally(writer.name, len(operations))
    seen: dict[tuple[int, str], None] = {}
    kept = 0
    for position in range(len(operations) + 1):
        kept = sum(end <= position for end in ends)
        if position % every == 0 or position in ends or position + 1 in ends:
            for state in _states(disk, operations, position):
                tally.points += 1
                key = (kept, _digest(state))
                if key in seen:
                    continue
                seen[key] = None
                tally.states += 1
                _judge(tally, writer, state, values[kept : kept + 2], place, f"operation {position}")
        if position < len(operations):
            disk.do(operations[position])
    assert disk.after_kill() == Disk.of(root).after_kill(), "something was written that was not recorded"
    return tally


def _recorded(writer: Writer, root: Path) -> tuple[Recorder, list[Any], list[int]]:
    """The writer run once; what a reader sees before it and at each point where something is kept, and where."""
    values, ends = [writer.read(root)], []
    with recorded(root) as recorder:
        for _ in writer.write(root):
            recorder.paused = True
            values.append(writer.read(root))
            ends.append(len(recorder.operations))
            recorder.paused = False
    values.append(writer.read(root))  # of what was done since, without a promise
    assert ends, "a writer says when it has written"
    return recorder, values, ends


def _states(disk: Disk, operations: list[Any], position: int) -> Iterator[State]:
    """Everything that a crash before an operation, or within it, may leave."""
    yield disk.after_kill()
    yield from disk.after_power_failure()
    if position < len(operations) and (half := operations[position].half) is not None:
        before = disk.contents[half.file]
        disk.do(half)
        yield disk.after_kill()
        disk.contents[half.file] = before


def _judge(tally: Tally, writer: Writer, state: State, permitted: list[Any], place: Path, where: str) -> None:
    root = place / "crashed"
    shutil.rmtree(root, ignore_errors=True)
    write_state(state, root)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that something was damaged and is made again
            value = writer.read(root)
    except Exception as error:
        tally.torn.append(f"{where}: {type(error).__name__}: {error}"[:300])
        return
    if any(_same(value, allowed) for allowed in permitted) or (writer.again and _same(value, NOTHING)):
        return
    if len(permitted) == 2 and writer.between(value, *permitted):
        return
    if _same(value, NOTHING):
        tally.lost.append(f"{where}: nothing is left ({', '.join(state)})"[:300])
    else:
        tally.torn.append(f"{where}: {value!r}"[:300])


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _digest(state: State) -> str:
    found = hashlib.sha256()
    for name, content in sorted(state.items()):
        found.update(f"{_plain(name)} {-1 if content is None else len(content)}\n".encode() + (content or b""))
    return found.hexdigest()


def _plain(name: str) -> str:
    """Without what is drawn anew for each temporary."""
    return re.sub(r"\.[^./]{8}\.tmp$", ".tmp", name)


def really_crashed(writer: Writer, place: Path, moment: Moment) -> State:
    """What a process that stops dead at a moment leaves: a fork of this one, and no model."""
    root = place / "real"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    writer.before(root)
    child = os.fork()
    if not child:
        try:
            with recorded(root, moment):
                for _ in writer.write(root):
                    pass
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status == 0, f"the writer never came to {moment}"
    return {_plain(name): content for name, content in Disk.of(root).after_kill().items()}


def modelled(writer: Writer, place: Path) -> Iterator[tuple[Moment, State]]:
    """What the model says that a kill leaves, at every moment."""
    root = place / "recorded"
    root.mkdir(parents=True)
    writer.before(root)
    disk = Disk.of(root)
    operations = _recorded(writer, root)[0].operations
    for position, operation in enumerate(operations):
        yield (position, "before"), _plainly(disk)
        if (half := operation.half) is not None:
            before = disk.contents[half.file]
            disk.do(half)
            yield (position, "within"), _plainly(disk)
            disk.contents[half.file] = before
        disk.do(operation)
        yield (position, "after"), _plainly(disk)


def _plainly(disk: Disk) -> State:
    return {_plain(name): content for name, content in disk.after_kill().items()}
