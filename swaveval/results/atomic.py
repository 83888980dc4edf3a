"""Files that are either whole or absent, whatever kills the process in between.

What lies in a store of ours is written by `atomic_path` and `write_bytes`: whatever stands at the name is replaced.
What a user names, or opens, is written by `named_path`, `write_named` and `write_text`: there a link is followed, and
a device or a pipe is written into, as everywhere on such a system.
"""

import errno
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

if sys.platform != "win32":  # there nothing is locked, and nothing swept
    import fcntl


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; on success it is fsynced and renamed onto `target`.

    The temporary lies in the same directory, so that the rename never crosses a file system and readers see the old
    file or the new one, never a half-written one. On an exception the temporary is removed and `target` is untouched.
    What a killed process leaves of one, `remove_leftovers` finds.
    """
    _make_directory(target.parent)
    descriptor, temporary = _locked_temporary(target)
    try:
        yield temporary
        # mkstemp makes files private; a results directory is meant to be shared.
        temporary.chmod(0o666 & ~_umask())
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    except BaseException as error:
        if isinstance(error, OSError):
            error.filename = str(target)  # a full disk does not say where, and nobody knows the temporary's name
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    sync_directory(target.parent)


@contextmanager
def named_path(target: Path) -> Iterator[Path]:
    """Yield a path to write to what a user named: as `atomic_path` for a file, but a link stays a link.

    What links lead to is replaced, or made where it is not there yet. What is no file (a device, a pipe, an open stream
    such as /dev/stdout) gets the bytes of a temporary file once they are all there.

    Raises:
        OSError: it is a directory, its links lead in a circle, or it does not take the bytes.
    """
    if (file := file_behind(target)) is not None:
        with atomic_path(file) as temporary:
            yield temporary
        return
    with tempfile.TemporaryDirectory(prefix="swaveval-", ignore_cleanup_errors=True) as scratch:
        temporary = Path(scratch, target.name)
        yield temporary
        try:
            with temporary.open("rb") as written, _opened(target) as taking:
                shutil.copyfileobj(written, taking)
        except OSError as error:
            error.filename = str(target)
            raise


def file_behind(target: Path) -> Path | None:
    """The file that a name leads to, there or not yet; None for what is written into: a device, a pipe, a stream.

    Raises:
        OSError: it is a directory, or links lead in a circle.
    """
    try:
        mode = target.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return Path(os.path.realpath(target))
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if not stat.S_ISREG(mode) or _stream(target) is not None:
        return None
    return Path(os.path.realpath(target))


def _stream(target: Path) -> Path | None:
    """The place among some process's open files that a name leads to, if it does: what is open there is written to,
    for the file's name may be gone, or lead nowhere."""
    for _ in range(40):  # as many links as a kernel follows
        target = Path(os.path.realpath(target.parent), target.name)
        if re.fullmatch(r"/proc/\d+(/task/\d+)?/fd/\d+|/dev/fd/\d+", str(target)):
            return target
        try:
            target = target.parent / target.readlink()
        except OSError:
            return None
    return None


def _opened(target: Path) -> BinaryIO:
    stream = _stream(target)
    if stream is not None and (str(stream.parent) == "/dev/fd" or f"/proc/{os.getpid()}/" in str(stream)):
        return os.fdopen(os.dup(int(stream.name)), "wb")  # goes on where others who write to it stopped
    return os.fdopen(os.open(target, os.O_WRONLY | (0 if stream is None else os.O_APPEND)), "wb")


def remove_leftovers(directory: Path, *, below: bool = True) -> None:
    """Remove temporaries whose writers are gone, in a directory and those below it.

    A writer holds a lock on its temporary as long as it lives, on whatever machine; where locks cannot be had, nothing
    is removed.
    """
    if sys.platform == "win32":
        return
    for path in directory.rglob(".*.tmp") if below else directory.glob(".*.tmp"):
        with suppress(OSError):  # finished meanwhile, being written, or another's
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(descriptor)


def _locked_temporary(target: Path) -> tuple[int, Path]:
    """A new file beside `target`, locked until its descriptor is closed."""
    while True:
        # 60 characters of up to four bytes: with what is added, a name that every file system takes.
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:60]}.", suffix=".tmp", dir=target.parent)
        if sys.platform != "win32":
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, Path(name)
        os.close(descriptor)  # taken for a leftover before it was locked


def write_bytes(target: Path, content: bytes) -> None:
    """Write `content` to `target` atomically."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)


def write_named(target: Path, content: bytes) -> None:
    """Write `content` to what a user named, as `named_path` does."""
    with named_path(target) as temporary:
        temporary.write_bytes(content)


def write_text(target: Path, content: str) -> None:
    """Write `content` as UTF-8 to what a user named or opens; half a surrogate pair becomes `?`."""
    write_named(target, content.encode("utf-8", "replace"))


def link(source: Path, target: Path) -> None:
    """Make `target` the same file as `source` without copying; a copy where the file system has no hard links."""
    if target.exists() and target.samefile(source):
        return
    with atomic_path(target) as temporary:
        temporary.unlink()
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


def _make_directory(directory: Path) -> None:
    """With its parents; each name lasts, for what lies in a directory whose name a crash takes is lost with it."""
    missing = []
    while not directory.is_dir() and directory != directory.parent:
        missing.append(directory)
        directory = directory.parent
    for made in reversed(missing):
        made.mkdir(exist_ok=True)
        sync_directory(made.parent)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sync_directory(directory: Path) -> None:
    """Make the rename itself durable; a no-op where directories cannot be opened."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
