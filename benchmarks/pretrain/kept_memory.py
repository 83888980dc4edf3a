"""A training step on a CPU where freed memory goes back to the system, and where it is kept.

glibc gives memory back that a step frees, and gets it anew for the next one, page by page; in a virtual machine, where
page faults are dear, that may take longer than the arithmetic. Two variables keep it, and have to be set before the
process starts: a training is run with them and without, in turns.

    python -m benchmarks.pretrain.kept_memory [--repeats 3]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.features.machine import describe, save

KEPT = {"MALLOC_MMAP_THRESHOLD_": "8589934592", "MALLOC_TRIM_THRESHOLD_": "17179869184"}
BATCH = 16
STEP = """
import json, resource, sys, time, torch
from swaveval.checkpoints.architectures import build_resnet
torch.manual_seed(0)
network, _ = build_resnet(depth=18, stem="imagenet", width=64)
network.train()
batch = int(sys.argv[1])
crops = [torch.randn(count * batch, 3, side, side) for side, count in ((224, 2), (96, 6))]
seconds = []
for step in range(3):
    began = time.perf_counter()
    torch.cat([network(crop) for crop in crops]).square().mean().backward()
    seconds.append(time.perf_counter() - began)
print(json.dumps([min(seconds), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def step(extra: dict[str, str]) -> tuple[float, float]:
    """Seconds of the fastest of three steps (2 × 224 px and 6 × 96 px), and MiB at the most."""
    environment = {name: value for name, value in os.environ.items() if name not in KEPT} | extra
    command = [sys.executable, "-c", STEP, str(BATCH)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seconds, memory = json.loads(ran.stdout)
    return seconds, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    machine = describe()
    found: dict[str, list[tuple[float, float]]] = {"given back": [], "kept": []}
    for _ in range(given.repeats):
        found["given back"].append(step({}))
        found["kept"].append(step(KEPT))
    seconds = {name: round(statistics.median(took for took, _ in rows), 3) for name, rows in found.items()}
    memory = {name: round(statistics.median(most for _, most in rows)) for name, rows in found.items()}
    result = {
        "machine": machine,
        "task": {"network": "ResNet-18", "batch": BATCH, "crops": "2 × 224 px, 6 × 96 px", "repeats": given.repeats},
        "variables": KEPT,
        "seconds of a step": seconds,
        "MiB at the most": memory,
        "times faster": round(seconds["given back"] / seconds["kept"], 2),
    }
    save(Path(__file__).with_suffix(".json"), result)


if __name__ == "__main__":
    main()
