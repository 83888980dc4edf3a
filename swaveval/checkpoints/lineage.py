"""Whether checkpoints descend from one another, by their weights alone.

Training is a chain: what the weights of two checkpoints share, every checkpoint between them has too. So files whose
weights are nearer to each other than either is to a file that was written between them are of another training than
that file. High learning rates, restarts, random starts and averaged weights all keep to this (a start from elsewhere
is at an end; noise makes a file far from all others, but never brings two such files near to each other).

Independent networks of one architecture have cosines near 0 in almost every layer, before and after training: their
channels have no common order. Two runs of one seed start alike and then move apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from swaveval.checkpoints.backbone import Backbone

Sample = dict[str, npt.NDArray[np.float32]]

# Weights looked at: enough for cosines to a hundredth, little enough to be remembered of every file.
SAMPLED = 24_576
_LEAST = 64  # weights of a layer that is looked at
# Checkpoints that are compared two by two.
_MOST = 1000
# Files are of one training though another lies between them, when they are this much nearer to each other.
NEARER = 0.7
# Cosine of what is the same network some time later, and at most this share of it is chance.
AKIN, STRANGE = 0.3, 0.25
# Cosine of neighbours on either side of a new start, at least, and over it, at most.
STEADY, ANEW = 0.7, 0.1
# Of so many files the two most alike by chance, at most.
_SEVERAL, UNRELATED = 4, 0.15
# Of one training a file is so many times further from the one after the next than from the next, at least: a walk
# without direction has √2, networks made of one start in several ways have 1.
FARTHER = 1.15


def sample(backbone: Backbone) -> Sample:
    """Some weights of each layer with two or more dimensions, as float32, ≤ `SAMPLED` of all together."""
    layers = {
        name: tensor
        for name, tensor in backbone.module.state_dict().items()
        if tensor.ndim > 1 and tensor.numel() >= _LEAST and tensor.is_floating_point()
    }
    each = max(_LEAST, SAMPLED // max(1, len(layers)))
    found: Sample = {}
    for name, tensor in layers.items():
        flat = tensor.detach().reshape(-1)
        # The same places in every file of this shape; drawn, as a regular distance might meet one column only.
        positions = np.arange(flat.numel())
        if flat.numel() > each:
            positions = np.sort(np.random.default_rng(flat.numel()).integers(0, flat.numel(), each))
        found[name] = flat[torch.from_numpy(positions)].to(torch.float32).cpu().numpy()
    return found


@dataclass(frozen=True, slots=True)
class Descent:
    """Attributes:
    groups: positions of the files of each training, where there are several; else one group. Of trainings from one
        start, files near it may be in none: they could be of any.
    kind: `woven`: files of other random weights lie between those of one training; `parted`: trainings from one start;
        `anew`: one training after the other; empty where there is one.
    example: positions: two of one training around one of another; of `anew`, the two where it starts anew.
    """

    groups: tuple[tuple[int, ...], ...]
    kind: Literal["woven", "parted", "anew", ""] = ""
    example: tuple[int, ...] = ()


def descent(samples: Sequence[Sample]) -> Descent:
    """Which of the files, in the order they were written, descend from one another.

    Args:
        samples: as `sample` gives, of networks of one architecture.
    """
    whole = Descent((tuple(range(len(samples))),))
    if not 3 <= len(samples) <= _MOST:
        return whole
    cosines, distances = _compared(samples)
    if cosines is None or distances is None:
        return whole
    returning = _returning_kin(cosines)
    if returning:
        nearest = min(cosines[i, k] for i, _, k in returning)
        groups = _groups(cosines >= nearest / 2)
        if len(groups) > 1:
            return Descent(groups, "woven", returning[0])
    if start := _new_start(cosines):
        return Descent((tuple(range(start)), tuple(range(start, len(samples)))), "anew", (start - 1, start))
    crossing = _crossing(distances)
    if crossing is None:
        return whole
    # Files that no other of their training follows could be of any.
    groups = tuple(group for group in _chains(distances) if group[-1] - group[0] >= len(group) > 1)
    return Descent(groups if len(groups) > 1 else whole.groups, "parted", crossing)


def strangers(samples: Sequence[Sample]) -> bool:
    """Whether no two of the files have anything in common: each is of its own training, from its own random start.

    One training forgets its start, but not what it was a checkpoint ago: at the highest learning rates that still learn
    neighbours have cosines of .7, first and last ones .25.
    """
    if not 2 <= len(samples) <= _MOST:
        return False
    cosines, _ = _compared(samples)
    if cosines is None:
        return False
    apart = np.abs(cosines[np.triu_indices(len(samples), 1)])
    return bool(np.median(apart) <= ANEW and apart.max() <= (ANEW if len(samples) < _SEVERAL else UNRELATED))


def goes_on(samples: Sequence[Sample]) -> bool:
    """Whether each file goes on from the one before: akin to it, and further from the one before that.

    Where nothing else says that files are one training. Networks that several seeds gave have nothing in common; those
    that several settings made of one start are akin, and each as far from any other as from the next.
    """
    if not 3 <= len(samples) <= _MOST:
        return False
    cosines, distances = _compared(samples)
    if cosines is None or distances is None:
        return False
    single = np.diag(distances, 1)
    longer = np.maximum(single[:-1], single[1:])
    grows = np.divide(np.diag(distances, 2), longer, out=np.zeros_like(longer), where=longer > 0)
    return bool(np.diag(cosines, 1).min() >= AKIN and np.median(grows) >= FARTHER)


def _compared(samples: Sequence[Sample]) -> tuple[Any, Any]:
    """Cosines and relative distances of every two files: medians over the layers that moved, `(n, n)` each."""
    names = [name for name in samples[0] if all(name in s and s[name].shape == samples[0][name].shape for s in samples)]
    cosines, distances = [], []
    for name in names:
        rows = np.stack([s[name] for s in samples]).astype(np.float64)
        if not np.isfinite(rows).all() or (rows == rows[0]).all():
            continue  # frozen: the same in any training
        rows -= rows.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(rows, axis=1)
        if not norms.all():
            continue
        products = rows @ rows.T
        cosines.append(products / np.outer(norms, norms))
        squares = norms[:, None] ** 2 + norms[None, :] ** 2 - 2 * products
        distances.append(np.sqrt(np.maximum(squares, 0)) / norms.mean())
    if not cosines:
        return None, None
    return np.median(cosines, axis=0), np.median(distances, axis=0)


def _returning_kin(cosines: npt.NDArray[np.float64]) -> list[tuple[int, int, int]]:
    """Files that are akin although one between them is a stranger to both."""
    found = []
    n = len(cosines)
    for i in range(n - 2):
        for k in range(i + 2, n):
            if cosines[i, k] < AKIN:
                continue
            between = np.maximum(cosines[i, i + 1 : k], cosines[k, i + 1 : k])
            j = int(between.argmin())
            if between[j] <= STRANGE * cosines[i, k]:
                found.append((i, i + 1 + j, k))
                break
    return found


def _new_start(cosines: npt.NDArray[np.float64]) -> int:
    """The first file that is a stranger to the one before, where both have a steady neighbour; 0 where none is."""
    steps = np.diag(cosines, 1)
    for i in range(1, len(steps) - 1):
        if abs(steps[i]) <= ANEW and min(steps[i - 1], steps[i + 1]) >= STEADY:
            return i + 1
    return 0


def _groups(linked: npt.NDArray[np.bool_]) -> tuple[tuple[int, ...], ...]:
    """Connected files, in the order of their first."""
    left, groups = list(range(len(linked))), []
    while left:
        group, edge = [left[0]], [left[0]]
        while edge:
            here = edge.pop()
            new = [other for other in left if linked[here, other] and other not in group]
            group += new
            edge += new
        groups.append(tuple(sorted(group)))
        left = [other for other in left if other not in group]
    return tuple(groups)


def _crossing(distances: npt.NDArray[np.float64]) -> tuple[int, int, int] | None:
    """Two pairs i < j < k < l, (i, k) and (j, l), each much nearer to each other than to any file between them."""
    pairs = [(i, k) for i in range(len(distances)) for k in range(i + 2, len(distances)) if _returns(distances, i, k)]
    for i, k in pairs:
        for j, m in pairs:
            if i < j < k < m:
                return i, j, k
    return None


def _returns(distances: npt.NDArray[np.float64], i: int, k: int) -> bool:
    between = np.minimum(distances[i, i + 1 : k], distances[k, i + 1 : k])
    return bool(0 < distances[i, k] < NEARER * between.min())


def _chains(distances: npt.NDArray[np.float64]) -> tuple[tuple[int, ...], ...]:
    """Each file with the later one nearest to it, where that one has no nearer earlier one."""
    n = len(distances)
    linked = np.zeros((n, n), dtype=bool)
    for i in range(n - 1):
        k = i + 1 + int(distances[i, i + 1 :].argmin())
        if int(distances[k, :k].argmin()) == i:
            linked[i, k] = linked[k, i] = True
    return _groups(linked)
