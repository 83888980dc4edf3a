"""Newton's method and the preconditioner of the logistic objective, against what they are defined by."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from swaveval.evaluators import multinomial
from swaveval.evaluators.linear import log_loss
from swaveval.evaluators.logistic import Problem
from swaveval.evaluators.multinomial import Objective, Rows
from swaveval.evaluators.newton import Place, Solve, minimise
from swaveval.evaluators.threads import crew


class Quadratic:
    """½ xᵀAx − bᵀx, with a preconditioner that is A's inverse to some power."""

    solver_cost = 5.0

    def __init__(self, matrix: Tensor, target: Tensor, power: float) -> None:
        self.matrix, self.target = matrix, target
        values, vectors = torch.linalg.eigh(matrix)
        self.inverse = (vectors * values**-power) @ vectors.T
        self.products = self.made = 0

    def look(self, point: Tensor) -> Place:
        value = float(0.5 * point @ self.matrix @ point - self.target @ point)
        return Place(point, value, 1e-15 * max(1.0, abs(value)), self.matrix @ point - self.target)

    def product(self, place: Place, direction: Tensor) -> Tensor:
        self.products += 1
        return self.matrix @ direction

    def solver(self, place: Place) -> Solve:
        self.made += 1
        return lambda residual: self.inverse @ residual


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 20), power=st.sampled_from([0.0, 0.5, 1.0]))
def test_a_quadratic_is_solved(seed: int, size: int, power: float) -> None:
    draw = torch.Generator().manual_seed(seed)
    root = torch.randn(size, size, generator=draw, dtype=torch.float64)
    matrix = root @ root.T + 0.1 * torch.eye(size, dtype=torch.float64)
    target = torch.randn(size, generator=draw, dtype=torch.float64)
    function = Quadratic(matrix, target, power)
    found = minimise(function, torch.zeros_like(target), tolerance=1e-9, max_iterations=2000)
    assert found.converged
    assert torch.allclose(found.point, torch.linalg.solve(matrix, target), atol=1e-6)
    assert found.iterations == function.products
    if power == 1:
        # Solved exactly, and as it stays good it is made once.
        assert (found.iterations, function.made) == (1, 1)


def test_a_given_preconditioner_is_used_and_a_poor_one_made_anew() -> None:
    matrix, target = torch.diag(torch.logspace(-3, 3, 20, dtype=torch.float64)), torch.ones(20, dtype=torch.float64)
    function = Quadratic(matrix, target, 1.0)
    at = torch.zeros_like(target)
    given_one = minimise(function, at, tolerance=1e-9, max_iterations=100, solve=lambda r: r / matrix.diagonal())
    assert (given_one.iterations, function.made) == (1, 0)
    poor = minimise(function, at, tolerance=1e-9, max_iterations=100, solve=lambda r: r)
    assert poor.converged
    assert function.made == 1


def test_where_the_iterations_end_it_has_not_converged() -> None:
    matrix, target = torch.diag(torch.logspace(-3, 3, 20, dtype=torch.float64)), torch.ones(20, dtype=torch.float64)
    found = minimise(Quadratic(matrix, target, 0.0), torch.zeros_like(target), tolerance=1e-9, max_iterations=3)
    assert found.iterations == 3
    assert not found.converged


