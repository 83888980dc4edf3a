"""What this machine has room for."""

import os
from contextlib import suppress
from pathlib import Path

# A worker process takes some seconds to start, which this many images that pass through a network and the evaluators
# are worth.
IMAGES_PER_WORKER = 10_000
# Of main memory: torch, the features of one checkpoint and what evaluators make of them.
BYTES_PER_WORKER = 2 << 30


def cores() -> int:
    """Processors this process may use."""
    with suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def workers(tasks: int, images: int, device: str) -> int:
    """How many checkpoints to evaluate at the same time.

    On a GPU one at a time: it is the GPU that there is to wait for.

    Args:
        tasks: checkpoints and baselines to evaluate. images: that each of them is shown.
        device: `cpu`, or another.
    """
    if device != "cpu":
        return 1
    return max(1, min(cores(), tasks, tasks * images // IMAGES_PER_WORKER, free_bytes() // BYTES_PER_WORKER))


def free_bytes() -> int:
    """Of main memory, what the system would give; as much as anybody could want where it does not tell."""
    # Pages that only cache files count as well, which sysconf does not know.
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 1 << 50
