"""Rows of a training log: tables with a header, JSON lines, JSON histories. Which column is the training loss.

Everything here is read from files nobody vouched for: sizes are bounded, and a row that is not numbers is passed over.
"""

import csv
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from swaveval.checkpoints.recent import may_be_written
from swaveval.results.roles import LOSS
from swaveval.runs.request import RunError

MOST_BYTES = 512 * 1024**2
MOST_ROWS = 5_000_000
_MOST_JSON = 64 * 1024**2
# Lines that are too few to leave one out.
_FEW_LINES = 4
# Rows that tell which columns there are.
_TELLING_ROWS = 20_000
_LOSS_NAMES = (
    "loss",
    "train_loss",
    "training_loss",
    "train_loss_step",
    "loss_train",
    "total_loss",
    "train_total_loss",
    "train_loss_epoch",
    "loss_step",
    "loss_epoch",
    "swav_loss",
    "train_swav_loss",
)
_RATE_NAMES = ("learning_rate", "lr", "train_lr")
_EPOCH_NAMES = ("epoch", "epochs", "train_epoch", "trainer_epoch", "epoch_idx", "ep")
_STEP_NAMES = ("trainer_global_step", "global_step", "step", "iteration", "iter", "_step", "steps", "num_updates")
# Words of columns that are no training loss, though `loss` is among them.
_OTHER = frozenset(
    {
        "val", "valid", "validation", "test", "eval", "probe", "linear", "classifier", "online", "knn", "min", "max",
        "std", "scale", "scaler", "weight", "rate", "best", "dev", "teacher", "cls", "class", "swaveval",
    }
)  # fmt: skip
# What an evaluation measured is no log of a training, wherever it was exported to.
_MEASURED = LOSS.replace(".", "_")


@dataclass(frozen=True, slots=True)
class Row:
    """A loss and where the log says it belongs."""

    loss: float
    epoch: float | None = None
    step: int | None = None
    rate: float | None = None


def plain(name: str) -> str:
    """A column's name without case, punctuation and a run's prefix: `run-1 - train/Loss` as `train_loss`."""
    return re.sub(r"[^a-z0-9_]+", "_", name.rsplit(" - ", 1)[-1].strip().lower()).strip("_") or "_"


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
            reader = csv.DictReader(whole_lines(lines, path), delimiter=sign)
            return list(loss_rows(islice(reader, MOST_ROWS), comma=sign == ";"))
        names = first.split()
        rest = islice(whole_lines(lines, path), 1, MOST_ROWS)
        bodies = (dict(zip(names, line.split(), strict=False)) for line in rest)
        return list(loss_rows(bodies))


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
    column = loss_column(first, comma=comma)
    if column is None:
        return
    names = list(dict.fromkeys(name for row in first for name in row))
    epochs, steps = _named(names, _EPOCH_NAMES), _named(names, _STEP_NAMES)
    rates = [name for name in names if plain(name) in _RATE_NAMES or name.lower().startswith("lr-")]
    rate: float | None = None
    for row in chain(first, wanted):
        rate = next((value for name in rates if (value := number(row.get(name), comma=comma)) is not None), rate)
        loss = number(row.get(column), comma=comma)
        if loss is None:
            continue
        epoch, step = _finite(row, epochs, comma=comma), _finite(row, steps, comma=comma)
        yield Row(loss, epoch, None if step is None else int(step), rate)


def loss_column(rows: Sequence[Mapping[str, object]], *, comma: bool = False) -> str | None:
    """The column of the training loss, the same for every row, or None.

    Raises:
        RunError: it is there for several runs.
    """
    counts: dict[str, int] = {}
    for row in rows:
        for name, value in row.items():
            words = plain(name).split("_")
            told = "loss" in plain(name) and plain(name) != _MEASURED and not _OTHER & set(words)
            if told and number(value, comma=comma) is not None:
                counts[name] = counts.get(name, 0) + 1
    if not counts:
        # What TensorBoard exports of one curve: `Wall time,Step,Value`.
        columns = {plain(name): name for name in rows[0]} if rows else {}
        return columns["value"] if columns.keys() == {"wall_time", "step", "value"} else None
    ranks = {
        name: _LOSS_NAMES.index(plain(name)) if plain(name) in _LOSS_NAMES else len(_LOSS_NAMES) for name in counts
    }
    usual = [name for name in counts if ranks[name] == min(ranks.values())]
    runs = {name.rsplit(" - ", 1)[0] for name in usual if " - " in name}
    if len(runs) > 1:
        shown = ", ".join(sorted(runs)[:5])
        raise RunError(f"it holds the losses of {len(runs)} runs ({shown}): export the one these checkpoints are of")
    return max(usual, key=lambda name: counts[name])


def tells(name: str) -> bool:
    """Whether a column may hold a loss, or say where one belongs."""
    short = plain(name)
    return "loss" in short or short in (*_EPOCH_NAMES, *_STEP_NAMES, *_RATE_NAMES) or name.lower().startswith("lr-")


def has_loss(names: Iterable[str]) -> bool:
    """Whether one of these columns is a training loss."""
    return loss_column([dict.fromkeys(names, 0.0)]) is not None


def _named(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    return [name for want in wanted for name in names if plain(name) == want]


def _finite(row: Mapping[str, object], names: Sequence[str], *, comma: bool) -> float | None:
    values = (number(row.get(name), comma=comma) for name in names)
    return next((value for value in values if value is not None and math.isfinite(value)), None)


def number(value: object, *, comma: bool = False) -> float | None:
    """A float, NaN included (a diverged loss is a finding); None for what is no number."""
    if isinstance(value, bool) or value is None or value == "":
        return None
    if not isinstance(value, int | float | str):
        return None
    try:
        return float(value.replace(",", ".") if comma and isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
