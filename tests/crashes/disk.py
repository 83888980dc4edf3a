"""A model of a file system that tells what is on disk from what is only in memory: what a crash may leave of a writer.

POSIX, taken at its word: what was written to a file lasts once the file was synced, and a name (created, renamed,
linked or removed) lasts once its directory was synced. Whatever was not may be there, or not, or in part, in any
combination.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path, PurePosixPath
from typing import Literal

Kind = Literal["create", "mkdir", "write", "truncate", "sync", "sync names", "rename", "unlink", "link"]
# Every subset of so many names that were not synced; of more, those that end or begin at each.
ALL_SUBSETS = 6

State = Mapping[str, bytes | None]  # path → content; None for a directory


@dataclass(frozen=True, slots=True)
class Operation:
    """Something done to a file or a name, below a root.

    Attributes:
        kind: what.
        path: the name, or the directory whose names were synced. target: the new name.
        file: which file, whatever its name.
        at, content: what was written where; `at` is the new length for `truncate`.
    """

    kind: Kind
    path: str = ""
    target: str = ""
    file: int = 0
    at: int = 0
    content: bytes = b""

    @property
    def half(self) -> "Operation | None":
        """A write that got half-way; None for what is done in one piece."""
        if self.kind != "write" or len(self.content) < 2:
            return None
        return Operation(
            self.kind, self.path, file=self.file, at=self.at, content=self.content[: len(self.content) // 2]
        )


@dataclass
class Disk:
    """The files and names below a root, as programs see them and as they are sure to outlast a crash."""

    names: dict[str, int | None] = field(default_factory=dict)
    contents: dict[int, bytes] = field(default_factory=dict)
    kept_names: dict[str, int | None] = field(default_factory=dict)
    kept_contents: dict[int, bytes] = field(default_factory=dict)
    pending: list[Operation] = field(default_factory=list)

    @classmethod
    def of(cls, root: Path) -> "Disk":
        """What lies below a directory, all of it on disk."""
        disk = cls()
        files: dict[int, int] = {}
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.is_dir():
                disk.names[name] = None
                continue
            # Negative numbers: a recording counts its own from one.
            number = files.setdefault(path.stat().st_ino, -1 - len(files))
            disk.names[name] = number
            disk.contents[number] = path.read_bytes()
        disk.kept_names, disk.kept_contents = dict(disk.names), dict(disk.contents)
        return disk

    def do(self, done: Operation) -> None:
        """An operation, done in memory; synced, on disk."""
        if done.kind == "write":
            before = self.contents[done.file].ljust(done.at, b"\0")
            self.contents[done.file] = before[: done.at] + done.content + before[done.at + len(done.content) :]
        elif done.kind == "truncate":
            self.contents[done.file] = self.contents[done.file][: done.at].ljust(done.at, b"\0")
        elif done.kind == "sync":
            self.kept_contents[done.file] = self.contents[done.file]
        elif done.kind == "sync names":
            for one in [one for one in self.pending if done.path in _directories(one)]:
                _rename(self.kept_names, one)
                self.pending.remove(one)
        else:
            if done.kind == "create":
                self.contents[done.file] = b""
            _rename(self.names, done)
            self.pending.append(done)

    def after_kill(self) -> State:
        """What is there when the process is gone and the machine goes on."""
        return _visible(self.names, self.contents)

    def after_power_failure(self) -> Iterator[State]:
        """Everything that may be there when the machine stopped: names and contents that were not synced, or not."""
        lost = {number: self.kept_contents.get(number, b"") for number in self.contents}
        half = {number: _half(lost[number], content) for number, content in self.contents.items()}
        zero = {number: lost[number].ljust(len(content), b"\0") for number, content in self.contents.items()}
        for names in self._names():
            for contents in (self.contents, lost, half, zero):
                yield _visible(names, contents)

    def _names(self) -> Iterator[dict[str, int | None]]:
        count = len(self.pending)
        chosen: list[tuple[int, ...]] = []
        if count <= ALL_SUBSETS:
            chosen = [some for size in range(count + 1) for some in combinations(range(count), size)]
        else:
            chosen = [tuple(range(place)) for place in range(count + 1)] + [(place,) for place in range(count)]
        for some in chosen:
            names = dict(self.kept_names)
            for place in some:
                _rename(names, self.pending[place])
            yield names


def write_state(state: State, root: Path) -> None:
    """Put a state into an empty directory."""
    root.mkdir(parents=True)
    for name, content in sorted(state.items()):
        if content is None:
            (root / name).mkdir()
        else:
            (root / name).write_bytes(content)


def _rename(names: dict[str, int | None], done: Operation) -> None:
    if done.kind == "create":
        names[done.path] = done.file
    elif done.kind == "mkdir":
        names[done.path] = None
    elif done.kind == "link":
        names[done.target] = done.file
    elif done.kind == "rename":
        names.pop(done.path, None)
        names[done.target] = done.file
    else:
        names.pop(done.path, None)


def _directories(done: Operation) -> set[str]:
    return {str(PurePosixPath(name).parent) for name in (done.path, done.target) if name}


def _visible(names: Mapping[str, int | None], contents: Mapping[int, bytes]) -> State:
    """What can be reached from the root: a file in a directory whose name is lost is lost."""
    found: dict[str, bytes | None] = {}
    for name, number in sorted(names.items()):
        if all(str(parent) == "." or names.get(str(parent), 0) is None for parent in PurePosixPath(name).parents):
            found[name] = None if number is None else contents[number]
    return found


def _half(kept: bytes, written: bytes) -> bytes:
    if kept == written:
        return kept
    return written[: (len(kept) + len(written)) // 2 if written.startswith(kept) else len(written) // 2]
