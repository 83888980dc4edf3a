"""What an evaluation cost in time."""

import math

from swaveval.results import Series


def evaluator_seconds(series: Series) -> float | None:
    """Seconds spent in evaluators, each cell counted once; passes of the images through the backbones do not count."""
    # One cell of a series evaluator stands at every checkpoint.
    cells = {id(cell): cell.seconds for point in (*series.points, *series.baselines) for cell in point.cells.values()}
    total = math.fsum(cells.values()) if all(math.isfinite(value) for value in cells.values()) else 0.0
    return total if total > 0 else None


def duration(seconds: float | None) -> str:
    """`3 h 12 min`, `6 min 40 s`, `8.2 s`; a dash where it is unknown."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s" if rest >= 60 else f"{rest} s"
