"""A directory of fetched files that never grows beyond its size: the least recently used go first, none in use.

    CACHE/<address>/tree/…          the files under their own names; those not here are empty, and never read
    CACHE/<address>/held/….json     one record for each file that is here whole; without it a file counts for nothing
    CACHE/<address>/held/….lock     shared while a file is read, exclusive while it is fetched or dropped

Several processes may use one cache: all that they know of each other lies in these files.
"""

import fcntl
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from swaveval.checkpoints.remote.errors import RemoteError
from swaveval.checkpoints.remote.listing import RemoteFile
from swaveval.results.atomic import atomic_path, write_bytes
from swaveval.results.encoding import digest, seal, unseal
from swaveval.text import shortened, size

Fetch = Callable[[RemoteFile, Path], None]
_LOOK = 0.05  # seconds between looks whether there is room
_PATIENCE = 600.0  # for it
_STALE = 3600.0  # seconds after which nobody writes a temporary file any more


@dataclass(frozen=True, slots=True)
class Cache:
    """The files of one address, in a directory that several addresses share.

    Attributes:
        directory: of all of them. own: name of this address's part. most: bytes that all fetched files may have; files
            that are kept for good (logs, settings) are small and not counted.
    """

    directory: Path
    own: str
    most: int

    @property
    def tree(self) -> Path:
        return self.directory / self.own / "tree"

    @contextmanager
    def held(
        self, file: RemoteFile, place: Path, fetch: Fetch, *, spare: Collection[str] = (), wait: bool = True
    ) -> Iterator[None]:
        """The file is at its place, whole and of its version, and stays there.

        Args:
            place: in the tree. fetch: writes the content to a path. spare: names of files that no room may be made of.
            wait: for room; else an error at once.

        Raises:
            RemoteError: it cannot be fetched, or there is no room. OSError: it cannot be written.
        """
        with self._lock(file.name) as lock:
            while True:
                fcntl.flock(lock, fcntl.LOCK_SH)
                if self.has(file, place):
                    break
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not self.has(file, place):
                    self._bring(file, place, fetch, spare, wait)
            with suppress(OSError):
                os.utime(self._record(file.name))
            yield

    def keep(self, file: RemoteFile, place: Path, fetch: Fetch) -> None:
        """Have a small file at its place for good."""
        with self._lock(file.name) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self.has(file, place):
                self._write(file, place, fetch, counted=False)

    def has(self, file: RemoteFile, place: Path) -> bool:
        """Whether the file is here as it was listed, and as it was written."""
        try:
            record = unseal(self._record(file.name).read_bytes())
            status = place.lstat()
            return bool(file.version) and record["version"] == file.version and record["local"] == _look(status)
        except (OSError, ValueError, KeyError):
            return False

    def prepare(self, names: Iterable[str]) -> dict[str, str]:
        """Make the tree one of these names: what is new gets an empty file, what is gone is removed.

        Returns:
            Of names that no file can have here, why.
        """
        wanted, refused = set(names), {}
        self.tree.mkdir(parents=True, exist_ok=True)
        for parent, _, files in os.walk(self.tree, topdown=False):
            for name in files:
                place = Path(parent, name)
                if place.relative_to(self.tree).as_posix() not in wanted and not _is_being_written(place):
                    with suppress(OSError):
                        place.unlink()
            if Path(parent) != self.tree:
                with suppress(OSError):  # not empty
                    Path(parent).rmdir()
        for name in sorted(wanted):
            place = self.tree / name
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                if place.is_dir():
                    refused[name] = "a directory has its name"
                elif not place.exists():
                    place.touch()
            except (FileExistsError, NotADirectoryError):
                refused[name] = "a file has the name of its directory"
            except (OSError, ValueError) as error:
                refused[name] = f"no file can have its name here ({getattr(error, 'strerror', None) or error})"
        return refused

    # -- room ---------------------------------------------------------------------------------------------------------

    def _bring(self, file: RemoteFile, place: Path, fetch: Fetch, spare: Collection[str], wait: bool) -> None:
        needed = file.size or 0
        if needed > self.most:
            raise RemoteError(
                f"{shortened(file.name)} has {size(needed)}, and all fetched files may have {size(self.most)}; "
                "allow more with --cache-size",
                "room",
            )
        self._drop(file.name, place)
        until = time.monotonic() + (_PATIENCE if wait else 0.0)
        while not self._reserved(file.name, needed, spare):
            if time.monotonic() >= until:
                raise RemoteError(
                    f"the cache of fetched files ({size(self.most)}) is full of files in use; allow more with "
                    "--cache-size",
                    "room",
                )
            time.sleep(_LOOK)
        try:
            self._write(file, place, fetch, counted=True)
        finally:
            self._coming(file.name).unlink(missing_ok=True)

    def _reserved(self, name: str, needed: int, spare: Collection[str]) -> bool:
        """Make room and put a claim on it, or say that there is none now."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "room.lock").open("a+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            total = sum(self._claims()) + needed
            spared = {_key(one) for one in spare}
            held = sorted(self._records(), key=lambda one: one[0])
            total += sum(count for _, count, _ in held)
            for _, count, record in held:
                if total <= self.most:
                    break
                if not (record.parent.parent.name == self.own and record.stem in spared) and _dropped(record):
                    total -= count
            if total > self.most:
                return False
            write_bytes(self._coming(name), str(needed).encode())
            return True

    def _claims(self) -> Iterator[int]:
        """Bytes that are being fetched; the claim of a process that is gone is removed."""
        for claim in self.directory.glob("*/held/*.coming"):
            with suppress(OSError, ValueError), claim.with_suffix(".lock").open("a+b") as lock:
                if _free(lock):
                    claim.unlink()
                else:
                    yield int(claim.read_bytes())

    def _records(self) -> Iterator[tuple[float, int, Path]]:
        """(last used, bytes, record) of every counted file."""
        for record in self.directory.glob("*/held/*.json"):
            with suppress(OSError, ValueError, KeyError):
                body = unseal(record.read_bytes())
                if body["counted"]:
                    yield record.stat().st_mtime, int(body["local"][0]), record

    # -- files --------------------------------------------------------------------------------------------------------

    def _write(self, file: RemoteFile, place: Path, fetch: Fetch, *, counted: bool) -> None:
        """Fetch to a temporary and rename; the record comes last, so that a killed fetch leaves nothing that counts."""
        with atomic_path(place) as temporary:
            fetch(file, temporary)
            os.utime(temporary, ns=(file.changed, file.changed))
        local = _look(place.lstat())
        inside = place.relative_to(self.tree).as_posix()
        body = {"place": inside, "version": file.version, "local": local, "counted": counted}
        write_bytes(self._record(file.name), seal(body))

    def _drop(self, name: str, place: Path) -> None:
        self._record(name).unlink(missing_ok=True)
        _empty(place)

    @contextmanager
    def _lock(self, name: str) -> Iterator[IO[bytes]]:
        path = self._record(name).with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as lock:
            yield lock

    def _record(self, name: str) -> Path:
        return self.directory / self.own / "held" / f"{_key(name)}.json"

    def _coming(self, name: str) -> Path:
        return self._record(name).with_suffix(".coming")


def _key(name: str) -> str:
    return digest(name)[:32]


def _look(status: os.stat_result) -> list[int]:
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def _free(lock: IO[bytes]) -> bool:
    """Whether nobody has this lock; it is ours then."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _dropped(record: Path) -> bool:
    """Drop a fetched file; not where somebody reads it."""
    with suppress(OSError, ValueError, KeyError), record.with_suffix(".lock").open("a+b") as lock:
        if _free(lock):
            place = record.parent.parent / "tree" / unseal(record.read_bytes())["place"]
            record.unlink(missing_ok=True)
            _empty(place)
            return True
    return False


def _empty(place: Path) -> None:
    """Leave the name without the bytes."""
    with suppress(OSError):
        if place.lstat().st_size:
            write_bytes(place, b"")


def _is_being_written(place: Path) -> bool:
    if not (place.name.startswith(".") and place.name.endswith(".tmp")):
        return False
    with suppress(OSError):
        return time.time() - place.stat().st_mtime < _STALE
    return False
