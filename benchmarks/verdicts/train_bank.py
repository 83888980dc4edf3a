"""Train, derive and measure the runs of the bank: `python -m benchmarks.verdicts.train_bank DIR IMAGES [NAME …]`.

IMAGES holds the four sets of photos (`sets.SETS`). Two processes over disjoint names halve the time. A run that is
there is not trained again. The truth is measured apart: `truth_bank`.
"""

import sys
import time
from pathlib import Path

import torch

from benchmarks.verdicts.bank_runs import TRAINED
from benchmarks.verdicts.derived import DERIVED, derive
from benchmarks.verdicts.fixture import BANK, save
from benchmarks.verdicts.measure import measure
from benchmarks.verdicts.recipes import train_run
from benchmarks.verdicts.sets import prepare
from benchmarks.verdicts.truth_bank import recipe_of


def main() -> None:
    torch.set_num_threads(1)
    directory, images = Path(sys.argv[1]), Path(sys.argv[2])
    prepare(images, directory / "sets")
    for name in sys.argv[3:] or [*TRAINED, *DERIVED]:
        started = time.perf_counter()
        run = directory / "runs" / name
        if not (run / "checkpoints").exists():
            derive(name, directory / "runs") if name in DERIVED else train_run(TRAINED[name], run, directory / "sets")
        trained = time.perf_counter()
        size = save(measure(run, recipe_of(name), directory / "sets"), BANK / f"{name}.npz")
        done = time.perf_counter()
        print(f"{name}: trained {trained - started:.0f} s, measured {done - trained:.0f} s, {size:,} bytes", flush=True)


if __name__ == "__main__":
    main()
