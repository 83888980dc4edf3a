"""Train, derive and measure the runs of the bank: `python -m benchmarks.verdicts.train_bank DIR [NAME …]`.

Two processes over disjoint names halve the time. A run that is there is not trained again.
"""

import sys
import time
from pathlib import Path

import torch

from benchmarks.verdicts.derived import DERIVED, derive
from benchmarks.verdicts.fixture import BANK, save
from benchmarks.verdicts.measure import measure
from benchmarks.verdicts.recipes import TRAINED, train_run


def main() -> None:
    torch.set_num_threads(1)
    directory = Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/swaveval-bank")
    for name in sys.argv[2:] or [*TRAINED, *DERIVED]:
        started = time.perf_counter()
        run = directory / name
        if not (run / "run.json").exists():
            derive(name, directory) if name in DERIVED else train_run(name, run)
        trained = time.perf_counter()
        size = save(measure(run), BANK / f"{name}.npz")
        done = time.perf_counter()
        print(f"{name}: trained {trained - started:.0f} s, measured {done - trained:.0f} s, {size:,} bytes", flush=True)


if __name__ == "__main__":
    main()
