"""Seconds of each evaluator on one core and on all of them: how much of the second core is used.

Features are like those of a ResNet on photos (`linear_grid`'s overlapping ones); both sides alternate in one process,
on features made anew, for they keep what was searched in them. The results are the same bits
(tests/evaluators/test_threads.py).

    python -m benchmarks.evaluators.cores [--train 10000] [--dimensions 512] [--classes 10] [--repeats 5]
"""

import argparse
import os
import statistics
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.evaluators.linear_grid import overlapping
from benchmarks.features.machine import describe, save
from swaveval.evaluators.registry import create
from swaveval.features.features import Features, ViewFeatures

TEST, VIEW_IMAGES, VIEWS = 2000, 2000, 2
NAMES = ("knn", "linear", "clusters", "spectrum", "views", "lowshot", "intrinsic")


def drawn(train: int, dimensions: int, classes: int) -> Features:
    """As `extract` gives them."""
    rows, labels = overlapping(train + TEST, dimensions, classes=classes)
    draw = np.random.default_rng(1)
    sample = np.sort(draw.choice(train, VIEW_IMAGES, replace=False))
    spread = rows.std(axis=0) * 0.5
    views = rows[sample][:, None] + draw.standard_normal((VIEW_IMAGES, VIEWS, dimensions), np.float32) * spread
    return Features(
        train=rows[:train],
        test=rows[train:],
        train_labels=labels[:train],
        test_labels=labels[train:],
        train_index=np.arange(train),
        test_index=np.arange(train, train + TEST),
        class_names=tuple(f"class {number}" for number in range(classes)),
        views=ViewFeatures(views.astype(np.float32), sample, protocol="noise"),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, default=10_000)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    machine, cores = describe(), os.cpu_count() or 1
    given = drawn(asked.train, asked.dimensions, asked.classes)
    seconds: dict[str, dict[int, list[float]]] = {name: {1: [], cores: []} for name in NAMES}
    for _ in range(asked.repeats):
        for name in NAMES:
            for threads in (1, cores):
                fresh = replace(given)
                torch.set_num_threads(threads)
                with threadpool_limits(limits=threads):
                    started = time.perf_counter()
                    list(create(name)(fresh, seed=0))
                    seconds[name][threads].append(time.perf_counter() - started)
    results = {}
    for name, found in seconds.items():
        one, all_ = (statistics.median(found[threads]) for threads in (1, cores))
        faster = round(one / all_, 2)
        results[name] = {"1 core, s": round(one, 3), f"{cores} cores, s": round(all_, 3), "times faster": faster}
    task = vars(asked) | {"test": TEST, "views": f"{VIEWS} of {VIEW_IMAGES}"}
    save(Path(__file__).with_suffix(".json"), {"machine": machine, "task": task, "results": results})


if __name__ == "__main__":
    main()
