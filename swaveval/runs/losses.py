"""The training loss from wherever it was left: our metrics.csv, Lightning's, event files, a log the user names.

Everything here is read from files nobody vouched for: sizes are bounded, a row that is not numbers is passed over, and
a file that is no log is no error unless the user named it.
"""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from swaveval.results import LossCurve, Series
from swaveval.runs.request import RunError

MOST_BYTES = 512 * 1024**2
MOST_ROWS = 5_000_000
# Points of a curve: more than a page can draw say nothing more.
MOST_POINTS = 1000
_LOSS_NAMES = ("loss", "train_loss", "train/loss", "training_loss", "train_loss_epoch", "loss_epoch", "swav_loss")
_RATE_NAMES = ("learning_rate", "lr", "train_lr")


@dataclass(frozen=True, slots=True)
class _Row:
    loss: float
    epoch: float | None
    step: int | None
    rate: float | None


def find_loss(ckpt_dir: Path, *, loss_log: Path | None, prototypes: int | None) -> LossCurve | None:
    """The loss curve of the run whose checkpoints lie in `ckpt_dir`, or None when none is found.

    In this order: `loss_log`; `metrics.csv` (this package's or Lightning's) in the directory, above it or below it;
    TensorBoard event files in the same places, where tensorboard is installed.

    Raises:
        RunError: `loss_log` was named and holds no loss.
    """
    if loss_log is not None:
        return _named(loss_log, prototypes)
    places = (ckpt_dir, ckpt_dir.parent)
    logs = [place / "metrics.csv" for place in places] + sorted(_below(ckpt_dir, "metrics.csv"))
    for path in logs:
        curve = _curve(_quietly(path), source=_relative(path, ckpt_dir), prototypes=prototypes)
        if curve is not None:
            return curve
    for place in (*places, *_below_directories(ckpt_dir)):
        rows = _event_rows(place)
        curve = _curve(rows, source="TensorBoard event files", prototypes=prototypes)
        if curve is not None:
            return curve
    return None


def recomputed(series: Series) -> LossCurve | None:
    """The loss on fixed views, recomputed from the head and prototypes of each checkpoint (`prototypes.loss`)."""
    values = series.values("prototypes.loss")
    _, places = series.axis()
    known = ~np.isnan(values)
    if int(known.sum()) < 2:
        return None
    counts = {point.record.load.get("prototypes") for point in series.points} - {None}
    count = counts.pop() if len(counts) == 1 else series.manifest.hyperparameters.get("prototypes")
    return LossCurve(
        source="recomputed from head and prototypes on fixed views",
        epochs=tuple(float(place) for place in places[known]),
        values=tuple(float(value) for value in values[known]),
        prototypes=int(count) if isinstance(count, int | float) and count > 1 else None,
    )


def _named(path: Path, prototypes: int | None) -> LossCurve:
    """The log the user named: JSON lines, else CSV."""
    try:
        with path.open("rb") as start:
            head = start.read(64).lstrip()
        rows = list(_json_rows(path) if head.startswith(b"{") else _csv_rows(path))
    except OSError as error:
        raise RunError(f"the loss log {path} cannot be read: {error.strerror or error}") from error
    except (ValueError, csv.Error) as error:
        raise RunError(f"the loss log {path} is neither CSV nor JSON lines: {error}") from error
    curve = _curve(rows, source=path.name, prototypes=prototypes)
    if curve is None:
        raise RunError(
            f"the loss log {path} holds no loss: expected a CSV header or JSON lines with `loss` or `train_loss`, "
            "beside `epoch` or `step`"
        )
    return curve


def _quietly(path: Path) -> list[_Row]:
    """Rows of a file that was found, not named; [] for whatever is wrong with it."""
    try:
        return list(_csv_rows(path))
    except (OSError, ValueError, csv.Error):
        return []


def _csv_rows(path: Path) -> Iterator[_Row]:
    _bounded(path)
    with path.open(newline="", encoding="utf-8", errors="replace") as lines:
        reader = csv.DictReader(lines)
        yield from _rows(islice(reader, MOST_ROWS))


def _json_rows(path: Path) -> Iterator[_Row]:
    _bounded(path)
    with path.open(encoding="utf-8", errors="replace") as lines:
        bodies = (json.loads(line) for line in islice(lines, MOST_ROWS) if line.strip())
        yield from _rows(body for body in bodies if isinstance(body, dict))


def _bounded(path: Path) -> None:
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"{size:,} bytes is no loss log")


def _rows(bodies: Iterable[Mapping[str | None, object]]) -> Iterator[_Row]:
    """Rows that hold a loss; loggers write others (validation, learning rate) between them."""
    rate: float | None = None
    for body in bodies:
        named = {str(name).strip(): value for name, value in body.items() if name is not None}
        if named.get("kind") == "epoch":
            continue  # our own metrics.csv: the mean of the step rows before it
        rate = _first(named, _RATE_NAMES, prefix="lr-") if _has(named, _RATE_NAMES, "lr-") else rate
        loss = _loss(named)
        if loss is None:
            continue
        step = _number(named.get("step", named.get("global_step")))
        whole = int(step) if step is not None and math.isfinite(step) else None
        epoch = _number(named.get("epoch"))
        yield _Row(loss, epoch if epoch is not None and math.isfinite(epoch) else None, whole, rate)


