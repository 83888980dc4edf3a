"""Newton's method for smooth convex functions of a matrix, its steps solved by preconditioned conjugate gradients.

Truncated Newton (Nocedal and Wright, Numerical Optimization, 2nd edition, section 7.1): a step is solved only as
exactly as it is worth, by products with the Hessian, which is never formed. What makes it short where features are
correlated, and gradient methods crawl, is the preconditioner; what it costs is paid only where steps are long.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

# A step is solved until its residual is this small beside the gradient, or smaller where the gradient is.
LOOSEST = 0.1
# Share of the decrease that the gradient promises which a step must bring (Armijo).
ARMIJO = 1e-4
SHORTEST_STEP = 1e-8
# Steps in a row that lower neither the value nor the gradient, as far as rounding tells.
BLIND = 5

Solve = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Place:
    """A function at one point.

    Attributes:
        point: float64, any shape.
        value: of the function there.
        rounding: of `value`, absolute: a smaller decrease cannot be told.
        gradient: float64, of the same shape.
        kept: what the function keeps for products with its Hessian there.
    """

    point: Tensor
    value: float
    rounding: float
    gradient: Tensor
    kept: tuple[Tensor, ...] = ()


@runtime_checkable
class Convex(Protocol):
    """What is minimised.

    Attributes:
        solver_cost: of `solver`, in products.
    """

    solver_cost: float

    def look(self, point: Tensor) -> Place:
        """Value and gradient at a point."""

    def product(self, place: Place, direction: Tensor) -> Tensor:
        """Of the Hessian there with `direction`."""

    def solver(self, place: Place) -> Solve:
        """What multiplies by an approximate inverse of the Hessian there, symmetric and positive definite."""


@dataclass(frozen=True, eq=False)
class Found:
    """Where a minimisation ended.

    Attributes:
        point: float64.
        iterations: of conjugate gradients, over all steps.
        converged: whether the largest entry of the gradient reached the tolerance.
        solve: the preconditioner of the last step: a neighbouring problem can begin with it.
    """

    point: Tensor
    iterations: int
    converged: bool
    solve: Solve | None


def minimise(
    function: Convex,
    start: Tensor,
    *,
    tolerance: float,
    max_iterations: int,
    solve: Solve | None = None,
) -> Found:
    """Go down from `start` until no entry of the gradient is larger than `tolerance`.

    Args:
        function: convex, twice differentiable.
        start: float64.
        tolerance: > 0.
        max_iterations: of conjugate gradients, over all steps.
        solve: a preconditioner to begin with; it is made anew when a step takes more products than one costs.
    """
    place, done, blind = function.look(start), 0, 0
    largest = lowest = _largest(place.gradient)
    while largest > tolerance and done < max_iterations and blind < BLIND:
        if solve is None:
            solve = function.solver(place)
        enough = max(min(LOOSEST, largest**0.5), tolerance / largest / 2)
        step, taken = _solved(function, place, solve, enough, max_iterations - done)
        done += taken
        further = _lower(function, place, step)
        if further is None:
            break  # nothing lower can be told from here
        # Where values no longer tell, gradients do, whose largest entry need not fall in every step.
        told = place.value - further.value > further.rounding
        place, largest = further, _largest(further.gradient)
        blind = 0 if told or largest < lowest else blind + 1
        lowest = min(lowest, largest)
        if taken > function.solver_cost:
            solve = None
    return Found(place.point, done, largest <= tolerance, solve)


def _solved(function: Convex, place: Place, solve: Solve, enough: float, most: int) -> tuple[Tensor, int]:
    """The step s with Hessian · s ≈ −gradient, and the iterations of preconditioned conjugate gradients it took."""
    step = torch.zeros_like(place.point)
    residual = -place.gradient
    scaled = solve(residual)
    direction = scaled
    size = first = _dot(residual, scaled)
    taken = 0
    while taken < most:
        curved = function.product(place, direction)
        taken += 1
        bend = _dot(direction, curved)
        if bend <= 0:
            break  # flat up to rounding
        step = step + size / bend * direction
        residual = residual - size / bend * curved
        scaled = solve(residual)
        before, size = size, _dot(residual, scaled)
        if size <= enough**2 * first:
            break
        direction = scaled + size / before * direction
    return (step if step.any() else -place.gradient), taken


def _lower(function: Convex, place: Place, step: Tensor) -> Place | None:
    """The function at the end of the step, or of its first halving that is lower; None where none is."""
    slope, length = _dot(place.gradient, step), 1.0
    while length > SHORTEST_STEP:
        further = function.look(place.point + length * step)
        if further.value <= place.value + ARMIJO * length * slope + further.rounding:
            return further
        length /= 2
    return None


def _largest(gradient: Tensor) -> float:
    return float(gradient.abs().max())


def _dot(one: Tensor, two: Tensor) -> float:
    return float((one * two).sum())
