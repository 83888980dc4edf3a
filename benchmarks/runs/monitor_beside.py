"""How much slower a training is while its monitor evaluates in a process beside it, with a core to spare.

One training; the process beside it evaluates all the time, and every few steps it is stopped or let go on, so that
steps with it and without are seconds apart: a shared machine is now faster and now slower by more than what is
measured here, and two trainings of half a minute differ by four percent without any monitor (`monitor_cost`). Which of
a pair comes first changes from pair to pair. The training has all processors but one.

Handing over a snapshot is timed apart. Together: what an evaluation costs a training that has one as often as it is
done with the one before, the most there can be.

    python -m benchmarks.runs.monitor_beside [--pairs 120] [--steps 8]
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

import swaveval
from benchmarks.features.machine import describe, save
from benchmarks.runs.monitor_cost import EVALUATORS, Training, cost, drawn, features
from swaveval.runs.machine import cores

# Pairs after which the process beside is handed new weights: sooner than it is done with those before.
EVERY = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=120)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=64)
    given = parser.parse_args()
    machine = describe()
    torch.set_num_threads(max(1, cores() - 1))
    pictures = drawn(given.images, given.size)
    training = Training(pictures, "cpu", given.batch)
    with tempfile.TemporaryDirectory() as place:
        monitor = swaveval.Monitor(
            pictures,
            out=Path(place) / "report",
            size=given.size,
            network=features,
            mode="background",
            device="cpu",
            evaluators=EVALUATORS,
        )
        found = Turns(training, monitor, given).measured()
        monitor.close(wait=False)
    save(Path(__file__).with_suffix(".json"), {"machine": machine, "task": vars(given), "results": found})


class Turns:
    """Steps with the process beside and without it, in turns."""

    def __init__(self, training: Training, monitor: swaveval.Monitor, given: argparse.Namespace) -> None:
        self._training, self._monitor, self._given = training, monitor, given
        self._step = 0
        self._snapshots: list[float] = []

    def measured(self) -> dict[str, Any]:
        """Its slowdown in percent, with a 95 % interval, and the seconds of a snapshot."""
        without, with_it, busy = list[float](), list[float](), 0.0
        for pair in range(self._given.pairs):
            if pair % EVERY == 0:
                self._hand_over()
            beside = psutil.Process().children(recursive=True)
            seconds = dict[bool, float]()
            for goes_on in (True, False) if pair % 2 else (False, True):
                for process in beside:
                    process.resume() if goes_on else process.suspend()
                used = _processor_seconds(beside)
                seconds[goes_on] = self._steps()
                if goes_on:
                    busy = (_processor_seconds(beside) - used) / seconds[True]
            for process in beside:
                process.resume()
            if busy > 0.5:  # else it was waiting for work, or read and wrote
                without.append(seconds[False])
                with_it.append(seconds[True])
        if not with_it:
            sys.exit("no evaluation was at work beside the training: the machine is busy with something else")
        slower = cost(without, with_it)
        return {
            "pairs with an evaluation at work": len(with_it),
            "snapshots": len(self._snapshots),
            "steps are slower beside one, percent": slower["mean"],
            "95 % interval": slower["interval"],
            "a snapshot, s": round(float(np.median(self._snapshots)), 3),
        }

    def _hand_over(self) -> None:
        started = time.perf_counter()
        self._monitor.step(self._training.model, step=self._step)
        if self._step:  # the first starts the process
            self._snapshots.append(time.perf_counter() - started)

    def _steps(self) -> float:
        started = time.perf_counter()
        for _ in range(self._given.steps):
            self._training.step()
            self._step += 1
        return time.perf_counter() - started


def _processor_seconds(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


if __name__ == "__main__":
    main()
