"""metrics.csv: the loss of every step and epoch, on disk as soon as it is known."""

import csv
import io
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from swaveval.results.atomic import write_text

COLUMNS = ("kind", "epoch", "step", "loss", "learning_rate", "gap", "seconds")


class LossLog:
    """Appends rows to metrics.csv once it is open; never opened, as on all processes but the first, it does nothing.

    Columns: `kind` (`step` or `epoch`), `epoch` (finished epochs, with a fraction inside an epoch), `step` (optimiser
    steps taken), `loss` (nats; of a step's batch, or the mean over an epoch's steps), `learning_rate` (of that step),
    `gap` = 1 − loss / ln K, `seconds` (of an epoch: its wall-clock time; empty on steps).

    Args:
        path: the file. Rows after `step` are dropped, since a resumed training takes those steps again.
        prototypes: K.
        step: optimiser steps already taken.
    """

    def __init__(self, path: Path, *, prototypes: int, step: int = 0) -> None:
        self._path = path
        self._ln_k = math.log(prototypes)
        self._step = step
        self._stream: TextIO | None = None

    def open(self) -> None:
        """Drop what is to be taken again and open the file for appending."""
        write_text(self._path, csv_lines([COLUMNS, *_rows_until(self._path, self._step)]))
        self._stream = self._path.open("a", encoding="utf-8", newline="")

    def close(self) -> None:
        """Close the file; harmless when it is not open."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def write(
        self, kind: str, *, epoch: float, step: int, loss: float, learning_rate: float, seconds: float | None = None
    ) -> None:
        """Append one row. It outlives the process at once; at the end of an epoch it outlives the machine."""
        if self._stream is None:
            return
        gap = 1 - loss / self._ln_k
        took = "" if seconds is None else f"{seconds:.4g}"
        row = (kind, f"{epoch:.6g}", str(step), repr(loss), f"{learning_rate:.8g}", f"{gap:.6g}", took)
        self._stream.write(csv_lines([row]))
        self._stream.flush()
        if kind == "epoch":
            os.fsync(self._stream.fileno())


def _rows_until(path: Path, step: int) -> list[list[str]]:
    """Whole rows with at most `step` steps; a torn last line is none. Earlier logs lack `seconds`."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            lines = list(csv.reader(line for line in stream if line.endswith("\n")))
            width = len(lines[0]) if lines else 0
            rows = [row for row in lines if len(row) == width >= len(COLUMNS) - 1 and row[2].isdigit()]
    except OSError:
        return []
    return [[*row, ""][: len(COLUMNS)] for row in rows if int(row[2]) <= step]


def csv_lines(rows: Iterable[Sequence[str]]) -> str:
    """Rows as the text of a CSV file."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()
