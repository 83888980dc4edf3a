"""Where results lie: found from whatever a user names, and looked at before anything is written."""

import errno
import os
import re
from pathlib import Path

from swaveval.results.atomic import file_behind
from swaveval.results.store import StoreError
from swaveval.text import printable

# What Path leaves of an address: one slash.
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/([^/].*)")
_MANIFEST = Path("results") / "run.json"
# What a run makes first, and while it works.
_BEGUN = (Path("cache") / "reads", Path("results") / "cells")


class OutputError(StoreError):
    """Nothing can be written where the results should go; the sentence says why and what to do."""


def locate(named: Path) -> Path:
    """The directory that holds `results/`, from itself, its run, its page, its `results/` or its checkpoints.

    Raises:
        StoreError: there are no results in any of these places; evaluations that lie below are named.
    """
    inside = named if named.is_dir() else named.parent
    places = [inside, inside / "report"]
    if named.is_file() or named.name in ("results", "figures", "checkpoints"):
        places += [inside.parent, inside.parent / "report"]
    for place in places:
        if named.exists() and (place / _MANIFEST).is_file():
            return place
    below = sorted(path.parents[1] for depth in ("*", "*/*") for path in named.glob(f"{depth}/{_MANIFEST}"))
    found = f"; evaluations below it: {', '.join(map(str, below[:5]))}" if below else ""
    if not named.exists() and (address := _ADDRESS.match(str(named))):
        raise StoreError(
            f"{address[1]}://{address[2]} is an address, and results are read from a directory of this machine: name "
            "the one that `swaveval run --out ADDRESS` keeps here, or fetch it"
        )
    if not named.exists():
        raise StoreError(f"no results in {named}: there is no such file or directory")
    begun = next((place for place in places if any((place / part).is_dir() for part in _BEGUN)), None)
    if begun is not None and not found:
        raise StoreError(
            f"no results in {named} yet: the `swaveval run` that began in {begun} has not come to its end. "
            "Run it again with the same --out where it was stopped: what is done is kept"
        )
    raise StoreError(
        f"no results in {named}: looked for {_MANIFEST} in it and in its report/{found}. "
        "Name what `swaveval run` wrote (its --out, or the run's directory)"
    )


def check_file(file: Path, *, option: str) -> None:
    """Raise unless a file that a user named can be written, or what stands there written into; makes nothing.

    Raises:
        OutputError: nothing can be written there, and why.
    """
    _check_here(file, "a file", option)
    if file.is_dir():
        check_writable(file.absolute().parent, option=option)
        return
    try:
        behind = file_behind(file)
    except OSError as error:
        raise OutputError(f"cannot write to {_clipped(file)}: {_why(error)}; name another file with {option}") from None
    if behind is not None:
        check_writable(behind.parent, option=option)
    elif not os.access(file, os.W_OK):
        raise OutputError(f"cannot write to {_clipped(file)}: you may not write to it; name another with {option}")


def check_writable(directory: Path, *, option: str = "--out", advice: str = "") -> None:
    """Raise unless files can be written to a directory that is there or can be made; makes nothing.

    Args:
        option: what names another place. advice: what to do instead, where no option does.

    Raises:
        OutputError: a part of the path is a file or a link that leads nowhere, or there is no permission.
    """
    _check_here(directory, "a directory", option)
    elsewhere = advice or f"name a directory that can be written to with {option}"
    advice, nearest = advice or f"name another directory with {option}", directory
    while True:
        try:
            nearest.stat()
            break
        except (FileNotFoundError, NotADirectoryError):
            if nearest.is_symlink():
                raise OutputError(
                    f"cannot write to {_clipped(directory)}: {_clipped(nearest)} is a link to "
                    f"{_clipped(nearest.readlink())}, which is not there; make that directory, or {advice}"
                ) from None
            if nearest == nearest.parent:
                break
            nearest = nearest.parent
        except OSError as error:
            raise OutputError(f"cannot write to {_clipped(directory)}: {_why(error)}; {advice}") from None
    if not nearest.is_dir():
        raise OutputError(f"cannot write to {directory}: {nearest} is a file, not a directory; {advice}")
    if not os.access(nearest, os.W_OK | os.X_OK):
        read_only = os.statvfs(nearest).f_flag & os.ST_RDONLY
        why = "lies on a read-only file system" if read_only else "may not be written to by you"
        raise OutputError(f"cannot write to {directory}: {nearest} {why}; {elsewhere}")


def _check_here(place: Path, kind: str, option: str) -> None:
    """Raise where it was an address before it was made a path: it would become a directory called `s3:`."""
    if address := _ADDRESS.match(str(place)):
        raise OutputError(
            f"this is written to {kind} of this machine, not to {address[1]}://{_clipped(Path(address[2]))}"
            f"; name one with {option} and copy it there afterwards"
        )


def _why(error: OSError) -> str:
    known = {errno.ENAMETOOLONG: "the path is too long", errno.ELOOP: "symbolic links lead in a circle"}
    return known.get(error.errno or 0, str(error.strerror))


def _clipped(path: Path) -> str:
    text = printable(str(path))
    return text if len(text) <= 200 else f"{text[:90]} … {text[-90:]}"
