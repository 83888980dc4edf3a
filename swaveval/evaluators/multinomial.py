"""The objective of multinomial logistic regression on standardised features, its gradient and its curvature.

The features pass by in blocks of rows: they need not fit into memory, each block is computed by one thread while the
processor's cache holds it, and what blocks give is summed in their order: the same bits on any number of threads.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from swaveval.evaluators.newton import Place, Solve
from swaveval.evaluators.standardise import mean_and_scale
from swaveval.evaluators.threads import Each, one_thread

Array = np.ndarray[Any, np.dtype[Any]]

# Up to here the standardised features, and the probabilities, stay in memory.
RESIDENT_BYTES = 4 * 2**30
# Rows at a time: 2 MB of float32 at d = 512. On a GPU more, which has less to wait for than to start.
ROWS, ROWS_ON_GPU = 1024, 16_384
# Of what blocks give, so many bytes are held at the same time.
_WAVE_BYTES = 256 * 2**20
# Rows for each feature that the preconditioner is made of; of more rows a regular part is taken.
PER_FEATURE = 8
# Features up to which it is a matrix: of more it is a diagonal. Rows up to which a basis is made of them.
LARGEST = 4096
# A product of few columns takes so many times as long, for its operations, as one of many.
_NARROW = 3.0
# Added to the preconditioner's diagonal, beside its mean: float32 products know the rest no better. Of nearly collapsed
# features they may know so little that it is not positive definite: the least that makes it so is taken.
_RIDGES = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1)
# Relative rounding of a mean loss.
_ROUNDING = {torch.float32: 2e-7, torch.float64: 4e-16}


class Rows:
    """Standardised features and their labels, block by block.

    Fewer rows than features span a space of as many dimensions as there are rows, and no coefficient outside of it
    makes the objective smaller: then they are given in an orthonormal basis of it.

    Args:
        features: shape `(n, d)`, any float dtype, possibly a memmap.
        labels: shape `(n,)`, int, in 0…classes-1.
        device: torch device they are given on.

    Attributes:
        n, d: of what `block` gives: d is n where there are fewer rows than features.
        mean, scale: of the features, float64.
    """

    def __init__(self, features: Array, labels: Array, *, device: str = "cpu") -> None:
        self.n, self.d = features.shape
        self.mean, self.scale = mean_and_scale(features)
        self.device = device
        self._read: Callable[[slice], Tensor] = lambda part: self._standardised(features[part])
        self._basis: Tensor | None = None
        if self.n < self.d and self.n <= LARGEST:
            with one_thread():
                self._basis, triangle = torch.linalg.qr(self._standardised(features).T)
            coordinates = triangle.T.contiguous()
            self._read, self.d = lambda part: coordinates[part], self.n
        self._labels = torch.from_numpy(np.array(labels, dtype=np.int64)).to(device)
        size = ROWS if device == "cpu" else ROWS_ON_GPU
        self.parts = [slice(start, min(start + size, self.n)) for start in range(0, self.n, size)]
        self._held: dict[int, Tensor] | None = {} if self.n * self.d * 4 <= RESIDENT_BYTES else None

    def point(self, coefficients: Array, bias: Array) -> Tensor:
        """`(C, d + 1)`, float64: coefficients `(C, features)` in the coordinates of the rows, biases `(C,)` last."""
        inside = torch.from_numpy(coefficients).to(self.device)
        if self._basis is not None:
            inside = inside @ self._basis
        return torch.cat([inside, torch.from_numpy(bias).to(self.device)[:, None]], dim=1)

    def coefficients(self, point: Tensor) -> tuple[Array, Array]:
        """Those `(C, features)` on standardised features, and the biases `(C,)`, of a point `(C, d + 1)`."""
        inside = point[:, :-1] if self._basis is None else point[:, :-1] @ self._basis.T
        return inside.cpu().numpy(), point[:, -1].cpu().numpy()

    def block(self, position: int, dtype: torch.dtype) -> Tensor:
        """Shape `(b, d)`; those in float32 are kept."""
        if self._held is not None and dtype == torch.float32 and position in self._held:
            return self._held[position]
        block = self._read(self.parts[position]).to(dtype)
        if self._held is not None and dtype == torch.float32:
            self._held[position] = block
        return block

    def labels(self, position: int) -> Tensor:
        """Shape `(1, b)`, int64."""
        return self._labels[None, self.parts[position]]

    def _standardised(self, rows: Array) -> Tensor:
        """Float64, on the device."""
        if self.device == "cpu":
            fresh = np.array(rows, dtype=np.float64)
            fresh -= self.mean
            fresh /= self.scale
            return torch.from_numpy(fresh)
        mean, scale = (torch.from_numpy(part).to(self.device) for part in (self.mean, self.scale))
        return (torch.from_numpy(np.array(rows)).to(self.device).double() - mean) / scale


class Objective:
    """(1/n) Σᵢ −ln softmax(W xᵢ + b)[yᵢ] + λ/2 ‖W‖², a `newton.Convex`.

    Values and gradients are computed in `dtype`, products with the Hessian always in float32: they decide how long a
    minimisation takes, not where it ends.

    Args:
        rows: the x and y.
        classes: C.
        penalty: λ > 0.
        dtype: float32 or float64.
        each: how blocks are worked off.
    """

    def __init__(self, rows: Rows, classes: int, penalty: float, *, dtype: torch.dtype, each: Each) -> None:
        self.rows, self.classes, self.penalty, self.dtype = rows, classes, penalty, dtype
        self._each = each
        self._keeps = rows.n * classes * 4 <= RESIDENT_BYTES
        self._stride = max(1, rows.n // (PER_FEATURE * (rows.d + 1)))
        products = 4.0 * rows.n * rows.d * classes * _NARROW
        #: Of the preconditioner, in products.
        self.solver_cost = (2.0 * rows.n / self._stride * rows.d**2 + rows.d**3) / products

    def look(self, point: Tensor) -> Place:
        """Value and gradient, in one pass."""
        look, loss, gradient, kept = partial(self._looked, *self._split(point)), 0.0, torch.zeros_like(point), []
        for part, slope, probability in self._waves(look, point.numel()):
            loss += float(part)
            gradient += slope
            kept += probability
        gradient /= self.rows.n
        gradient[:, :-1] += self.penalty * point[:, :-1]
        value = loss / self.rows.n + self.penalty / 2 * float((point[:, :-1] ** 2).sum())
        rounding = _ROUNDING[self.dtype] * max(1.0, value)
        return Place(point, value, rounding, gradient, tuple(kept))

    def product(self, place: Place, direction: Tensor) -> Tensor:
        multiply = partial(self._multiplied, place, *self._split(direction, torch.float32))
        product = torch.zeros_like(direction)
        for part in self._waves(multiply, direction.numel()):
            product += part
        product /= self.rows.n
        product[:, :-1] += self.penalty * direction[:, :-1]
        return product

    def solver(self, place: Place) -> Solve:
        """One matrix for all classes: Σᵢ wᵢ xᵢ xᵢᵀ, wᵢ the mean over classes of p(1 − p), plus the penalty.

        (One matrix for each class, the true diagonal blocks, was tried: more iterations, since the blocks off the
        diagonal are as large.)
        """
        d, whole = self.rows.d, self.rows.d <= LARGEST
        matrix = torch.zeros((d + 1, d + 1) if whole else (d + 1,), dtype=torch.float64, device=self.rows.device)
        for part in self._waves(partial(self._moments, place, whole), matrix.numel()):
            matrix += part
        matrix /= sum(len(range(*part.indices(self.rows.n))[:: self._stride]) for part in self.rows.parts)
        diagonal = matrix.diagonal() if whole else matrix
        mean = diagonal.mean() + torch.finfo(torch.float32).tiny
        diagonal[:-1] += self.penalty
        for ridge in _RIDGES if whole else ():
            factor, failed = torch.linalg.cholesky_ex(matrix + torch.diag(ridge * mean * torch.ones_like(diagonal)))
            if not failed:
                return lambda residual: torch.cholesky_solve(residual.T, factor).T
        alone = diagonal + _RIDGES[0] * mean
        return lambda residual: residual / alone

    # What a block gives. Classes come first, since that is how BLAS multiplies few columns fastest: half again as fast,
    # measured.

    def _looked(self, weight: Tensor, bias: Tensor, position: int) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Loss `()`, gradient `(C, d + 1)`, and the probabilities where they are kept; sums over the rows."""
        rows, labels = self.rows.block(position, self.dtype), self.rows.labels(position)
        logits = torch.addmm(bias, weight, rows.T)
        log_normaliser = logits.logsumexp(dim=0, keepdim=True)
        loss = (log_normaliser - logits.gather(0, labels)).sum(dtype=torch.float64)
        residual = (logits - log_normaliser).exp_()
        probability = (residual.to(torch.float32, copy=True),) if self._keeps else ()
        residual.scatter_add_(0, labels, torch.full_like(labels, -1, dtype=self.dtype))
        return loss, _slope(residual, rows), probability

    def _multiplied(self, place: Place, weight: Tensor, bias: Tensor, position: int) -> Tensor:
        """The Hessian's product, `(C, d + 1)`, but for the penalty."""
        rows, probability = self.rows.block(position, torch.float32), self._probability(place, position)
        change = torch.addmm(bias, weight, rows.T)
        change -= (probability * change).sum(dim=0, keepdim=True)
        change *= probability
        return _slope(change, rows)

    def _moments(self, place: Place, whole: bool, position: int) -> Tensor:
        """Second moments of the weighted rows and of their 1, `(d + 1, d + 1)` or their diagonal."""
        rows, probability = self.rows.block(position, torch.float32), self._probability(place, position)
        rows, probability = rows[:: self._stride], probability[:, :: self._stride]
        root = (probability * (1 - probability)).mean(dim=0).sqrt_()[:, None]
        weighted = torch.cat([rows * root, root], dim=1)
        return weighted.T @ weighted if whole else weighted.square().sum(dim=0)

    def _probability(self, place: Place, position: int) -> Tensor:
        """Shape `(C, b)`: kept by the look there, or made again where they take too much memory."""
        if place.kept:
            return place.kept[position]
        weight, bias = self._split(place.point, torch.float32)
        return torch.addmm(bias, weight, self.rows.block(position, torch.float32).T).softmax(dim=0)

    def _split(self, point: Tensor, dtype: torch.dtype | None = None) -> tuple[Tensor, Tensor]:
        """Coefficients `(C, d)` and biases `(C, 1)`."""
        dtype = dtype or self.dtype
        return point[:, :-1].to(dtype).contiguous(), point[:, -1:].to(dtype)

    def _waves(self, one: Callable[[int], Any], entries: int) -> Iterator[Any]:
        """What `one` gives for every block, in order; each holds about so many `entries`."""
        positions = iter(range(len(self.rows.parts)))
        size = max(1, min(32, _WAVE_BYTES // (8 * entries)))
        while wave := list(islice(positions, size)):
            yield from self._each(one, wave)


def _slope(residual: Tensor, rows: Tensor) -> Tensor:
    """`(C, b)` and `(b, d)` to `(C, d + 1)`."""
    return torch.cat([residual @ rows, residual.sum(dim=1, keepdim=True)], dim=1)
