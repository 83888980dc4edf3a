"""What this machine has room for."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
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


def workers(tasks: int, images: int, devices: Sequence[str]) -> int:
    """How many checkpoints to evaluate at the same time.

    On each GPU one: it is the GPU that there is to wait for.

    Args:
        tasks: checkpoints and baselines to evaluate. images: that each of them is shown.
        devices: `cpu`, or the others that there are (see `devices`).
    """
    if devices[0] != "cpu":
        return max(1, min(tasks, len(devices)))
    return max(1, min(cores(), tasks, tasks * images // IMAGES_PER_WORKER, free_bytes() // BYTES_PER_WORKER))


def devices(asked: str) -> tuple[str, ...]:
    """What worker processes share: every GPU where `cuda` or `auto` means one and there are several, else what was
    asked for.
    """
    import torch

    from swaveval.features.extract import choose_device

    name = choose_device(asked)
    count = torch.cuda.device_count() if name == "cuda" else 0
    return tuple(f"cuda:{number}" for number in range(count)) if count > 1 else (name,)


def least_taken(devices: Sequence[str], taken: Iterable[str]) -> str:
    """The device that the fewest workers have; of equals the first."""
    have = Counter(taken)
    return min(devices, key=have.__getitem__)


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
