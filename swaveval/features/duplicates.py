"""Identical feature rows, searched once and given back as many.

A collapsed network, or a folder with copies, makes thousands of rows equal. Every one of them ties with every other,
and no bound separates them: they are taken out of the search by their first member and put back by index.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from swaveval.features.exact import rank, row_blocks

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class DuplicateGroups:
    """Rows of a bank grouped by equality.

    Attributes:
        first: shape `(g,)`, int64, ascending: the first row of each group.
        members: shape `(n,)`, int64: all rows, group after group, ascending inside each.
        start: shape `(g + 1,)`, int64: where each group begins in `members`.
    """

    first: Array
    members: Array
    start: Array

    def expand(self, values: Array, groups: Array, k: int) -> tuple[Array, Array]:
        """From nearest groups to nearest rows.

        Args:
            values: closeness of each group, shape `(q, c)`, descending; `c` is k or the number of groups.
            groups: which groups, shape `(q, c)`.

        Returns:
            values and rows, `(q, k)`, nearest first, equally near rows by ascending index.
        """
        sizes = np.diff(self.start)
        new_values, new_index = np.empty((len(groups), k)), np.empty((len(groups), k), np.int64)
        for part in row_blocks(len(groups), 256):
            value, group = values[part], groups[part]
            size = sizes[group]
            # Members of groups that tie interleave, so a group counts unless k rows are strictly nearer.
            fresh = np.ones(value.shape, np.bool_)
            fresh[:, 1:] = value[:, 1:] != value[:, :-1]
            run = np.maximum.accumulate(np.where(fresh, np.arange(value.shape[1]), 0), axis=1)
            nearer = np.take_along_axis(np.cumsum(size, axis=1) - size, run, axis=1)
            taken = np.where(nearer < k, np.minimum(size, k), 0)
            ends = np.cumsum(taken, axis=1)
            width = int(ends[:, -1].max())
            place = np.arange(width)[None, :]
            index = np.full((len(value), width), np.iinfo(np.int64).max)
            closeness = np.full((len(value), width), -np.inf)
            flat = np.repeat(np.arange(taken.size), taken.ravel())
            inside = np.arange(len(flat)) - np.repeat(np.cumsum(taken.ravel()) - taken.ravel(), taken.ravel())
            filled = place < ends[:, -1:]
            index[filled] = self.members[self.start[group.ravel()[flat]] + inside]
            closeness[filled] = value.ravel()[flat]
            new_values[part], new_index[part] = rank(closeness, index, k)
        return new_values, new_index


def duplicate_groups(rows: Array, norms: Array, *, tolerated: int) -> DuplicateGroups | None:
    """Group equal rows, or None when no group has more than `tolerated` members.

    Only rows that share their norm with another can be equal, so only those are hashed.
    """
    order = np.argsort(norms, kind="stable")
    same = norms[order[1:]] == norms[order[:-1]]
    shared = np.zeros(len(norms), np.bool_)
    shared[order[1:][same]] = True
    shared[order[:-1][same]] = True
    if np.count_nonzero(shared) <= tolerated:
        return None
    owner = np.arange(len(norms), dtype=np.int64)
    seen: dict[bytes, int] = {}
    for row in np.flatnonzero(shared).tolist():
        content = hashlib.blake2b(np.ascontiguousarray(rows[row]).tobytes(), digest_size=16).digest()
        owner[row] = seen.setdefault(content, row)
    first, sizes = np.unique(owner, return_counts=True)
    if int(sizes.max()) <= tolerated:
        return None
    members = np.argsort(owner, kind="stable")
    return DuplicateGroups(first, members, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))
