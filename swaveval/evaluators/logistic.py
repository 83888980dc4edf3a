"""Multinomial logistic regression on standardised features, for any number of images, deterministic.

The objective is scikit-learn's, divided by C·n: (1/n) Σᵢ −ln softmax(xᵢW + b)[yᵢ] + λ/2 ‖W‖² with λ = 1/(nC) and the
bias b free, x standardised per feature. (With two classes scikit-learn keeps one logit, and its C is twice this one.)
It needs the standardised features whole, in float64, in main memory; here they pass by in blocks, on the GPU where
there is one.

A fit goes as far in float32 as that is exact enough (`SINGLE`), then on in float64. Blocks are so small that the second
product of an iteration finds them in the processor's cache, and what they give is summed in their order: the same bits
on any number of threads.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from scipy.optimize import OptimizeResult, minimize
from torch import Tensor

from swaveval.evaluators.standardise import blocks, mean_and_scale
from swaveval.evaluators.threads import Each, crew

Array = np.ndarray[Any, np.dtype[Any]]

# Up to here the standardised features stay in memory.
RESIDENT_BYTES = 4 * 2**30
# Largest gradient entry that float32 is trusted to reach: its rounding of a mean is a hundredth of that.
SINGLE = 1e-5
# Rows at a time: 2 MB of float32 at d = 512. On a GPU more, which has less to wait for than to start.
ROWS, ROWS_ON_GPU = 1024, 16_384
# Blocks whose gradients are held at the same time.
_WAVE = 32
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
        parts = [(torch.from_numpy(block).to(device) @ weight + bias).cpu() for block in blocks(features)]
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
        self._rows = ROWS if device == "cpu" else ROWS_ON_GPU
        self._labels = torch.from_numpy(np.array(labels, dtype=np.int64)).to(device)
        self._held: dict[torch.dtype, list[Tensor]] = {}
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
        size = self.d * self.classes
        point = np.zeros(size + self.classes)
        if start is not None:
            point = np.concatenate([start.coefficients.ravel(), start.bias + self.mean @ start.weight])
        iterations, converged = 0, False
        with crew() as each:
            for dtype, enough in ((torch.float32, max(tolerance, SINGLE)), (torch.float64, tolerance)):
                found = self._minimised(point, c, dtype, enough, max_iterations - iterations, each)
                point, iterations = found.x, iterations + int(found.nit)
                converged = bool(np.abs(found.jac).max() <= tolerance)
                if converged or iterations >= max_iterations:
                    break
        if start is not None and iterations == 0:
            return replace(start, c=c, iterations=0, converged=converged)  # itself: no rounding decides between the two
        weight = (point[:size].reshape(self.classes, self.d) / self.scale).T
        # The loss does not change when all classes' biases move together; centring makes the answer unique.
        bias = point[size:]
        return Probe(
            weight=weight,
            bias=bias - bias.mean() - self.mean @ weight,
            scale=self.scale,
            c=c,
            iterations=iterations,
            converged=converged,
        )

    def _minimised(
        self, point: Array, c: float, dtype: torch.dtype, tolerance: float, iterations: int, each: Each
    ) -> OptimizeResult:
        """L-BFGS from `point`, coefficients `(C·d,)` and then biases `(C,)`, with products in `dtype`."""
        penalty, size = 1 / (self.n * c), self.d * self.classes

        def objective(flat: Array) -> tuple[float, Array]:
            coefficients = flat[:size].reshape(self.classes, self.d)
            loss, slope, bias_slope = self._loss(coefficients, flat[size:], dtype, each)
            value = loss + penalty / 2 * float((coefficients**2).sum())
            return value, np.concatenate([(slope + penalty * coefficients).ravel(), bias_slope])

        options = {
            "maxcor": MEMORY,
            "maxiter": iterations,
            "maxfun": 4 * iterations,
            "gtol": tolerance,
            "ftol": 0.0,
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # running out of iterations is reported in the result
            return minimize(objective, point, jac=True, method="L-BFGS-B", options=options)

    def _loss(self, coefficients: Array, bias: Array, dtype: torch.dtype, each: Each) -> tuple[float, Array, Array]:
        """Mean cross-entropy and its gradients `(C, d)` and `(C,)` in the standardised coordinates.

        Classes come first, since that is how BLAS multiplies few columns fastest: half again as fast, measured.
        """
        weight = torch.from_numpy(coefficients).to(self._device, dtype)
        offset = torch.from_numpy(bias).to(self._device, dtype)[:, None]

        def one(block: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
            rows, labels = block
            logits = torch.addmm(offset, weight, rows.T)
            log_normaliser = logits.logsumexp(dim=0, keepdim=True)
            loss = (log_normaliser - logits.gather(0, labels)).sum(dtype=torch.float64)
            residual = (logits - log_normaliser).exp_()
            residual.scatter_add_(0, labels, torch.full_like(labels, -1, dtype=dtype))
            return loss, residual @ rows, residual.sum(dim=1)

        total = torch.zeros((), dtype=torch.float64, device=self._device)
        slope = torch.zeros(weight.shape, dtype=torch.float64, device=self._device)
        bias_slope = torch.zeros(self.classes, dtype=torch.float64, device=self._device)
        blocks_ = self._blocks(dtype)
        while wave := list(islice(blocks_, _WAVE)):
            for loss, part, bias_part in each(one, wave):
                total += loss
                slope += part
                bias_slope += bias_part
        return float(total) / self.n, slope.cpu().numpy() / self.n, bias_slope.cpu().numpy() / self.n

    def _blocks(self, dtype: torch.dtype) -> Iterator[tuple[Tensor, Tensor]]:
        """Standardised rows `(b, d)` and their labels `(1, b)`."""
        parts = iter(self._held.get(dtype, ()))
        if dtype not in self._held:
            parts = self._standardised(dtype)
            if self._features.size * dtype.itemsize <= RESIDENT_BYTES:
                self._held = {dtype: list(parts)}  # the one of float32 is no longer needed when float64 begins
                parts = iter(self._held[dtype])
        for block, labels in zip(parts, torch.split(self._labels, self._rows), strict=True):
            yield block, labels[None]

    def _standardised(self, dtype: torch.dtype) -> Iterator[Tensor]:
        for block in blocks(self._features, size=self._rows):
            block -= self.mean
            block /= self.scale
            yield torch.from_numpy(block).to(self._device, dtype)
