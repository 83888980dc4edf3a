"""The training loss from wherever it was left: metrics.csv, event files, text logs, a log the user names.

A file that is no log is no error unless the user named it.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from swaveval.results import LossCurve, Series
from swaveval.results.roles import LOSS
from swaveval.runs.loss_axis import Moment, placed
from swaveval.runs.loss_parts import joined
from swaveval.runs.loss_rows import Row, json_rows, loss_column, table_rows
from swaveval.runs.loss_text import text_rows
from swaveval.runs.request import RunError
from swaveval.text import natural_key

# Points of a curve: more than a page can draw say nothing more.
MOST_POINTS = 1000
_TRAINER = "trainer_state.json"
# What training programs call their logs, the surest first.
KNOWN_LOGS = (
    "metrics.csv",
    "train.log",
    "log.txt",
    "training.log",
    "train_log.txt",
    "training_log*.csv",
    "training_log*.txt",
    "train_loss.csv",
    "loss.csv",
    "losses.csv",
    "history.csv",
    "log.csv",
    "stats.txt",
    "training_metrics.json",
    "metrics.json",
    "metrics.jsonl",
    "scalars.json",
    "*.log.json",
    "stdout.json",
    "summary.csv",
    "results.csv",
    _TRAINER,
    "history.json",
)
_PICKLES = (".pkl", ".pickle", ".npy", ".pt", ".pth")


def find_loss(
    ckpt_dir: Path, *, loss_log: Path | None, prototypes: int | None, moments: Sequence[Moment] = ()
) -> LossCurve | None:
    """The loss curve of the run whose checkpoints lie in `ckpt_dir`, or None when none is found.

    In this order: `loss_log`; a log of a well-known name (`metrics.csv`, `train.log`, `log.txt` …) in the directory,
    above it or below it; TensorBoard event files in the same places, where tensorboard is installed.

    Args:
        ckpt_dir: of the checkpoints. loss_log: a log the user names. prototypes: K.
        moments: (finished epochs, steps) of each checkpoint: they tell which epoch a step of a log is in.

    Raises:
        RunError: `loss_log` was named and holds no loss.
    """
    if loss_log is not None:
        return _named(loss_log, prototypes, moments)
    found: LossCurve | None = None
    for rows, source in _read_logs(ckpt_dir):
        curve = _curve(rows, source, prototypes, moments)
        if curve is not None and curve.axis != "row":
            return curve
        found = found or curve
    for rows in _event_logs(ckpt_dir):
        curve = _curve(rows, "TensorBoard event files", prototypes, moments)
        if curve is not None and (curve.axis != "row" or found is None):
            return curve
    return found


def _event_logs(ckpt_dir: Path) -> Iterator[list[Row]]:
    """Rows of each directory of event files; first those that go on where another ends, as one."""
    places = (ckpt_dir, ckpt_dir.parent, *_below_directories(ckpt_dir))
    held = [(rows, place) for place in places if len(rows := _event_rows(place)) > 1]
    together, parts = joined(held)
    yield from ([together] if parts else [])
    yield from (rows for rows, _ in held)


def _read_logs(ckpt_dir: Path) -> Iterator[tuple[list[Row], str]]:
    """Rows and name of each log; first those of one name that go on where another ends, as one."""
    for same in _logs(ckpt_dir):
        held = [(rows, path) for path in same if len(rows := _quietly(path)) > 1]
        together, parts = joined(held) if same and same[0].name != _TRAINER else ([], ())
        if parts:
            yield together, " and ".join(_relative(path, ckpt_dir) for path in parts)
        yield from ((rows, _relative(path, ckpt_dir)) for rows, path in held)


def _logs(ckpt_dir: Path) -> Iterator[list[Path]]:
    """Logs by the pattern of their name, the surest first."""
    below = _below_directories(ckpt_dir)
    # transformers' Trainer writes the log so far into every `checkpoint-500/`: the last one has all of it.
    last_first = sorted(below, key=lambda place: natural_key(place.as_posix()), reverse=True)
    for name in KNOWN_LOGS:
        found: list[Path] = []
        for place in (ckpt_dir, ckpt_dir.parent, *(last_first if name == _TRAINER else below)):
            try:
                found += [path for path in sorted(place.glob(name)) if path.is_file()]
            except OSError:
                continue
        yield found


def recomputed(series: Series) -> LossCurve | None:
    """The loss on fixed views, recomputed from the head and prototypes of each checkpoint (`roles.LOSS`)."""
    values = series.values(LOSS)
    axis, places = series.axis()
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
        axis="epoch" if axis == "epoch" else "step" if axis == "step" else "checkpoint",
    )


def check_log(path: Path) -> None:
    """Read a log that the user named, before anything else is done.

    Raises:
        RunError: it cannot be read, or holds no loss.
    """
    _named(path, None, ())


def _named(path: Path, prototypes: int | None, moments: Sequence[Moment]) -> LossCurve:
    """The log the user named."""
    if path.suffix.lower() in _PICKLES:
        raise RunError(
            f"the loss log {path} is a pickle or an array, which is never loaded: give the text log beside it "
            "(swav: train.log), or write the losses as a CSV with epoch (or step) and loss"
        )
    rows = _event_rows(path) if path.is_dir() else _read(path)
    curve = _curve(rows, path.name, prototypes, moments)
    if curve is None:
        raise RunError(
            f"the loss log {path} holds no loss: expected a table with a header or JSON lines with `loss` or "
            "`train_loss` beside `epoch` or `step`, or text whose lines say `epoch: 3, loss: 6.28`"
        )
    return curve


def _read(path: Path) -> list[Row]:
    """Rows of a named log by whichever reader finds two of them."""
    wrong: Exception | None = None
    for reader in _readers(path):
        try:
            rows = reader(path)
        except OSError as error:
            raise RunError(f"the loss log {path} cannot be read: {error.strerror or error}") from error
        except RunError as error:
            raise RunError(f"the loss log {path}: {error}") from error
        except (ValueError, csv.Error, RecursionError) as error:
            wrong = error
            continue
        if len(rows) > 1:
            return rows
    if wrong is not None:
        raise RunError(f"the loss log {path} holds no loss: no table, no JSON lines, no text with one ({wrong})")
    return []


def _readers(path: Path) -> tuple[Callable[[Path], list[Row]], ...]:
    try:
        with path.open("rb") as start:
            head = start.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    except OSError as error:
        raise RunError(f"the loss log {path} cannot be read: {error.strerror or error}") from error
    return (json_rows, text_rows) if head[:1] in (b"{", b"[") else (table_rows, text_rows)


def _quietly(path: Path) -> list[Row]:
    """Rows of a file that was found, not named; [] for whatever is wrong with it."""
    try:
        return _read(path)
    except RunError:
        return []


def _event_rows(directory: Path) -> list[Row]:
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
        tag = loss_column([dict.fromkeys(sorted(tags), 0.0)])
        if tag is None:
            return []
        return [Row(event.value, epochs.get(event.step), int(event.step)) for event in events.Scalars(tag)]
    except Exception:
        # The event reader raises whatever its protobuf parser raises; a damaged file here is no loss curve.
        return []


def _curve(rows: Iterable[Row], source: str, prototypes: int | None, moments: Sequence[Moment]) -> LossCurve | None:
    """Rows to a curve, averaged to at most MOST_POINTS points; on the axis of finished epochs where that is known."""
    held = list(rows)
    if len(held) < 2:
        return None
    places, axis, note = placed(held, moments)
    order = sorted(range(len(held)), key=places.__getitem__)
    groups = np.array_split(np.asarray(order), min(MOST_POINTS, len(order)))
    steps = all(row.step is not None for row in held) and axis != "row"
    rates = all(row.rate is not None for row in held)
    by = {"step": " (by step)", "row": " (by row)"}.get(axis, "")
    return LossCurve(
        source=f"{source}{by}",
        epochs=tuple(float(places[group[-1]]) for group in groups),
        values=tuple(float(np.mean([held[place].loss for place in group])) for group in groups),
        prototypes=prototypes,
        steps=tuple(int(held[group[-1]].step or 0) for group in groups) if steps else (),
        learning_rates=tuple(float(held[group[-1]].rate or 0) for group in groups) if rates else (),
        axis=axis,
        note=f"the loss of {source}: {note}" if note else "",
    )


def _below_directories(directory: Path) -> list[Path]:
    """Directories up to two levels below (`lightning_logs/version_0`), not through links."""
    try:
        first = [child for child in directory.iterdir() if child.is_dir() and not child.is_symlink()]
        second = [
            child for parent in first[:100] for child in parent.iterdir() if child.is_dir() and not child.is_symlink()
        ]
    except OSError:
        return []
    return sorted([*first, *second], key=lambda place: natural_key(place.as_posix()))[:200]


def _relative(path: Path, ckpt_dir: Path) -> str:
    try:
        return path.relative_to(ckpt_dir).as_posix()
    except ValueError:
        return path.name
