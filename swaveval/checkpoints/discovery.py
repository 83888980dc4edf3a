"""Which files of a directory, or of a pattern, are checkpoints."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from swaveval.checkpoints.piece_names import file_in, is_other_piece
from swaveval.text import natural_key

SUFFIXES = (".ckpt", ".pth", ".pt", ".tar", ".torch", ".safetensors", ".bin")

# Files that training programs leave beside checkpoints under the same suffixes.
_NOT_WEIGHTS = re.compile(
    r"^(queue\d*|stats\d*|optimizer|scheduler|random_states_\d+|rng_state(_\d+)?|scaler|training_args)\.(pth|pt|bin)$"
)


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

    Hidden files and directories (temporaries of writers) and evaluations are left out. Links to directories are not
    followed. A pattern (`runs/simclr_*.pth`, `runs/{a,b}.pth`) gives the files it matches, named from its fixed
    directory on.

    Raises:
        NotADirectoryError: `directory` is neither; the message says so.
    """
    if is_pattern(directory):
        return _matching(directory)
    if not directory.is_dir():
        raise NotADirectoryError(f"{directory} is not a directory of checkpoints")
    found: list[CheckpointFile] = []
    for parent, directories, files in os.walk(directory):
        if Path(parent) != directory and Path(parent, "results", "cells").is_dir():
            directories[:] = []  # an evaluation, and what it keeps of checkpoints
            continue
        directories[:] = [name for name in directories if not name.startswith(".")]
        one = file_in(files)
        if one:  # a directory that is one checkpoint, called by its own name
            place = Path(parent).parent if Path(parent).name == "checkpoint" else Path(parent)
            name = place.relative_to(directory).as_posix() if place.is_relative_to(directory) else "."
            found.append(CheckpointFile(Path(parent, one), place.name if name == "." else name))
            directories[:], files = [], []
        for file in files:
            if is_other_piece(file):
                continue
            if file.startswith(".") or not file.lower().endswith(SUFFIXES) or _NOT_WEIGHTS.match(file):
                continue
            path = Path(parent, file)
            found.append(CheckpointFile(path, path.relative_to(directory).as_posix()))
    return sorted(found, key=lambda entry: natural_key(entry.name))


def is_pattern(path: Path) -> bool:
    """Whether a path that does not exist is a pattern of file names."""
    return not path.exists() and any(sign in str(path) for sign in "*?[{")


def fixed_directory(path: Path) -> Path:
    """The directory a path of checkpoints names: itself, a file's parent, a pattern's part without signs.

    What is not there yet, and has no checkpoint's suffix, is a directory.
    """
    if path.is_dir() or not (path.exists() or is_pattern(path) or path.name.lower().endswith(SUFFIXES)):
        return path
    parent = path.parent
    while is_pattern(parent):
        parent = parent.parent
    return parent


def _matching(pattern: Path) -> list[CheckpointFile]:
    base = fixed_directory(pattern)
    places = {place for choice in _choices(pattern.relative_to(base).as_posix()) for place in base.glob(choice)}
    found: dict[str, CheckpointFile] = {}
    for place in places:
        for file in discover(place) if place.is_dir() else [CheckpointFile(place, place.name)]:
            name = file.path.relative_to(base).as_posix()
            if name.lower().endswith(SUFFIXES) and not _NOT_WEIGHTS.match(file.path.name):
                found[name] = CheckpointFile(file.path, name)
    return sorted(found.values(), key=lambda entry: natural_key(entry.name))


def _choices(pattern: str) -> list[str]:
    """`{a,b}.pth` as `a.pth` and `b.pth`, which the shell would have done outside quotes."""
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None:
        return [pattern]
    start, end = pattern[: match.start()], pattern[match.end() :]
    return [whole for choice in match.group(1).split(",") for whole in _choices(f"{start}{choice}{end}")]
