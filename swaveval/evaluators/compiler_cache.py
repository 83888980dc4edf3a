"""A place for what numba compiles, where neither the installation nor the home directory can be written to."""

import atexit
import importlib.util
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import ModuleType

_VARIABLE = "NUMBA_CACHE_DIR"


def provide_cache() -> None:
    """Call before umap-learn is imported: it refuses to where numba finds no directory for compiled code.

    The directory is private and of this process only, since numba unpickles what it finds there; so compiling costs
    its quarter of a minute in every run, but the maps are made.
    """
    if os.environ.get(_VARIABLE) or _writable(_beside("umap")) or _writable(_users()):
        return
    with suppress(OSError):  # without any place the import says so in numba's words
        place = tempfile.mkdtemp(prefix="swaveval-numba-")
        os.environ[_VARIABLE] = place
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        if "numba" in sys.modules:  # imported before us, it has read the environment
            sys.modules["numba"].config.reload_config()


def keep_compiled(*modules: ModuleType) -> None:
    """Have numba keep what it compiles of these modules, where they do not ask for it themselves.

    umap-learn compiles its layout and its graph anew in every process, which takes six seconds; numba keeps code by the
    function's source, its own version and the processor.
    """
    from numba.core.dispatcher import Dispatcher

    for module in modules:
        for function in vars(module).values():
            cache = getattr(function, "_cache", None)
            if isinstance(function, Dispatcher) and cache is not None and cache.cache_path is None:
                with suppress(RuntimeError):  # no place to keep it: it is compiled again, as before
                    function.enable_caching()


def _beside(package: str) -> Path | None:
    """`__pycache__` of an installed package, numba's first choice."""
    found = importlib.util.find_spec(package)
    return None if found is None or found.origin is None else Path(found.origin).parent / "__pycache__"


def _users() -> Path | None:
    """numba's second choice."""
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "numba"
    except RuntimeError:
        return None


def _writable(directory: Path | None) -> bool:
    """Whether files can be made there, tried: access rights say nothing of full or foreign file systems."""
    if directory is None:
        return False
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return True
    except OSError:
        return False
