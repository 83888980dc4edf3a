"""Exact nearest neighbours, 10,000 queries among 50,000 rows of 512 dimensions, k = 200, against peers.

Peers: lightly's `knn_predict` (queries in batches of 256, as its `KNNClassifier` asks), scikit-learn's brute force on
all cores, and faiss' flat index where faiss-cpu is installed. Ours gives the neighbours in an order that is proved;
theirs is what a float32 product gives.

    python -m benchmarks.features.exact_search [--bank 50000] [--queries 10000] [--repeats 5]
"""

import argparse
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.features.machine import describe, measure, ratio, save
from benchmarks.features.synthetic import rows_like
from swaveval.features.neighbours import nearest

K = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bank", type=int, default=50_000)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    machine = describe()
    rows, labels = rows_like(asked.bank + asked.queries, asked.dimensions, classes=10, seed=0)
    bank, queries = rows[: asked.bank], rows[asked.bank :]
    nearest(queries[:1000], bank[:5000], K)  # libraries are loaded and threads are there
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = nearest(queries, bank, K)
    extra = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    measured = {"ours": measure(lambda: nearest(queries, bank, K), asked.repeats)}
    same = {}
    for name, search in peers(bank, queries, labels[: asked.bank]).items():
        theirs = search()
        measured[name] = measure(search, asked.repeats)
        if theirs is not None:
            common = [len(np.intersect1d(*pair)) for pair in zip(theirs, found.index, strict=True)]
            same[name] = round(float(np.mean(common)) / K, 6)
    body = {
        "machine": machine,
        "task": vars(asked) | {"k": K},
        "extra memory of ours, MB": round(extra),
        "neighbours in common": same,
        **measured,
        "times faster": {name: ratio(theirs, measured["ours"]) for name, theirs in measured.items() if name != "ours"},
    }
    save(Path(__file__).with_suffix(".json"), body)


def peers(bank: np.ndarray, queries: np.ndarray, labels: np.ndarray) -> dict[str, Callable[[], np.ndarray | None]]:
    """What searches, by name; gives the neighbours where it says them."""
    from lightly.utils.benchmarking import knn_predict
    from sklearn.neighbors import NearestNeighbors

    unit = [torch.nn.functional.normalize(torch.from_numpy(rows), dim=1) for rows in (bank, queries)]
    across, known = unit[0].T.contiguous(), torch.from_numpy(labels)

    def lightly() -> None:
        for part in unit[1].split(256):
            knn_predict(part, across, known, 10, K, 0.07)

    def sklearn() -> np.ndarray:
        model = NearestNeighbors(n_neighbors=K, algorithm="brute", metric="cosine", n_jobs=-1).fit(bank)
        return np.asarray(model.kneighbors(queries, return_distance=False))

    found: dict[str, Callable[[], np.ndarray | None]] = {"lightly": lightly, "scikit-learn": sklearn}
    try:
        import faiss
    except ImportError:
        return found

    def flat() -> np.ndarray:
        index = faiss.IndexFlatIP(bank.shape[1])
        index.add(unit[0].numpy())
        return np.asarray(index.search(unit[1].numpy(), K)[1])

    return found | {"faiss flat": flat}


if __name__ == "__main__":
    main()
