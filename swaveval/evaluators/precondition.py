"""What makes Newton steps of multinomial logistic regression short: an approximate inverse of its Hessian.

The Hessian of C classes and d features is C·d × C·d. One d × d matrix for all classes is close to it where images are
as undecided between all classes; where features have a few strong directions, as those of young networks have, classes
are told apart along these and their curvatures differ a hundredfold. So along the strongest directions the Hessian is
taken as it is, of all classes together, and across them the one matrix: two levels (Nicolaides 1987, Deflation of
conjugate gradients with applications to boundary value problems).
"""

import torch
from torch import Tensor

from swaveval.evaluators.newton import Solve

# Unknowns of the inner level: C times its directions. Its matrix costs as much as some ten products with the Hessian.
UNKNOWNS = 640
# Directions below which the inner level gains less than it costs. Two classes have one curvature: they need none.
FEWEST = 16
# Products that find the strongest directions, from any. More do not shorten fits, measured.
_ROUNDS = 3
# Added to a matrix's diagonal, beside its mean: float32 products know the rest no better. Of nearly collapsed features
# they may know so little that it is not positive definite: the least that makes it so is taken.
_RIDGES = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1)


def directions(classes: int, size: int) -> int:
    """How many the inner level has, of `size`; all of them where they are few; 0 for none."""
    count = min(UNKNOWNS // classes, size)
    return count if classes > 2 and count >= FEWEST else 0


def inverse(matrix: Tensor) -> Solve:
    """Multiplies rows by about the inverse of a positive semidefinite matrix `(m, m)`, or of a diagonal one `(m,)`."""
    diagonal = matrix.diagonal() if matrix.ndim == 2 else matrix
    mean = diagonal.mean() + torch.finfo(torch.float32).tiny
    for ridge in _RIDGES if matrix.ndim == 2 else ():
        factor, failed = torch.linalg.cholesky_ex(matrix + torch.diag(ridge * mean * torch.ones_like(diagonal)))
        if not failed:
            return lambda rows: torch.cholesky_solve(rows.T, factor).T
    alone = diagonal + _RIDGES[0] * mean
    return lambda rows: rows / alone


def strongest(matrix: Tensor, count: int) -> Tensor:
    """About the eigenvectors of the largest eigenvalues, orthonormal, `(m, count)`, by subspace iteration."""
    if count == len(matrix):
        return torch.eye(count, dtype=matrix.dtype, device=matrix.device)
    drawn = torch.randn((len(matrix), count), generator=torch.Generator().manual_seed(0), dtype=matrix.dtype)
    found = drawn.to(matrix.device)
    for _ in range(_ROUNDS):
        found = torch.linalg.qr(matrix @ found).Q
    return found


def two_levels(outer: Solve, basis: Tensor, inner: Solve) -> Solve:
    """Along a basis the inner inverse, across it the outer one.

    Args:
        outer: of rows `(C, m)`.
        basis: shape `(m, r)`, orthonormal.
        inner: of a row `(1, C·r)`, the classes one after another.
    """

    def solve(residual: Tensor) -> Tensor:
        inside = residual @ basis
        along = inner(inside.reshape(1, -1)).view(inside.shape) @ basis.T
        if basis.shape[0] == basis.shape[1]:
            return along
        across = outer(residual - inside @ basis.T)
        return along + across - (across @ basis) @ basis.T

    return solve


def cost(classes: int, size: int, rows: float, *, inner: bool) -> float:
    """Multiplications that all this takes for so many rows of `size` entries, whose moments are summed up as well."""
    outer = rows * size**2 + size**3
    count = directions(classes, size)
    if not (inner and count):
        return outer
    unknowns = classes * count
    return outer + rows * (unknowns**2 + size * count) + unknowns**3 / 3 + _ROUNDS * 2.0 * size**2 * count
