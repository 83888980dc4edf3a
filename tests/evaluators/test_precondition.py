"""The inner level of the logistic preconditioner, against the Hessian that it stands for."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from swaveval.evaluators import multinomial, precondition
from swaveval.evaluators.linear import log_loss
from swaveval.evaluators.logistic import Problem
from swaveval.evaluators.multinomial import Objective, Rows
from swaveval.evaluators.precondition import cost, directions, inverse, strongest, two_levels
from swaveval.evaluators.threads import crew

CLASSES = 5


def few_directions(n: int, d: int, rank: int, *, classes: int = CLASSES) -> tuple[np.ndarray, np.ndarray]:
    """Features of a young network: nearly all variance along a few directions, along which classes are told apart."""
    draw = np.random.default_rng(0)
    labels = draw.integers(0, classes, n)
    inside = draw.normal(size=(n, rank)) + 1.5 * draw.normal(size=(classes, rank))[labels]
    strong = inside * np.geomspace(1, 0.05, rank) @ draw.normal(size=(rank, d))
    return (strong + 0.01 * draw.normal(size=(n, d))).astype(np.float32), labels


def hessian(values: np.ndarray, labels: np.ndarray, point: Tensor, penalty: float) -> Tensor:
    """By automatic differentiation, `(C·(d + 1), C·(d + 1))`, the classes one after another."""
    standardised = torch.from_numpy(StandardScaler().fit_transform(values.astype(np.float64)))

    def objective(at: Tensor) -> Tensor:
        logits = standardised @ at[:, :-1].T + at[:, -1]
        loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels))
        return loss + penalty / 2 * at[:, :-1].square().sum()

    found: Tensor = torch.autograd.functional.hessian(objective, point)  # type: ignore[no-untyped-call]
    return found.reshape(point.numel(), point.numel())


@pytest.mark.parametrize("kept", [2**30, 0])
def test_along_all_directions_it_is_the_inverse_hessian(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multinomial, "RESIDENT_BYTES", kept)
    monkeypatch.setattr(multinomial, "ROWS", 100)
    values, labels = few_directions(400, 20, 4)
    point = torch.randn(CLASSES, 21, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    with crew() as each:
        function = Objective(Rows(values, labels), CLASSES, 0.01, dtype=torch.float64, each=each)
        function._stride = 1
        solve = function.solver(function.look(point), thorough=True)
        once = function.solver(function.look(point), thorough=False)
    rows = torch.randn(CLASSES, 21, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    product = (hessian(values, labels, point, 0.01) @ rows.flatten()).reshape(rows.shape)
    # All classes' biases up by as much change nothing: there the Hessian is zero, and the inverse whatever it is.
    expected, found, rough = (
        one - one[:, -1:].mean() * torch.eye(21)[-1] for one in (rows, solve(product), once(product))
    )
    assert torch.allclose(found, expected, atol=2e-3)
    assert float((rough - expected).norm()) > 100 * float((found - expected).norm())


def test_two_levels_are_symmetric_and_positive() -> None:
    draw = torch.Generator().manual_seed(0)
    root = torch.randn(30, 30, generator=draw, dtype=torch.float64)
    matrix = root @ root.T
    basis = strongest(matrix, 6)
    inner = torch.kron(3 * torch.eye(CLASSES, dtype=torch.float64), basis.T @ matrix @ basis)
    solve = two_levels(inverse(matrix), basis, inverse(inner))
    whole = torch.stack([solve(unit.view(CLASSES, 30)).flatten() for unit in torch.eye(150, dtype=torch.float64)])
    assert torch.allclose(whole, whole.T, atol=1e-9 * float(whole.abs().max()))
    assert float(torch.linalg.eigvalsh((whole + whole.T) / 2).min()) > 0


def test_the_strongest_directions_are_the_eigenvectors_of_the_largest_eigenvalues() -> None:
    draw = torch.Generator().manual_seed(0)
    vectors = torch.linalg.qr(torch.randn(40, 40, generator=draw, dtype=torch.float64)).Q
    matrix = (vectors * torch.logspace(0, -20, 40, dtype=torch.float64)) @ vectors.T
    found = strongest(matrix, 8)
    assert torch.allclose(found.T @ found, torch.eye(8, dtype=torch.float64), atol=1e-12)
    assert torch.linalg.svdvals(found.T @ vectors[:, :7]).min() > 0.99


@pytest.mark.parametrize(
    "classes, size, count", [(2, 513, 0), (3, 513, 213), (10, 513, 64), (10, 33, 33), (40, 513, 16), (41, 513, 0)]
)
def test_how_many_directions(classes: int, size: int, count: int) -> None:
    assert directions(classes, size) == count


def test_what_it_costs_is_what_is_multiplied() -> None:
    moments = 5000 * 513**2 + 513**3
    assert cost(10, 513, 5000, inner=False) == moments
    # 64 directions: rows brought there, their products of all classes, a factor, and three rounds that find them.
    inner = 5000 * (513 * 64 + 640**2) + 640**3 / 3 + 3 * (2 * 513 * 513 * 64)
    assert cost(10, 513, 5000, inner=True) == pytest.approx(moments + inner)
    assert cost(2, 513, 5000, inner=True) == moments


def test_the_inverse_of_a_diagonal_and_of_what_is_no_better() -> None:
    diagonal, rows = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64), torch.ones(2, 3, dtype=torch.float64)
    assert torch.allclose(inverse(diagonal)(rows), rows / diagonal, rtol=1e-5)
    assert torch.allclose(inverse(torch.diag(diagonal))(rows), rows / diagonal, rtol=1e-5)
    not_positive = torch.diag(diagonal) + 10 * (1 - torch.eye(3, dtype=torch.float64))
    assert torch.allclose(inverse(not_positive)(rows), rows / diagonal, rtol=1e-5)


@pytest.mark.parametrize("c", [1.0, 100.0])
def test_few_strong_directions_take_a_fraction_of_the_iterations(c: float, monkeypatch: pytest.MonkeyPatch) -> None:
    values, labels = few_directions(4000, 96, 8, classes=10)
    with_inner = Problem(values, labels, 10).fit(c, tolerance=1e-5)
    monkeypatch.setattr(precondition, "UNKNOWNS", 0)
    without = Problem(values, labels, 10).fit(c, tolerance=1e-5)
    assert with_inner.converged
    assert with_inner.iterations < 0.7 * without.iterations
    losses = [log_loss(one.logits(values), labels) for one in (with_inner, without)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


@pytest.mark.parametrize("c", [1e-2, 1.0, 1000.0])
def test_the_fit_is_scikit_learns(c: float) -> None:
    values, labels = few_directions(2000, 64, 8, classes=10)
    ours = Problem(values, labels, 10).fit(c)
    scaled = StandardScaler().fit_transform(values.astype(np.float64))
    theirs = LogisticRegression(C=c, tol=1e-10, max_iter=1000, solver="newton-cholesky").fit(scaled, labels)
    assert ours.converged
    assert ours.coefficients == pytest.approx(theirs.coef_, abs=2e-3 * np.abs(theirs.coef_).max())
