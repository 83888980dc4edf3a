"""How far apart untrained networks are by each witness: `python -m benchmarks false_alarms.spread` writes spread.md.

Where step 0 was not saved a run began at a network that nobody has seen, and the verdict has to know how far it may
have been from the few that it sees. Two or three of them hardly tell; what is assumed beforehand
(`swaveval.results.roles`) is read off these: networks in `random_inits`, what finitely many images explain taken away.
"""

import math
from pathlib import Path

import numpy as np

from benchmarks.verdicts.fixture import load
from swaveval.convergence.quality import read
from swaveval.convergence.start import beyond_images
from swaveval.results.roles import RETRIEVAL, SPOKEN, WITNESSES

INITS = Path(__file__).with_name("random_inits")
TABLE = Path(__file__).with_name("spread.md")


def spread(path: Path, metric: str) -> tuple[int, float]:
    """How many networks, and their standard deviation beyond what images explain, in fractions."""
    quality = read(load(path), metric)
    assert quality is not None
    return quality.length, math.sqrt(beyond_images(quality, range(quality.length)))


def main() -> None:
    sets = sorted(INITS.glob("*.npz"))
    witnesses = (*WITNESSES, RETRIEVAL)
    lines = [
        "# How far apart untrained networks are",
        "",
        "Made by `python -m benchmarks false_alarms.spread`: standard deviations between networks of different seeds,",
        "their BatchNorm settled, in points, beyond what finitely many images explain. Last: what the verdict assumes",
        "before it has seen any of a run's own.",
        "",
        f"| networks | n | {' | '.join(SPOKEN[one.metric] for one in witnesses)} |",
        f"|{'---|' * (len(witnesses) + 2)}",
    ]
    squares = []
    for path in sets:
        found = [spread(path, one.metric) for one in witnesses]
        squares.append([value**2 for _, value in found])
        lines.append(f"| {path.stem} | {found[0][0]} | {' | '.join(f'{100 * value:.2f}' for _, value in found)} |")
    together = np.sqrt(np.mean(squares, axis=0))
    lines.append(f"| all (root of the mean square) | | {' | '.join(f'{100 * value:.2f}' for value in together)} |")
    lines.append(f"| **assumed** | | {' | '.join(f'**{100 * one.spread:.2f}**' for one in witnesses)} |")
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(TABLE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