def _loss(named: Mapping[str, object]) -> float | None:
    for name in _LOSS_NAMES:
        if (value := _number(named.get(name))) is not None:
            return value
    others = [name for name in named if "loss" in name.lower() and not name.lower().startswith(("val", "test"))]
    return next((value for name in others if (value := _number(named[name])) is not None), None)


def _has(named: Mapping[str, object], names: tuple[str, ...], prefix: str) -> bool:
    return _first(named, names, prefix=prefix) is not None


def _first(named: Mapping[str, object], names: tuple[str, ...], *, prefix: str) -> float | None:
    wanted = [name for name in named if name in names or name.startswith(prefix)]
    return next((value for name in wanted if (value := _number(named[name])) is not None), None)


def _number(value: object) -> float | None:
    """A float, NaN included (a diverged loss is a finding); None for what is no number."""
    if isinstance(value, bool) or value is None or value == "":
        return None
    if not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _event_rows(directory: Path) -> list[_Row]:
    """Scalars of the TensorBoard event files in `directory`; [] without tensorboard or without any."""
    if not directory.is_dir() or not any(directory.glob("events.out.tfevents.*")):
        return []
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError:
        return []
    try:
        events = EventAccumulator(
            str(directory), size_guidance={"scalars": 10 * MOST_POINTS, "images": 1, "tensors": 1}
        )
        events.Reload()
        tags = set(events.Tags()["scalars"])
        epochs = {event.step: event.value for event in events.Scalars("epoch")} if "epoch" in tags else {}
        tag = next((name for name in _LOSS_NAMES if name in tags), None)
        tag = tag or next((name for name in sorted(tags) if "loss" in name.lower() and "val" not in name.lower()), None)
        if tag is None:
            return []
        return [_Row(event.value, epochs.get(event.step), int(event.step), None) for event in events.Scalars(tag)]
    except Exception:
        # The event reader raises whatever its protobuf parser raises; a damaged file here is no loss curve.
        return []


def _curve(rows: Iterable[_Row], *, source: str, prototypes: int | None) -> LossCurve | None:
    """Rows to a curve on the axis of finished epochs, averaged to at most MOST_POINTS points."""
    held = list(rows)
    if len(held) < 2:
        return None
    epochs = _finished(held)
    if epochs is None:
        epochs = [float(row.step) if row.step is not None else float(place) for place, row in enumerate(held, 1)]
        source = f"{source} (by step: it names no epochs)"
    order = sorted(range(len(held)), key=epochs.__getitem__)
    groups = np.array_split(np.asarray(order), min(MOST_POINTS, len(order)))
    steps = all(row.step is not None for row in held)
    rates = all(row.rate is not None for row in held)
    return LossCurve(
        source=source,
        epochs=tuple(float(epochs[group[-1]]) for group in groups),
        values=tuple(float(np.mean([held[place].loss for place in group])) for group in groups),
        prototypes=prototypes,
        steps=tuple(int(held[group[-1]].step or 0) for group in groups) if steps else (),
        learning_rates=tuple(float(held[group[-1]].rate or 0) for group in groups) if rates else (),
    )


def _finished(rows: list[_Row]) -> list[float] | None:
    """Finished epochs at each row.

    Lightning and most loops count the epoch in progress from 0, so the i-th of m rows of epoch e stands at
    e + i/m. Fractional epochs, and whole ones that appear once each and begin at 1, are finished already.
    """
    epochs = [row.epoch for row in rows]
    known = [epoch for epoch in epochs if epoch is not None]
    if len(known) != len(epochs):
        return None
    whole = all(epoch == int(epoch) for epoch in known)
    counts: dict[float, int] = {}
    for epoch in known:
        counts[epoch] = counts.get(epoch, 0) + 1
    if not whole or (min(known) >= 1 and max(counts.values()) == 1):
        return known
    # The last epoch may be unfinished: it is given as many rows as the one before.
    ordered = sorted(counts)
    if len(ordered) > 1:
        counts[ordered[-1]] = max(counts[ordered[-1]], counts[ordered[-2]])
    seen: dict[float, int] = {}
    finished: list[float] = []
    for epoch in known:
        seen[epoch] = seen.get(epoch, 0) + 1
        finished.append(epoch + seen[epoch] / counts[epoch])
    return finished


def _below(directory: Path, name: str) -> Iterator[Path]:
    for child in _below_directories(directory):
        if (child / name).is_file():
            yield child / name


def _below_directories(directory: Path) -> list[Path]:
    """Directories up to two levels below (`lightning_logs/version_0`), not through links."""
    try:
        first = [child for child in directory.iterdir() if child.is_dir() and not child.is_symlink()]
        second = [
            child for parent in first[:100] for child in parent.iterdir() if child.is_dir() and not child.is_symlink()
        ]
    except OSError:
        return []
    return sorted([*first, *second])[:200]


def _relative(path: Path, ckpt_dir: Path) -> str:
    try:
        return path.relative_to(ckpt_dir).as_posix()
    except ValueError:
        return path.name
