"""What the shell allows, looked at before anything large is imported: memory, and a directory to stand in.

Under a tight `ulimit -v` the libraries do not fail but abort, or spin for ever in OpenBLAS's search for a buffer
(`blas_memory_alloc`), where no exception of ours can end them. So torch is first imported in a process to spare.
"""

import os
import subprocess
import sys
from pathlib import Path

from swaveval.errors import current_directory_is_gone

# Address space beyond what `import torch` takes, measured on a tiny run with all evaluators: 1.15 GiB on two threads.
WANTED = 1 << 30
WANTED_PER_THREAD = 72 << 20  # a stack of 8 MiB and an arena of malloc
WANTED_WITHOUT_TORCH = 768 << 20  # scipy, bokeh, matplotlib
_WITHOUT_TORCH = ("report", "export", "compare", "evaluators")
_PROCESSOR_SECONDS = 60  # of an import; one that spins is ended
_SECONDS = 300.0  # of an import from a cold network disk
_PROBE = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[1]), int(sys.argv[1])))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
import torch
print(int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize())
"""


def obstacle(arguments: list[str]) -> str | None:
    """Why the command cannot start here, as one sentence; None where it can.

    Args:
        arguments: of the command line, without the program's name.
    """
    if current_directory_is_gone():
        return "the current directory has been removed: change to one that exists (cd) and run again"
    limit = memory_limit()
    if limit is None or not arguments or {"-h", "--help", "--version"} & set(arguments):
        return None
    threads = _threads()
    if arguments[0] in _WITHOUT_TORCH:
        needed = WANTED_WITHOUT_TORCH
    else:
        taken = _taken_by_torch()
        needed = (taken or 0) + WANTED + threads * WANTED_PER_THREAD
        if taken is None:
            return (
                f"the limit of this shell's memory, {_gib(limit)} (`ulimit -v`), is too small for torch to be "
                "imported: raise it, or remove it with `ulimit -v unlimited`"
            )
    if limit >= needed:
        return None
    return (
        f"the limit of this shell's memory is {_gib(limit)} (`ulimit -v`) and {_gib(needed)} are needed on {threads} "
        "threads (OMP_NUM_THREADS), images not counted: raise it, or remove it with `ulimit -v unlimited`"
    )


def memory_limit() -> int | None:
    """Bytes of address space that this process may take (RLIMIT_AS); None where there is no limit."""
    if not Path("/proc/self/statm").exists():
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else soft


def _threads() -> int:
    asked = os.environ.get("OMP_NUM_THREADS", "")
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(asked) if asked.isdecimal() and int(asked) else available


def _taken_by_torch() -> int | None:
    """Address space of a process that has torch imported, in bytes; None where that failed or took too long."""
    command = [sys.executable, "-P", "-c", _PROBE, str(_PROCESSOR_SECONDS)]
    try:
        finished = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False)
        return int(finished.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def _gib(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB"
