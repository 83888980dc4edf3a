"""loss.csv: what a monitor is told of the training's loss, as `runs.losses` reads it."""

import csv
from pathlib import Path
from typing import TextIO

from swaveval.checkpoints.snapshots import Moment
from swaveval.pretrain.loss_log import csv_lines
from swaveval.results.atomic import write_text
from swaveval.runs.loss_columns import FINISHED

COLUMNS = (FINISHED, "step", "loss")


class LossFile:
    """Appends a row for each loss."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: TextIO | None = None

    def open(self, since: Moment) -> None:
        """Go on with what is there, but for rows from a moment on, whose steps are taken again."""
        self.close()
        rows = [COLUMNS, *(row for row in self._rows() if _moment(row).is_before(since))]
        write_text(self._path, csv_lines(rows))
        self._stream = self._path.open("a", encoding="utf-8", newline="")

    def write(self, moment: Moment, loss: float) -> None:
        """Add a row; it outlives the process at once."""
        if self._stream is not None:
            epoch, step = ("" if value is None else f"{value:.10g}" for value in (moment.epoch, moment.step))
            self._stream.write(csv_lines([(epoch, step, repr(loss))]))
            self._stream.flush()

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _rows(self) -> list[tuple[str, ...]]:
        """Whole rows; one that a kill cut off is none."""
        try:
            with self._path.open(encoding="utf-8", newline="") as lines:
                found = [tuple(row) for row in csv.reader(line for line in lines if line.endswith("\n"))]
        except (OSError, UnicodeDecodeError, csv.Error):
            return []
        return [row for row in found[1:] if len(row) == len(COLUMNS)] if found[:1] == [COLUMNS] else []


def _moment(row: tuple[str, ...]) -> Moment:
    try:
        return Moment(float(row[0]) if row[0] else None, int(float(row[1])) if row[1] else None)
    except ValueError:
        return Moment()
