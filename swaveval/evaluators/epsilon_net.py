"""How many prototypes differ from each other: the size of a greedy ε-net."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from swaveval.evaluators.rows import unit

Array = np.ndarray[Any, np.dtype[Any]]


def net_sizes(weights: Array, radii: Sequence[float], *, block: int = 256) -> list[int]:
    """Sizes of the greedy ε-nets of the prototypes at cosine distance 1 − cos, for each ε.

    In the order of the checkpoint: a prototype joins the net when it lies further than ε from all that joined before.
    So the members lie further than ε apart, and every prototype lies within ε of one. Another order may give another
    net, between half and twice as fine; the checkpoint's own keeps the number the same for the same weights.

    Args:
        weights: shape `(K, p)`.
        radii: every ε.
        block: prototypes whose distances to all before them are held at a time.
    """
    directions = unit(weights)
    members: list[Array] = [np.zeros(len(directions), dtype=bool) for _ in radii]
    for start in range(0, len(directions), block):
        stop = min(start + block, len(directions))
        apart = 1 - directions[start:stop] @ directions[:stop].T
        for joined, radius in zip(members, radii, strict=True):
            near = apart <= radius
            covered = np.asarray(near[:, joined[:stop]].any(axis=1))
            # Among those that nothing before the block covers, one after the other.
            for place in np.flatnonzero(~covered):
                if not covered[place]:
                    joined[start + place] = True
                    covered |= near[:, start + place]
    return [int(joined.sum()) for joined in members]
