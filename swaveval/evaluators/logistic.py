"""Multinomial logistic regression on standardised features, for any number of images, deterministic.

The objective is scikit-learn's, divided by C·n: (1/n) Σᵢ −ln softmax(xᵢW + b)[yᵢ] + λ/2 ‖W‖² with λ = 1/(nC) and the
bias b free, x standardised per feature. (With two classes scikit-learn keeps one logit, and its C is twice this one.)
It needs the standardised features whole, in float64, in main memory; here they pass by in blocks (`multinomial`), on
the GPU where there is one.

A fit goes as far in float32 as that is exact enough (`SINGLE`), then on in float64.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from swaveval.evaluators.multinomial import Objective, Rows
from swaveval.evaluators.newton import Solve, minimise
from swaveval.evaluators.standardise import blocks
from swaveval.evaluators.threads import crew

Array = np.ndarray[Any, np.dtype[Any]]

# Largest gradient entry that float32 is trusted to reach: its rounding of a mean is a hundredth of that.
SINGLE = 1e-5


@dataclass(frozen=True, eq=False)
class Probe:
    """A fitted classifier of raw features: logits = x · weight + bias.

    Attributes:
        weight: shape `(d, C)`, float64, on raw features; `coefficients` has it on standardised ones.
        bias: shape `(C,)`, float64.
        scale: shape `(d,)`, float64: standard deviation of each feature, 1 where it is constant.
        c: inverse penalty C.
        iterations: of conjugate gradients that it took.
        converged: whether the gradient reached the tolerance.
    """

    weight: Array
    bias: Array
    scale: Array
    c: float
    iterations: int
    converged: bool

    @property
    def coefficients(self) -> Array:
        """Shape `(C, d)`, on standardised features: what scikit-learn calls `coef_`."""
        return (self.weight * self.scale[:, None]).T

    def logits(self, features: Array, device: str = "cpu") -> Array:
        """Shape `(n, C)`, float64."""
        weight, bias = (torch.from_numpy(part).to(device) for part in (self.weight, self.bias))
        parts = [(torch.from_numpy(block).to(device) @ weight + bias).cpu() for block in blocks(features)]
        return torch.cat(parts).numpy() if parts else np.zeros((0, len(self.bias)))


class Problem:
    """Features and labels prepared once for fits at several C.

    Args:
        features: shape `(n, d)`, any float dtype, possibly a memmap.
        labels: shape `(n,)`, int, in 0…classes-1.
        classes: C.
        device: torch device for the passes over the features.
    """

    def __init__(self, features: Array, labels: Array, classes: int, *, device: str = "cpu") -> None:
        self.classes = classes
        self._rows = Rows(features, labels, device=device)
        self._solve: Solve | None = None

    def fit(
        self, c: float, *, start: Probe | None = None, tolerance: float = 1e-7, max_iterations: int = 1000
    ) -> Probe:
        """Minimise the objective at one C.

        Args:
            c: inverse penalty, > 0.
            start: where to begin, such as the fit at a neighbouring C.
            tolerance: largest entry of the gradient at the end.
            max_iterations: of conjugate gradients; a fit that reaches it says `converged=False`.
        """
        rows = self._rows
        at = torch.zeros((self.classes, rows.d + 1), dtype=torch.float64, device=rows.device)
        if start is not None:
            at = rows.point(start.coefficients, start.bias + rows.mean @ start.weight)
        iterations, converged = 0, False
        with crew(most=len(rows.parts)) as each:
            for dtype, enough in ((torch.float32, max(tolerance, SINGLE)), (torch.float64, tolerance)):
                objective = Objective(rows, self.classes, 1 / (rows.n * c), dtype=dtype, each=each)
                left = max_iterations - iterations
                found = minimise(objective, at, tolerance=enough, max_iterations=left, solve=self._solve)
                at, self._solve, iterations = found.point, found.solve, iterations + found.iterations
                converged = found.converged and enough == tolerance
                if converged or iterations >= max_iterations:
                    break
        if start is not None and iterations == 0:
            return replace(start, c=c, iterations=0, converged=converged)  # itself: no rounding decides between the two
        coefficients, bias = rows.coefficients(at)
        weight = (coefficients / rows.scale).T
        # The loss does not change when all classes' biases move together; centring makes the answer unique.
        return Probe(
            weight=weight,
            bias=bias - bias.mean() - rows.mean @ weight,
            scale=rows.scale,
            c=c,
            iterations=iterations,
            converged=converged,
        )
