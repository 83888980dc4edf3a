"""Logs that lie around the checkpoints, and their rows: of well-known names, event files, prints of Slurm's jobs."""

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from swaveval.runs.loss_columns import column_of
from swaveval.runs.loss_parts import joined
from swaveval.runs.loss_rows import Row, json_rows, table_rows
from swaveval.runs.loss_text import text_rows
from swaveval.runs.request import RunError
from swaveval.text import listed, natural_key

# Scalars of a tag that are kept of an event file.
_MOST_EVENTS = 10_000
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
    "result.json",  # Ray's, and its table
    "progress.csv",
    _TRAINER,
    "history.json",
)
# What Slurm keeps of a job's prints. A directory often has those of many jobs, of one training or of several.
SLURM = "slurm-*.out"
TEXTS = (*(name for name in KNOWN_LOGS if name.endswith((".log", ".txt"))), SLURM)


def event_logs(ckpt_dir: Path) -> Iterator[list[Row]]:
    """Rows of each directory of event files; first those that go on where another ends, as one."""
    held = [(rows, place) for place in places(ckpt_dir) if len(rows := event_rows(place)) > 1]
    together, parts = joined(held)
    yield from ([together] if parts else [])
    yield from (rows for rows, _ in held)


def read_logs(ckpt_dir: Path) -> Iterator[tuple[list[Row], str]]:
    """Rows and name of each log; first those of one name that go on where another ends, as one."""
    for same in _logs(ckpt_dir):
        held = [(rows, path) for path in same if len(rows := _quietly(path)) > 1]
        together, parts = joined(held) if same and same[0].name != _TRAINER else ([], ())
        if parts:
            yield together, " and ".join(relative(path, ckpt_dir) for path in parts)
        yield from ((rows, relative(path, ckpt_dir)) for rows, path in held)


def _logs(ckpt_dir: Path) -> Iterator[list[Path]]:
    """Logs by the pattern of their name, the surest first."""
    below = _below_directories(ckpt_dir)
    # transformers' Trainer writes the log so far into every `checkpoint-500/`: the last one has all of it.
    last_first = sorted(below, key=lambda place: natural_key(place.as_posix()), reverse=True)
    for name in KNOWN_LOGS:
        around = (ckpt_dir, ckpt_dir.parent, *(last_first if name == _TRAINER else below))
        yield [path for place in around for path in _matching(place, name)]


def slurm_logs(ckpt_dir: Path, told: list[str]) -> Iterator[tuple[list[Row], str]]:
    """The prints of the only job with a loss, or of jobs that go on where another ends."""
    held = [(rows, path) for path in text_logs(ckpt_dir, (SLURM,)) if len(rows := _quietly(path)) > 1]
    together, parts = joined(held)
    if held and len(parts) == len(held):
        yield together, " and ".join(relative(path, ckpt_dir) for path in parts)
    elif len(held) == 1:
        yield held[0][0], relative(held[0][1], ckpt_dir)
    elif held:
        names = listed(path.name for _, path in held)
        told.append(
            f"{len(held)} jobs printed a loss ({names}), and whose checkpoints these are is not said: --loss-log FILE "
            "takes one"
        )


def text_logs(ckpt_dir: Path, names: Sequence[str]) -> list[Path]:
    found = [path for name in names for place in places(ckpt_dir) for path in _matching(place, name)]
    return list(dict.fromkeys(found))


def places(ckpt_dir: Path) -> tuple[Path, ...]:
    return (ckpt_dir, ckpt_dir.parent, *_below_directories(ckpt_dir))


def _matching(place: Path, name: str) -> list[Path]:
    try:
        return sorted((path for path in place.glob(name) if path.is_file()), key=lambda path: natural_key(path.name))
    except OSError:
        return []


def read_log(path: Path) -> list[Row]:
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
        return read_log(path)
    except RunError:
        return []


def event_rows(directory: Path) -> list[Row]:
    """Scalars of the TensorBoard event files in `directory`; [] without tensorboard or without any."""
    if not directory.is_dir() or not any(directory.glob("events.out.tfevents.*")):
        return []
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError:
        return []
    try:
        events = EventAccumulator(str(directory), size_guidance={"scalars": _MOST_EVENTS, "images": 1, "tensors": 1})
        events.Reload()
        tags = set(events.Tags()["scalars"])
        epochs = {event.step: event.value for event in events.Scalars("epoch")} if "epoch" in tags else {}
        tag = column_of([dict.fromkeys(sorted(tags), 0.0)])
        if tag is None:
            return []
        several = tag if tag.others else None
        return [
            Row(event.value, epochs.get(event.step), int(event.step), column=several)
            for event in events.Scalars(tag.name)
        ]
    except Exception:
        # The event reader raises whatever its protobuf parser raises; a damaged file here is no loss curve.
        return []


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


def relative(path: Path, ckpt_dir: Path) -> str:
    try:
        return path.relative_to(ckpt_dir).as_posix()
    except ValueError:
        return path.name
