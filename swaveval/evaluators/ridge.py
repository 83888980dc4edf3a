"""Ridge classification in closed form: one eigendecomposition serves every penalty and every left-out image."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import eigh

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class RidgeFit:
    """A fitted classifier: scores = x · weight + bias, the largest wins.

    Attributes:
        weight: shape `(d, C)`, float64.
        bias: shape `(C,)`, float64.
        penalty: the chosen λ.
    """

    weight: Array
    bias: Array
    penalty: float

    def scores(self, features: Array) -> Array:
        """Shape `(n, C)`, float64."""
        return features @ self.weight + self.bias


def fit(features: Array, labels: Array, classes: int, penalties: tuple[float, ...]) -> RidgeFit:
    """min ‖XW + b − Y‖² + λ‖W‖², targets Y = ±1, b free, λ by the leave-one-out error.

    With centred X of singular values s and left vectors U, the fitted values are HY with H = 11ᵀ/n + U diag(s²/(s²+λ))
    Uᵀ, and the error on a left-out image is (y − ŷ)ᵢ / (1 − Hᵢᵢ) (Allen 1974). The penalty with the smallest mean
    squared one is taken, of equals the largest. scikit-learn's RidgeClassifierCV does the same.

    Args:
        features: shape `(n, d)`, float64, n ≥ 2.
        labels: shape `(n,)`, int, in 0…classes-1.
        classes: C.
        penalties: candidates for λ, > 0.
    """
    target = np.full((len(labels), classes), -1.0)
    target[np.arange(len(labels)), labels] = 1.0
    centre, level = features.mean(axis=0), target.mean(axis=0)
    x, y = features - centre, target - level
    left, squared = _left_vectors(x)
    projected = left.T @ y
    best: tuple[float, float] | None = None
    for penalty in sorted(penalties, reverse=True):
        shrink = squared / (squared + penalty)
        leverage = 1 / len(x) + (left**2) @ shrink
        residual = y - left @ (shrink[:, None] * projected)
        # Without a penalty worth the name an image can have leverage 1: nothing then predicts it when it is left out.
        error = float(np.mean((residual / np.maximum(1 - leverage, 1e-12)[:, None]) ** 2))
        if best is None or error < best[0]:
            best = error, penalty
    assert best is not None
    weight = x.T @ (left @ (projected / (squared + best[1])[:, None]))
    return RidgeFit(weight, level - centre @ weight, best[1])


def _left_vectors(x: Array) -> tuple[Array, Array]:
    """Left singular vectors `(n, r)` and squared singular values `(r,)` of x, from the smaller of its Gram matrices."""
    n, d = x.shape
    if n <= d:
        squared, left = eigh(x @ x.T)
    else:
        squared, right = eigh(x.T @ x)
        left = x @ right
    kept = squared > max(n, d) * np.finfo(np.float64).eps * max(float(squared[-1]), 0.0)
    squared, left = squared[kept], left[:, kept]
    return (left if n <= d else left / np.sqrt(squared)), squared
