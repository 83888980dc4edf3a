"""What a plugin's file imports from its own directory, and nothing that others import from there.

The directory is not put into `sys.path`: a `wandb/` or `queue.py` that lies in it would be found by any library.
"""

import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

_IMPORT = ("importlib", "_frozen_importlib", "_frozen_importlib_external")


class Neighbours(importlib.abc.MetaPathFinder):
    """Asked last, so that it shadows nothing; answers imports of files in the directories that were allowed alone."""

    def __init__(self) -> None:
        self._directories: set[str] = set()

    def allow(self, directory: Path) -> None:
        """Let the files of this directory import one another."""
        self._directories.add(str(directory))
        if self not in sys.meta_path:
            sys.meta_path.append(self)

    def find_spec(
        self, fullname: str, path: Iterable[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        directory = "" if path is not None else _home(_importer())
        if directory not in self._directories:
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, [directory])
        if found is None or found.has_location:
            return found
        # Any directory would be a package, of data or of a tracker's runs too: one of modules is.
        places = map(Path, found.submodule_search_locations or ())
        return found if any(any(place.glob("*.py")) for place in places) else None


def _importer() -> dict[str, Any]:
    """The globals of the code that imports."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not _of_import(frame):
        frame = frame.f_back
    while frame is not None and _of_import(frame):
        frame = frame.f_back
    return {} if frame is None else frame.f_globals


def _of_import(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] in _IMPORT


def _home(importer: dict[str, Any]) -> str:
    """The directory that holds the file, or the whole package, that code is of."""
    top = sys.modules.get(str(importer.get("__name__")).partition(".")[0])
    package = next(iter(getattr(top, "__path__", ())), None)
    file = package or getattr(top, "__file__", None)
    # Not by Path: it is asked at every import that fails.
    return "" if file is None else os.path.dirname(os.path.abspath(file))  # noqa: PTH100, PTH120


NEIGHBOURS = Neighbours()
