"""`swaveval run` on the demo's checkpoints again: with nothing to do, against looking at everything once more.

Both are whole commands, from the start of Python to its end. Needs `runs/demo` (make demo).

    python -m benchmarks runs.second_run
"""

import subprocess
import sys
from pathlib import Path

from benchmarks.features.machine import describe, measure, save

REPEATS = 3
RUN = Path("runs/demo")
COMMAND = [sys.executable, "-m", "swaveval.cli.app", "run", "-c", str(RUN / "checkpoints"), "--no-figures", "--quiet"]


def evaluated() -> None:
    subprocess.run(COMMAND, check=True, capture_output=True)


def looking() -> None:
    (RUN / "report" / "cache" / "finished.json").unlink(missing_ok=True)
    evaluated()


def main() -> None:
    evaluated()
    everything, nothing = measure(looking, REPEATS), measure(evaluated, REPEATS)
    # Of wall-clock time: the processor time of another process is not in these figures.
    results = {
        "looks at everything": everything["wall_s"],
        "nothing has changed": nothing["wall_s"],
        "ratio": round(everything["wall_s"] / nothing["wall_s"], 1),
    }
    save(Path(__file__).with_suffix(".json"), {"machine": describe(), "results": results})


if __name__ == "__main__":
    main()
