"""Which files of a directory are checkpoints, and in which order they were written."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from swaveval.results import CheckpointRecord

SUFFIXES = (".ckpt", ".pth", ".pt", ".tar", ".torch", ".safetensors", ".bin")

# Files that training programs leave beside checkpoints under the same suffixes.
_NOT_WEIGHTS = re.compile(r"^(queue\d*|stats\d*|optimizer|scheduler|random_states_\d+|training_args)\.(pth|pt|bin)$")
_EPOCH = re.compile(r"(?:^|[^a-z])(?:epochs?|ep|ckp|checkpoint|phase)[=_\-]?(\d+)", re.IGNORECASE)
_STEP = re.compile(r"(?:^|[^a-z])(?:global_?step|steps?|iter(?:ation)?s?|training)[=_\-]?(\d+)", re.IGNORECASE)
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """A file that may be a checkpoint; nothing of it has been read.

    Attributes:
        path: where it is.
        name: relative to the directory it was discovered in, with forward slashes.
    """

    path: Path
    name: str


def discover(directory: Path) -> list[CheckpointFile]:
    """Checkpoint files below `directory`, in natural order of their names. Cheap: nothing is opened.

    Hidden files and directories (temporaries of writers) are left out. Links to directories are not followed.

    Raises:
        NotADirectoryError: `directory` is not one; the message says so.
    """
    if not directory.is_dir():
        raise NotADirectoryError(f"{directory} is not a directory of checkpoints")
    found: list[CheckpointFile] = []
    for parent, directories, files in os.walk(directory):
        directories[:] = [name for name in directories if not name.startswith(".")]
        for file in files:
            if file.startswith(".") or not file.lower().endswith(SUFFIXES) or _NOT_WEIGHTS.match(file):
                continue
            path = Path(parent, file)
            found.append(CheckpointFile(path, path.relative_to(directory).as_posix()))
    return sorted(found, key=lambda entry: natural_key(entry.name))


Natural = tuple[tuple[int, int, str], ...]


def natural_key(name: str) -> Natural:
    """Sort key under which `ckp-25` comes before `ckp-100`, and `last` after every number."""
    pieces = [piece for piece in _DIGITS.split(name.lower()) if piece]
    return tuple((0, int(piece), "") if piece.isdecimal() and piece.isascii() else (1, 0, piece) for piece in pieces)


def epoch_in_name(name: str) -> int | None:
    """The epoch a file name states: `epoch=9-step=500.ckpt` gives 9 (as written, not as counted)."""
    return _last_number(_EPOCH, name)


def step_in_name(name: str) -> int | None:
    """The step a file name states, also from a directory called after it (DINOv2's `eval/training_1249/`)."""
    return _last_number(_STEP, name)


Ordered = TypeVar("Ordered", bound=CheckpointRecord)


def order(records: Iterable[Ordered]) -> list[Ordered]:
    """Records in the order they were written: by epoch, then step inside the file, then number in the name.

    A record without either is put by the numbers its name states; one that states nothing (`last`) comes last.
    """
    return sorted(records, key=_written)


def _written(record: CheckpointRecord) -> tuple[float, float, Natural]:
    stated_step, stated_epoch = step_in_name(record.name), epoch_in_name(record.name)
    step = record.step if record.step is not None else stated_step
    epoch = record.epoch if record.epoch is not None else stated_epoch
    nowhere = float("inf")
    if epoch is None and step is None:
        numbers = _DIGITS.findall(record.name)
        epoch = int(numbers[-1]) if numbers else None
    return (
        nowhere if epoch is None else float(epoch),
        nowhere if step is None else float(step),
        natural_key(record.name),
    )


def _last_number(pattern: re.Pattern[str], name: str) -> int | None:
    numbers = pattern.findall(name)
    return int(numbers[-1][:18]) if numbers else None
