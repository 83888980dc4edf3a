"""What an evaluation cost in time: its training, where the log says, and its evaluators."""

import math
from collections.abc import Mapping
from typing import Any

from swaveval.results import Series

# Settings that are costs: never among what differs between runs, never a setting of the training.
COSTS = ("training_seconds", "train_seconds", "seconds")


def training_seconds(settings: Mapping[str, Any]) -> float | None:
    """Wall-clock seconds of training, or None where no log says."""
    found = [settings[key] for key in COSTS if isinstance(settings.get(key), int | float)]
    return float(found[0]) if found and math.isfinite(found[0]) and not isinstance(found[0], bool) else None


def evaluator_seconds(series: Series) -> float | None:
    """Seconds spent in evaluators, each cell counted once; passes of the images through the backbones do not count."""
    # One cell of a series evaluator stands at every checkpoint.
    cells = {id(cell): cell.seconds for point in (*series.points, *series.baselines) for cell in point.cells.values()}
    total = math.fsum(cells.values()) if all(math.isfinite(value) for value in cells.values()) else 0.0
    return total if total > 0 else None


def settings_only(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without the costs among them."""
    return {key: value for key, value in settings.items() if key not in COSTS}


def duration(seconds: float | None) -> str:
    """`3 h 12 min`, `6 min 40 s`, `8.2 s`; a dash where it is unknown."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s" if rest >= 60 else f"{rest} s"
