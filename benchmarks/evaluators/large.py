"""1.28 million × 2048 features in float16 from a memmap: how long, and how much memory?

`python -m benchmarks evaluators.large` makes synthetic features in a temporary directory (5.2 GB), runs the evaluators
on them one after another, each in a process of its own, and prints seconds and peak resident memory. The kNN searches
are timed on few queries; their time grows in proportion.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

EVALUATORS = (
    "knn(loo_queries=500)",
    "linear(max_iterations=30)",
    "lowshot",
    "clusters",
    "spectrum",
)


def generate(directory: Path, *, n: int, dimensions: int, classes: int, n_test: int) -> None:
    """Gaussian classes, written in blocks."""
    draw = np.random.default_rng(0)
    means = draw.normal(size=(classes, dimensions)).astype(np.float32) * 0.06
    for name, count in (("train", n), ("test", n_test)):
        labels = draw.integers(0, classes, count)
        shape = (count, dimensions)
        stored = np.lib.format.open_memmap(directory / f"{name}.npy", mode="w+", dtype=np.float16, shape=shape)
        for start in range(0, count, 16_384):
            block = labels[start : start + 16_384]
            noise = draw.standard_normal((len(block), dimensions), dtype=np.float32)
            stored[start : start + len(block)] = means[block] + noise
        stored.flush()
        np.save(directory / f"{name}_labels.npy", labels)


def measure(directory: Path, specification: str) -> None:
    """Run one evaluator in this process and print what it cost."""
    from swaveval.evaluators.registry import create
    from swaveval.features.features import Features
    from swaveval.results import Metric

    train, test = (np.load(directory / f"{name}.npy", mmap_mode="r") for name in ("train", "test"))
    labels = [np.load(directory / f"{name}_labels.npy") for name in ("train", "test")]
    names = tuple(str(label) for label in range(int(labels[0].max()) + 1))
    features = Features(train, test, labels[0], labels[1], class_names=names)
    started = time.perf_counter()
    produced = [item for item in create(specification)(features, seed=0) if isinstance(item, Metric)]  # type: ignore[arg-type]
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{specification}: {seconds:.0f} s, peak {peak:.1f} GB, {produced[0].id} = {produced[0].value:.3f}", flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1_281_167)
    parser.add_argument("--test", type=int, default=500)
    parser.add_argument("--dimensions", type=int, default=2048)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--directory", type=Path, help="where the features are, or are to be kept")
    parser.add_argument("--evaluator", nargs="*", default=EVALUATORS)
    parser.add_argument("--measure", help="used for the processes that this one starts")
    given = parser.parse_args()
    if given.measure:
        measure(given.directory, given.measure)
        return
    with tempfile.TemporaryDirectory() as temporary:
        directory = given.directory or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        if not (directory / "test_labels.npy").exists():
            started = time.perf_counter()
            generate(directory, n=given.n, dimensions=given.dimensions, classes=given.classes, n_test=given.test)
            print(f"{given.n} × {given.dimensions} features made in {time.perf_counter() - started:.0f} s", flush=True)
        for specification in given.evaluator:
            here = [sys.executable, "-m", "benchmarks.evaluators.large", "--directory", str(directory)]
            subprocess.run([*here, "--measure", specification], check=True)


if __name__ == "__main__":
    main()
