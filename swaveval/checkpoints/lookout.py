"""Looks at a directory time and again, and takes what stands there whole, however long the evaluation is busy.

By polling: on network file systems nobody is told of what other machines write. What has not changed between two looks
is whole, as far as looking can tell; the reader finds out about the rest. A file that is named for one moment is taken
by a hard link, which costs nothing and survives its removal; any other may be written over in place, and is copied.
"""

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from swaveval.checkpoints.hugging_face.beside import places_beside
from swaveval.checkpoints.piece_names import files_of, index_of
from swaveval.checkpoints.watched import Stamp, Watched, is_of_one_moment, stamp_of
from swaveval.results.atomic import atomic_path, remove_leftovers

# Where links cannot be had, all copies together take no more than this share of what is free.
SHARE_OF_FREE = 0.25
Taken = tuple[str, Stamp, Path | None]


class Lookout:
    """A thread that looks every `poll` seconds, for as long as the block lasts.

    Attributes:
        changed: when something in the directory last changed, by `time.monotonic`; the beginning, where nothing did.
        longest: seconds between two changes, the most there were.
    """

    def __init__(self, watched: Watched, copies: Path, poll: float, tell: Callable[[str], None]) -> None:
        self.changed, self.longest = time.monotonic(), 0.0
        self._watched, self._copies, self._poll, self._tell = watched, copies, poll, tell
        self._seen: dict[str, Stamp] = {}
        self._taken: list[Taken] = []
        self._lock, self._looking = threading.Lock(), threading.Lock()
        self._over, self._news = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, name="watching checkpoints", daemon=True)

    def __enter__(self) -> "Lookout":
        """Takes up what was taken before, and looks once.

        Raises:
            OSError: the directory cannot be looked at.
        """
        remove_leftovers(self._copies)
        left = [(path, stamp_of(path)) for path in self._copies.glob("*/**/*") if path.is_file()]
        named = [(path.relative_to(self._copies).parts, path, stamp) for path, stamp in left if stamp is not None]
        for parts, path, stamp in sorted(named, key=lambda one: one[2][1]):
            file = Path(*parts[1:]).as_posix()
            file = file if parts[0] == _place(file, stamp) else Path(file).parent.as_posix()
            if parts[0] == _place(file, stamp):
                self._take(file, stamp, path)
        self.look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def taken(self) -> list[Taken]:
        """What was taken since the last call: file, stamp, and where a copy of it lies."""
        with self._lock:
            self._news.clear()
            taken, self._taken = self._taken, []
        return taken

    def wait(self, seconds: float) -> None:
        """Until something was taken, or so long."""
        self._news.wait(seconds)

    def sweep(self, needed: set[Path]) -> None:
        """Remove the copies that nobody needs."""
        with self._lock:
            wanted = {path.relative_to(self._copies).parts[0] for path in needed}
            wanted |= {path.relative_to(self._copies).parts[0] for _, _, path in self._taken if path is not None}
            for place in self._copies.glob("*"):
                if place.name not in wanted:
                    shutil.rmtree(place, ignore_errors=True)

    def _keep_looking(self) -> None:
        while not self._over.wait(self._poll):
            with suppress(OSError):  # a network disk that is away for a while
                self.look()

    def look(self) -> bool:
        """Look once; called twice, whatever is there by then is taken.

        Returns:
            whether there is something that nobody has evaluated.
        """
        with self._looking:
            return self._look()

    def _look(self) -> bool:
        places = self._watched.files()
        now = {file: stamp for file, path in places.items() if (stamp := stamp_of(path)) is not None}
        if now != self._seen:
            moment = time.monotonic()
            if self._seen:
                self.longest = max(self.longest, moment - self.changed)
            self.changed = moment
        for file, stamp in now.items():
            if self._seen.get(file) != stamp or self._watched.knows(file, stamp):
                continue
            with self._lock:  # nothing is swept that is just being made
                if any(taken[:2] == (file, stamp) for taken in self._taken):
                    continue
                copy = self._copy(file, places[file], stamp)
                if stamp_of(places[file]) == stamp or (copy is not None and stamp_of(copy) == stamp):
                    self._take(file, stamp, copy)
        self._seen = now
        return self._news.is_set() or not all(self._watched.knows(file, stamp) for file, stamp in now.items())

    def _take(self, file: str, stamp: Stamp, copy: Path | None) -> None:
        self._taken.append((file, stamp, copy))
        self._news.set()

    def _copy(self, file: str, path: Path, stamp: Stamp) -> Path | None:
        """A link or copy that is ours; None where there can be none, and the file is read where it is."""
        target = self._copies / _place(file, stamp) / file
        if path.name != target.name:
            target = target / path.name  # a directory that is one checkpoint, called by its own name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            linked = is_of_one_moment(file) and all(_linked(one, target.parent / one.name) for one in files_of(path))
            if not linked:
                if not self._fits(stamp[0]):
                    return None
                for one in files_of(path):
                    copied(one, target.parent / one.name)
            for beside in beside_of(path):
                place = Path(os.path.normpath(target.parent / os.path.relpath(beside, path.parent)))
                if place.is_relative_to(self._copies / _place(file, stamp)):
                    with suppress(FileNotFoundError):
                        copied(beside, place)
        except OSError as error:
            self._tell(f"{file} could not be copied ({error.strerror or error}); it is read where it is")
            return None
        return target

    def _fits(self, size: int) -> bool:
        held = sum(path.stat().st_size for path in self._copies.rglob("*") if path.is_file())
        return held + size <= SHARE_OF_FREE * (shutil.disk_usage(self._copies).free + held)


def beside_of(path: Path) -> list[Path]:
    """Where what belongs to a checkpoint and holds no weights may lie."""
    index = index_of(path)
    return [*places_beside(path), *([] if index is None else [index])]


def _place(file: str, stamp: Stamp) -> str:
    """The directory of a copy; it says what the copy is one of."""
    return hashlib.sha256(f"{file}\0{stamp}".encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _linked(path: Path, target: Path) -> bool:
    try:
        os.link(path, target)
    except FileExistsError:
        return True
    except OSError:
        return False
    return True


def copied(path: Path, target: Path) -> None:
    """Copy a file, with its modification time."""
    with atomic_path(target) as temporary:
        shutil.copyfile(path, temporary)
        shutil.copystat(path, temporary)
