"""A directory whose files come and go while it is watched: what was evaluated stays when its file is gone.

A trainer keeps the last k checkpoints, or writes each over the one before. Of every content that stood there whole, a
version is remembered with what was found in it (`results/watched.json`); until it is evaluated it has a copy or a hard
link of its own. A name that states an epoch, a step or a number is of one moment: new content replaces the old. A name
such as `last.ckpt` is of as many moments as it had contents.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swaveval.checkpoints.names import SUFFIX, read_name
from swaveval.checkpoints.options import LoadOptions
from swaveval.checkpoints.piece_names import files_of
from swaveval.checkpoints.recent import may_be_written
from swaveval.checkpoints.source import Directory, Entry, as_normalisation, weights_kept
from swaveval.results import CheckpointState
from swaveval.results.atomic import write_bytes
from swaveval.results.encoding import seal, unseal

if TYPE_CHECKING:
    from swaveval.checkpoints.backbone import Backbone
    from swaveval.checkpoints.load_report import LoadReport

SCHEMA = 1
# Size of all its files and latest modification time in ns: neither hard links nor other names change them.
Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Version:
    """One content of one file.

    Attributes:
        file: its name in the directory. number: 1 for the first content seen under this name, then counted on.
        stamp: of the file when it was whole.
        copy: a file with the same content that is ours; None where there is none.
        report: what was found in it, as JSON; None before it was read.
    """

    file: str
    number: int
    stamp: Stamp
    copy: Path | None = None
    report: Mapping[str, Any] | None = None

    @property
    def moment(self) -> tuple[float, float] | None:
        """Epoch and step that it states; None where it states neither."""
        epoch, step = (None, None) if self.report is None else (self.report.get("epoch"), self.report.get("step"))
        if epoch is None and step is None:
            return None
        return (float("inf") if epoch is None else epoch, float("inf") if step is None else step)

    @property
    def ready(self) -> bool:
        """Whether it was read and can be evaluated."""
        return self.report is not None and self.report["state"] == "ready"


def is_of_one_moment(name: str) -> bool:
    """Whether a file's name says when it was written, so that other content replaces what stood there."""
    read = read_name(name)
    return read.epoch is not None or read.step is not None or bool(read.numbers or read.moments)


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of a file, and of what belongs to its checkpoint, as they are now; None where it is gone."""
    try:
        every = [file.stat() for file in files_of(path)]
    except OSError:
        return None
    return sum(one.st_size for one in every), max(one.st_mtime_ns for one in every)


def read_ledger(path: Path, owner: str) -> tuple[tuple[Version, ...], dict[str, Any]]:
    """The versions that were evaluated, oldest first, and the normalisation of the pixels that was used.

    Nothing where nothing was watched, or another directory was, or the file is damaged.

    Args:
        owner: what the results call the directory that is watched.
    """
    try:
        body = unseal(path.read_bytes())
        if body["owner"] != owner:
            return (), {}
        versions = tuple(
            Version(str(one["file"]), int(one["number"]), (int(size), int(changed)), None, one["report"])
            for one in body["versions"]
            for size, changed in (one["stamp"],)
            if one["report"]["state"] == "ready"
        )
        return versions, as_normalisation(body["normalisation"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return (), {}


@dataclass(eq=False)
class Watched(Directory):
    """The versions of a directory's files as a source of checkpoints.

    Attributes:
        ledger: where versions are remembered. owner: what the results call the directory.
        versions: in the order they were seen.
        unfinished: file to the stamp at which its content had no end.
        watching: whether more may come.
        normalisation: of the pixels, which what is remembered was evaluated with.
    """

    ledger: Path = Path()
    owner: str = ""
    versions: list[Version] = field(default_factory=list)
    unfinished: dict[str, Stamp] = field(default_factory=dict)
    watching: bool = False
    normalisation: Mapping[str, Any] = field(default_factory=dict)
    _shown: dict[str, Version] = field(default_factory=dict, repr=False)
    _places: dict[str, Path] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, path: Path, ledger: Path, owner: str) -> "Watched":
        """With the versions that are remembered."""
        versions, normalisation = read_ledger(ledger, owner)
        return cls(path, ledger=ledger, owner=owner, versions=list(versions), normalisation=normalisation)

    # -- what is seen ----------------------------------------------------------------------------------------------

    def files(self) -> dict[str, Path]:
        """The checkpoint files that are there now, by name."""
        with suppress(NotADirectoryError):
            now = Directory(self.path)
            self._places = {entry.name: now.place(entry) for entry in now.entries()}
            return self._places
        return {}

    def knows(self, file: str, stamp: Stamp) -> bool:
        """Whether a content was seen already; one without end is looked at again when nobody can be writing it."""
        if self.unfinished.get(file) == stamp and may_be_written(stamp[1] / 1e9):
            return True
        return any(version.file == file and version.stamp == stamp for version in self.versions)

    def admit(self, file: str, stamp: Stamp, copy: Path | None = None) -> None:
        """A content that stands there whole belongs to the series from now on."""
        for place, version in enumerate(self.versions):
            if (version.file, version.stamp) == (file, stamp):
                self.versions[place] = replace(version, copy=copy)
                return
        number = 1 + max((version.number for version in self.versions if version.file == file), default=0)
        if is_of_one_moment(file):
            self.versions = [version for version in self.versions if version.file != file]
        self.versions.append(Version(file, number, stamp, copy))

    def look(self) -> None:
        """Take every file as it is now, once: for an evaluation that does not watch."""
        for file, path in self.files().items():
            stamp = stamp_of(path)
            if stamp is not None and not self.knows(file, stamp):
                self.admit(file, stamp)

    def learn(self, reports: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Take note of what was found in each entry, and remember it.

        A version without end is dropped until its file changes. Of two that hold the same weights of the same moment,
        the one whose name tells less goes; what a training wrote before it went back to an earlier moment goes too.

        Returns:
            Names of the entries that were new.
        """
        fresh: list[str] = []
        for name, report in reports.items():
            version = self._shown.get(name)
            if version is None or version not in self.versions:
                continue
            if report["state"] == "writing":
                self.versions.remove(version)
                self.unfinished[version.file] = version.stamp
                continue
            if version.report is None:
                fresh.append(name)
            read = replace(version, report=dict(report))
            self.versions[self.versions.index(version)] = read
            self._shown[name] = read
        self.versions = [version for version in self.versions if not self._superseded(version)]
        self._remember()
        return fresh

    def _superseded(self, version: Version) -> bool:
        """Whether a version is no point of its own any more."""
        if self._is_there(version) or version.report is None:
            return False
        if not version.ready:
            return True  # what could not be evaluated is of no interest once it is gone
        for other in self.versions:
            if other is version or not other.ready or other.report is None:
                continue
            same = other.report["digest"] == version.report["digest"] and version.moment in (None, other.moment)
            says_more = is_of_one_moment(other.file) or other.number > version.number
            if same and says_more and not is_of_one_moment(version.file):
                return True
            went_back = other.file == version.file and other.number > version.number
            if went_back and version.moment and other.moment and version.moment >= other.moment:
                return True
        return False

    def _remember(self) -> None:
        body = {
            "schema": SCHEMA,
            "owner": self.owner,
            "normalisation": dict(self.normalisation),
            "versions": [
                {"file": one.file, "number": one.number, "stamp": list(one.stamp), "report": one.report}
                for one in self.versions
                if one.ready
            ],
        }
        write_bytes(self.ledger, seal(json.loads(json.dumps(body))))

    def copies(self, names: Sequence[str] = ()) -> set[Path]:
        """The copies that may still be read; those of other versions are let go.

        Args:
            names: of entries whose weights are wanted.
        """
        kept = weights_kept(
            [version for version in self.versions if version.ready],
            [self._shown[name] for name in names if name in self._shown],
        )
        self.versions = [one if one.report is None or one in kept else replace(one, copy=None) for one in self.versions]
        return {version.copy for version in self.versions if version.copy is not None}

    # -- as a source -----------------------------------------------------------------------------------------------

    def entries(self) -> Sequence[Entry]:
        counts: dict[str, int] = {}
        for version in self.versions:
            counts[version.file] = counts.get(version.file, 0) + 1
        self._shown = {_name(version, alone=counts[version.file] == 1): version for version in self.versions}
        return [Entry(name, version.stamp) for name, version in self._shown.items()]

    def report(self, entry: Entry) -> "LoadReport | None":
        """What was found in an entry whose file is gone, as far as that is remembered."""
        from swaveval.checkpoints.load_report import LoadReport

        version = self._shown.get(entry.name)
        if version is None or version.report is None or not self.is_gone(entry):
            return None
        return LoadReport.from_json(version.report)

    def is_gone(self, entry: Entry) -> bool:
        """Whether nothing holds its weights any more."""
        version = self._shown.get(entry.name)
        return version is None or not (self._has_copy(version) or self._is_there(version))

    def is_lasting(self, entry: Entry) -> bool:
        """Whether what holds its weights is never written over: named for one moment, or ours."""
        version = self._shown.get(entry.name)
        return version is not None and (self._has_copy(version) or is_of_one_moment(version.file))

    def complete(self) -> bool:
        return not self.watching

    @property
    def gone(self) -> tuple[str, ...]:
        """Names of the entries whose files are gone, or hold something else now."""
        return tuple(name for name, version in self._shown.items() if not self._is_there(version))

    def key(self, entry: Entry) -> str:
        version = self._shown.get(entry.name)
        return str((self.directory / entry.name if version is None else self._original(version)).absolute())

    def unchanged(self, entry: Entry) -> bool:
        return entry.stamp is not None and stamp_of(self.place(entry)) == entry.stamp

    def backbone(self, entry: Entry, options: LoadOptions) -> "Backbone":
        # torch is imported when a checkpoint is read, not when one is looked at.
        from swaveval.checkpoints.load_report import LoadReport
        from swaveval.checkpoints.loading import load
        from swaveval.checkpoints.refusal import CheckpointRefused

        version = self._shown.get(entry.name)
        shown = str(self.directory / (entry.name if version is None else version.file))
        if self.is_gone(entry):
            # What went on changing before it was ever read was not whole.
            state: CheckpointState = "refused" if version is not None and version.report is not None else "writing"
            reason = "its file is gone, or holds other weights now"
            raise CheckpointRefused(state, reason, LoadReport(file=shown, state=state, refusal=reason))
        try:
            backbone = load(self.place(entry), options=options)
        except CheckpointRefused as refused:
            raise CheckpointRefused(refused.state, refused.reason, replace(refused.report, file=shown)) from None
        return replace(backbone, report=replace(backbone.report, file=shown))

    def place(self, entry: Entry) -> Path:
        version = self._shown.get(entry.name)
        if version is None:
            return self.directory / entry.name
        return version.copy if version.copy is not None and self._has_copy(version) else self._original(version)

    def _original(self, version: Version) -> Path:
        return self._places.get(version.file, self.directory / version.file)

    def _has_copy(self, version: Version) -> bool:
        """A hard link is no copy any more when its file was written over."""
        return version.copy is not None and stamp_of(version.copy) == version.stamp

    def _is_there(self, version: Version) -> bool:
        return stamp_of(self._original(version)) == version.stamp


def _name(version: Version, *, alone: bool) -> str:
    """`last.ckpt`, or `last (3).ckpt` where other contents of the file are in the series too."""
    if alone:
        return version.file
    found = SUFFIX.search(version.file)
    end = len(version.file) if found is None else found.start()
    return f"{version.file[:end]} ({version.number}){version.file[end:]}"
