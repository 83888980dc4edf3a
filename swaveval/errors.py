"""Every error of swaveval is a `SwavevalError`: a sentence, what to do, and the exit code of the command line.

`except swaveval.errors.SwavevalError` catches whatever is the user's to mend: images, checkpoints, settings, results,
plugins, devices. Faults of the machine (a full disk, no permission, no memory) stay what Python raises, `OSError` and
`MemoryError`; `machine_fault` puts them into the same form.
"""

import errno
import os
from pathlib import Path
from typing import ClassVar

from swaveval.text import clipped

# What the commands exit with, as `swaveval run --help` documents them.
DONE = 0
CELLS_FAILED = 1
USAGE = 2
WRITING = 3
DAMAGED = 4
VERDICT_FAILED = 5
NOT_LOGGED = 6
INTERRUPTED = 130


class SwavevalError(Exception):
    """Something that the user can mend. The text is one sentence: what was wrong, what was found, what to do.

    Attributes:
        exit_code: of the command that it ends.
    """

    exit_code: ClassVar[int] = USAGE

    @property
    def hint(self) -> str:
        """The sentence's last clause, after its last semicolon, where these texts say what to do; empty where it has
        but one clause."""
        found, parted, advice = str(self).rpartition("; ")
        return advice if found and parted else ""


class MachineFault(SwavevalError):
    """The machine stands in the way: a full disk, a missing permission, no memory."""


KEPT = "What was finished is kept; {again} goes on from there"

# errno → what is the matter with the file at {place}, and what to do.
_SENTENCES = {
    errno.ENOSPC: "no space is left for {place}: free some, or name a place on another disk with {option}. " + KEPT,
    errno.EDQUOT: "the disk quota is used up by {place}: free some, or name another place with {option}. " + KEPT,
    errno.EFBIG: "{place} would be larger than this shell allows: raise the limit with `ulimit -f unlimited`. " + KEPT,
    errno.EROFS: "{place} lies on a read-only file system: name a place that can be written to with {option}",
    errno.EACCES: "no permission for {place}: change it (chmod, chown), or name another place with {option}",
    errno.EPERM: "no permission for {place}: change it (chmod, chown), or name another place with {option}",
    errno.ENOTDIR: "{place}: a part of this path is a file, where a directory is needed; name another path",
    errno.EEXIST: "{place} is a file, where a directory is needed; name another path, or move it away",
    errno.EISDIR: "{place} is a directory, where a file is needed; name a file, or move it away",
    errno.ENAMETOOLONG: "{place}: this path is longer than the file system allows; name a shorter one",
    errno.ENOENT: "{place} is not there, or not any more; check the path and run again",
    errno.ELOOP: "{place}: symbolic links lead in a circle; name the real path",
    errno.EMFILE: "too many files are open for {place}: raise the limit with `ulimit -n 4096`, or lower --jobs",
    errno.ENFILE: "the system has too many files open for {place}: close other programs, or lower --jobs",
    errno.EIO: "{place} cannot be read or written: the disk reports an error; check it, or copy the files to another",
    errno.ESTALE: "{place}: the network file system lost it; mount it again and run again. " + KEPT,
    errno.ENOTCONN: "{place}: the network file system is not connected; mount it again and run again. " + KEPT,
    errno.EAGAIN: "the system allows no further process or thread: raise `ulimit -u`, or lower --jobs or --workers",
    errno.ENOMEM: "not enough memory: close other programs, raise `ulimit -v`, or lower --jobs. " + KEPT,
}  # fmt: skip

# The dynamic linker's words for it.
_NO_MEMORY = ("failed to map segment", "cannot allocate memory", "Cannot allocate memory")
# What pathlib says before Python 3.13, where the system itself says ELOOP.
_CIRCLE = "Symlink loop from "


def machine_fault(
    error: BaseException, *, again: str = "the same command", option: str = "--out"
) -> MachineFault | None:
    """The fault as one sentence where it is the machine's, or None for one that is ours (a traceback).

    Args:
        error: what was raised.
        again: what goes on with the work once the fault is mended.
        option: what names another place for what is written.
    """
    said = _sentence(error, again, option)
    return None if said is None else MachineFault(said)


def _sentence(error: BaseException, again: str, option: str) -> str | None:
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "can't start new thread" in str(error)):
        return _SENTENCES[errno.ENOMEM].format(again=again)
    if isinstance(error, ImportError) and any(word in str(error) for word in _NO_MEMORY):
        return _SENTENCES[errno.ENOMEM].format(again=again)
    if isinstance(error, RuntimeError) and str(error).startswith(_CIRCLE):
        return _SENTENCES[errno.ELOOP].format(place=_shown(str(error).removeprefix(_CIRCLE).strip("'")))
    if isinstance(error, UnicodeError):
        return f"a text cannot be read or written in this encoding ({error}): set PYTHONUTF8=1 and run again"
    if not isinstance(error, OSError):
        return None
    if current_directory_is_gone():
        return "the current directory has been removed: change to one that exists (cd) and run again"
    known = _SENTENCES.get(error.errno or 0)
    place = _shown(error.filename2 or error.filename)
    if known is None:
        return f"{place}: {error.strerror or error}" if error.filename else str(error) or type(error).__name__
    return known.format(place=place, again=again, option=option)


def _shown(name: object) -> str:
    """A path in one printable line, its middle left out where it is long."""
    return clipped(os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else "a file", 200)


def current_directory_is_gone() -> bool:
    """Whether somebody removed the directory that this process stands in."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False
