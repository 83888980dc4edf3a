"""What every process of ours has: our own modules, whatever directory it starts in, and an end with its parent."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import swaveval

_PR_SET_PDEATHSIG = 1
ORPHANED = 77  # exit status of a process whose parent is gone


def module_path() -> list[str]:
    """`sys.path` without the current directory, however it got there: a file in it must not pass for a module.

    The directory that swaveval itself was imported from comes last, for a checkout that is run in place.
    """
    kept = [entry for entry in sys.path if not _is_current(entry)]
    root = str(Path(swaveval.__file__).parents[1])
    return kept if root in kept else [*kept, root]


def python_command(module: str, *arguments: str) -> list[str]:
    """A Python that calls `main()` of one of our modules, on this process's own module path.

    Not `python -m`, and with -P: a torch.py in the current directory must not be imported in torch's place.
    """
    code = (
        "import sys, json; sys.path[:] = json.loads(sys.argv.pop())\n"
        f"from swaveval.imports import no_garbage\nwith no_garbage(): from {module} import main\nmain()"
    )
    return [sys.executable, "-P", "-c", code, *arguments, json.dumps(module_path())]


def child_environment() -> dict[str, str]:
    """The environment for processes of ours: nothing is imported from the directory they happen to start in."""
    environment = dict(os.environ, PYTHONSAFEPATH="1")
    # An empty entry (`PYTHONPATH=$PYTHONPATH:/somewhere`) means the current directory.
    entries = [entry for entry in environment.pop("PYTHONPATH", "").split(os.pathsep) if Path(entry).is_absolute()]
    if entries:
        environment["PYTHONPATH"] = os.pathsep.join(entries)
    return environment


def parent_mark() -> str:
    """What a child is told, so that it can die with its parent: the parent's process number, `0` where it must not.

    Linux sends the signal when the *thread* that started the child ends, so only the main thread's children ask for it.
    """
    return str(os.getpid() if threading.current_thread() is threading.main_thread() else -os.getpid())


def die_with_parent(mark: int, *, watch: bool = True) -> None:
    """Have this process killed when the parent that gave `mark` is gone, however that ends.

    Args:
        mark: from `parent_mark`.
        watch: look once a second where the system cannot do it.
    """
    parent = abs(mark)
    if not (mark > 0 and death_signal(signal.SIGKILL)) and watch:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it went before we asked
        os._exit(ORPHANED)


def death_signal(number: int) -> bool:
    """Ask Linux to send `number` to this process when its parent ends; whether that is known here."""
    try:
        return _prctl is not None and _prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) == 0
    except Exception:
        return False


def _find_prctl() -> Callable[..., Any] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        import ctypes

        return ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None


# Found once, before any fork: a fork that reads a stranger's file looks nothing up.
_prctl = _find_prctl()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(ORPHANED)


def _is_current(entry: str) -> bool:
    if entry in ("", "."):
        return True
    try:
        here = Path.cwd()
    except OSError:
        return False
    # A directory that the user names in full in PYTHONPATH is meant to be imported from.
    named = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if Path(part).is_absolute()]
    return Path(entry) == here and entry not in named
