"""The training loss from wherever it was left: metrics.csv, event files, trackers, text logs, a log the user names.

A file that is no log is no error unless the user named it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from swaveval.results import LossCurve, Series
from swaveval.results.roles import LOSS
from swaveval.runs.loss_attempts import settled
from swaveval.runs.loss_axis import placed
from swaveval.runs.loss_columns import Column
from swaveval.runs.loss_fit import Moment
from swaveval.runs.loss_logs import (
    TEXTS,
    event_logs,
    event_rows,
    places,
    read_log,
    read_logs,
    relative,
    slurm_logs,
    text_logs,
)
from swaveval.runs.loss_pattern import check_pattern, pattern_rows
from swaveval.runs.loss_rows import Row
from swaveval.runs.loss_runs import chosen
from swaveval.runs.loss_stores import own_runs, place_and_run, tracked_runs
from swaveval.runs.request import RunError
from swaveval.text import shortened, some

# Points of a curve: more than a page can draw say nothing more.
MOST_POINTS = 1000
_PICKLES = (".pkl", ".pickle", ".npy", ".pt", ".pth")


@dataclass(slots=True)
class Looked:
    """What looking for the loss came to.

    Attributes:
        curve: the loss; None where none was found.
        told: a sentence on each place that has losses of which nobody says whether they are these checkpoints'.
    """

    curve: LossCurve | None = None
    told: list[str] = field(default_factory=list)


def find_loss(
    ckpt_dir: Path,
    *,
    loss_log: Path | None,
    prototypes: int | None,
    moments: Sequence[Moment] = (),
    pattern: str = "",
) -> LossCurve | None:
    """The curve of `look_for_loss`."""
    return look_for_loss(ckpt_dir, loss_log=loss_log, prototypes=prototypes, moments=moments, pattern=pattern).curve


def look_for_loss(
    ckpt_dir: Path,
    *,
    loss_log: Path | None,
    prototypes: int | None,
    moments: Sequence[Moment] = (),
    pattern: str = "",
) -> Looked:
    """The loss curve of the run whose checkpoints lie in `ckpt_dir`.

    In this order: `loss_log`; a log of a well-known name (`metrics.csv`, `train.log`, `log.txt` …) in the directory,
    above it or below it; in the same places TensorBoard event files, where tensorboard is installed, what W&B and
    MLflow keep of the run, and the prints of a Slurm job. With a `pattern` text logs only.

    Args:
        ckpt_dir: of the checkpoints. loss_log: a log the user names, or a tracker's store, as `PLACE:RUN` where it has
            several runs. prototypes: K. moments: (finished epochs, steps) of each checkpoint: they tell which epoch a
            step of a log is in. pattern: a regular expression with the groups `loss`, `epoch`, `step` for text logs.

    Raises:
        RunError: `loss_log` was named and holds no loss, or several; the pattern is none, or matches nothing.
    """
    if pattern:
        check_pattern(pattern)
    if loss_log is not None:
        return Looked(_named(loss_log, pattern, prototypes, moments))
    if pattern:
        rows, source = _by_pattern(ckpt_dir, pattern)
        return Looked(_curve(rows, source, prototypes, moments))
    looked = Looked()
    for rows, source in _found(ckpt_dir, looked.told):
        curve = _curve(rows, source, prototypes, moments)
        stated = any(row.epoch is not None or row.step is not None for row in rows)
        if curve is not None and curve.axis != "row" and stated:
            return Looked(curve)
        if looked.curve is None or (looked.curve.axis == "row" and curve is not None and curve.axis != "row"):
            looked.curve = curve
    return looked


def _found(ckpt_dir: Path, told: list[str]) -> Iterator[tuple[list[Row], str]]:
    """Rows and name of all that is found, the surest first; sentences on what is left out go to `told`."""
    yield from read_logs(ckpt_dir)
    yield from ((rows, "TensorBoard event files") for rows in event_logs(ckpt_dir))
    runs, undecided = own_runs(places(ckpt_dir), ckpt_dir)
    told += undecided
    for run in runs:
        try:
            yield run.read(), run.source
        except RunError as error:
            told.append(f"the loss of {run.source} is left out: {shortened(str(error), 300)}")
    yield from slurm_logs(ckpt_dir, told)


def _by_pattern(ckpt_dir: Path, pattern: str) -> tuple[list[Row], str]:
    """Rows of the first text log around the checkpoints that the pattern is found in.

    Raises:
        RunError: there is none.
    """
    wrong: RunError | None = None
    for path in text_logs(ckpt_dir, TEXTS):
        try:
            rows = pattern_rows(path, pattern)
        except RunError as error:
            wrong = wrong or error
            continue
        if len(rows) > 1:
            return rows, relative(path, ckpt_dir)
        wrong = wrong or RunError(f"--loss-pattern is found in one line of {path.name} only: a curve takes two")
    raise wrong or RunError(
        f"--loss-pattern has no text log to be looked for in: none of {', '.join(TEXTS)} lies around {ckpt_dir}; "
        "--loss-log FILE names one"
    )


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


def check_log(loss_log: Path | None, pattern: str = "", *, ckpt_dir: Path | None = None) -> None:
    """Read a log that the user named, or that a pattern is to be looked for in, before anything else is done.

    Raises:
        RunError: it cannot be read, or holds no loss.
    """
    if loss_log is None and pattern and ckpt_dir is None:
        check_pattern(pattern)
        raise RunError("--loss-pattern needs a log to be looked for in: what is in memory lies beside none")
    if loss_log is not None or pattern:
        look_for_loss(ckpt_dir or Path(), loss_log=loss_log, prototypes=None, pattern=pattern)


def _named(option: Path, pattern: str, prototypes: int | None, moments: Sequence[Moment]) -> LossCurve:
    """The log the user named, or the run of a tracker's store."""
    path, wanted = place_and_run(option)
    if path.suffix.lower() in _PICKLES:
        raise RunError(
            f"the loss log {path} is a pickle or an array, which is never loaded: give the text log beside it "
            "(swav: train.log), or write the losses as a CSV with epoch (or step) and loss"
        )
    source = path.name or str(path)
    if pattern:
        rows = pattern_rows(path, pattern)
    elif path.is_dir() and wanted is None and len(rows := event_rows(path)) > 1:
        source = path.name
    elif (runs := tracked_runs(path)) or wanted is not None:
        run = chosen(runs, wanted, path)
        rows, source = run.read(), run.source
    else:
        rows = [] if path.is_dir() else read_log(path)
    curve = _curve(rows, source, prototypes, moments)
    if curve is not None:
        return curve
    if pattern:
        raise RunError(f"--loss-pattern is found in one line of {path.name} only: a curve takes two")
    if path.is_dir():
        raise RunError(
            f"the loss log {path} holds no loss: a directory has TensorBoard's event files, or runs of W&B or MLflow "
            "that logged one; else name the file"
        )
    raise RunError(
        f"the loss log {path} holds no loss: expected a table with a header or JSON lines with `loss` or "
        "`train_loss` beside `epoch` or `step`, or text whose lines say `epoch: 3, loss: 6.28` (for any other: "
        "--loss-pattern)"
    )


