"""Do the 95 % intervals hold the truth 93–97 % of the time, and do the tests raise false alarms 4–6 % of the time?

`python -m benchmarks intervals.coverage` (1,000 repeats, some minutes) prints the table and writes it to `coverage.md`
beside this file, with the date, the machine and the versions. Exit code 1 when a rate lies outside.
"""

import argparse
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.intervals.simulations import (
    Rate,
    accuracies,
    agreement,
    any_statistic,
    knn,
    lowshot,
    pairs,
    silhouettes,
)

EXPERIMENTS = (accuracies, any_statistic, agreement, silhouettes, lowshot, knn, pairs)


def measure(repeats: int, seed: int, only: str | None = None) -> list[Rate]:
    """Every experiment, each from its own stream of random numbers."""
    found = []
    for position, experiment in enumerate(EXPERIMENTS):
        if only not in (None, experiment.__name__):
            continue
        for rate in experiment(repeats, np.random.default_rng([seed, position])):
            print(f"{'  ' if rate.kept else '! '}{rate.rate:7.2%}  {rate.what}", flush=True)
            found.append(rate)
    return found


def table(rates: list[Rate], repeats: int, seed: int) -> str:
    """The result as the Markdown that is committed."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "scikit-learn", "swaveval"))
    lines = [
        "# Coverage of the intervals, and false alarms of the paired test",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()} {platform.system()}, Python {platform.python_version()}, "
        f"{packages}. `python -m benchmarks intervals.coverage`, {repeats} repeats, seed {seed}; the rates themselves "
        f"are known to ± {1.96 * np.sqrt(0.05 * 0.95 / repeats):.1%}.",
        "",
        "| what, on simulated data with a known truth | rate | has to lie in | |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {rate.what} | {rate.rate:.1%} | {rate.low:.0%}–{rate.high:.0%} | {'' if rate.kept else 'outside'} |"
        for rate in rates
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--only", help="one experiment by name, for trying out; nothing is written")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    given = parser.parse_args()
    rates = measure(given.repeats, given.seed, given.only)
    if given.only:
        return
    given.out.write_text(table(rates, given.repeats, given.seed), encoding="utf-8")
    sys.exit(0 if all(rate.kept for rate in rates) else 1)


if __name__ == "__main__":
    main()
