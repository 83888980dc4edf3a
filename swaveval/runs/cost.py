"""What a training run cost in time, from the log it left."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 512 * 1024**2


@dataclass(frozen=True, slots=True)
class TrainingTime:
    """Wall-clock seconds of the finished epochs, and how many these are."""

    seconds: float
    epochs: int


def training_time(ckpt_dir: Path) -> TrainingTime | None:
    """What the metrics.csv says that `swaveval pretrain` wrote beside `ckpt_dir`.

    Epochs are added up, so that pauses between an interruption and its resumption do not count. None without such a
    log, and where an epoch does not say how long it took.
    """
    for path in (ckpt_dir / "metrics.csv", ckpt_dir.parent / "metrics.csv"):
        try:
            if path.stat().st_size > MOST_BYTES:
                continue
            with path.open(newline="", encoding="utf-8", errors="replace") as opened:
                # A row without its end was being written: a number in it may be cut off.
                lines = (line for line in opened if line.endswith("\n"))
                took = [row.get("seconds") for row in csv.DictReader(lines) if row.get("kind") == "epoch"]
            seconds = [float(value or "nan") for value in took]
        except (OSError, ValueError, csv.Error):
            continue
        if seconds and all(math.isfinite(value) and value >= 0 for value in seconds):
            return TrainingTime(math.fsum(seconds), len(seconds))
    return None
