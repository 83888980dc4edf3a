"""`swaveval compress`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from swaveval.cli.remote_options import here
from swaveval.errors import CELLS_FAILED, USAGE
from swaveval.text import size

if TYPE_CHECKING:
    from swaveval.checkpoints.compression import Measured

Rows = Sequence["Measured"]


def compress(
    files: list[Path] = typer.Argument(
        ..., help="Checkpoints: files (of shards any one), or directories that are one (FSDP)."
    ),
    to: str | None = typer.Option(
        None, "--to", help="Write this form: weights, deflate, safetensors, zstd, bf16 or fp16. Default: only measure."
    ),
    out: Path | None = typer.Option(
        None, "--out", "-o", help="Directory for what is written. Default: beside the file.", callback=here
    ),
    data: str | None = typer.Option(None, "--data", "-d", help="Labelled images: also measure the change in kNN."),
    labels: Path | None = typer.Option(None, "--labels", help="CSV filename,label[,split] for a flat folder."),
    repeats: int = typer.Option(5, "--repeats", min=1, help="Loads whose median time is shown."),
    backbone: str | None = typer.Option(
        None,
        "--backbone",
        help="Architecture, when it cannot be inferred: timm:NAME, torchvision:NAME, module:factory or "
        "path/to/file.py:factory.",
    ),
    trust: bool = typer.Option(False, "--trust", help="Unpickle files that need it: code in them is executed."),
    as_json: bool = typer.Option(False, "--json", help="Print the measurements as JSON on stdout."),
) -> None:
    """Measure smaller forms of a checkpoint on the file itself, and write the one you choose. Never over the original.

    For each form: its size, the median time to load it, and whether the weights are bit by bit the same or else the
    largest difference of features on noise (and of kNN with --data).

    Examples:

      swaveval compress last.ckpt

      swaveval compress checkpoints/*.ckpt --to safetensors --out archive/
    """
    from swaveval.checkpoints import CheckpointRefused, LoadOptions
    from swaveval.checkpoints.compression import (
        CompressionError,
        checkpoint_bytes,
        form_named,
        form_path,
        is_checkpoint,
        measure,
        write_form,
    )
    from swaveval.runs.compression_cost import knn_changes

    options = LoadOptions(trust=trust, backbone=backbone)
    try:
        form = None if to is None else form_named(to)
    except CompressionError as error:
        raise typer.BadParameter(str(error), param_hint="--to") from None
    if missing := [file for file in files if not is_checkpoint(file)]:
        typer.echo(f"swaveval: {missing[0]} {_no_checkpoint(missing[0])}", err=True)
        raise typer.Exit(USAGE)
    failed = False
    measured: list[dict[str, Any]] = []
    for file in files:
        try:
            if form is None or as_json:
                rows = measure(file, options=options, repeats=repeats)
                changes = knn_changes(file, rows, data, labels, options) if data else {}
                measured.append({"file": str(file), "forms": [asdict(row) | changes.get(row.form, {}) for row in rows]})
                if not as_json:
                    show(file, rows, changes)
            if form is not None:
                written = write_form(file, form, form_path(file, form, out), options=options)
                before = size(checkpoint_bytes(file))
                typer.echo(f"{written} ({size(written.stat().st_size)} of {before})", err=as_json)
        except (CheckpointRefused, CompressionError) as error:
            typer.echo(f"swaveval: {file}: {error}", err=True)
            failed = True
    if as_json:
        typer.echo(json.dumps(measured, allow_nan=False))
    if failed:
        raise typer.Exit(CELLS_FAILED)


def _no_checkpoint(path: Path) -> str:
    from swaveval.checkpoints import discover
    from swaveval.checkpoints.foreign import foreign

    if not path.is_dir():
        return "is not a file"
    inside = [file.path for file in discover(path)]
    if not inside:
        return f"is a directory without a checkpoint{foreign(path)}"
    return f"is a directory, no checkpoint; give what is in it: {inside[0]}" + (
        f" and {len(inside) - 1} more" if len(inside) > 1 else ""
    )


def show(file: Path, rows: Rows, changes: dict[str, dict[str, Any]]) -> None:
    """The measured table on a terminal."""
    table = Table(title=str(Text(str(file))), title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("form", "what", "size", "share", "load", "weights", *(["kNN"] if changes else [])):
        table.add_column(column, justify="left" if column in ("form", "what", "weights") else "right")
    for row in rows:
        if row.problem:
            table.add_row(row.form, row.words, "–", "–", "–", Text(row.problem))
            continue
        weights = "identical" if row.identical else f"features differ by {row.feature_difference:.1e} at most"
        knn = changes.get(row.form)
        cells = [f"{100 * knn['knn']:.2f} % ({100 * knn['knn_change']:+.2f})"] if knn else []
        load = f"{1000 * row.seconds:.0f} ms"
        table.add_row(row.form, row.words, size(row.size), f"{100 * row.share:.1f} %", load, weights, *cells)
    console = Console()
    console.print(table)
    console.print(f"Features of the original reach {rows[0].feature_scale:.3g}.", highlight=False)
