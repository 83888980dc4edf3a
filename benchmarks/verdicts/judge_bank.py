"""Judge every run of the bank, with and without its labels: `python -m benchmarks verdicts.judge_bank` writes table.md.

Reads tests/convergence/bank only, in seconds; `make test` holds the same comparison.
"""

import math
import tomllib
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.verdicts.bank_runs import FOURTH, SECOND, THIRD
from benchmarks.verdicts.fixture import BANK, load, without_labels
from swaveval.convergence import judge
from swaveval.convergence.quality import is_random
from swaveval.results import Series
from swaveval.results.roles import RETRIEVAL, WITNESSES

HERE = Path(__file__).parent
TABLE = HERE / "table.md"
# Runs that were written down after rules had been mended.
LATER = {"second": SECOND, "third": THIRD, "fourth": FOURTH}
HEAD = (
    "run",
    "images",
    "loss, first → last (of ln K)",
    "kNN",
    "linear",
    "low-shot",
    "purity",
    "retrieval",
    "expected",
    "judged",
    "without labels",
)


def main() -> None:
    expected = tomllib.loads((HERE / "expected.toml").read_text(encoding="utf-8"))
    rows, wrong = [], []
    right, agree, known = Counter[str](), Counter[str](), Counter[str]()  # by when a run was written down
    for name, entry in expected.items():
        series = load(BANK / f"{name}.npz")
        with_labels, without = judge(series).verdict, judge(without_labels(series)).verdict
        fits = with_labels in (entry["verdict"], entry.get("or"))
        bank = next((bank for bank, names in LATER.items() if name in names), "first")
        known[bank] += 1
        right[bank] += fits
        agree[bank] += with_labels == without
        if not fits:
            wrong.append(f"- `{name}`: {with_labels}, expected {entry['verdict']} ({entry['why']})")
        curves = (_curve(series, one.metric) for one in (*WITNESSES, RETRIEVAL))
        last = (entry["verdict"], _marked(with_labels, entry["verdict"]), _marked(without, with_labels))
        rows.append(f"| {' | '.join((name, series.manifest.data.name, _loss(series), *curves, *last))} |")
    sets = Counter(load(BANK / f"{name}.npz").manifest.data.name for name in expected)
    lines = [
        "# The bank, judged",
        "",
        "Made by `python -m benchmarks verdicts.judge_bank` from `tests/convergence/bank/`. What each run is, and why",
        "it deserves its verdict: `expected.toml`. Witnesses in percent, on the training images: first checkpoint →",
        "last (mean of two untrained networks whose BatchNorm has seen the data). Bold: not as the column before; a",
        "run that converged may be called learning where its truth cannot tell (`or` in expected.toml).",
        "",
        f"{len(expected)} runs on {len(sets)} sets ({', '.join(f'{name}: {n}' for name, n in sets.items())}).",
        f"**{right.total()} of {len(expected)} are exactly as expected; without labels {agree.total()} get the verdict",
        "they get with them.** Of those that were written down later (`bank_runs`), when the verdict stood:",
        *(f"- of the {bank} {known[bank]}: {right[bank]} and {agree[bank]}." for bank in LATER),
        "",
        *wrong,
        "",
        f"| {' | '.join(HEAD)} |",
        f"|{'---|' * len(HEAD)}",
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


def _curve(series: Series, metric: str) -> str:
    values = series.values(metric)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return "–"
    untrained = [
        point.metrics[metric].value for point in series.baselines if is_random(point.record) and metric in point.metrics
    ]
    return f"{100 * finite[0]:.1f} → {100 * finite[-1]:.1f} ({100 * np.mean(untrained):.1f})"


def _marked(verdict: str, other: str) -> str:
    return verdict if verdict == other else f"**{verdict}**"


if __name__ == "__main__":
    main()
