"""Four runs of the bank by their witnesses, into docs/pictures: `python -m benchmarks verdicts.picture`."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from benchmarks.verdicts.fixture import BANK, load
from swaveval.convergence import judge
from swaveval.convergence.quality import is_random
from swaveval.convergence.verdict import WORDS
from swaveval.results.roles import RETRIEVAL, SPOKEN, WITNESSES

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "witnesses.png"
RUNS = {
    "k10": "digits, SwaV with K = 10",
    "clothing-simclr": "photos of clothing, SimCLR",
    "flowers-swav-epsilon": "photos of flowers, SwaV, ε = 0.1",
    "shuffled": "digits, epochs shuffled",
}


def main() -> None:
    figure, axes = plt.subplots(1, len(RUNS), figsize=(15, 4.2), layout="constrained")
    for axis, (name, title) in zip(axes, RUNS.items(), strict=True):
        series = load(BANK / f"{name}.npz")
        word = WORDS[judge(series).verdict]
        _, x = series.axis()
        for place, witness in enumerate((*WITNESSES, RETRIEVAL)):
            values = 100 * series.values(witness.metric)
            untrained = [
                100 * point.metrics[witness.metric].value
                for point in series.baselines
                if is_random(point.record) and witness.metric in point.metrics
            ]
            axis.plot(x, values, marker="o", markersize=3, color=f"C{place}", label=SPOKEN[witness.metric])
            axis.axhline(float(np.mean(untrained)), color=f"C{place}", linestyle=":", linewidth=1)
        axis.set_title(f"{title}\n{word.title}", fontsize=10)
        axis.set_xlabel("epoch")
        axis.set_ylim(0, 102)
    axes[0].set_ylabel("% of the training images")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    figure.suptitle(
        "Dotted: untrained networks whose BatchNorm has seen the images", fontsize=9, x=0.02, y=1.06, ha="left"
    )
    figure.savefig(PICTURE, dpi=110, bbox_inches="tight")
    print(PICTURE)


if __name__ == "__main__":
    main()
