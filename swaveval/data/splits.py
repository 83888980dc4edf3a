"""A seeded split for images that come without one."""

import hashlib
import math
from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Bool, Int

TEST_SHARE = 0.25


def stratified_split(
    strata: Int[np.ndarray, " n"],
    contents: Sequence[str],
    *,
    seed: int,
    share: float = TEST_SHARE,
    trained: Collection[str] = frozenset(),
) -> Bool[np.ndarray, " n"]:
    """Which images are for testing: `share` of all (rounded up), of each stratum its part.

    Every stratum of two or more images stands on both sides; an image alone in its stratum goes to train. The draw
    orders images by SHA-256 of seed and content, so it depends neither on file names nor on a library's random stream,
    an image added later moves hardly any other, and exact duplicates stay on one side unless a stratum holds nothing
    else.

    Args:
        strata: shape `(n,)`: class of each image, -1 for unlabelled ones (a stratum of their own).
        contents: content hash of each image.
        seed: another seed draws another split.
        share: of test images, between 0 and 1.
        trained: contents that were trained on and may not be drawn, as long as others are left; a stratum that holds
            nothing else then has no test image.

    Returns:
        Shape `(n,)`, True for test.
    """
    is_test = np.zeros(len(strata), dtype=np.bool_)
    values, counts = np.unique(strata, return_counts=True)
    wanted = _allotment(counts, share)
    free = np.array([content not in trained for content in contents], dtype=np.bool_) if trained else None
    if free is not None and not free.any():
        free = None
    for value, count in zip(values, wanted, strict=True):
        members = np.flatnonzero(strata == value)
        if free is not None:
            members = members[free[members]]
            count = min(count, len(members))
        is_test[_drawn(members, contents, int(count), seed)] = True
    return is_test


def _allotment(counts: Int[np.ndarray, " s"], share: float) -> list[int]:
    """Test images per stratum: largest remainders, at least one on each side where a stratum has two."""
    exact = counts * share
    given = np.floor(exact).astype(np.int64)
    short = math.ceil(int(counts.sum()) * share - 1e-9) - int(given.sum())
    # Largest remainder first; then the larger stratum; then the order of the strata.
    order = sorted(range(len(counts)), key=lambda s: (given[s] - exact[s], -counts[s], s))
    given[order[:short]] += 1
    limited = np.clip(given, np.minimum(1, counts - 1), counts - 1)
    return [int(count) for count in limited]


def _drawn(members: Int[np.ndarray, " m"], contents: Sequence[str], count: int, seed: int) -> list[int]:
    """`count` of the members, whole groups of equal content where that is possible."""
    groups: dict[str, list[int]] = {}
    for member in members:
        groups.setdefault(contents[member], []).append(int(member))
    order = sorted(groups, key=lambda content: hashlib.sha256(f"{seed}:{content}".encode()).digest())
    drawn: list[int] = []
    for content in order:
        if len(drawn) + len(groups[content]) <= count:
            drawn += groups[content]
    if count and not drawn:  # every group is larger than the test split: take the smallest that leaves a train side
        smallest = min(groups.values(), key=len)
        drawn = smallest if len(smallest) < len(members) else smallest[:count]
    return drawn
