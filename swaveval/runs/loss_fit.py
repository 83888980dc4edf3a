"""How far a log may go past the checkpoints, or end before them, and still be of their training."""

from collections.abc import Sequence

Moment = tuple[float | None, int | None]

# Further past the last checkpoint than this, or nearer to the start, the log is not of these checkpoints.
LONGEST = 1.5
SHORTEST = 0.5


def fits(end: float, known: Sequence[float], *, epoch: float = 0.0) -> bool:
    """Whether a log that ends at `end` may be that of checkpoints at these epochs, or steps.

    A training that ends, or breaks off, has logged what it did since its last checkpoint: up to the distance of two
    checkpoints, or an epoch, which is far beyond the first of few.

    Args:
        epoch: its length in the same unit, where that is known.
    """
    *before, last = sorted({0.0, *known})
    if last <= 0:
        return False
    since = last - before[-1] if len(set(known)) > 1 else 0.0
    return SHORTEST * last <= end <= max(LONGEST * last, last + max(since, epoch))
