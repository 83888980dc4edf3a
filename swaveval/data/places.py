"""Where this package keeps what can be made again: downloads and scans."""

import os
from pathlib import Path


def cache_directory() -> Path:
    """`$SWAVEVAL_DATA`, else `swaveval` below `$XDG_CACHE_HOME` or `~/.cache`."""
    chosen = os.environ.get("SWAVEVAL_DATA")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "swaveval"
    except RuntimeError:  # no home directory
        return Path(os.path.curdir).resolve() / ".swaveval-cache"
