"""The linear probe with the inner level of its preconditioner and without, on features of a run's networks.

    python -m benchmarks.evaluators.probe_levels --report OUT

OUT is what `swaveval run` wrote: features of its training and test images, below OUT/cache. Each network's probe is
fitted once with and once without, in turns, on one thread; seconds and iterations of conjugate gradients.
"""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.features.machine import describe, save
from swaveval.evaluators import precondition
from swaveval.evaluators.linear import Linear
from swaveval.evaluators.logistic import Probe, Problem
from swaveval.features.features import Features
from swaveval.results import Metric


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=Path, required=True)
    cache = parser.parse_args().report / "cache/features"
    torch.set_num_threads(1)
    machine, networks = describe(), []
    for file in sorted(cache.glob("*.train.npy")):
        features = _features(file.name.removesuffix(".train.npy"), cache)
        one: dict[str, Any] = {"n": len(features.train), "d": features.train.shape[1]}
        for name, unknowns in (("one level", 0), ("two levels", precondition.UNKNOWNS)):
            with _unknowns(unknowns):
                one[name] = _fitted(features)
        networks.append(one)
    seconds = {name: round(sum(one[name]["s"] for one in networks), 1) for name in ("one level", "two levels")}
    times = [one["one level"]["s"] / one["two levels"]["s"] for one in networks]
    body = {
        "machine": machine,
        "networks": networks,
        "seconds": seconds,
        "times faster": round(seconds["one level"] / seconds["two levels"], 2),
        "least and most": [round(min(times), 2), round(max(times), 2)],
    }
    save(Path(__file__).with_suffix(".json"), body)


def _fitted(features: Features) -> dict[str, Any]:
    taken: list[Probe] = []
    fit = Problem.fit

    def counted(self: Problem, c: float, **options: Any) -> Probe:
        taken.append(fit(self, c, **options))
        return taken[-1]

    Problem.fit = counted  # type: ignore[method-assign]
    started = time.perf_counter()
    found = {item.id: item.value for item in Linear()(features, seed=0) if isinstance(item, Metric)}
    seconds = time.perf_counter() - started
    Problem.fit = fit  # type: ignore[method-assign]
    return {
        "s": round(seconds, 2),
        "iterations": sum(probe.iterations for probe in taken),
        "fits not converged": sum(not probe.converged for probe in taken),
        "linear.top1": found["linear.top1"],
        "linear.fold_top1": found["linear.fold_top1"],
    }


def _features(name: str, cache: Path) -> Features:
    train, test, train_labels, test_labels = (
        np.load(cache / f"{name}.{part}.npy") for part in ("train", "test", "train_labels", "test_labels")
    )
    return Features(train=train, test=test, train_labels=train_labels, test_labels=test_labels)


@contextmanager
def _unknowns(count: int) -> Iterator[None]:
    before, precondition.UNKNOWNS = precondition.UNKNOWNS, count
    try:
        yield
    finally:
        precondition.UNKNOWNS = before


if __name__ == "__main__":
    main()
