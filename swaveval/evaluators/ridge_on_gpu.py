"""Ridge classification as `ridge` does it, for a GPU: eigenvectors are slow there, Cholesky factors are not."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from swaveval.features.exact import row_blocks

Array = np.ndarray[Any, np.dtype[Any]]

_BLOCK = 8192  # rows that are asked at a time


def fit(
    features: Float64[Tensor, "n d"], labels: Int64[Tensor, " n"], classes: int, penalties: tuple[float, ...]
) -> tuple[Float64[Tensor, "d c"], Float64[Tensor, " c"], float]:
    """Weight, bias and penalty of `ridge.fit`: the same classifier, up to rounding.

    With centred X and Y and K = XXᵀ, Y − Ŷ = λ(K + λ)⁻¹Y, and an image has the leverage 1/n + 1 − λ(K + λ)⁻¹ᵢᵢ; where
    there are more images than features, Ŷ = X(XᵀX + λ)⁻¹XᵀY and the leverage 1/n + xᵢᵀ(XᵀX + λ)⁻¹xᵢ.
    """
    n, d = features.shape
    target = 2.0 * torch.nn.functional.one_hot(labels, classes).to(features.dtype) - 1.0
    centre, level = features.mean(dim=0), target.mean(dim=0)
    x, y = features - centre, target - level
    gram, wide = (x @ x.T, True) if n <= d else (x.T @ x, False)
    best: tuple[float, float, Tensor] | None = None
    for penalty in sorted(penalties, reverse=True):
        shifted = gram.clone()
        shifted.diagonal().add_(penalty)
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(shifted))
        if wide:
            dual = inverse @ y
            residual, left = penalty * dual, penalty * inverse.diagonal() - 1 / n
            weight = x.T @ dual
        else:
            weight = inverse @ (x.T @ y)
            residual, left = y - x @ weight, 1 - 1 / n - ((x @ inverse) * x).sum(dim=1)
        error = float(((residual / left.clamp(min=1e-12)[:, None]) ** 2).mean())
        if best is None or error < best[0]:
            best = error, penalty, weight
    assert best is not None
    _, chosen, weight = best
    return weight, level - centre @ weight, chosen


@torch.inference_mode()
def right(fits: list[tuple[Array, Array]], features: Array, label: Array, device: str) -> Array:
    """Whether each classifier (weight `(d, C)`, bias `(C,)`) gives each row's class, bool `(draws, n)`."""
    weights, biases = (torch.from_numpy(np.concatenate(parts, axis=-1)).to(device) for parts in zip(*fits, strict=True))
    there = torch.from_numpy(np.ascontiguousarray(label)).to(device)
    found = torch.zeros((len(fits), len(label)), dtype=torch.bool, device=device)
    for part in row_blocks(len(label), _BLOCK):
        rows = torch.from_numpy(np.array(features[part])).to(device, torch.float64)
        scores = torch.addmm(biases, rows, weights).view(len(rows), len(fits), -1)
        found[:, part] = (scores.argmax(dim=2) == there[part, None]).T
    return found.cpu().numpy()
