"""The shared exact search against what peers do for the same answers.

Wanted, for one checkpoint: kNN predictions at k = 10, 20, 100, 200 on test; leave-one-out neighbours on train at
k = 20; the 15 neighbours of every train image for a map.

Peers: lightly's `knn_predict` anew for each k on test, and on train with the query itself taken out; scikit-learn's
exact brute-force search for the map. Ours: one search of test and one of train serve all of them.

    python -m benchmarks.features.neighbours [--train 12000] [--test 3000] [--dimensions 512] [--repeats 3]
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from benchmarks.features.machine import describe, measure, ratio, save
from benchmarks.features.synthetic import rows_like
from swaveval.features.features import Features


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, default=12_000)
    parser.add_argument("--test", type=int, default=3_000)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    from lightly.utils.benchmarking import knn_predict
    from sklearn.neighbors import NearestNeighbors

    machine = describe()
    rows, labels = rows_like(asked.train + asked.test, asked.dimensions, classes=10, seed=0)
    train, test, train_labels = rows[: asked.train], rows[asked.train :], torch.from_numpy(labels[: asked.train])
    unit = torch.nn.functional.normalize(torch.from_numpy(rows), dim=1)
    bank, queries = unit[: asked.train].T.contiguous(), unit[asked.train :]
    ks = (10, 20, 100, 200)

    def lightly_predictions(k: int) -> np.ndarray:
        parts = [knn_predict(part, bank, train_labels, 10, k, 0.07)[:, 0] for part in queries.split(256)]
        return torch.cat(parts).numpy()

    def theirs() -> None:
        for k in ks:
            lightly_predictions(k)
        for part in unit[: asked.train].split(256):
            knn_predict(part, bank, train_labels, 10, 21, 0.07)
        NearestNeighbors(n_neighbors=15, algorithm="brute", metric="cosine").fit(train).kneighbors(train)

    def ours() -> Features:
        features = Features(train=train, test=test)
        for k in ks:
            features.test_neighbours(k)
        features.train_neighbours(20)
        features.map_neighbours(np.arange(asked.train), 15)
        return features

    held = ours()
    agreement = {}
    for k in ks:
        found = held.test_neighbours(k)
        weight = np.exp(found.similarity / 0.07)
        votes = np.zeros((asked.test, 10))
        np.add.at(votes, (np.arange(asked.test)[:, None], labels[found.index]), weight)
        agreement[f"k={k}"] = float((votes.argmax(axis=1) == lightly_predictions(k)).mean())
    measured = {"peers": measure(theirs, asked.repeats), "ours": measure(ours, asked.repeats)}
    save(
        Path(__file__).with_suffix(".json"),
        {
            "machine": machine,
            "task": vars(asked),
            "same predictions as lightly": agreement,
            **measured,
            "times faster": ratio(measured["peers"], measured["ours"]),
        },
    )


if __name__ == "__main__":
    main()
