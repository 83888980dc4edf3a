"""Where checkpoints come from. What evaluates them knows a source and its entries, never a path."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, runtime_checkable

from swaveval.checkpoints.discovery import CheckpointFile, discover, fixed_directory, is_pattern
from swaveval.checkpoints.foreign import foreign
from swaveval.checkpoints.hugging_face.beside import stamps_beside
from swaveval.checkpoints.names import read_name
from swaveval.checkpoints.options import LoadOptions
from swaveval.errors import SwavevalError
from swaveval.text import shortened

if TYPE_CHECKING:
    from swaveval.checkpoints.backbone import Backbone
    from swaveval.checkpoints.load_report import LoadReport

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Entry:
    """One checkpoint of a source; nothing of it has been read.

    Attributes:
        name: unique within the source; what pages call it.
        stamp: changes whenever the content may have; None where that cannot be told, or it is gone.
    """

    name: str
    stamp: tuple[int, ...] | None = None


@runtime_checkable
class CheckpointSource(Protocol):
    """Checkpoints of one evaluation."""

    def nothing(self) -> str:
        """The sentence for a source without any entry: where it looked, and what to do."""
        ...

    def entries(self) -> Sequence[Entry]:
        """All of them, in natural order of their names. Cheap: none is opened."""
        ...

    def key(self, entry: Entry) -> str:
        """What an entry is remembered by beside its stamp."""
        ...

    def unchanged(self, entry: Entry) -> bool:
        """Whether an entry still has its stamp."""
        ...

    def backbone(self, entry: Entry, options: LoadOptions) -> "Backbone":
        """The network of one entry; each call reads it anew.

        Raises:
            CheckpointRefused: it cannot be evaluated; `state`, `reason` and `report` say why.
        """
        ...

    def beside(self, name: str) -> bytes | None:
        """A small file that lies with the checkpoints (`run.json`, `images.txt`), or None."""
        ...


@runtime_checkable
class Remembers(Protocol):
    """What a source may be too: one whose entries stay when their weights are gone.

    Attributes:
        normalisation: of the pixels, which what is remembered was evaluated with.
    """

    normalisation: Mapping[str, Any]

    def entries(self) -> Sequence[Entry]: ...

    def is_gone(self, entry: Entry) -> bool:
        """Whether no weights can be read of an entry any more."""
        ...

    def report(self, entry: Entry) -> "LoadReport | None":
        """What is remembered of an entry that is gone; else None."""
        ...


# Of this many first entries the weights stay though they were evaluated: what is found out of the pre-processing rests
# on trained weights, and may be another than the untrained ones let assume.
KEPT_AT_FIRST = 5


def weights_kept(evaluated: Sequence[Item], wanted: Iterable[Item]) -> list[Item]:
    """Of evaluated entries, those whose weights stay: the first, the last (what moved since is told from these two) and
    those that are wanted; all while there are few.
    """
    return [*wanted, evaluated[0], evaluated[-1]] if len(evaluated) > KEPT_AT_FIRST else list(evaluated)


def as_normalisation(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A normalisation as JSON gave it back."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}


def is_ordered(source: CheckpointSource) -> bool:
    """Whether entries come in the order of training, so that no name has to tell it."""
    return bool(getattr(source, "ordered", False))


class InMemory:
    """What sources of things in memory share: names in the order of training, nothing remembered, nothing beside."""

    ordered = True

    def __init__(self, things: Mapping[str, Any]) -> None:
        """Names like `epoch 3` or `step 1200` place an entry on that axis; others are counted."""
        self.named = {shortened(str(name), 200): thing for name, thing in things.items()}
        if len(self.named) < len(things):
            raise SwavevalError(f"two of the {len(things)} names are the same as text; give each entry its own")

    def entries(self) -> Sequence[Entry]:
        return [Entry(name) for name in self.named]

    def nothing(self) -> str:
        return "nothing was given: name one entry at least, as in {'epoch 1': …}"

    def key(self, entry: Entry) -> str:
        return f"in memory: {entry.name}"

    def unchanged(self, entry: Entry) -> bool:
        return False

    def beside(self, name: str) -> bytes | None:
        return None


def moment_of(name: str) -> dict[str, Any]:
    """Fields of a load report that a name alone tells: `epoch`, `step`, `untrained`."""
    read = read_name(name)
    untrained = read.step == 0 or (read.epoch == 0 and read.step is None)
    return {"epoch": read.epoch, "step": read.step, "untrained": untrained}


@dataclass(eq=False)
class Directory:
    """Checkpoint files below a directory, one file, or the files that a pattern matches.

    Attributes:
        path: of any of the three.
    """

    path: Path
    # The address where the files lie that `path` stands for; empty where they lie at `path`.
    elsewhere: ClassVar[str] = ""
    _files: dict[str, CheckpointFile] = field(default_factory=dict, repr=False)

    @property
    def directory(self) -> Path:
        """Where the files lie: a file's parent, a pattern's part without signs."""
        return fixed_directory(self.path)

    def ready(self) -> None:
        """Have the names of all files at `path`, so that what looks for names finds them."""

    def shown(self, path: Path) -> str:
        """What people call a path of this directory."""
        return str(path)

    def expect(self, entries: Sequence[Entry]) -> None:
        """Told which entries will be asked for, in which order."""

    def stamps(self) -> dict[str, list[int]] | None:
        """What changes with any of the files that belong to the run; None where the files themselves tell."""
        return None

    def complete(self) -> bool:
        """Whether all that was asked for could be had."""
        return True

    def close(self) -> None:
        """Nothing more will be asked for."""

    def nothing(self) -> str:
        where = f"matches {self.path}" if is_pattern(self.path) else f"in {self.path}"
        return (
            f"no checkpoint file {where}: looked for .ckpt .pth .pt .tar .torch .bin .safetensors, also in "
            f"subdirectories{foreign(self.path)}"
        )

    def key(self, entry: Entry) -> str:
        return str(self.place(entry).absolute())

    def unchanged(self, entry: Entry) -> bool:
        return entry.stamp is not None and stamp(self.place(entry)) == entry.stamp

    def entries(self) -> Sequence[Entry]:
        single = not self.path.is_dir() and not is_pattern(self.path)
        files = [CheckpointFile(self.path, self.path.name)] if single else discover(self.path)
        self._files = {file.name: file for file in files}
        return [Entry(file.name, stamp(file.path)) for file in files]

    def entry(self, name: str) -> Entry:
        """The entry of a name, whether it is there or not."""
        return next((entry for entry in self.entries() if entry.name == name), Entry(name))

    def backbone(self, entry: Entry, options: LoadOptions) -> "Backbone":
        # torch is imported when a checkpoint is read, not when one is looked at.
        from swaveval.checkpoints.loading import load

        return load(self.place(entry), options=options)

    def place(self, entry: Entry) -> Path:
        """The file of an entry."""
        if entry.name not in self._files:  # entries come from another process too
            self.entries()
        file = self._files.get(entry.name)
        return file.path if file is not None else self.directory / entry.name

    def beside(self, name: str) -> bytes | None:
        """From the directory, else from the one above it, as run directories are laid out."""
        for directory in (self.directory, self.directory.resolve().parent):
            try:
                return (directory / name).read_bytes()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                continue
        return None


def stamp(path: Path) -> tuple[int, ...] | None:
    """(size, modification time, change time in ns, those of what lies beside it and belongs to it)."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, *stamps_beside(path))
