"""k-means on a GPU: scikit-learn's algorithm in products of whole matrices.

(On a CPU scikit-learn's own is faster, and gives the same bits on any number of threads.)
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from torch import Tensor

Array = np.ndarray[Any, np.dtype[Any]]

# scikit-learn's: iterations at most, and the centres' squared shift, in the features' mean variance, that ends them.
MOST, TOLERANCE = 300, 1e-4


@dataclass(frozen=True, eq=False)
class Run:
    """One k-means.

    Attributes:
        centres: shape `(K, d)`, float32.
        inertia: sum of squared distances to the nearest centre.
        labels: shape `(n,)`, int64.
    """

    centres: Float32[Tensor, "k d"]
    inertia: float
    labels: Int64[Tensor, " n"]


def lloyd(rows: Float32[Tensor, "n d"], clusters: int, *, state: int) -> Run:
    """Lloyd's algorithm from greedy k-means++ (Arthur and Vassilvitskii 2007).

    Args:
        rows: on the device that computes.
        clusters: K, at most n.
        state: seeds the first centres.
    """
    squares = (rows.double() ** 2).sum(dim=1)
    centres = rows[_first(rows, squares, clusters, np.random.default_rng(state))]
    enough = TOLERANCE * float(rows.var(dim=0, correction=0).mean())
    labels, distance = nearest(rows, centres, squares)
    for _ in range(MOST):
        before, moved = labels, _means(rows, labels, distance, clusters)
        shift, centres = float(((moved - centres) ** 2).sum()), moved
        labels, distance = nearest(rows, centres, squares)
        if shift <= enough or torch.equal(before, labels):
            break
    return Run(centres, float(distance.sum()), labels)


def nearest(
    rows: Float32[Tensor, "n d"], centres: Float32[Tensor, "k d"], squares: Float64[Tensor, " n"]
) -> tuple[Int64[Tensor, " n"], Float64[Tensor, " n"]]:
    """The nearest centre of each row, of equally near ones the first, and the squared distance to it."""
    closeness = torch.addmm(-(centres**2).sum(dim=1) / 2, rows, centres.T)
    best = closeness.max(dim=1).values
    labels = (closeness == best[:, None]).to(torch.uint8).argmax(dim=1)
    return labels, (squares - 2 * best.double()).clamp_(min=0)


def _means(rows: Tensor, labels: Tensor, distance: Tensor, clusters: int) -> Tensor:
    """Of the rows of each cluster; an empty one gets a row that is far from its centre, the farthest first."""
    member = torch.nn.functional.one_hot(labels, clusters).to(rows.dtype)
    size = member.sum(dim=0)
    empty = torch.nonzero(size == 0).flatten()
    if len(empty):
        far = distance.topk(len(empty)).indices
        member[far] = 0
        member[far, empty] = 1
        size = member.sum(dim=0)
    # Adding in the order of a product, not of threads: the same sums every time.
    return (member.T @ rows) / size.clamp(min=1)[:, None]


def _first(rows: Tensor, squares: Tensor, clusters: int, draw: np.random.Generator) -> Tensor:
    """Positions of K rows: each the best of a few that are drawn by their squared distance to the ones before."""
    trials = 2 + int(math.log(clusters))
    chosen = [torch.tensor([int(draw.integers(len(rows)))], device=rows.device)]
    distance = _distances(rows, squares, chosen[0])[:, 0]
    for _ in range(1, clusters):
        reach = distance.cumsum(dim=0)
        asked = torch.from_numpy(draw.random(trials)).to(reach) * reach[-1]
        drawn = torch.searchsorted(reach, asked).clamp_(max=len(rows) - 1)
        left = torch.minimum(_distances(rows, squares, drawn), distance[:, None])
        best = left.sum(dim=0).argmin(keepdim=True)
        distance = left.index_select(1, best)[:, 0]
        chosen.append(drawn[best])
    return torch.cat(chosen)


def _distances(rows: Tensor, squares: Tensor, places: Tensor) -> Tensor:
    """Squared, to some of the rows, `(n, p)`, float64."""
    products = (rows @ rows[places].T).double()
    return (squares[:, None] + squares[places] - 2 * products).clamp_(min=0)
