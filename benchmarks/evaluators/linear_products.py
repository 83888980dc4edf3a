"""One value and gradient of the linear probe's objective: classes first, as it is, against features first, as it was.

python -m benchmarks evaluators.linear_products
"""

from pathlib import Path

import numpy as np
import torch

from benchmarks.features.machine import describe, measure, ratio, save
from swaveval.evaluators.logistic import Problem

REPEATS, CALLS = 7, 20
# Images, features, classes: the demo, CIFAR-10 with a ResNet-18, a hundred classes.
CASES = {"demo": (1347, 256, 10), "12,000 images": (12_000, 512, 10), "a hundred classes": (10_000, 512, 100)}


def features_first(rows: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits `(n, C)` by rows · weight, the gradient `(d, C)` by rowsᵀ · residual."""
    logits = rows @ weight
    normaliser = logits.logsumexp(dim=1, keepdim=True)
    residual = (logits - normaliser).exp_()
    residual.scatter_add_(1, labels[:, None], torch.full((len(rows), 1), -1.0, dtype=torch.float64))
    return (normaliser - logits.gather(1, labels[:, None])).sum(), rows.T @ residual


def main() -> None:
    torch.set_num_threads(1)
    results = {}
    for name, (n, d, classes) in CASES.items():
        draw = np.random.default_rng(0)
        rows, labels = draw.normal(size=(n, d)).astype(np.float32), draw.integers(0, classes, n)
        problem = Problem(rows, labels, classes)
        weight = 0.01 * draw.normal(size=(classes, d))
        held, target = torch.from_numpy(rows).double(), torch.from_numpy(labels)
        turned = torch.from_numpy(weight.T.copy())

        def now(problem: Problem = problem, weight: np.ndarray = weight, classes: int = classes) -> None:
            for _ in range(CALLS):
                problem._loss(weight, np.zeros(classes))

        def then(held: torch.Tensor = held, target: torch.Tensor = target, turned: torch.Tensor = turned) -> None:
            for _ in range(CALLS):
                features_first(held, target, turned)

        before, after = measure(then, REPEATS), measure(now, REPEATS)
        results[name] = {"features first": before, "classes first": after, "ratio": ratio(before, after)}
    save(Path(__file__).with_suffix(".json"), {"machine": describe(), "calls": CALLS, "results": results})


if __name__ == "__main__":
    main()
