"""`swaveval inspect`."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from swaveval.cli.geometry_options import Network
from swaveval.cli.options import takes
from swaveval.cli.remote_options import Elsewhere
from swaveval.errors import CELLS_FAILED, DONE, USAGE, WRITING
from swaveval.text import by_reason, size, some

if TYPE_CHECKING:
    from swaveval.checkpoints import Directory, LoadReport
    from swaveval.checkpoints.drift import Drift
    from swaveval.checkpoints.lineage import Sample

PARTS = ("backbone", "head", "prototypes", "optimiser", "other")
MOST_LAYERS = 40
WIDE = 120  # letters in a line; under this the table leaves out what can be had with --json
STYLES = {"ready": "green", "writing": "yellow"}
Entry = tuple[str, Path, "LoadReport"]


@dataclass(frozen=True)
class InspectOptions:
    """How files are read and fetched."""

    network: Network = field(default_factory=Network)
    elsewhere: Elsewhere = field(default_factory=Elsewhere)


@takes(InspectOptions)
def inspect(
    options: InspectOptions,
    *,
    path: str = typer.Argument(..., help="A checkpoint file, or a directory of them; here or behind an address."),
    drift: bool = typer.Option(True, "--drift/--no-drift", help="Of a directory: how far each layer moved."),
    as_json: bool = typer.Option(False, "--json", help="One object for a file, a list of them for a directory."),
) -> None:
    """Show what is in a checkpoint, why it has its size, what matched, and how far each layer moved.

    Examples:

      swaveval inspect lightning_logs/version_0/checkpoints

      swaveval inspect swav_800ep_pretrain.pth.tar --json

    Exit codes: 0 all files are ready, 1 one is corrupt, unsupported or refused, 2 usage, 3 one is still being written.
    """
    from swaveval.checkpoints.foreign import foreign
    from swaveval.checkpoints.remote.address import is_address
    from swaveval.runs.inspection import as_rows, movement, read, several_runs

    reading = options.network.load(verify_all=True)
    with opened(path, options.elsewhere) as source:
        place = source.path
        # Not a typer check: a link that leads nowhere or a named pipe is for the reader to describe.
        if not place.is_dir() and not place.exists() and not place.is_symlink():
            typer.echo(f"swaveval: {path} does not exist", err=True)
            raise typer.Exit(USAGE)
        several_files = place.is_dir()
        files = [(entry.name, source.place(entry)) for entry in source.entries()]
        if not files:
            where = "" if is_address(path) else foreign(place)
            typer.echo(f"swaveval: no checkpoint files in {source.shown(place)}{where}", err=True)
            raise typer.Exit(USAGE)
        entries = read(files, reading, source)
        samples: dict[str, Sample] = {}
        moved = movement(entries, reading, samples, source) if drift and several_files else None
        if several := several_runs(entries, samples):
            typer.echo(several, err=True)
    if as_json:
        rows = as_rows(entries, moved)
        typer.echo(json.dumps(rows if several_files else rows[0], allow_nan=False))
    else:
        show(entries, moved)
    states = {report.state for _, _, report in entries}
    raise typer.Exit(DONE if states == {"ready"} else WRITING if states <= {"ready", "writing"} else CELLS_FAILED)


@contextmanager
def opened(path: str, elsewhere: Elsewhere) -> "Iterator[Directory]":
    """Where the files are; what is fetched lies in a temporary directory unless one is named."""
    from swaveval.checkpoints import Directory
    from swaveval.checkpoints.remote.address import check_path, is_address
    from swaveval.runs.elsewhere import remote

    check_path(path)
    if not is_address(path):
        yield Directory(Path(path))
        return
    with ExitStack() as stack:
        cache = elsewhere.cache()
        directory = cache.directory or Path(
            stack.enter_context(TemporaryDirectory(prefix="swaveval-", ignore_cleanup_errors=True))
        )
        source = remote(path, directory, cache)
        stack.callback(source.close)
        source.ready()
        yield source


# -- for a terminal --------------------------------------------------------------------------------------------------


def show(entries: Sequence[Entry], moved: "tuple[list[str], Drift] | None") -> None:
    """Everything on a terminal: files, what is to be said of them, sizes, movement."""
    from swaveval.checkpoints.geometry import by_source

    console = Console()
    console.print(_files_table(entries, wide=console.width >= WIDE))
    for sentence, names in _sentences(entries).items():
        console.print(Text(f"{some(names)}: {sentence}", style="yellow"))
    ready = [report for _, _, report in entries if report.state == "ready"]
    if ready:
        console.print()
        for source, facts in by_source(ready[-1].geometry):
            console.print(Text(f"Shapes do not tell: {facts} ({source})."))
        console.print(_sizes_table(ready[-1]))
        console.print(Text(_why_this_size(ready)))
    if moved is not None:
        console.print()
        labels = _short_names(entries, moved[0])
        console.print(_movement_table(labels, moved[1], most=9 if console.width >= WIDE else 4))
        still = moved[1].never_moved
        if still:
            console.print(Text(f"Never moved, so frozen or disconnected: {some(still)}.", style="yellow"))


def _sentences(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """What is to be said → the files of which it is to be said."""
    return by_reason(
        (name, sentence) for name, _, report in entries for sentence in filter(None, (report.refusal, *report.warnings))
    )


def _files_table(entries: Sequence[Entry], *, wide: bool) -> Table:
    from swaveval.runs.inspection import same_as

    names = ("file", "state", "family", "architecture", "matched", "d", "K", "epoch", "step", "size", "weights")
    narrow = ("file", "state", "architecture", "matched", "K", "epoch", "size")
    shown = names if wide else narrow
    table = _table(*shown)
    twins = same_as(entries)
    for name, _, report in entries:
        marks = "".join(mark for mark, on in ((" trusted", report.trusted), (" partial", report.partial)) if on)
        cells = {
            "file": Text(name),
            "state": Text(report.state + marks, style=STYLES.get(report.state, "red")),
            "family": Text(report.family or "–"),
            "architecture": Text(report.architecture or "–"),
            "matched": Text("–" if report.architecture is None else _percent(report.matched)),
            "d": _count(report.feature_dim),
            "K": _count(report.prototypes),
            "epoch": Text("–" if report.epoch is None else f"{report.epoch:g}"),
            "step": _count(report.step),
            "size": Text(size(report.size.get("file", 0))),
            "weights": Text(f"same as {twins[name]}" if name in twins else (report.digest or "–")[:12]),
        }
        table.add_row(*(cells[column] for column in shown))
    return table


def _sizes_table(report: "LoadReport") -> Table:
    total = max(1, report.size.get("file", 0))
    table = _table("part of the file", "size", "share", title=f"What the bytes of {Path(report.file).name} are for")
    for part in PARTS:
        table.add_row(part, size(report.size.get(part, 0)), f"{100 * report.size.get(part, 0) / total:.1f} %")
    return table


def _why_this_size(ready: Sequence["LoadReport"]) -> str:
    weights = sum(ready[-1].size.get(part, 0) for part in ("backbone", "head", "prototypes"))
    optimiser = ready[-1].size.get("optimiser", 0)
    text = "Every checkpoint of a run has the same size: training changes the values of the weights, not their number."
    if optimiser and weights:
        text += f" The optimiser's state is {optimiser / weights:.1f} × the weights; features need none of it."
        if any(not report.size.get("optimiser") for report in ready):
            text += " Files without one are smaller: there is none before the first step."
    if len(ready) > 1:
        text += " How far the weights moved says whether anything is still being learned."
    return text


def _short_names(entries: Sequence[Entry], names: list[str]) -> list[str]:
    """`epoch 3` where that tells the checkpoints apart, else their names."""
    epochs = {name: report.epoch for name, _, report in entries if name in names}
    if None in epochs.values() or len(set(epochs.values())) < len(epochs):
        return names
    return [f"epoch {epochs[name]:g}" for name in names]


def _movement_table(names: list[str], moved: "Drift", *, most: int) -> Table:
    """Layers × the last checkpoints, ‖w(t) − w(t−1)‖ / ‖w(t−1)‖; the first column of numbers is first → last."""
    last = names[-most:]
    table = _table("layer", "first → last", *map(Text, last), title="How far each layer moved (relative L2)")
    rows = list(range(len(moved.names)))
    if len(rows) > MOST_LAYERS:
        rows = sorted({round(i * (len(rows) - 1) / (MOST_LAYERS - 1)) for i in range(MOST_LAYERS)})
    columns = range(len(names) - len(last), len(names))
    for row in rows:
        steps = (_movement(float(moved.relative_l2[row, column])) for column in columns)
        table.add_row(Text(str(moved.names[row])), _movement(float(moved.from_first[row, -1])), *steps)
    if len(rows) < len(moved.names):
        table.caption = f"{len(rows)} of {len(moved.names)} layers; --json has all"
    return table


def _movement(value: float) -> str:
    return "–" if value != value else "0" if value == 0 else f"{100 * value:.3g} %"


def _table(*columns: str | Text, title: str | None = None) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position == 0 else "default", overflow="fold")
    return table


def _count(value: int | None) -> Text:
    return Text("–" if value is None else str(value))


def _percent(share: float) -> str:
    # 99.99999 % must not be shown as 100.
    return "100 %" if share == 1 else f"{min(100 * share, 99.9):.1f} %"
