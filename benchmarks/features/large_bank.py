"""An ImageNet-sized search in bounded memory: 1,281,167 × 2048 float16 features in a memory-mapped file.

Prints the time and the peak of resident memory, in all and without the pages of the mapped file (which the system
drops as soon as anybody needs the room).

    python -m benchmarks.features.large_bank --directory /some/disk [--queries 2000] [--keep]
"""

import argparse
import shutil
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.features.machine import describe, save
from benchmarks.features.synthetic import mapped_features


class Memory:
    """The largest resident memory of this process while it is watched, in bytes."""

    def __init__(self) -> None:
        self.peak = self.peak_own = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            lines = Path("/proc/self/status").read_text().splitlines()
            sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith("Rss")}
            self.peak = max(self.peak, sum(sizes.values()))
            self.peak_own = max(self.peak_own, sizes["RssAnon"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", type=Path)
    parser.add_argument("--train", type=int, default=1_281_167)
    parser.add_argument("--queries", type=int, default=2_000)
    parser.add_argument("--dimensions", type=int, default=2048)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--k", type=int, default=200)
    parser.add_argument("--keep", action="store_true", help="leave the files for another run")
    asked = parser.parse_args()
    machine = describe()
    directory = asked.directory or Path(tempfile.mkdtemp(prefix="swaveval-large-"))
    started = time.perf_counter()
    features = mapped_features(directory, asked.train, asked.queries, asked.dimensions, classes=asked.classes)
    making = time.perf_counter() - started
    with Memory() as memory:
        started = time.perf_counter()
        found = features.test_neighbours(asked.k)
        searching = time.perf_counter() - started
    assert features.train_labels is not None
    assert features.test_labels is not None
    same = features.train_labels[found.index[:, :20]] == features.test_labels[:, None]
    # A sample against float64, all at once: what exact means.
    checked = _check(features.train, features.test[:5], found.index[:5], asked.k)
    save(
        Path(__file__).with_suffix(".json"),
        {
            "machine": machine,
            "task": {name: getattr(asked, name) for name in ("train", "queries", "dimensions", "classes", "k")},
            "bank_gb": round(features.train.nbytes / 1e9, 2),
            "making_s": round(making, 1),
            "searching_s": round(searching, 1),
            "peak_rss_gb": round(memory.peak / 1e9, 2),
            "peak_rss_without_mapped_files_gb": round(memory.peak_own / 1e9, 2),
            "neighbours_of_the_same_class": round(float(same.mean()), 4),
            "queries_checked_against_float64": checked,
        },
    )
    if not asked.keep:
        shutil.rmtree(directory)


def _check(bank: np.ndarray, queries: np.ndarray, index: np.ndarray, k: int) -> int:
    """Compare with float64 products of everything; how many queries were compared.

    Raises:
        AssertionError: a neighbour differs.
    """
    wanted = queries.astype(np.float64)
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    similarity = np.empty((len(queries), len(bank)))
    for start in range(0, len(bank), 4096):
        rows = bank[start : start + 4096].astype(np.float64)
        similarity[:, start : start + 4096] = wanted @ (rows / np.linalg.norm(rows, axis=1, keepdims=True)).T
    order = np.argsort(-np.rint(similarity * 2**36), axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(order, index)
    return len(queries)


if __name__ == "__main__":
    main()
