"""False alarms of a verdict that a budget cuts short: `python -m benchmarks false_alarms.budget`.

Null series of 17 checkpoints, in which nothing was learned, are judged after 2, 3, 5 and 9 of them in the order of
`swaveval run --budget` (ends first, then the middles), beside two untrained networks; `false_alarms.simulate` has whole
series. How long a run may take has nothing to do with what it measures, so each budget is one look, whose error is what
its column says. Who raises the budget until the verdict pleases looks four times: the last column is how often any of
the four claims something.

A false alarm is any verdict that claims something happened: learning, converged, regressed or collapsed.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.false_alarms.simulate import claims, level
from benchmarks.false_alarms.simulated import drawn
from swaveval.convergence import judge
from swaveval.results import Series
from swaveval.runs.budget import halving
from tests.convergence.simulated import series

TABLE = Path(__file__).parent / "budget.md"
LENGTH = 17
LOOKS = (2, 3, 5, 9)
Array = np.ndarray[Any, np.dtype[Any]]
Rows = Mapping[str, Array]


def same_weights(seed: int, *, correlation: float) -> Rows:
    return drawn(level(LENGTH), n=1347, n_test=450, correlation=correlation, seed=seed)


def random_inits(seed: int, *, spread: float) -> Rows:
    return drawn(level(LENGTH), n=1347, n_test=450, correlation=0.8, seed=seed, spread=spread)


def settled(seed: int, *, jitter: float) -> Rows:
    """Six points at the first checkpoint, as BatchNorm gives alone, and jitter from then on."""
    truth = level(LENGTH)
    for metric, values in truth.items():
        values[1:LENGTH] += np.random.default_rng([seed, len(metric)]).normal(0, jitter, LENGTH - 1)
        values[0] -= 0.06
    return drawn(truth, n=1347, n_test=450, correlation=0.9, seed=seed)


NULLS: dict[str, Callable[[int], Rows]] = {
    "same weights, nearly the same outcomes (ρ = 0.9)": partial(same_weights, correlation=0.9),
    "untrained networks, spread 1 point": partial(random_inits, spread=0.01),
    "BatchNorm alone: six points at first, then jitter of ½ point": partial(settled, jitter=0.005),
}


def reached(rows: Rows, count: int) -> Series:
    """The series with as many of its checkpoints as were reached; the untrained networks stand beside them."""
    places = sorted(halving(LENGTH)[:count])
    return series(
        {metric: given[places] for metric, given in rows.items()},
        random={metric: given[LENGTH:] for metric, given in rows.items()},
        epochs=[float(place) for place in places],
    )


def table(repeats: int) -> Iterator[str]:
    for name, make in NULLS.items():
        said = np.array(
            [[claims(judge(reached(rows, count))) for count in LOOKS] for rows in map(make, range(repeats))]
        )
        shares = " | ".join(f"{100 * share:.1f} %" for share in said.mean(axis=0))
        row = f"| {name} | {shares} | **{100 * said.any(axis=1).mean():.1f} %** |"
        print(row, flush=True)
        yield row


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 130
    started = time.monotonic()
    lines = [
        "# False alarms of a verdict that a budget cuts short",
        "",
        f"{repeats} null series of {LENGTH} checkpoints a row, seeds from 0 up, all five witnesses, two untrained",
        "networks beside them, 1,347 train and 450 test images. Made by `python -m benchmarks false_alarms.budget`.",
        "",
        f"| null series | {' | '.join(f'{count} reached' for count in LOOKS)} | any of the four |",
        f"|---|{'---|' * (len(LOOKS) + 1)}",
        *table(repeats),
        "",
        "A budget does not depend on what is measured, so a verdict from k of n checkpoints is one look, at the usual",
        "5 %. No run is stopped early because its numbers look good: that would be the last column.",
    ]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
