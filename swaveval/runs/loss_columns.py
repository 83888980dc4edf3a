"""Which column of a log is the training loss: its total before a part of it, and what stands beside it is kept."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from swaveval.results.roles import LOSS
from swaveval.runs.request import RunError

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
RATE_NAMES = ("learning_rate", "lr", "train_lr")
# What a log calls epochs of which it says that they are over: 0 before the first. Of any other it has to be found out.
FINISHED = "finished_epochs"
EPOCH_NAMES = (FINISHED, "epoch", "epochs", "train_epoch", "trainer_epoch", "epoch_idx", "ep")
STEP_NAMES = ("trainer_global_step", "global_step", "step", "iteration", "iter", "_step", "steps", "num_updates")
# Words of columns that are no training loss, though `loss` is among them.
_OTHER = frozenset(
    {
        "val", "valid", "validation", "test", "eval", "probe", "linear", "classifier", "online", "knn", "min", "max",
        "std", "scale", "scaler", "weight", "rate", "best", "dev", "teacher", "cls", "class", "swaveval", "grad",
        "gradient",
    }
)  # fmt: skip
_TOTAL = re.compile(r"total|overall|(?<![a-z])(?:all|sum)(?![a-z])")
# The same loss over other stretches of the training.
_STRETCH = re.compile(r"_(step|epoch)$")
# Rows and columns that are looked at for the parts of a sum, and by how much a sum of rounded numbers may be off.
_ROWS, _COLUMNS, _ROUNDED = 50, 12, 1e-4
# What an evaluation measured is no log of a training, wherever it was exported to.
_MEASURED = LOSS.replace(".", "_")


@dataclass(frozen=True, slots=True)
class Column:
    """The column that was taken for the training loss.

    Attributes:
        name: of it. others: losses that stand beside it. sure: whether its name says that it is the whole loss.
        parts: the columns that it is the sum of; empty where none are known.
    """

    name: str
    others: tuple[str, ...] = ()
    sure: bool = True
    parts: tuple[str, ...] = ()


def plain(name: str) -> str:
    """A column's name without case, punctuation and a run's prefix: `run-1 - train/Loss` as `train_loss`."""
    return re.sub(r"[^a-z0-9_]+", "_", name.rsplit(" - ", 1)[-1].strip().lower()).strip("_") or "_"


def column_of(rows: Sequence[Mapping[str, object]], *, comma: bool = False) -> Column | None:
    """The column of the training loss, the same for every row, or None.

    A total goes before a plain `loss`, that before any other.

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
        return Column(columns["value"]) if columns.keys() == {"wall_time", "step", "value"} else None
    ranks = {name: _rank(plain(name)) for name in counts}
    usual = [name for name in counts if ranks[name] == min(ranks.values())]
    runs = {name.rsplit(" - ", 1)[0] for name in usual if " - " in name}
    if len(runs) > 1:
        shown = ", ".join(sorted(runs)[:5])
        raise RunError(f"it holds the losses of {len(runs)} runs ({shown}): export the one these checkpoints are of")
    taken = max(usual, key=lambda name: counts[name])
    others = tuple(name for name in counts if _loss(name) != _loss(taken))
    parts = _parts(taken, others, rows, comma=comma)
    return Column(taken, others, sure=ranks[taken] < (1, len(_LOSS_NAMES)), parts=parts)


def _parts(taken: str, others: Sequence[str], rows: Sequence[Mapping[str, object]], *, comma: bool) -> tuple[str, ...]:
    """What a loss is the sum of: two or three columns that add up to it, or those beside one whose name says total."""
    read = ({name: number(value, comma=comma) for name, value in row.items()} for row in rows)
    known = [{n: v for n, v in row.items() if v is not None and math.isfinite(v)} for row in read]
    told = [row for row in known if taken in row][:_ROWS]
    if len(told) < 2:
        return ()

    def sums(names: Sequence[str]) -> bool:
        return all(abs(sum(row[n] for n in names) - row[taken]) <= _ROUNDED * abs(row[taken]) for row in told)

    # Constants add up to a constant by chance, and a column of zeros is part of any sum.
    values = [row[taken] for row in told]
    varies = max(values) - min(values) > 10 * _ROUNDED * max(map(abs, values))
    shared = [name for name in told[0] if _loss(name) != _loss(taken) and all(row.get(name) for row in told)]
    counted = (*EPOCH_NAMES, *STEP_NAMES, *RATE_NAMES)
    shared = [name for name in shared if plain(name) not in counted][:_COLUMNS]
    for size in (2, 3) if varies else ():
        if found := next(filter(sums, combinations(shared, size)), None):
            return found
    beside = [name for name in others if any(name in row for row in told)]
    if _rank(plain(taken))[0] == 0 and beside and not any(name in shared and sums([name]) for name in beside):
        return tuple(beside)
    return ()


def _rank(short: str) -> tuple[int, int]:
    known = _LOSS_NAMES.index(short) if short in _LOSS_NAMES else len(_LOSS_NAMES)
    return (0 if _TOTAL.search(short.replace("_", " ")) else 1), known


def _loss(name: str) -> str:
    return _STRETCH.sub("", plain(name))


def tells(name: str) -> bool:
    """Whether a column may hold a loss, or say where one belongs."""
    short = plain(name)
    return "loss" in short or short in (*EPOCH_NAMES, *STEP_NAMES, *RATE_NAMES) or name.lower().startswith("lr-")


def has_loss(names: Iterable[str]) -> bool:
    """Whether one of these columns is a training loss."""
    return column_of([dict.fromkeys(names, 0.0)]) is not None


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
