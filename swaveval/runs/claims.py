"""Leases: who works on what, where several commands share an output directory.

A lease is a file that names its owner's host and process and is touched every few seconds while that lives. It is dead
when its process is gone, as far as this machine can tell, or was not touched for half a minute by the disk's own clock.
A dead one is taken over. Leases save work; nothing wrong is stored where one fails, as two results of a cell are equal.
"""

import json
import os
import socket
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swaveval.results.encoding import digest
from swaveval.runs.tasks import Task

BEAT_SECONDS = 5.0
DEAD_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a lease.

    Attributes:
        host, boot: the machine, and which of its starts.
        process, started: its number, and when the system started it, in clock ticks since the machine's start.
        id: of the command, unlike any other's.
    """

    host: str
    boot: str
    process: int
    started: str
    id: str

    @classmethod
    def this_process(cls) -> "Owner":
        return cls(socket.gethostname(), _boot(), os.getpid(), _started(os.getpid()), uuid.uuid4().hex)

    @property
    def gone(self) -> bool:
        """Whether this machine knows that the process is not there any more."""
        return (self.host, self.boot) == (socket.gethostname(), _boot()) and _started(self.process) != self.started

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}"


class Claims:
    """The leases of one command, below `directory`. To be closed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._owner = Owner.this_process()
        self._held: set[Path] = set()
        self._ended = threading.Event()
        self._beating: threading.Thread | None = None

    def take(self, task: Task) -> bool:
        """Whether it is ours to do, from now on until it is released."""
        lease = self._path(task)
        if lease in self._held:
            return True
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            if not self._create(lease) and not self._take_over(lease):
                return False
        except OSError:  # where no lease can be written, no result can: let that say so
            return True
        self._held.add(lease)
        if self._beating is None:
            self._beating = threading.Thread(target=self._beat, name="swaveval-leases", daemon=True)
            self._beating.start()
        return True

    def holder(self, task: Task) -> Owner | None:
        """Who holds it, if anybody."""
        return _read(self._path(task))

    def release(self, task: Task) -> None:
        self._remove(self._path(task))

    def close(self) -> None:
        """Release everything, and what the dead left: of a task that others have done since, nobody asks again."""
        self._ended.set()
        with suppress(OSError):
            for lease in self.directory.glob("*.lease"):
                if lease not in self._held and self._take_over(lease):
                    self._held.add(lease)
        for lease in list(self._held):
            self._remove(lease)

    def _create(self, lease: Path) -> bool:
        try:
            descriptor = os.open(lease, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            return False
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(self._content)
        return True

    def _take_over(self, lease: Path) -> bool:
        """Replace a dead lease. Who does so holds a second file, lest two do."""
        if not self._dead(lease):
            return False
        taking = lease.with_suffix(".taking")
        if not self._create(taking):
            if self._dead(taking):
                taking.unlink(missing_ok=True)
            return False
        try:
            if not self._dead(lease):
                return False
            fresh = lease.with_suffix(f".{self._owner.id}")
            fresh.write_text(self._content, encoding="utf-8")
            fresh.replace(lease)
            return True
        finally:
            taking.unlink(missing_ok=True)

    def _dead(self, lease: Path) -> bool:
        owner = _read(lease)
        if owner is not None and owner.gone:
            return True
        try:
            return self._now() - lease.stat().st_mtime > DEAD_SECONDS
        except FileNotFoundError:  # released between two looks: who creates it next has it
            return False

    def _now(self) -> float:
        """The time by the clock that stamps files here, which may be another machine's."""
        probe = self.directory / f".{self._owner.id}"
        probe.touch()
        try:
            return probe.stat().st_mtime
        finally:
            probe.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            for lease in list(self._held):
                with suppress(OSError):
                    os.utime(lease)

    def _remove(self, lease: Path) -> None:
        self._held.discard(lease)
        with suppress(OSError):
            if (owner := _read(lease)) is not None and owner.id == self._owner.id:
                lease.unlink(missing_ok=True)

    @property
    def _content(self) -> str:
        named = {name: getattr(self._owner, name) for name in Owner.__dataclass_fields__}
        return json.dumps({**named, "since": time.time()})

    def _path(self, task: Task) -> Path:
        return self.directory / f"{unit(task)}.lease"


def unit(task: Task) -> str:
    """What is claimed: a backbone with everything that is made of it, or one cell of another kind."""
    first = task.cells[0].key
    if task.owners is not None or not task.looks_at_images:
        return first.digest[:32]
    return digest([first.backbone, first.data, first.transform])[:32]


def _read(lease: Path) -> Owner | None:
    """None where there is none, or where it is being written."""
    try:
        body: dict[str, Any] = json.loads(lease.read_text(encoding="utf-8"))
        return Owner(str(body["host"]), str(body["boot"]), int(body["process"]), str(body["started"]), str(body["id"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _started(process: int) -> str:
    """When a process was started; empty where it is not there any more (or where the system does not say)."""
    try:
        fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
        return "" if fields[0] == b"Z" else fields[19].decode("ascii")  # a zombie has ended; nobody has asked how
    except (OSError, IndexError):
        return ""
