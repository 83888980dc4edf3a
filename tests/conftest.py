"""Shape and type annotations are checked at run time over the whole suite."""

import gc
import os
import signal
import sys
from importlib.util import cache_from_source
from pathlib import Path

# One thread: two cores serve several workers, and results must not depend on the count.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# lightly asks its servers for a newer version when imported; a test suite stays offline.
os.environ.setdefault("LIGHTLY_DID_VERSION_CHECK", "True")

import hypothesis
import jaxtyping
import pytest
from jaxtyping import _import_hook, install_import_hook
from shape_checks import jaxtyped

ROOT = Path(__file__).parents[1]
# Where no bytecode may lie beside the code, each of a hundred processes would compile it anew.
if sys.dont_write_bytecode:
    sys.dont_write_bytecode = False
    sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(ROOT / ".pytest_cache" / "bytecode")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

_cached_as_checked = _import_hook._optimized_cache_from_source


def _cached(typechecker: str, /, path: str, debug_override: bool | None = None) -> str:
    """Where the bytecode of a file lies: of ours, that with checks.

    jaxtyping looks for every module that one of ours imports under that name, and compiles thousands of them anew.
    """
    if (ROOT / "swaveval") in Path(path).parents:
        return _cached_as_checked(typechecker, path, debug_override)
    return cache_from_source(path, debug_override)


_import_hook._optimized_cache_from_source = _cached
jaxtyping.jaxtyped = jaxtyped
install_import_hook("swaveval", "shape_checks.checked").__enter__()

# Its assertions tell what they found, as those in a test file do.
pytest.register_assert_rewrite("tests.report.browsing")

# A suite started in the background inherits an ignored Ctrl-C; some tests interrupt a training as a user would.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Nor while they are made, until all tests are collected.
gc.disable()

# The default suite draws the same examples everywhere, so that what passed here passes there; `make torture` looks for
# new ones. How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("same", derandomize=True, database=None, deadline=None)
hypothesis.settings.register_profile("new", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


# Few and long tests: begun last, one worker process would wait for the other. (By itself xdist begins with the files
# that have most tests.)
LONG_FILES = (
    "scale/test_on_ray.py",
    "cli/test_end_to_end.py",
    "convergence/test_bank.py",
    "remote/test_remote_s3.py",
    "docs/test_coverage.py",
    "report/test_report_page.py",
    "api/test_monitor.py",
    "crashes/test_signals.py",
    "pretrain/test_two_processes.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, in the order above; the others as they are."""
    place = {ROOT / "tests" / file: position for position, file in enumerate(LONG_FILES)}
    if gone := [path.name for path in place if not path.is_file()]:
        raise pytest.UsageError(f"LONG_FILES in conftest.py names {', '.join(gone)}, which is not there")
    items.sort(key=lambda item: place.get(item.path, len(place)))


def pytest_collection_finish() -> None:
    """Millions of objects of imported modules stay to the end: no collection of garbage has to look at them again."""
    gc.collect()
    gc.freeze()
    gc.enable()
