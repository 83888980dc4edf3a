"""`swaveval inspect`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from swaveval.cli import geometry_options as shapeless
from swaveval.cli.exits import CELLS_FAILED, DONE, USAGE, WRITING

if TYPE_CHECKING:
    from swaveval.checkpoints import LoadOptions, LoadReport
    from swaveval.checkpoints.drift import Drift
    from swaveval.checkpoints.lineage import Sample

    Samples = dict[str, Sample]

PARTS = ("backbone", "head", "prototypes", "optimiser", "other")
MOST_LAYERS = 40
WIDE = 120  # letters in a line; under this the table leaves out what can be had with --json
STYLES = {"ready": "green", "writing": "yellow"}
Entry = tuple[str, Path, "LoadReport"]


def inspect(
    path: Path = typer.Argument(..., help="A checkpoint file, or a directory of them."),
    backbone: str | None = typer.Option(
        None,
        "--backbone",
        help="Architecture, when it cannot be inferred: timm:NAME, torchvision:NAME, module:factory or "
        "path/to/file.py:factory.",
    ),
    heads: int | None = shapeless.HEADS,
    stem_stride: int | None = shapeless.STEM_STRIDE,
    stem_padding: int | None = shapeless.STEM_PADDING,
    maxpool: bool | None = shapeless.MAXPOOL,
    dilation: int | None = shapeless.DILATION,
    last_stride: int | None = shapeless.LAST_STRIDE,
    allow_partial: bool = typer.Option(False, "--allow-partial", help="Accept backbones matched under 100 %."),
    trust: bool = typer.Option(False, "--trust", help="Unpickle files that need it: code in them is executed."),
    drift: bool = typer.Option(True, "--drift/--no-drift", help="Of a directory: how far each layer moved."),
    as_json: bool = typer.Option(False, "--json", help="One object for a file, a list of them for a directory."),
) -> None:
    """Show what is in a checkpoint, why it has its size, what matched, and how far each layer moved.

    Examples:

      swaveval inspect lightning_logs/version_0/checkpoints

      swaveval inspect swav_800ep_pretrain.pth.tar --json

    Exit codes: 0 all files are ready, 1 one is corrupt, unsupported or refused, 2 usage, 3 one is still being written.
    """
    from swaveval.checkpoints import LoadOptions, discover
    from swaveval.checkpoints.foreign import foreign

    # Not a typer check: a link that leads nowhere or a named pipe is for the reader to describe.
    if not path.is_dir() and not path.exists() and not path.is_symlink():
        typer.echo(f"swaveval: {path} does not exist", err=True)
        raise typer.Exit(USAGE)
    geometry = shapeless.geometry(
        heads=heads,
        stem_stride=stem_stride,
        stem_padding=stem_padding,
        maxpool=maxpool,
        dilation=dilation,
        last_stride=last_stride,
    )
    options = LoadOptions(
        trust=trust, allow_partial=allow_partial, backbone=backbone, verify_all=True, geometry=geometry
    )
    files = [(file.name, file.path) for file in discover(path)] if path.is_dir() else [(path.name, path)]
    if not files:
        typer.echo(f"swaveval: no checkpoint files in {path}{foreign(path)}", err=True)
        raise typer.Exit(USAGE)
    entries = read(files, options)
    samples: "Samples" = {}
    moved = movement(entries, options, samples) if drift and path.is_dir() else None
    if several := several_runs(entries, samples):
        typer.echo(several, err=True)
    if as_json:
        rows = as_rows(entries, moved)
        typer.echo(json.dumps(rows if path.is_dir() else rows[0], allow_nan=False))
    else:
        show(entries, moved)
    states = {report.state for _, _, report in entries}
    raise typer.Exit(DONE if states == {"ready"} else WRITING if states <= {"ready", "writing"} else CELLS_FAILED)


def read(files: Sequence[tuple[str, Path]], options: "LoadOptions") -> list[Entry]:
    """Load reports of the files, in the order in which they were written."""
    from swaveval.checkpoints import inspect as inspect_file
    from swaveval.checkpoints import order
    from swaveval.results import CheckpointRecord

    reports = {name: inspect_file(path, options=options) for name, path in files}
    paths = dict(files)
    records = [
        CheckpointRecord(name, epoch=report.epoch, step=report.step, load={"named": report.named})
        for name, report in reports.items()
    ]
    times = {name: (path.stat().st_mtime, path.stat().st_size) for name, path in files if path.exists()}
    return [(record.name, paths[record.name], reports[record.name]) for record in order(records, times)]


def several_runs(entries: Sequence[Entry], samples: "Samples") -> str:
    """What speaks against the files' being one run; an empty string where nothing does."""
    from swaveval.checkpoints import arrange
    from swaveval.checkpoints.by_weights import divide_by_weights
    from swaveval.runs.records import record_of

    times = {name: (path.stat().st_mtime, path.stat().st_size) for name, path, _ in entries if path.exists()}
    found = arrange([record_of(name, report) for name, _, report in entries], times)
    reasons = divide_by_weights(found.division, found.order, samples).reasons
    return f"swaveval: these are not one run: {'; '.join(reasons[:4])}" if reasons else ""


