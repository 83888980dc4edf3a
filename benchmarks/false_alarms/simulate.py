"""False alarms and power of the verdict: `python -m benchmarks false_alarms.simulate`.

Null series, in which nothing was learned:
- the same weights with the test set drawn anew at every checkpoint (ρ = 0) or nearly the same (ρ = 0.9);
- random initialisations in sequence, simulated with a spread of accuracies, and thirty real ones on digits;
- the checkpoints of real runs that learned, their epochs permuted (start included): there is no order left to claim.
A false alarm is any that claims something happened: learning, converged, regressed or collapsed.

Power: a true rise of two points over the series at n = 2,000 images; found means learning or converged.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.verdicts.fixture import BANK, load
from swaveval.convergence import judge
from swaveval.convergence.quality import read
from swaveval.results import Series
from tests.convergence.simulated import outcomes, series

TABLE = Path(__file__).parent / "table.md"
REAL_INITS = Path(__file__).parent / "random_inits.npz"
LENGTHS = (5, 8, 12, 20)
CLAIMS = ("learning", "converged", "regressed", "collapsed")
FOUND = ("learning", "converged")
Array = np.ndarray[Any, np.dtype[Any]]


def build(loo: Array, test: Array, length: int) -> Series:
    """Two outcome matrices whose first `length` rows are checkpoints and the others random initialisations."""
    inits = {"knn.loo_top1": loo[length:], "knn.top1": test[length:]}
    checkpoints = {"knn.loo_top1": loo[:length], "knn.top1": test[:length]}
    return series(checkpoints, random=inits if len(loo) > length else None)


def simulated(accuracy: Array, length: int, *, correlation: float, seed: int, n: tuple[int, int]) -> Series:
    loo = outcomes(accuracy, n[0], seed=2 * seed, correlation=correlation)
    test = outcomes(accuracy, n[1], seed=2 * seed + 1, correlation=correlation)
    return build(loo, test, length)


def same_weights(seed: int, *, correlation: float) -> Series:
    length = LENGTHS[seed % len(LENGTHS)]
    return simulated(np.full(length + 2, 0.85), length, correlation=correlation, seed=seed, n=(1347, 450))


def random_inits(seed: int, *, spread: float) -> Series:
    length = LENGTHS[seed % len(LENGTHS)]
    accuracy = np.clip(np.random.default_rng(seed).normal(0.85, spread, length + 2), 0.5, 0.98)
    return simulated(accuracy, length, correlation=0.8, seed=seed, n=(1347, 450))


def real_random_inits(seed: int) -> Series:
    with np.load(REAL_INITS, allow_pickle=False) as stored:
        loo = np.unpackbits(stored["loo"], axis=1, count=int(stored["n_loo"])).astype(np.bool_)
        test = np.unpackbits(stored["test"], axis=1, count=int(stored["n_test"])).astype(np.bool_)
    length = LENGTHS[seed % len(LENGTHS)]
    chosen = np.random.default_rng(seed).permutation(len(loo))[: length + 2]
    return build(loo[chosen], test[chosen], length)


def permuted(seed: int, *, run: str) -> Series:
    whole = load(BANK / f"{run}.npz")
    loo, test = read(whole, "knn.loo_top1"), read(whole, "knn.top1")
    assert loo is not None
    assert test is not None
    order = np.r_[np.random.default_rng(seed).permutation(loo.length), loo.random]
    return build(loo.correct[order], test.correct[order], loo.length)


def gain(seed: int, *, length: int, correlation: float, shape: str) -> Series:
    steps = np.arange(length) / (length - 1)
    rise = steps if shape == "linear" else (1 - np.exp(-5 * steps)) / (1 - np.exp(-5))
    accuracy = np.r_[0.80 + 0.02 * rise, 0.80, 0.80]
    return simulated(accuracy, length, correlation=correlation, seed=seed, n=(2000, 2000))


NULLS: dict[str, Callable[[int], Series]] = {
    "same weights, test set drawn anew (ρ = 0)": lambda seed: same_weights(seed, correlation=0.0),
    "same weights, nearly the same outcomes (ρ = 0.9)": lambda seed: same_weights(seed, correlation=0.9),
    "random initialisations, spread 1 point": lambda seed: random_inits(seed, spread=0.01),
    "random initialisations, spread 3 points": lambda seed: random_inits(seed, spread=0.03),
    "thirty real random initialisations on digits, drawn in sequence": real_random_inits,
    "long-k100 (real, 19 checkpoints), epochs permuted": lambda seed: permuted(seed, run="long-k100"),
    "flat-t3 (real, 8 checkpoints), epochs permuted": lambda seed: permuted(seed, run="flat-t3"),
}
POWER: dict[str, Callable[[int], Series]] = {
    f"{shape} rise, {length} checkpoints, ρ = {rho}": lambda seed, a=(length, rho, shape): gain(
        seed, length=a[0], correlation=a[1], shape=a[2]
    )
    for shape in ("linear", "saturating")
    for length in (10, 20)
    for rho in (0.8, 0.9, 0.95)
}


def tally(make: Callable[[int], Series], repeats: int, first: int = 0) -> Counter[str]:
    """Verdicts over `repeats` seeded series."""
    return Counter(judge(make(seed)).verdict for seed in range(first, first + repeats))


def rows(cases: dict[str, Callable[[int], Series]], wanted: tuple[str, ...], repeats: int) -> Iterator[str]:
    for name, make in cases.items():
        counts = tally(make, repeats)
        share = sum(counts[state] for state in wanted) / repeats
        told = ", ".join(f"{state} {count}" for state, count in counts.most_common())
        row = f"| {name} | **{100 * share:.1f} %** | {told} |"
        print(row, flush=True)
        yield row


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    lines = [
        f"# False alarms and power of the verdict, {repeats} series a row, seeds 0…{repeats - 1}",
        "",
        "Made by `python -m benchmarks false_alarms.simulate`. Null series have 5, 8, 12 or 20 checkpoints in turn",
        "where nothing else is said, two further random initialisations as baselines, 1,347 train and 450 test images",
        "as digits has.",
        "",
        "| null series | false alarms | verdicts |",
        "|---|---|---|",
        *rows(NULLS, CLAIMS, repeats),
        "",
        "| a true rise of two points, n = 2,000 | found | verdicts |",
        "|---|---|---|",
        *rows(POWER, FOUND, repeats),
    ]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
