"""Doing a task on another machine: where the results go if it shares the disk, and how they come back if not."""

import atexit
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from swaveval.results import Cell
from swaveval.results.atomic import write_bytes
from swaveval.runs.job import Job
from swaveval.runs.request import RunError
from swaveval.runs.tasks import Task

# What is sent back: results, and the features that the series is read from.
_RETURNED = ("results", "cache/features")
_MARKERS = "cache"


@dataclass(frozen=True, slots=True)
class Files:
    """Files below an output directory, in the order in which they may be written.

    Attributes:
        content: (path below `out`, bytes); what names others comes after them.
    """

    content: tuple[tuple[str, bytes], ...] = ()

    def store(self, out: Path) -> None:
        """Write them below `out`.

        Raises:
            RunError: one would lie elsewhere.
        """
        for name, content in self.content:
            target = out / name
            if not target.resolve().is_relative_to(out.resolve()):
                raise RunError(f"a worker sent a file {name!r} that does not belong below {out}")
            write_bytes(target, content)


@dataclass(frozen=True, slots=True)
class Begun:
    """A task was begun.

    Attributes:
        where: name of the machine.
        shares: whether `out` lies there too.
    """

    where: str
    shares: bool


@dataclass(frozen=True, slots=True)
class Returned:
    """A finished cell; with its files from where no disk is shared."""

    cell: Cell
    files: Files = field(default_factory=Files)


@dataclass(frozen=True)
class Errand:
    """One evaluation as it travels.

    Attributes:
        job: what is to do.
        directory: where its relative paths begin.
        marker: name of a file that lies in `out` for the time of the evaluation; empty where a disk is shared for sure.
        threads: of a task.
    """

    job: Job
    directory: str
    marker: str
    threads: int

    def perform(self, task: Task) -> Iterator[Begun | Returned]:
        """Do a task in this process, whatever machine it is on."""
        import torch

        torch.set_num_threads(self.threads)
        if Path(self.directory).is_dir():
            os.chdir(self.directory)
        shares = not self.marker or (self.job.request.out / _MARKERS / self.marker).is_file()
        yield Begun(os.uname().nodename, shares)
        if shares:
            for cell in self.job.perform(task):
                yield Returned(cell)
            return
        here = _own_directory(self.marker)
        job, known = Job(replace(self.job.request, out=here)), _stamps(here)
        for cell in job.perform(task):
            yield Returned(cell, _new(here, known))


def mark(out: Path) -> str:
    """Leave a marker in `out`; its name. `unmark` removes it."""
    name = f".shared-{uuid.uuid4().hex}"
    write_bytes(out / _MARKERS / name, b"A running command looks by this file which machines share this directory.\n")
    return name


def unmark(out: Path, name: str) -> None:
    (out / _MARKERS / name).unlink(missing_ok=True)


_OWN: dict[str, Path] = {}


def _own_directory(marker: str) -> Path:
    """An output directory of this process, for the evaluation of that marker; gone when the process ends."""
    if marker not in _OWN:
        _OWN[marker] = Path(tempfile.mkdtemp(prefix="swaveval-"))
        atexit.register(shutil.rmtree, _OWN[marker], ignore_errors=True)
    return _OWN[marker]


Stamps = dict[str, tuple[int, int]]


def _stamps(out: Path) -> Stamps:
    paths = (path for part in _RETURNED for path in (out / part).rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): (path.stat().st_mtime_ns, path.stat().st_size) for path in paths}


def _new(out: Path, known: Stamps) -> Files:
    """Files that are new or others since `known`, which is brought up to date."""
    present = _stamps(out)
    names = [name for name, stamp in present.items() if known.get(name) != stamp]
    known.clear()
    known.update(present)
    return Files(tuple((name, (out / name).read_bytes()) for name in _ordered(names)))


def _ordered(names: Sequence[str]) -> list[str]:
    """JSON files, which name the others, last."""
    return sorted(names, key=lambda name: (name.endswith(".json"), name))