def _curve(rows: Iterable[Row], source: str, prototypes: int | None, moments: Sequence[Moment]) -> LossCurve | None:
    """Rows to a curve, averaged to at most MOST_POINTS points; on the axis of finished epochs where that is known."""
    held, said = settled(list(rows), moments)
    if len(held) < 2:
        return None
    places, axis, note = placed(held, moments)
    column = next((row.column for row in held if row.column is not None), None)
    parts = () if column is None else column.parts
    added = f"it is the sum of {some(parts, 4)}, which ln K says nothing of" if parts and prototypes else ""
    notes = [text for text in (_of_column(column), added, said, note) if text]
    name = source
    if column is not None:
        source = f"{source}: {shortened(column.name, 80)}"
    order = sorted(range(len(held)), key=places.__getitem__)
    groups = np.array_split(np.asarray(order), min(MOST_POINTS, len(order)))
    steps = all(row.step is not None for row in held) and axis != "row"
    rates = all(row.rate is not None for row in held)
    by = {"step": " (by step)", "row": " (by row)"}.get(axis, "")
    return LossCurve(
        source=f"{source}{by}",
        epochs=tuple(float(places[group[-1]]) for group in groups),
        values=tuple(float(np.mean([held[place].loss for place in group])) for group in groups),
        prototypes=None if parts else prototypes,
        steps=tuple(int(held[group[-1]].step or 0) for group in groups) if steps else (),
        learning_rates=tuple(float(held[group[-1]].rate or 0) for group in groups) if rates else (),
        axis=axis,
        note=f"the loss of {name}: {'; '.join(notes)}" if notes else "",
    )


def _of_column(column: Column | None) -> str:
    """Said where no name among several losses tells which is the whole."""
    if column is None or column.sure:
        return ""
    return f"it has no total; {shortened(column.name, 80)} is taken, beside {some(column.others, 4)}"
