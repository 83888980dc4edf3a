"""What a figure was measured on, and how a figure is taken."""

import datetime
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch


def describe() -> dict[str, Any]:
    """Date, cores, processor and the widest vectors that torch uses there, load and versions."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        processor = names[0] if names else processor
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "processor": processor,
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "load_average_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{package: version(package) for package in ("torch", "numpy", "scikit-learn", "lightly", "umap-learn")},
    }


def shown(machine: dict[str, Any]) -> str:
    """What `describe` gave, in words; older results say nothing of vectors."""
    gpu = f"{machine['gpu']}, " if "gpu" in machine else ""
    vectors = f" ({machine['vectors']})" if "vectors" in machine else ""
    processor = f"{machine['cores']} cores of {machine['processor']}{vectors}"
    return f"{gpu}{processor}, torch {machine['torch']}, {machine['date']}"


def measure(run: Callable[[], object], repeats: int) -> dict[str, float]:
    """Median wall-clock and processor seconds of some runs.

    Processor time counts every thread of this process, and is what a shared machine does not change much.
    """
    wall, processor = [], []
    for _ in range(repeats):
        started, used = time.perf_counter(), time.process_time()
        run()
        wall.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
    return {"wall_s": round(statistics.median(wall), 3), "cpu_s": round(statistics.median(processor), 3)}


def ratio(theirs: dict[str, float], ours: dict[str, float]) -> dict[str, float]:
    """How many times longer theirs takes."""
    return {name: round(theirs[f"{name}_s"] / ours[f"{name}_s"], 2) for name in ("wall", "cpu")}


def save(path: Path, body: dict[str, Any]) -> None:
    """Print the result and keep it beside the script."""
    text = json.dumps(body, indent=1)
    print(text)
    path.write_text(text + "\n", encoding="utf-8")
