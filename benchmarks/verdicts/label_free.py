"""Which label-free metrics go with the labels over the bank: `python -m benchmarks verdicts.label_free`.

For every run of tests/convergence/bank with five trained checkpoints or more, Kendall's τ between each label-free
metric and each labelled witness over its checkpoints, the untrained network left out
(`swaveval.convergence.agreement`). Writes label_free.md.
"""

import tomllib
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks.verdicts.fixture import BANK, load
from benchmarks.verdicts.measure import VIEW_IMAGES, VIEWS
from swaveval.convergence.agreement import agreements
from swaveval.results.roles import SPOKEN, TRACKED, WITNESSES

HERE = Path(__file__).parent
GOOD = ("learning", "converged")
MADE_OF_OTHERS = ("shuffled", "damaged", "nan-half", "twice", "three", "without-step-0", "from-the-first")


def main() -> None:
    expected = tomllib.loads((HERE / "expected.toml").read_text(encoding="utf-8"))
    tau: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    runs: dict[str, int] = defaultdict(int)
    for name, entry in expected.items():
        found = agreements(load(BANK / f"{name}.npz"))
        if any(word in name for word in MADE_OF_OTHERS) or not found:
            continue
        kind = "learned" if entry["verdict"] in GOOD else "did not learn"
        runs[kind] += 1
        for one in found:
            for witness, value in one.tau.items():
                if np.isfinite(value):
                    tau[one.metric][witness].append(value)
            if np.isfinite(one.mean):
                tau[one.metric][kind].append(one.mean)
    columns = [*(one.metric for one in WITNESSES), "learned", "did not learn"]
    lines = [
        "# Which label-free metrics go with the labels",
        "",
        "Made by `python -m benchmarks verdicts.label_free`. Kendall's τ with each labelled witness over the trained",
        f"checkpoints of {sum(runs.values())} runs of the bank ({runs['learned']} that learned,",
        f"{runs['did not learn']} that did not), positive where the metric moves as it is said to: mean over the runs,",
        "the standard error of that mean, and in how many runs it is positive. The last two columns take the mean over",
        "the witnesses.",
        "",
        f"What views say was measured with {VIEWS} of each of {VIEW_IMAGES} images, the fewest there can be, and as",
        "many of each as `swaveval run` draws. LiDAR takes any number. With two, the covariance within an image rests",
        "on one difference: its row is that of two views, and says nothing of more.",
        "",
        f"| metric (better) | {' | '.join(SPOKEN.get(column, column) for column in columns)} |",
        f"|{'---|' * (1 + len(columns))}",
    ]
    order = sorted(TRACKED, key=lambda metric: -float(np.mean(tau[metric]["learned"] or [-2.0])))
    for metric in order:
        better = "higher" if TRACKED[metric] > 0 else "lower"
        lines.append(f"| {metric} ({better}) | {' | '.join(_cell(tau[metric][column]) for column in columns)} |")
    text = "\n".join(lines) + "\n"
    (HERE / "label_free.md").write_text(text, encoding="utf-8")
    print(text)


def _cell(values: list[float]) -> str:
    if not values:
        return "–"
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    positive = sum(value > 0 for value in values)
    return f"{np.mean(values):+.2f} ± {error:.2f} ({positive}/{len(values)})".replace("-", "−")


if __name__ == "__main__":
    main()
