"""The loss in what Weights & Biases leaves on the disk, online and offline: `wandb/…run-…-ID/run-ID.wandb`.

The format is wandb's own (a log in blocks as LevelDB writes it, of protobuf records: wandb_internal.proto), and the
package has no reader of it any more, so the few fields that are needed are read here. Versions before 0.10 wrote
`wandb-history.jsonl`. Nothing in these files is taken on trust: lengths are checked, records have checksums.
"""

import re
import struct
import zlib
from collections.abc import Collection, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from swaveval.runs.loss_columns import has_loss, tells
from swaveval.runs.loss_parts import joined
from swaveval.runs.loss_rows import Row, bounded, json_rows, loss_rows
from swaveval.runs.loss_runs import MOST_RUNS, TrackedRun
from swaveval.runs.request import RunError
from swaveval.text import natural_key

_START = struct.pack("<4sHB", b":W&B", 0xBEE1, 0)
_BLOCK = 32 * 1024
_HEAD = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_MOST_RECORD = 64 * 1024**2
_RUN_DIRECTORY = re.compile(r"(?:offline-|dry)?run-(\d{8}_\d{6})-(.+)")
_HISTORY = ("wandb-history.jsonl", "files/wandb-history.jsonl")
# Field numbers of wandb_internal.proto.
_RECORD_HISTORY, _RECORD_RUN = 2, 17
_HISTORY_ITEM = 1
_ITEM_KEY, _ITEM_NESTED_KEY, _ITEM_VALUE = 1, 2, 16
_RUN_ID, _RUN_NAME = 1, 8
# wandb's own counter of log calls: begins at 0 again in every process.
_CALLS = "_step"


@dataclass(frozen=True, slots=True)
class _Part:
    """What one process of a run wrote."""

    started: str
    id: str
    path: Path


def wandb_runs(place: Path, *, ids: Collection[str] | None = None) -> list[TrackedRun]:
    """Runs with a loss in a `.wandb` file, a run's directory, a `wandb/` directory or one that holds it; oldest first.

    Args:
        place: where to look. ids: of the runs that are asked for; None: all.
    """
    by_id: dict[str, list[_Part]] = {}
    for part in _parts(place):
        if ids is None or part.id in ids:
            by_id.setdefault(part.id, []).append(part)
    runs = []
    for name, parts in by_id.items():
        described = [_described(part) for part in parts]
        telling = [part for part, (_, losses) in zip(parts, described, strict=True) if losses]
        if telling:
            called = next((called for called, _ in reversed(described) if called), "")
            files = tuple(part.path for part in telling)
            runs.append(TrackedRun("W&B", name, called, files, _reader(telling)))
    return runs


def _parts(place: Path) -> list[_Part]:
    """Of the files that are there, each once: links (`latest-run`) lead to directories that are listed anyway."""
    if place.is_file():
        return [_part(place)] if place.suffix == ".wandb" else []
    if own := _of_directory(place):
        return own
    found: list[_Part] = []
    for parent in (place, place / "wandb"):
        try:
            inner = sorted(p for p in parent.iterdir() if _RUN_DIRECTORY.fullmatch(p.name) and not p.is_symlink())
        except OSError:
            continue
        for directory in inner[-MOST_RUNS:]:
            found += _of_directory(directory)
    return found


def _of_directory(directory: Path) -> list[_Part]:
    try:
        files = sorted(directory.glob("*.wandb"))
        files = files or [directory / name for name in _HISTORY if (directory / name).is_file()]
    except OSError:
        return []
    return [_part(path) for path in files[:1]]


def _part(path: Path) -> _Part:
    """The time is in the directory's name, the id in the file's; before 0.10 both were in the directory's."""
    directory = next((p.name for p in (path.parent, path.parent.parent) if _RUN_DIRECTORY.fullmatch(p.name)), "")
    match = _RUN_DIRECTORY.fullmatch(directory)
    if path.suffix == ".wandb" or match is None:
        return _Part(directory.rpartition("run-")[2], path.stem.removeprefix("run-"), path)
    return _Part(match.group(1), match.group(2), path)


def _described(part: _Part) -> tuple[str, bool]:
    """The run's name, and whether a loss is among what it logged."""
    if part.path.suffix != ".wandb":
        return "", len(_history_rows(part.path)) > 0
    name = ""
    try:
        with closing(_entries(part.path)) as entries:
            for number, content in entries:
                if number == _RECORD_RUN:
                    name = _text(content, _RUN_NAME) or name
                elif has_loss(key for key, _ in _items(content)):
                    return name, True
    except (OSError, ValueError):
        pass
    return name, False


