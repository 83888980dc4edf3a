"""`swaveval demo` from the start of Python to its page, each time in a new directory: training, evaluation, report.

python -m benchmarks.runs.whole_demo [--repeats 5]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.features.machine import describe, save


def seconds(directory: Path) -> dict[str, float]:
    """Wall-clock seconds of the whole, and of it until the last checkpoint of the training was written."""
    command = [sys.executable, "-m", "swaveval.cli.app", "demo", "--quiet", "--out", str(directory)]
    started, since = time.time(), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())})
    whole = time.perf_counter() - since
    trained = max(file.stat().st_mtime for file in (directory / "checkpoints").iterdir()) - started
    return {"whole, s": whole, "of it training, s": trained}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    machine = describe()
    with tempfile.TemporaryDirectory() as place:
        found = [seconds(Path(place) / str(repeat)) for repeat in range(asked.repeats)]
    results = {name: round(median(one[name] for one in found), 1) for name in found[0]}
    save(Path(__file__).with_suffix(".json"), {"machine": machine, "repeats": asked.repeats, "results": results})


if __name__ == "__main__":
    main()
