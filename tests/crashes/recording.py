"""Every file operation of this process below a directory, written down; at a chosen one the process stops dead."""

import builtins
import io
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.crashes.disk import Operation

Moment = tuple[int, str]  # number of an operation, and `before`, `within` or `after` it


class Recorder:
    """The operations below `root`, in order.

    Attributes:
        operations: what was done.
        crash: where this process leaves with `os._exit`, as at a kill: nothing is closed, flushed or tidied up.
    """

    def __init__(self, root: Path, crash: Moment | None = None) -> None:
        self.root = root
        self.operations: list[Operation] = []
        self.crash = crash
        self.paused = False
        self.files = 0
        self.numbers: dict[int, int] = {}
        self.directories: dict[int, str] = {}
        self.lock = threading.RLock()
        for number, path in enumerate(self._files(), start=1):
            self.numbers.setdefault(path.stat().st_ino, -number)

    def _files(self) -> list[Path]:
        seen: dict[int, Path] = {}
        for path in sorted(self.root.rglob("*")):
            if not path.is_dir():
                seen.setdefault(path.stat().st_ino, path)
        return list(seen.values())

    def name(self, path: Any) -> str | None:
        """Relative to the root; None for what lies elsewhere, and while nothing is written down."""
        if self.paused or isinstance(path, int):
            return None
        whole = Path(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100 - links stay links
        return whole.relative_to(self.root).as_posix() if whole.is_relative_to(self.root) else None

    def new(self, status: os.stat_result) -> int:
        self.files += 1
        self.numbers[status.st_ino] = self.files
        return self.files

    def number(self, status: os.stat_result) -> int | None:
        return None if self.paused else self.numbers.get(status.st_ino)

    @contextmanager
    def doing(self, operation: Operation, within: Callable[[], object] | None = None) -> Iterator[None]:
        """Around an operation; what raises was not done."""
        with self.lock:
            place = len(self.operations)
            if self.crash == (place, "before"):
                os._exit(0)
            if self.crash == (place, "within") and within is not None:
                within()
                os._exit(0)
            yield
            self.operations.append(operation)
            if self.crash == (place, "after"):
                os._exit(0)


class _Raw(io.FileIO):
    """A file whose writes are written down."""

    recorder: Recorder

    def write(self, data: Any, /) -> int:
        number = self.recorder.number(os.fstat(self.fileno()))
        content = bytes(data)
        if number is None:
            return super().write(content) or 0
        at = os.fstat(self.fileno()).st_size if "a" in self.mode else self.tell()
        half = content[: len(content) // 2]
        with self.recorder.doing(
            Operation("write", file=number, at=at, content=content), lambda: io.FileIO.write(self, half)
        ):
            return super().write(content) or 0

    def truncate(self, size: int | None = None, /) -> int:
        length = self.tell() if size is None else size
        number = self.recorder.number(os.fstat(self.fileno()))
        if number is None:
            return super().truncate(length)
        with self.recorder.doing(Operation("truncate", file=number, at=length)):
            return super().truncate(length)


@contextmanager
def recorded(root: Path, crash: Moment | None = None) -> Iterator[Recorder]:
    """Write down every operation below `root` until the block ends.

    Only what goes through Python's own functions is seen; whoever replays the operations compares the end with what
    lies on disk, so nothing passes by unnoticed.
    """
    recorder = Recorder(root, crash)
    with pytest.MonkeyPatch.context() as patch:
        opened = _opening(recorder, io.open)
        patch.setattr(io, "open", opened)
        patch.setattr(builtins, "open", opened)
        patch.setattr(os, "open", _os_open(recorder, os.open))
        patch.setattr(os, "fsync", _syncing(recorder, os.fsync))
        patch.setattr(os, "fdatasync", _syncing(recorder, os.fdatasync))
        for one in ("replace", "rename"):
            patch.setattr(os, one, _renaming(recorder, getattr(os, one)))
        for one in ("unlink", "remove"):
            patch.setattr(os, one, _unlinking(recorder, getattr(os, one)))
        patch.setattr(os, "mkdir", _making(recorder, os.mkdir))
        patch.setattr(os, "link", _linking(recorder, os.link))
        yield recorder
        recorder.paused = True


def _opening(recorder: Recorder, real: Callable[..., Any]) -> Callable[..., Any]:
    def opened(file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **more: Any) -> Any:
        name = recorder.name(file)
        if name is None or not set(mode) & set("wax+"):
            return real(file, mode, buffering, *rest, **more)
        there = os.path.lexists(file)
        if "x" in mode or not there:
            with recorder.doing(Operation("create", name, file=recorder.files + 1)):
                raw = _made(recorder, file, mode)
                recorder.new(os.fstat(raw.fileno()))
        elif "w" in mode:
            with recorder.doing(Operation("truncate", file=recorder.numbers[os.stat(file).st_ino], at=0)):  # noqa: PTH116
                raw = _made(recorder, file, mode)
        else:
            raw = _made(recorder, file, mode)
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return buffered
        return io.TextIOWrapper(buffered, *rest, **{**more, "line_buffering": buffering == 1})

    return opened


def _made(recorder: Recorder, file: Any, mode: str) -> _Raw:
    raw = _Raw(file, mode.replace("b", "").replace("t", ""))
    raw.recorder = recorder
    return raw


def _os_open(recorder: Recorder, real: Callable[..., int]) -> Callable[..., int]:
    def opened(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        name = recorder.name(path)
        if name is None or not flags & os.O_CREAT or os.path.lexists(path):
            descriptor = real(path, flags, *rest, **more)
            if name is not None and stat.S_ISDIR(os.fstat(descriptor).st_mode):
                recorder.directories[descriptor] = name
            return descriptor
        with recorder.doing(Operation("create", name, file=recorder.files + 1)):
            descriptor = real(path, flags, *rest, **more)
            recorder.new(os.fstat(descriptor))
        return descriptor

    return opened


def _syncing(recorder: Recorder, real: Callable[[Any], None]) -> Callable[[Any], None]:
    def synced(file: Any) -> None:
        descriptor = file if isinstance(file, int) else file.fileno()
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            name = recorder.directories.get(descriptor)
            operation = None if name is None or recorder.paused else Operation("sync names", name)
        else:
            number = recorder.number(status)
            operation = None if number is None else Operation("sync", file=number)
        if operation is None:
            return real(descriptor)
        with recorder.doing(operation):  # the model alone says what is lost: nothing need go to the disk
            return None

    return synced


def _renaming(recorder: Recorder, real: Callable[..., None]) -> Callable[..., None]:
    def renamed(source: Any, target: Any, **more: Any) -> None:
        old, new = recorder.name(source), recorder.name(target)
        if old is None or new is None:
            return real(source, target, **more)
        number = recorder.numbers.get(os.stat(source).st_ino, 0)  # noqa: PTH116
        with recorder.doing(Operation("rename", old, new, file=number)):
            return real(source, target, **more)

    return renamed


def _unlinking(recorder: Recorder, real: Callable[..., None]) -> Callable[..., None]:
    def unlinked(path: Any, **more: Any) -> None:
        name = recorder.name(path)
        if name is None or more:
            return real(path, **more)
        with recorder.doing(Operation("unlink", name)):
            return real(path)

    return unlinked


def _making(recorder: Recorder, real: Callable[..., None]) -> Callable[..., None]:
    def made(path: Any, *rest: Any, **more: Any) -> None:
        name = recorder.name(path)
        if name is None:
            return real(path, *rest, **more)
        with recorder.doing(Operation("mkdir", name)):
            return real(path, *rest, **more)

    return made


def _linking(recorder: Recorder, real: Callable[..., None]) -> Callable[..., None]:
    def linked(source: Any, target: Any, **more: Any) -> None:
        new = recorder.name(target)
        if new is None:
            return real(source, target, **more)
        number = recorder.numbers.get(os.stat(source).st_ino, 0)  # noqa: PTH116
        with recorder.doing(Operation("link", recorder.name(source) or "", new, file=number)):
            return real(source, target, **more)

    return linked