def correlated(n: int, d: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of a nearly collapsed network: one direction has most of the variance, some have a millionth of it."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 4, n)
    mixing = np.linalg.qr(draw.normal(size=(d, d)))[0] * np.geomspace(1, 1e-6, d) ** 0.5
    rows = draw.normal(size=(n, d)) + 0.3 * np.eye(d)[labels * (d // 4)]
    return (rows @ mixing.T + 0.1).astype(np.float32), labels


@pytest.mark.parametrize("c", [1e-2, 1.0, 100.0])
def test_correlated_features_have_scikit_learns_fit_in_few_iterations(c: float) -> None:
    """Where gradients crawl: L-BFGS takes thousands of iterations to the same point."""
    rows, labels = correlated(600, 64)
    ours = Problem(rows, labels, 4).fit(c)
    scaled = StandardScaler().fit_transform(rows.astype(np.float64))
    theirs = LogisticRegression(C=c, tol=1e-10, max_iter=1000, solver="newton-cholesky").fit(scaled, labels)
    assert ours.converged
    assert ours.iterations < 150
    assert ours.coefficients == pytest.approx(theirs.coef_, abs=2e-3 * np.abs(theirs.coef_).max())


@pytest.mark.parametrize("n, d", [(40, 64), (64, 64), (65, 64), (12, 300)])
def test_fewer_images_than_features_have_scikit_learns_fit(n: int, d: int) -> None:
    rows, labels = correlated(n, d, seed=n)
    labels[:4] = range(4)
    ours = Problem(rows, labels, 4).fit(1.0)
    scaled = StandardScaler().fit_transform(rows.astype(np.float64))
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000, solver="newton-cholesky").fit(scaled, labels)
    assert ours.converged
    assert ours.coefficients == pytest.approx(theirs.coef_, abs=1e-4)
    again = Problem(rows, labels, 4).fit(1.0, start=ours)
    assert again.iterations <= 1
    assert again.coefficients == pytest.approx(ours.coefficients, abs=1e-6)


def test_very_many_features_have_a_diagonal_for_a_preconditioner(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, labels = correlated(300, 64)
    rows += np.random.default_rng(1).normal(size=rows.shape).astype(np.float32)
    expected = Problem(rows, labels, 4).fit(0.1)
    monkeypatch.setattr(multinomial, "LARGEST", 32)
    assert Problem(rows, labels, 4).fit(0.1).coefficients == pytest.approx(expected.coefficients, abs=1e-5)


def nearly_degenerate(kind: str, n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of collapsed networks and of other accidents."""
    draw = np.random.default_rng(n + d)
    labels = np.concatenate([np.arange(4), draw.integers(0, 4, n - 4)])
    rows = draw.normal(size=(n, d))
    if kind == "one direction":
        rows = draw.normal(size=(n, 1)) * draw.normal(size=(1, d)) + 1e-7 * rows
    elif kind == "each twice":
        rows[:, d // 2 :] = rows[:, : d - d // 2]
    elif kind == "decaying":
        rows = rows * np.geomspace(1, 1e-7, d) @ np.linalg.qr(draw.normal(size=(d, d)))[0]
    elif kind == "common part":
        rows = 1e-3 * rows + 5 * draw.normal(size=(n, 1))
    elif kind == "one outlier":
        rows[0] *= 1e6
    elif kind == "all equal":
        rows[:] = rows[0]
    elif kind == "separable":
        rows[:, :4] += 20 * np.eye(4)[labels]
    elif kind == "dead units":
        rows = np.maximum(rows - 3, 0)
    return rows.astype(np.float32), labels


@pytest.mark.parametrize("n, d", [(60, 20), (300, 64), (40, 300), (1100, 128)])
@pytest.mark.parametrize(
    "kind",
    ["one direction", "each twice", "decaying", "common part", "one outlier", "all equal", "separable", "dead units"],
)
def test_nearly_degenerate_features_are_fitted_at_every_c(kind: str, n: int, d: int) -> None:
    """Nothing is raised, and each fit is better than none: ln 4 is the loss of a probe that knows nothing."""
    rows, labels = nearly_degenerate(kind, n, d)
    problem, probe = Problem(rows, labels, 4), None
    for c in (1e-6, 1e-3, 1.0, 1e3, 1e5):
        probe = problem.fit(c, start=probe, tolerance=1e-5, max_iterations=100)
        for fitted in (probe, problem.fit(c, max_iterations=100)):
            assert np.isfinite(fitted.weight).all()
            assert log_loss(fitted.logits(rows), labels) <= np.log(4) + 1e-6


@pytest.mark.parametrize("resident", [2**30, 0])
def test_products_and_gradients_are_those_of_the_objective(resident: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against automatic differentiation; and the preconditioner is exact for two classes, where p(1 − p) is all."""
    monkeypatch.setattr(multinomial, "RESIDENT_BYTES", resident)
    monkeypatch.setattr(multinomial, "ROWS", 50)
    values, labels = correlated(120, 8)
    rows = Rows(values, labels % 2, device="cpu")
    draw = torch.Generator().manual_seed(1)
    point, direction = (torch.randn(2, 9, generator=draw, dtype=torch.float64) for _ in range(2))
    standardised = torch.from_numpy(StandardScaler().fit_transform(values.astype(np.float64)))

    def objective(at: Tensor) -> Tensor:
        logits = standardised @ at[:, :-1].T + at[:, -1]
        loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels % 2))
        return loss + 0.05 / 2 * at[:, :-1].square().sum()

    with crew() as each:
        ours = Objective(rows, 2, 0.05, dtype=torch.float64, each=each)
        place = ours.look(point)
        product = ours.product(place, direction)
    assert place.value == pytest.approx(float(objective(point)), abs=1e-12)
    gradient = torch.autograd.functional.jacobian(objective, point)  # type: ignore[no-untyped-call]
    assert torch.allclose(place.gradient, gradient, atol=1e-12)
    hessian = torch.autograd.functional.hessian(objective, point)  # type: ignore[no-untyped-call]
    assert torch.allclose(product.flatten(), hessian.reshape(18, 18) @ direction.flatten(), atol=1e-5)
    # w ↦ (w, −w): the Hessian's quadratic form there is twice that of both blocks together, but for the penalty.
    free = Objective(rows, 2, 1e-12, dtype=torch.float64, each=lambda f, items: [f(item) for item in items])
    opposite = torch.stack([direction[0], -direction[0]])
    with_product = free.product(free.look(point), opposite)
    assert torch.allclose(free.solver(free.look(point))(with_product), 2 * opposite, rtol=1e-2, atol=1e-2)
