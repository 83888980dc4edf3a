"""Rows of a training log: tables with a header, JSON lines, JSON histories.

Everything here is read from files nobody vouched for: sizes are bounded, and a row that is not numbers is passed over.
"""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from swaveval.checkpoints.recent import may_be_written
from swaveval.runs.loss_columns import EPOCH_NAMES, FINISHED, RATE_NAMES, STEP_NAMES, Column, column_of, number, plain

MOST_BYTES = 512 * 1024**2
MOST_ROWS = 5_000_000
_MOST_JSON = 64 * 1024**2
# Lines that are too few to leave one out.
_FEW_LINES = 4
# Rows that tell which columns there are.
_TELLING_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Row:
    """A loss and where the log says it belongs.

    Attributes:
        column: that it stood in, where others tell of it. finished: whether the log says that its epochs are over.
    """

    loss: float
    epoch: float | None = None
    step: int | None = None
    rate: float | None = None
    column: Column | None = field(default=None, compare=False)
    finished: bool = field(default=False, compare=False)


def table_rows(path: Path) -> list[Row]:
    """Rows of a CSV, or of a table with tabs, semicolons or spaces.

    Raises:
        RunError: it holds the losses of several runs. ValueError, OSError: it is no table.
    """
    bounded(path)
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as lines:
        first = lines.readline(1 << 20)
        lines.seek(0)
        sign = max(",\t;", key=first.count)
        if first.count(sign):
            cells: Iterable[Sequence[str]] = csv.reader(whole_lines(lines, path), delimiter=sign)
        else:
            cells = (line.split() for line in whole_lines(lines, path))
        return list(loss_rows(_under_headers(islice(cells, MOST_ROWS)), comma=sign == ";" and ";" in first))


def _under_headers(rows: Iterable[Sequence[str]]) -> Iterator[dict[str, str]]:
    """Cells by the names above them; a program that was started again may write a header again, and another one."""
    names: Sequence[str] = ()
    known: frozenset[str] = frozenset()
    for row in rows:
        if not row:
            continue
        if not names or (row[0].strip() in known and all(number(cell) is None for cell in row)):
            names, known = row, known | {name.strip() for name in row if name.strip()}
        else:
            yield dict(zip(names, row, strict=False))


def json_rows(path: Path) -> list[Row]:
    """Rows of JSON lines, of a list of objects, of a history of lists, or of a Trainer's `log_history`."""
    bounded(path)
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as lines:
            held = [line for line in islice(lines, MOST_ROWS) if line.strip()]
        if len(held) > 1 and not held[-1].endswith("\n") and not _is_json(held[-1]):
            held.pop()  # half a line
        bodies = [json.loads(line) for line in held]
    except ValueError:
        bodies = []
    if not bodies or (len(bodies) == 1 and not _has_loss(bodies[0])) or not isinstance(bodies[0], dict):
        bodies = _history(path)
    return list(loss_rows(body for body in bodies if isinstance(body, dict)))


def _history(path: Path) -> list[object]:
    if path.stat().st_size > _MOST_JSON:
        raise ValueError("too long for one JSON value")
    body = json.loads(path.read_text(encoding="utf-8-sig", errors="replace"))
    if isinstance(body, dict):
        inner = next((body[name] for name in ("log_history", "history", "logs") if name in body), body)
        if isinstance(inner, dict):
            columns = {name: value for name, value in inner.items() if isinstance(value, list)}
            length = max(map(len, columns.values()), default=0)
            return [{n: v[i] for n, v in columns.items() if i < len(v)} for i in range(min(length, MOST_ROWS))]
        body = inner
    return body if isinstance(body, list) else []


def _has_loss(body: object) -> bool:
    return isinstance(body, dict) and any(
        "loss" in str(name).lower() and number(body[name]) is not None for name in body
    )


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def whole_lines(lines: Iterable[str], path: Path) -> Iterator[str]:
    """The lines of a file but for a last one without an end while the file is being written: a number may be cut off.

    Such an end of a file that nobody writes to is a line as any other, and so is that of the first few.
    """
    for count, line in enumerate(lines):
        if count < _FEW_LINES or line.endswith(("\n", "\r")) or not may_be_written(path.stat().st_mtime):
            yield line


def bounded(path: Path) -> None:
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"{size:,} bytes is no loss log")


def loss_rows(bodies: Iterable[Mapping[Any, object]], *, comma: bool = False) -> Iterator[Row]:
    """Rows that hold a loss; loggers write others (validation, learning rate) between them."""
    rows = ({str(n).strip(): v for n, v in body.items() if n is not None} for body in bodies)
    # Our own metrics.csv: an epoch's row is the mean of the step rows before it. mmengine says of each row its mode.
    wanted = (row for row in rows if row.get("kind") != "epoch" and str(row.get("mode", "train")).lower() != "val")
    first = list(islice(wanted, _TELLING_ROWS))
    column = column_of(first, comma=comma)
    if column is None:
        return
    several = column if column.others or column.parts else None
    names = list(dict.fromkeys(name for row in first for name in row))
    epochs, steps = _named(names, EPOCH_NAMES), _named(names, STEP_NAMES)
    rates = [name for name in names if plain(name) in RATE_NAMES or name.lower().startswith("lr-")]
    rate: float | None = None
    finished = [plain(name) for name in epochs] == [FINISHED]
    for row in chain(first, wanted):
        rate = next((value for name in rates if (value := number(row.get(name), comma=comma)) is not None), rate)
        loss = number(row.get(column.name), comma=comma)
        if loss is None:
            continue
        epoch, step = _finite(row, epochs, comma=comma), _finite(row, steps, comma=comma)
        yield Row(loss, epoch, None if step is None else int(step), rate, several, finished)


def _named(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    return [name for want in wanted for name in names if plain(name) == want]


def _finite(row: Mapping[str, object], names: Sequence[str], *, comma: bool) -> float | None:
    values = (number(row.get(name), comma=comma) for name in names)
    return next((value for value in values if value is not None and math.isfinite(value)), None)
