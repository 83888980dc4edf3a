"""The linear probe, C chosen on a tenth of train and fitted again, against scikit-learn's loop over the same grid.

Theirs: `LogisticRegression` at each C on the standardised rows, the values of C on all cores, one chosen by our rule;
ours: what the evaluator `linear` does up to the test accuracy (its fits out of fold are left out of both).

    python -m benchmarks.evaluators.linear_grid [--train 10000] [--dimensions 512] [--classes 10] [--overlapping]
        [--most ITERATIONS]

With `--most` scikit-learn's fits are ended after so many iterations: what it takes is then a lower bound.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from benchmarks.features.machine import describe, measure, ratio, save
from benchmarks.features.synthetic import rows_like
from swaveval.evaluators.linear import Linear, chosen_by, stratified
from swaveval.evaluators.logistic import Problem
from swaveval.evaluators.supervised import labelled
from swaveval.features.features import Features

Array = np.ndarray[Any, np.dtype[Any]]

TEST = 2000


def overlapping(n: int, d: int, *, classes: int) -> tuple[Array, Array]:
    """Like the features of a small network on photos: a common direction, a variance that falls to 1e-7 of the first's,
    classes that overlap.
    """
    draw = np.random.default_rng(0)
    labels = draw.integers(classes, size=n)
    rows = draw.standard_normal((n, d), np.float32)
    centres = draw.standard_normal((classes, d), np.float32)
    rows += 3 * centres[labels] / d**0.5
    rows *= np.geomspace(1, 3e-4, d, dtype=np.float32)
    rows = rows @ np.linalg.qr(draw.standard_normal((d, d)))[0].T.astype(np.float32)
    return rows, labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, default=10_000)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--overlapping", action="store_true", help="classes not separable, features correlated")
    parser.add_argument("--most", type=int, help="iterations of scikit-learn's fits; a whole fit without")
    asked = parser.parse_args()
    machine = describe()
    if asked.overlapping:
        rows, labels = overlapping(asked.train + TEST, asked.dimensions, classes=asked.classes)
    else:
        rows, labels = rows_like(asked.train + TEST, asked.dimensions, classes=asked.classes, seed=0)
    train, test = rows[:-TEST], rows[-TEST:]
    features = Features(train=train, test=test, train_labels=labels[:-TEST], test_labels=labels[-TEST:])
    probe, given = Linear(), labelled(features)
    most = asked.most or probe.max_iterations
    found: dict[str, tuple[float, float]] = {}

    def ours() -> None:
        chosen = probe._choose(given, given.train, 0)
        fitted = probe._fit(Problem(train, given.train, asked.classes), chosen)
        found["ours"] = chosen.c, float((fitted.logits(test).argmax(axis=1) == given.test).mean())

    def theirs() -> None:
        draw = np.random.default_rng([0, len(train)])
        kept = stratified(given.train, 1.0, draw)
        held = stratified(given.train[kept], probe.held_out, draw, spare=True)
        fitted = np.setdiff1d(kept, held)

        def scored(c: float) -> tuple[Array, float]:
            scaler = StandardScaler().fit(train[fitted].astype(np.float64))
            model = LogisticRegression(C=c, tol=1e-4, max_iter=most)
            model.fit(scaler.transform(train[fitted].astype(np.float64)), given.train[fitted])
            asked_ = scaler.transform(train[held].astype(np.float64))
            loss = log_loss(given.train[held], model.predict_proba(asked_), labels=model.classes_)
            return model.predict(asked_) == given.train[held], float(loss)

        right, losses = zip(*Parallel(n_jobs=-1)(delayed(scored)(c) for c in probe.grid), strict=True)
        c = probe.grid[chosen_by(right, losses)]
        scaler = StandardScaler().fit(train.astype(np.float64))
        model = LogisticRegression(C=c, tol=1e-7, max_iter=most)
        model.fit(scaler.transform(train.astype(np.float64)), given.train)
        found["scikit-learn"] = c, float(model.score(scaler.transform(test.astype(np.float64)), given.test))

    measured = {"scikit-learn": measure(theirs, asked.repeats), "ours": measure(ours, asked.repeats)}
    body = {
        "machine": machine,
        "task": vars(asked) | {"test": TEST, "grid": list(probe.grid)},
        "C and test accuracy": found,
        **measured,
        # Theirs works in other processes too, whose processor time is not in the figures.
        "times faster": ratio(measured["scikit-learn"], measured["ours"])["wall"],
    }
    name = Path(__file__).stem + "-large" * bool(asked.most) + "-overlapping" * asked.overlapping
    save(Path(__file__).with_name(f"{name}.json"), body)


if __name__ == "__main__":
    main()
