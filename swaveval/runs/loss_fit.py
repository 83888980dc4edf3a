"""How far a log may go past the checkpoints, or end before them, and still be of their training."""

Moment = tuple[float | None, int | None]

# Further past the last checkpoint than this, or nearer to the start, the log is not of these checkpoints.
LONGEST = 1.5
SHORTEST = 0.5


def fits(end: float, last: float) -> bool:
    """Whether a log that ends at `end` may be that of checkpoints that end at `last`."""
    return last > 0 and SHORTEST <= end / last <= LONGEST
