"""How far each layer's weights moved between checkpoints: whether anything is still being learned, and where.

A file's size cannot tell: shapes never change. Only the values do.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from swaveval.checkpoints.backbone import Backbone

Array = npt.NDArray[Any]
Weights = Mapping[str, Tensor]

RTOL, ATOL = 1e-5, 1e-8  # of numpy.allclose
_STATISTICS = re.compile(r"(running_mean|running_var|num_batches_tracked)$")


@dataclass(frozen=True, eq=False)
class Drift:
    """Movement of L layers over T checkpoints. Column t compares checkpoint t with the one before it.

    With w_t all weights and biases of a layer at checkpoint t, as one vector:

    Attributes:
        names: shape `(L,)`: layers in the order of the network; head and prototypes last.
        relative_l2: ‖w_t − w_{t−1}‖ / ‖w_{t−1}‖, shape `(L, T)`, float32; NaN in column 0 and where a layer is absent.
        cosine: w_t · w_{t−1} / (‖w_t‖ ‖w_{t−1}‖), shape `(L, T)`, float32; likewise.
        beyond: share of entries with |w_t − w_{t−1}| > 1e-8 + 1e-5 |w_{t−1}| (numpy's allclose), `(L, T)`; likewise.
        from_first: ‖w_t − w_0‖ / ‖w_0‖, shape `(L, T)`, float32; 0 in column 0.
        overall: ‖w_t − w_{t−1}‖ / ‖w_{t−1}‖ over the backbone's layers together, shape `(T − 1,)`, float64, t ≥ 1.
    """

    names: Array
    relative_l2: Array
    cosine: Array
    beyond: Array
    from_first: Array
    overall: Array

    @property
    def never_moved(self) -> tuple[str, ...]:
        """Layers whose every weight is bit by bit what it was at the first checkpoint, at all checkpoints.

        Frozen on purpose, or disconnected by mistake. Empty with a single checkpoint.
        """
        if self.from_first.shape[1] < 2:
            return ()
        still = np.all(self.from_first == 0, axis=1)
        return tuple(str(name) for name in self.names[still])

    def arrays(self) -> dict[str, Array]:
        """The arrays of the artifact `drift.layers`."""
        return {
            "names": self.names,
            "relative_l2": self.relative_l2,
            "cosine": self.cosine,
            "beyond": self.beyond,
            "from_first": self.from_first,
        }


def layer_weights(backbone: Backbone) -> dict[str, Tensor]:
    """The tensors of a backbone and its head by name."""
    tensors = dict(backbone.module.state_dict())
    if backbone.head is not None:
        tensors |= {f"head.{name}": tensor for name, tensor in backbone.head.state_dict().items()}
    return {
        name: tensor for name, tensor in tensors.items() if tensor.is_floating_point() and not _STATISTICS.search(name)
    }


def drift(checkpoints: Iterable[Backbone | Weights]) -> Drift:
    """Movement over checkpoints in order, in one pass that holds the first and the previous beside the current one.

    Args:
        checkpoints: backbones, or their weights by name.
    """
    first: dict[str, Tensor] = {}
    previous: dict[str, Tensor] = {}
    rows: list[dict[str, tuple[float, float, float, float]]] = []
    overall: list[float] = []
    names: dict[str, None] = {}
    for checkpoint in checkpoints:
        weights = _layers(layer_weights(checkpoint) if isinstance(checkpoint, Backbone) else checkpoint)
        first = first or weights
        names |= dict.fromkeys(weights)
        rows.append({name: _compare(vector, previous.get(name), first.get(name)) for name, vector in weights.items()})
        overall.append(_overall(weights, previous))
        previous = weights
    absent = (np.nan,) * 4
    table = np.asarray([[row.get(name, absent) for row in rows] for name in names], dtype=np.float32)
    table = table.reshape(len(names), len(rows), 4)
    return Drift(
        names=np.asarray(list(names), dtype=np.str_),
        relative_l2=table[:, :, 0],
        cosine=table[:, :, 1],
        beyond=table[:, :, 2],
        from_first=table[:, :, 3],
        overall=np.asarray(overall[1:], dtype=np.float64),
    )


def continued(earlier: Drift, since: Drift) -> Drift:
    """Movement over more checkpoints than `earlier` was of, without reading those between again.

    Args:
        earlier: of T ≥ 2 checkpoints. since: of the first of them, the last of them, and those that came after it.

    Returns:
        Of all of them, bit by bit what `drift` gives.
    """
    names = list(dict.fromkeys([*map(str, earlier.names), *map(str, since.names)]))

    def rows(of: Drift, column: Array, first: int) -> Array:
        filled = np.full((len(names), column.shape[1] - first), np.nan, dtype=np.float32)
        filled[[names.index(str(name)) for name in of.names]] = column[:, first:]
        return filled

    def joined(of: str) -> Array:
        return np.concatenate([rows(earlier, getattr(earlier, of), 0), rows(since, getattr(since, of), 2)], axis=1)

    return Drift(
        names=np.asarray(names, dtype=np.str_),
        relative_l2=joined("relative_l2"),
        cosine=joined("cosine"),
        beyond=joined("beyond"),
        from_first=joined("from_first"),
        overall=np.concatenate([earlier.overall, since.overall[1:]]),
    )


def _layers(weights: Weights) -> dict[str, Tensor]:
    """Each layer's weights and biases as one vector, under the layer's name."""
    parts: dict[str, list[Tensor]] = {}
    for name, tensor in weights.items():
        if not tensor.is_floating_point() or _STATISTICS.search(name):
            continue  # no gradient moves them, and they move without any
        layer = name.rpartition(".")[0] or name
        parts.setdefault(layer, []).append(tensor.detach().reshape(-1).float().cpu())
    return {layer: torch.cat(pieces) if len(pieces) > 1 else pieces[0] for layer, pieces in parts.items()}


def _compare(now: Tensor, before: Tensor | None, first: Tensor | None) -> tuple[float, float, float, float]:
    """(relative L2, cosine, share beyond allclose) to the checkpoint before, and relative L2 to the first."""
    step = cosine = beyond = np.nan
    if before is not None and before.shape == now.shape:
        step = _relative(now, before)
        norms = float(_norm(now) * _norm(before))
        cosine = float(torch.dot(now.double(), before.double())) / norms if norms else np.nan
        beyond = float(((now - before).abs() > ATOL + RTOL * before.abs()).double().mean())
    since = _relative(now, first) if first is not None and first.shape == now.shape else np.nan
    return step, cosine, beyond, since


def _relative(now: Tensor, before: Tensor) -> float:
    """‖now − before‖ / ‖before‖; 0 when equal, infinite when only `before` is zero."""
    moved = float(_norm(now - before))
    return moved / float(_norm(before)) if float(_norm(before)) else (np.inf if moved else 0.0)


def _norm(vector: Tensor) -> Tensor:
    return torch.linalg.vector_norm(vector, dtype=torch.float64)


def _overall(weights: dict[str, Tensor], previous: dict[str, Tensor]) -> float:
    common = [
        name
        for name in weights
        if not name.startswith("head.") and name in previous and previous[name].shape == weights[name].shape
    ]
    moved = sum(float(_norm(weights[name] - previous[name])) ** 2 for name in common)
    length = sum(float(_norm(previous[name])) ** 2 for name in common)
    return (moved / length) ** 0.5 if length else np.nan
