"""Judge every run of the bank, with and without its labels: `python -m benchmarks verdicts.judge_bank` writes table.md.

Reads tests/convergence/bank only, in seconds; `make test` holds the same comparison.
"""

import math
import tomllib
from pathlib import Path

import numpy as np

from benchmarks.verdicts.fixture import BANK, load, without_labels
from swaveval.convergence import judge
from swaveval.results import Series

HERE = Path(__file__).parent
TABLE = HERE / "table.md"


def main() -> None:
    expected = tomllib.loads((HERE / "expected.toml").read_text(encoding="utf-8"))
    rows, right, agree = [], 0, 0
    for name, entry in expected.items():
        series = load(BANK / f"{name}.npz")
        with_labels, without = judge(series).verdict, judge(without_labels(series)).verdict
        right += with_labels == entry["verdict"]
        agree += with_labels == without
        cells = (
            name,
            _loss(series),
            _curve(series),
            entry["verdict"],
            _marked(with_labels, entry["verdict"]),
            _marked(without, with_labels),
        )
        rows.append(f"| {' | '.join(cells)} |")
    lines = [
        "# The bank, judged",
        "",
        "Made by `python -m benchmarks verdicts.judge_bank` from `tests/convergence/bank/`. What each run is, and why",
        "it deserves its verdict: `expected.toml`. kNN is leave-one-out on 1,347 digits (k = 20, T = 0.07);",
        "*untrained* is the mean of two random initialisations whose BatchNorm has seen the data.",
        "Bold: differs from the column before.",
        "",
        f"{right} of {len(expected)} are exactly as expected; without labels {agree} of {len(expected)} get the",
        "verdict they get with them.",
        "",
        "| run | loss, first → last (of ln K) | kNN, step 0 → last (untrained) | expected | judged | without labels |",
        "|---|---|---|---|---|---|",
        *rows,
    ]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(TABLE.read_text(encoding="utf-8"))


def _loss(series: Series) -> str:
    curve = series.manifest.loss
    if curve is None:
        return "–"
    values = np.asarray(curve.values, dtype=np.float64)
    finite = values[np.isfinite(values)]
    last = float(np.median(finite[-max(1, len(finite) // 20) :]))
    share = "" if curve.ln_k is None else f" ({100 * last / curve.ln_k:.1f} %)"
    return f"{finite[0]:.2f} → {'NaN' if not math.isfinite(values[-1]) else f'{last:.2f}'}{share}"


def _curve(series: Series) -> str:
    values = series.values("knn.loo_top1")
    finite = values[np.isfinite(values)]
    untrained = np.mean([point.metrics["knn.loo_top1"].value for point in series.baselines])
    return f"{finite[0]:.3f} → {finite[-1]:.3f} ({untrained:.3f})"


def _marked(verdict: str, other: str) -> str:
    return verdict if verdict == other else f"**{verdict}**"


if __name__ == "__main__":
    main()
