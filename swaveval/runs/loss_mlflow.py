"""The loss in an MLflow store: files (`mlruns/`) or SQLite (`mlflow.db`), read as they lie on the disk, without MLflow.

The file store is text: `mlruns/EXPERIMENT/RUN/metrics/NAME` with `milliseconds value step` on each line, `meta.yaml`
beside it. The database is opened read-only, asked two questions, and stopped where it takes too long to answer them.
"""

import re
import sqlite3
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from swaveval.runs.loss_columns import has_loss, tells
from swaveval.runs.loss_rows import MOST_ROWS, Row, bounded, loss_rows
from swaveval.runs.loss_runs import MOST_RUNS, TrackedRun
from swaveval.runs.request import RunError

# (name, value, step), in the order of their times.
Entry = tuple[str, float, int]
_SQLITE = b"SQLite format 3\0"
_LARGEST = sys.float_info.max
_MOST_METRICS = 1000
_SECONDS = 60.0
# SQLite's instructions between looks at the clock.
_LOOK = 100_000
_META = re.compile(r"^(run_id|run_uuid|run_name|lifecycle_stage):[ ]*['\"]?(.*?)['\"]?\s*$", re.MULTILINE)


def mlflow_runs(place: Path, *, ids: Collection[str] | None = None) -> list[TrackedRun]:
    """Runs with a loss in a database, a run's directory, an experiment's, a store, or a directory that holds one.

    Deleted runs are left out.

    Args:
        place: where to look. ids: of the runs that are asked for; None: all.

    Raises:
        RunError: a database that is there cannot be read.
    """
    found: list[TrackedRun] = []
    if not place.is_file():
        directories = (one for one in _run_directories((place, place / "mlruns")) if ids is None or one.name in ids)
        found = [run for directory in directories if (run := _in_files(directory)) is not None]
    database = place if place.is_file() else place / "mlflow.db"
    if database.is_file() and _is_database(database):
        found += [run for run in _in_database(database) if ids is None or run.id in ids]
    return found


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


# -- files -------------------------------------------------------------------------------------------------------------
def _run_directories(stores: Iterable[Path]) -> Iterator[Path]:
    """Directories of runs at, one below, and two below; not through links."""
    for store in stores:
        if _is_run(store):
            yield store
            return
        below = _directories(store)
        runs = [place for place in below if _is_run(place)]
        for experiment in below:
            # Its `meta.yaml` tells an experiment from what else lies beside checkpoints.
            if (experiment / "meta.yaml").is_file() and not _is_run(experiment):
                runs += [place for place in _directories(experiment) if _is_run(place)]
        yield from runs[:MOST_RUNS]


def _is_run(directory: Path) -> bool:
    return (directory / "meta.yaml").is_file() and (directory / "metrics").is_dir()


def _directories(place: Path) -> list[Path]:
    try:
        return sorted(p for p in place.iterdir() if p.is_dir() and not p.is_symlink() and p.name != ".trash")
    except OSError:
        return []


def _in_files(directory: Path) -> TrackedRun | None:
    try:
        with (directory / "meta.yaml").open(encoding="utf-8", errors="replace") as file:
            meta = dict(_META.findall(file.read(1 << 16)))
        metrics = directory / "metrics"
        files = (p for p in metrics.rglob("*") if not p.is_symlink() and p.is_file())
        named = {p.relative_to(metrics).as_posix(): p for p in islice(files, _MOST_METRICS)}
    except OSError:
        return None
    if meta.get("lifecycle_stage") == "deleted" or not has_loss(named):
        return None
    telling = {name: path for name, path in named.items() if tells(name)}
    run = meta.get("run_id") or meta.get("run_uuid") or directory.name
    return TrackedRun("MLflow", run, meta.get("run_name", ""), tuple(telling.values()), partial(_file_rows, telling))


def _file_rows(files: dict[str, Path]) -> list[Row]:
    try:
        return _rows(sorted(_timed(files)))
    except (OSError, ValueError) as error:
        raise RunError(f"the metrics in {next(iter(files.values())).parent} cannot be read: {error}") from error