def movement(entries: Sequence[Entry], options: "LoadOptions", samples: "Samples") -> "tuple[list[str], Drift] | None":
    """Names of the ready checkpoints with weights of their own, and how far their layers moved; None under two.

    Some weights of each are put into `samples`.
    """
    from swaveval.checkpoints import Backbone, load
    from swaveval.checkpoints.drift import drift
    from swaveval.checkpoints.lineage import sample

    def sampled(name: str, path: Path) -> Backbone:
        backbone = load(path, options=options)
        samples[str(digests[name])] = sample(backbone)
        return backbone

    distinct = {report.digest: (name, path) for name, path, report in reversed(entries) if report.state == "ready"}
    chosen = list(reversed(distinct.values()))
    if len(chosen) < 2:
        return None
    digests = {name: report.digest for name, _, report in entries}
    return [name for name, _ in chosen], drift(sampled(name, path) for name, path in chosen)


def same_as(entries: Sequence[Entry]) -> dict[str, str]:
    """File → the earlier file with the same weights."""
    first: dict[str | None, str] = {}
    return {
        name: original
        for name, _, report in entries
        if report.state == "ready" and (original := first.setdefault(report.digest, name)) != name
    }


def as_rows(entries: Sequence[Entry], moved: "tuple[list[str], Drift] | None") -> list[dict[str, Any]]:
    """One plain object for each file."""
    twins = same_as(entries)
    rows: list[dict[str, Any]] = []
    for name, _, report in entries:
        row = report.to_json() | {"same_as": twins.get(name), "drift": None}
        if moved is not None and name in moved[0][1:]:
            row["drift"] = _movement_at(moved[1], moved[0].index(name))
        rows.append(row)
    return rows


def _movement_at(moved: "Drift", column: int) -> dict[str, Any]:
    tables = {
        "relative_l2": moved.relative_l2,
        "cosine": moved.cosine,
        "beyond_allclose": moved.beyond,
        "from_first": moved.from_first,
    }
    layers = {
        str(name): {key: _finite(float(table[row, column])) for key, table in tables.items()}
        for row, name in enumerate(moved.names)
    }
    return {
        "relative_l2": _finite(float(moved.overall[column - 1])),
        "layers": layers,
        "never_moved": list(moved.never_moved),
    }


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None


# -- for a terminal --------------------------------------------------------------------------------------------------


def show(entries: Sequence[Entry], moved: "tuple[list[str], Drift] | None") -> None:
    """Everything on a terminal: files, what is to be said of them, sizes, movement."""
    from swaveval.checkpoints.geometry import by_source

    console = Console()
    console.print(_files_table(entries, wide=console.width >= WIDE))
    for sentence, names in _sentences(entries).items():
        console.print(Text(f"{_some(names)}: {sentence}", style="yellow"))
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
            console.print(Text(f"Never moved, so frozen or disconnected: {_some(still)}.", style="yellow"))


def _sentences(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """What is to be said → the files of which it is to be said."""
    said: dict[str, list[str]] = {}
    for name, _, report in entries:
        for sentence in filter(None, (report.refusal, *report.warnings)):
            said.setdefault(sentence, []).append(name)
    return said


def _some(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _files_table(entries: Sequence[Entry], *, wide: bool) -> Table:
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


def size(count: int) -> str:
    """Bytes for people: `46.4 MB`."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}" if unit != "B" else f"{count} B"