def _reader(parts: list[_Part]) -> "_Reader":
    return _Reader(tuple(sorted(parts, key=lambda part: natural_key(part.started))))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Gives the rows of a run, whose parts a resumed run has several of."""

    parts: tuple[_Part, ...]

    def __call__(self) -> list[Row]:
        if len(self.parts) == 1:
            return _rows(self.parts[0].path, calls=True)
        read = [(_rows(part.path, calls=False), part.path) for part in self.parts]
        held = [(rows, path) for rows, path in read if len(rows) > 1]
        if len(held) == 1:
            return _rows(held[0][1], calls=True)
        whole, used = joined(held)
        if len(used) == len(held):
            return whole
        places = ", ".join(path.parent.name for _, path in held)
        raise RunError(
            f"run {self.parts[0].id} was written in {len(held)} parts ({places}) that do not go on one from another by "
            "an epoch or a global step of their own: give the part that these checkpoints are of, by its directory"
        )


def _rows(path: Path, *, calls: bool) -> list[Row]:
    """Rows of one file; `calls`: wandb's count of log calls may be their step."""
    if path.suffix != ".wandb":
        return _history_rows(path)
    try:
        bounded(path)
        return list(loss_rows(_bodies(path, calls=calls)))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error


def _history_rows(path: Path) -> list[Row]:
    try:
        return json_rows(path)
    except (OSError, ValueError, RecursionError):
        return []


def _bodies(path: Path, *, calls: bool) -> Iterator[dict[str, float]]:
    with closing(_entries(path)) as entries:
        for number, content in entries:
            if number == _RECORD_HISTORY:
                yield {
                    key: value
                    for key, text in _items(content)
                    if (calls or key != _CALLS) and tells(key) and (value := _number(text)) is not None
                }


def _items(history: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and value, as JSON, of each item of a history record."""
    for number, content in _fields(history):
        if number == _HISTORY_ITEM and isinstance(content, bytes):
            names: list[str] = []
            value = b""
            for inner, part in _fields(content):
                if inner in (_ITEM_KEY, _ITEM_NESTED_KEY) and isinstance(part, bytes):
                    names.append(part.decode(errors="replace"))
                elif inner == _ITEM_VALUE and isinstance(part, bytes):
                    value = part
            yield ".".join(name for name in names if name), value


def _number(text: bytes) -> float | None:
    try:
        return float(text) if len(text) < 64 else None
    except ValueError:
        return None


def _text(message: bytes, wanted: int) -> str:
    for number, content in _fields(message):
        if number == wanted and isinstance(content, bytes):
            return content.decode(errors="replace")
    return ""


def _entries(path: Path) -> Generator[tuple[int, bytes]]:
    """Histories and descriptions of the run."""
    with path.open("rb") as file:
        if file.read(len(_START)) != _START:
            raise ValueError("it does not begin as wandb's files do")
        for record in _records(file):
            for number, content in _fields(record):
                if number in (_RECORD_HISTORY, _RECORD_RUN) and isinstance(content, bytes):
                    yield number, content


def _records(file: IO[bytes]) -> Iterator[bytes]:
    """Whole records of the log. What is cut off at the end (a run that goes on, or was killed) is left out.

    Raises:
        ValueError: a checksum is wrong, or pieces do not belong together.
    """
    at, pieces = len(_START), bytearray()
    while True:
        left = _BLOCK - at % _BLOCK
        if left < _HEAD.size:  # too little for a header: filled up
            if len(file.read(left)) < left:
                return
            at += left
            continue
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return
        checksum, length, kind = _HEAD.unpack(head)
        if kind == 0 and length == 0 and checksum == 0:  # space that was made and not used
            at += _HEAD.size + len(file.read(left - _HEAD.size))
            continue
        content = file.read(length)
        if len(content) < length:
            return
        if length > left - _HEAD.size or zlib.crc32(content, zlib.crc32(bytes([kind]))) != checksum:
            raise ValueError(f"it is damaged at byte {at:,}")
        at += _HEAD.size + length
        if kind in (_FULL, _FIRST):
            pieces.clear()
        pieces += content
        if len(pieces) > _MOST_RECORD:
            raise ValueError(f"it has a record of more than {_MOST_RECORD:,} bytes at byte {at:,}")
        if kind in (_FULL, _LAST):
            yield bytes(pieces)
            pieces.clear()


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Numbers and contents of a protobuf message's fields.

    Raises:
        ValueError: it is none.
    """
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            length, at = _varint(message, at)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError("a record of it is no protobuf message")
        if length > len(message) - at:
            raise ValueError("a record of it is shorter than it says")
        yield tag >> 3, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a record of it is no protobuf message")