def _timed(files: dict[str, Path]) -> Iterator[tuple[int, int, str, float]]:
    """(milliseconds, step, name, value); a line that is being written is passed over."""
    for name, path in files.items():
        bounded(path)
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in islice(lines, MOST_ROWS):
                parts = line.split()
                if len(parts) < 2 or not line.endswith("\n"):
                    continue
                try:
                    yield int(parts[0]), int(parts[2]) if len(parts) > 2 else 0, name, float(parts[1])
                except ValueError:
                    continue


# -- database ----------------------------------------------------------------------------------------------------------
def _in_database(path: Path) -> list[TrackedRun]:
    runs: dict[str, tuple[str, set[str]]] = {}
    asked = (
        "SELECT DISTINCT runs.run_uuid, runs.name, metrics.key FROM runs JOIN metrics USING (run_uuid) "
        "WHERE runs.lifecycle_stage = 'active' LIMIT ?"
    )
    for run, name, key in _answers(path, asked, (MOST_RUNS * _MOST_METRICS,)):
        if isinstance(run, str) and isinstance(key, str):
            runs.setdefault(run, (name if isinstance(name, str) else "", set()))[1].add(key)
    beside = (path, path.with_name(f"{path.name}-wal"))
    files = tuple(file for file in beside if file.exists())
    return [
        TrackedRun("MLflow", run, name, files, partial(_database_rows, path, run))
        for run, (name, keys) in runs.items()
        if has_loss(sorted(keys))
    ]


def _database_rows(path: Path, run: str) -> list[Row]:
    asked = "SELECT key, value, step, is_nan FROM metrics WHERE run_uuid = ? ORDER BY timestamp, step LIMIT ?"
    entries: list[Entry] = []
    for key, value, step, no_number in _answers(path, asked, (run, MOST_ROWS)):
        if isinstance(key, str) and isinstance(value, int | float) and isinstance(step, int) and tells(key):
            entries.append((key, _stored(float(value), no_number=bool(no_number)), step))
    return _rows((0, step, key, value) for key, value, step in entries)


def _stored(value: float, *, no_number: bool) -> float:
    """What was logged: MLflow stores an infinity as the largest float, and NaN as 0 with a mark."""
    if no_number:
        return float("nan")
    return value if abs(value) < _LARGEST else float("inf") if value > 0 else float("-inf")


def _answers(path: Path, question: str, values: tuple[object, ...]) -> Iterator[tuple[object, ...]]:
    """Rows of the answer. Without a write-ahead log beside it nothing is made beside the file, not even a lock.

    Raises:
        RunError: it is no MLflow store, is damaged or locked, or takes longer than a minute.
    """
    until = time.monotonic() + _SECONDS
    immutable = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"
    try:
        bounded(path)
        with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro{immutable}", uri=True)) as store:
            # Views and triggers of an untrusted schema may call nothing.
            store.execute("PRAGMA trusted_schema = OFF")
            store.execute("PRAGMA query_only = ON")
            store.set_progress_handler(lambda: time.monotonic() > until, _LOOK)
            yield from store.execute(question, values)
    except sqlite3.OperationalError as error:
        reason = f"it took longer than {_SECONDS:.0f} seconds" if str(error) == "interrupted" else str(error)
        raise RunError(f"{path} cannot be read as an MLflow store: {reason}") from error
    except (sqlite3.Error, OSError, ValueError, OverflowError) as error:
        raise RunError(f"{path} cannot be read as an MLflow store: {error}") from error


# -- both --------------------------------------------------------------------------------------------------------------
def _rows(entries: Iterable[tuple[int, int, str, float]]) -> list[Row]:
    """Rows by step; of what was logged twice for one step (a resumed run did it again) the later counts.

    Without a step MLflow writes 0: then the values of a metric stand in their order.
    """
    by_name: dict[str, list[tuple[int, float]]] = {}
    for _, step, name, value in entries:
        by_name.setdefault(name, []).append((step, value))
    stepped = any(len({step for step, _ in values}) > 1 for name, values in by_name.items() if has_loss([name]))
    bodies: dict[int, dict[str, float]] = {}
    for name, values in by_name.items():
        for place, (step, value) in enumerate(values):
            key = step if stepped else place
            body = bodies.setdefault(key, {"step": step} if stepped else {})
            body[name] = value
    return list(loss_rows(bodies[key] for key in sorted(bodies)))
