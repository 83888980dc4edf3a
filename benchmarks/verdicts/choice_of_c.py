"""How the linear probe's C is best chosen, over trained runs: `python -m benchmarks.verdicts.choice_of_c DIR NAME …`.

DIR holds the runs as `train_bank` leaves them. For every checkpoint the probe is fitted with each C of the grid,
without a tenth of the training images and without each of five folds. A rule chooses a C on the tenth, as
`swaveval run` does; what it is worth is the accuracy out of fold with that C. Writes choice_of_c.md.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.verdicts.measure import opened, read
from benchmarks.verdicts.truth_bank import recipe_of
from swaveval.evaluators.linear import RANKS, Linear, chosen_by, deal, log_loss, stratified
from swaveval.evaluators.logistic import Problem
from swaveval.features.extract import extract

Array = np.ndarray[Any, np.dtype[Any]]
Rule = Callable[[Sequence[Array], Sequence[float]], int]
PROBE = Linear()
RULES: dict[str, Rule] = {
    "accuracy (equal: log loss)": lambda right, losses: min(
        range(len(losses)), key=lambda place: (-right[place].mean(), losses[place])
    ),
    "log loss": lambda right, losses: int(np.argmin(losses)),
    "log loss of those as accurate": chosen_by,
}


def main() -> None:
    torch.set_num_threads(1)
    directory, names = Path(sys.argv[1]), sys.argv[2:]
    if not names:
        sys.exit(__doc__)
    found = {name: asked(directory, name) for name in names}
    lines = [
        "# How the C of the linear probe is chosen",
        "",
        f"Made by `python -m benchmarks.verdicts.choice_of_c DIR NAME …` from {len(found)} runs of the bank. Accuracy",
        "out of fold in percent, mean over the checkpoints, with the best single C at each checkpoint (chosen on these",
        "very folds, so a little optimistic); then, for each rule, how many points it falls short of that, and the",
        "jitter of the last two thirds in points (standard deviation, from second differences).",
        "",
        f"| run | images | best | {' | '.join(RULES)} |",
        f"|{'---|' * (3 + len(RULES))}",
    ]
    for name, (images, best, rules) in found.items():
        cells = (f"−{100 * (best - worth):.1f}, {100 * jitter:.1f}" for worth, jitter in rules)
        lines.append(f"| {name} | {images:,} | {100 * best:.1f} | {' | '.join(cells)} |")
    means = []
    for place in range(len(RULES)):
        short = np.mean([best - rules[place][0] for _, best, rules in found.values()])
        jitter = np.sqrt(np.mean([rules[place][1] ** 2 for _, _, rules in found.values()]))
        means.append(f"**−{100 * short:.1f}, {100 * jitter:.1f}**")
    lines.append(f"| mean (of jitter the root mean square) | | | {' | '.join(means)} |")
    Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def asked(directory: Path, name: str) -> tuple[int, float, list[tuple[float, float]]]:
    """Training images, the best C's accuracy, and of each rule accuracy and jitter."""
    recipe = recipe_of(name)
    images, pixels, settings = opened(recipe, directory / "sets")
    records, backbones = read(directory / "runs" / name / "checkpoints", recipe)
    best, worth = [], []
    for digest in dict.fromkeys(str(record.digest) for record in records if record.evaluated):
        features = extract(backbones[digest], images, pixels, settings=settings)
        target = np.unique(features.train_labels, return_inverse=True)[1]
        right, losses = held_out(features.train, target)
        folds = out_of_fold(features.train, target)
        best.append(folds.max())
        worth.append([folds[rule(right, losses)] for rule in RULES.values()])
    curves = np.array(worth).T
    print(name, len(target), np.mean(best).round(4), curves.mean(axis=1).round(4), flush=True)
    return len(target), float(np.mean(best)), [(float(curve.mean()), jitter_of(curve)) for curve in curves]


def jitter_of(curve: Array) -> float:
    return float(np.diff(curve[len(curve) // 3 :], 2).std() / np.sqrt(6))


def held_out(rows: Array, target: Array) -> tuple[list[Array], list[float]]:
    """Of every C, which images of a held-out tenth are right, and the mean log loss there."""
    held = np.zeros(len(target), dtype=np.bool_)
    held[stratified(target, PROBE.held_out, np.random.default_rng([0, len(target)]), spare=True)] = True
    logits = path(rows, target, held)
    return [one.argmax(axis=1) == target[held] for one in logits], [log_loss(one, target[held]) for one in logits]


def out_of_fold(rows: Array, target: Array) -> Array:
    """Accuracy of every C, each image asked of a probe that was fitted without its fold."""
    fold = deal(target, PROBE.folds, np.random.default_rng([0, len(target), PROBE.folds]))
    right = np.zeros((len(PROBE.grid), len(target)))
    for held in range(PROBE.folds):
        asked = fold == held
        right[:, asked] = [one.argmax(axis=1) == target[asked] for one in path(rows, target, asked)]
    return np.asarray(right.mean(axis=1))


def path(rows: Array, target: Array, held: Array) -> list[Array]:
    """Logits of the held-out rows by a probe fitted to the others, of every C."""
    problem, probe, found = Problem(rows[~held], target[~held], int(target.max()) + 1), None, []
    for c in PROBE.grid:
        probe = problem.fit(c, start=probe, tolerance=RANKS, max_iterations=PROBE.max_iterations)
        found.append(probe.logits(rows[held], "cpu"))
    return found


if __name__ == "__main__":
    main()
