"""Multinomial logistic regression on standardised features, for any number of images, deterministic.

The objective is scikit-learn's, divided by C·n: (1/n) Σᵢ −ln softmax(xᵢW + b)[yᵢ] + λ/2 ‖W‖² with λ = 1/(nC) and the
bias b free, x standardised per feature. (With two classes scikit-learn keeps one logit, and its C is twice this one.)
It needs the standardised features whole, in float64, in main memory; here they pass by in blocks, on the GPU where
there is one.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from swaveval.evaluators.standardise import blocks, mean_and_scale

Array = np.ndarray[Any, np.dtype[Any]]

# Up to here the blocks stay in memory as float64, which every pass needs them in.
RESIDENT_BYTES = 4 * 2**30
# Steps that L-BFGS remembers. scipy's 10 takes a fifth more iterations; 40 cost more themselves than they save.
MEMORY = 20


@dataclass(frozen=True, eq=False)
class Probe:
    """A fitted classifier of raw features: logits = x · weight + bias.

    Attributes:
        weight: shape `(d, C)`, float64, on raw features; `coefficients` has it on standardised ones.
        bias: shape `(C,)`, float64.
        scale: shape `(d,)`, float64: standard deviation of each feature, 1 where it is constant.
        c: inverse penalty C.
        iterations: L-BFGS iterations it took.
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
        parts = [(block @ weight + bias).cpu() for block in _blocks(features, device)]
        return torch.cat(parts).numpy() if parts else np.zeros((0, len(self.bias)))


class Problem:
    """Features and labels prepared once for fits at several C.

    (Preconditioning by the eigenvectors of the correlation matrix was tried: on features whose classes separate, where
    the fits are long, it takes more iterations than plain L-BFGS, since the curvature is then far from its value at
    W = 0.)

    Args:
        features: shape `(n, d)`, any float dtype, possibly a memmap.
        labels: shape `(n,)`, int, in 0…classes-1.
        classes: C.
        device: torch device for the passes over the features.
    """

    def __init__(self, features: Array, labels: Array, classes: int, *, device: str = "cpu") -> None:
        self.classes = classes
        self.n, self.d = features.shape
        self._features, self._device = features, device
        self._labels = torch.from_numpy(np.array(labels, dtype=np.int64)).to(device)
        self._held = list(_blocks(features, device)) if features.size * 8 <= RESIDENT_BYTES else None
        self.mean, self.scale = mean_and_scale(features)

    def fit(
        self, c: float, *, start: Probe | None = None, tolerance: float = 1e-7, max_iterations: int = 1000
    ) -> Probe:
        """Minimise the objective at one C.

        Args:
            c: inverse penalty, > 0.
            start: where to begin, such as the fit at a neighbouring C.
            tolerance: largest entry of the gradient at the end.
            max_iterations: of L-BFGS; a fit that reaches it says `converged=False`.
        """
        penalty = 1 / (self.n * c)
        size = self.d * self.classes

        def objective(flat: Array) -> tuple[float, Array]:
            coefficients = flat[:size].reshape(self.classes, self.d)
            loss, slope, bias_slope = self._loss(coefficients, flat[size:])
            value = loss + penalty / 2 * float((coefficients**2).sum())
            return value, np.concatenate([(slope + penalty * coefficients).ravel(), bias_slope])

        first = np.zeros(size + self.classes)
        if start is not None:
            first = np.concatenate([start.coefficients.ravel(), start.bias + self.mean @ start.weight])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # running out of iterations is reported in the result
            found = minimize(
                objective,
                first,
                jac=True,
                method="L-BFGS-B",
                options={
                    "maxcor": MEMORY,
                    "maxiter": max_iterations,
                    "maxfun": 4 * max_iterations,
                    "gtol": tolerance,
                    "ftol": 0.0,
                },
            )
        converged = bool(np.abs(found.jac).max() <= tolerance)
        if start is not None and found.nit == 0:
            return replace(start, c=c, iterations=0, converged=converged)  # itself: no rounding decides between the two
        weight = (found.x[:size].reshape(self.classes, self.d) / self.scale).T
        # The loss does not change when all classes' biases move together; centring makes the answer unique.
        bias = found.x[size:]
        return Probe(
            weight=weight,
            bias=bias - bias.mean() - self.mean @ weight,
            scale=self.scale,
            c=c,
            iterations=int(found.nit),
            converged=converged,
        )

    def _loss(self, coefficients: Array, bias: Array) -> tuple[float, Array, Array]:
        """Mean cross-entropy and its gradients `(C, d)` and `(C,)` in the standardised coordinates.

        x is never standardised: (x − μ)/σ · W = x · W/σ − μ · W/σ, in float64. Classes come first, since that is how
        BLAS multiplies few columns fastest (`python -m benchmarks evaluators.linear_products`).
        """
        raw = coefficients / self.scale
        weight = torch.from_numpy(raw).to(self._device)
        offset = torch.from_numpy(bias - raw @ self.mean).to(self._device)[:, None]
        total = torch.zeros((), dtype=torch.float64, device=self._device)
        slope, bias_slope = torch.zeros_like(weight), torch.zeros_like(offset)
        at = 0
        for block in self._passes():
            labels = self._labels[None, at : at + len(block)]
            at += len(block)
            logits = torch.addmm(offset, weight, block.T)
            log_normaliser = logits.logsumexp(dim=0, keepdim=True)
            total += (log_normaliser - logits.gather(0, labels)).sum()
            residual = (logits - log_normaliser).exp_()
            residual.scatter_add_(0, labels, torch.full_like(labels, -1, dtype=torch.float64))
            slope.addmm_(residual, block)
            bias_slope += residual.sum(dim=1, keepdim=True)
        raw_slope, bias_slope_ = slope.cpu().numpy() / self.n, bias_slope[:, 0].cpu().numpy() / self.n
        standardised = (raw_slope - np.outer(bias_slope_, self.mean)) / self.scale
        return float(total) / self.n, standardised, bias_slope_

    def _passes(self) -> Iterator[Tensor]:
        return iter(self._held) if self._held is not None else _blocks(self._features, self._device)


def _blocks(features: Array, device: str) -> Iterator[Tensor]:
    return (torch.from_numpy(block).to(device) for block in blocks(features))
