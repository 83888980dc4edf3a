"""Do the 95 % intervals hold the truth 93–97 % of the time, and do the tests raise false alarms 4–6 % of the time?

`python -m benchmarks intervals.coverage` (1,000 repeats, some minutes) prints every rate, and writes each experiment to
`coverage.json` as soon as it is done and the table to `coverage.md`, with date, machine and versions. `--only NAME …`
redoes some experiments and leaves the others. Exit code 1 when a rate lies outside.
"""

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

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
NAMES = tuple(experiment.__name__ for experiment in EXPERIMENTS)


def machine() -> dict[str, str]:
    """Date, machine and versions."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "scipy", "scikit-learn", "swaveval")},
    }


def table(stored: dict[str, Any]) -> str:
    """The results as the Markdown that is committed."""
    lines = ["# Coverage of the intervals, and false alarms of the paired test", ""]
    lines += ["Simulated data with a known truth: `python -m benchmarks intervals.coverage`.", ""]
    lines += ["| what | rate | has to lie in | |", "|---|---|---|---|"]
    settings: dict[str, None] = {}
    for name in NAMES:
        for entry in stored.get(name, {}).get("rates", ()):
            rate = Rate(**entry)
            mark = "" if rate.kept else "outside"
            lines.append(f"| {rate.what} | {rate.rate:.1%} | {rate.low:.0%}–{rate.high:.0%} | {mark} |")
        if name in stored:
            on, repeats = stored[name]["on"], stored[name]["repeats"]
            known = 1.96 * np.sqrt(0.05 * 0.95 / repeats)
            where = ", ".join(f"{key} {value}" for key, value in on.items())
            seed = stored[name]["seed"]
            settings[f"{repeats} repeats (rates are known to ± {known:.1%}), seed {seed}; {where}."] = None
    return "\n".join([*lines, "", *settings]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=NAMES, default=NAMES, help="experiments to do")
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    given = parser.parse_args()
    stored: dict[str, Any] = json.loads(given.out.read_text(encoding="utf-8")) if given.out.exists() else {}
    kept = True
    for position, experiment in enumerate(EXPERIMENTS):
        if experiment.__name__ not in given.only:
            continue
        rates = []
        for rate in experiment(given.repeats, np.random.default_rng([given.seed, position])):
            print(f"{'  ' if rate.kept else '! '}{rate.rate:7.2%}  {rate.what}", flush=True)
            rates.append(asdict(rate) | {"hits": int(rate.hits)})
            kept = kept and rate.kept
        stored[experiment.__name__] = {
            "repeats": given.repeats,
            "seed": given.seed,
            "on": machine(),
            "rates": rates,
        }
        given.out.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        given.out.with_suffix(".md").write_text(table(stored), encoding="utf-8")
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
