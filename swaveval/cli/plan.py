"""`swaveval plan`."""

import json
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from swaveval.cli import geometry_options as shapeless
from swaveval.cli import reading_options


def plan(
    ckpt_dir: Path = typer.Option(
        ...,
        "--ckpt-dir",
        "-c",
        help="The checkpoints of one run: a directory, one file, or a pattern in quotes ('dir/simclr_*.pth'). Several "
        "runs below one directory are refused, with the commands that go on.",
    ),
    data: str | None = typer.Option(None, "--data", "-d", help="Images, as in `swaveval run`."),
    labels: Path | None = typer.Option(
        None,
        "--labels",
        help="Table filename,label[,split] (FILE:COLUMN names the label column), or a word about folders: none, they "
        "are no labels; folders, they are.",
    ),
    range: reading_options.Range = None,
    bands: reading_options.Bands = None,
    pages: reading_options.Pages = None,
    alpha: reading_options.Alpha = None,
    exif: reading_options.Exif = None,
    evaluators: str | None = typer.Option(None, "--evaluators", "-e", help="Comma-separated names. Default: all."),
    out: Path | None = typer.Option(
        None,
        "--out",
        "-o",
        help="Default: report/ beside the checkpoint directory; report-NAME/ if another run's is there.",
    ),
    seed: int = typer.Option(0, "--seed", min=0, max=2**32 - 1, help="As in `swaveval run`."),
    size: int | None = typer.Option(None, "--size", min=8, help="As in `swaveval run`."),
    interpolation: str | None = typer.Option(None, "--interpolation", help="As in `swaveval run`."),
    heads: int | None = shapeless.HEADS,
    stem_stride: int | None = shapeless.STEM_STRIDE,
    stem_padding: int | None = shapeless.STEM_PADDING,
    maxpool: bool | None = shapeless.MAXPOOL,
    dilation: int | None = shapeless.DILATION,
    last_stride: int | None = shapeless.LAST_STRIDE,
    mean: str | None = shapeless.MEAN,
    std: str | None = shapeless.STD,
    channel_order: str | None = shapeless.ORDER,
    backbone: str | None = typer.Option(None, "--backbone", help="As in `swaveval run`."),
    allow_partial: bool = typer.Option(False, "--allow-partial", help="As in `swaveval run`."),
    trust: bool = typer.Option(False, "--trust", help="As in `swaveval run`: code in the files is executed."),
    one_run: bool = typer.Option(False, "--one-run", help="As in `swaveval run`."),
    as_json: bool = typer.Option(False, "--json", help="Print the plan as JSON on stdout."),
) -> None:
    """Say what `swaveval run` has done and would do, without doing it."""
    from swaveval.checkpoints import LoadOptions
    from swaveval.cli.terminal import TerminalProgress
    from swaveval.data.names import described_labels
    from swaveval.runs.request import DEFAULT_EVALUATORS, RunRequest, default_out
    from swaveval.runs.run import prepare
    from swaveval.runs.specs import split_names
    from swaveval.runs.transform_choice import choose_transform, interpolated

    geometry = shapeless.geometry(
        heads=heads,
        stem_stride=stem_stride,
        stem_padding=stem_padding,
        maxpool=maxpool,
        dilation=dilation,
        last_stride=last_stride,
    )
    names = DEFAULT_EVALUATORS if evaluators is None else split_names(evaluators)
    request = RunRequest(
        checkpoints=ckpt_dir,
        out=out or default_out(ckpt_dir),
        data=data,
        labels=labels,
        pixels=reading_options.said(range, bands, pages, alpha, exif),
        evaluators=names,
        seed=seed,
        transform=choose_transform(size, interpolation),
        load=LoadOptions(trust=trust, allow_partial=allow_partial, backbone=backbone, geometry=geometry),
        normalisation=interpolated(interpolation) | shapeless.normalisation(mean, std, channel_order),
        one_run=one_run,
    )
    with TerminalProgress(quiet=as_json) as progress:
        prepared = prepare(request, progress)
    cells = prepared.plan.cells
    if as_json:
        rows = [
            {"checkpoint": cell.checkpoint, "evaluator": cell.spec.name, "key": cell.key.digest, "done": cell.done}
            for cell in cells
        ]
        states = [
            {"name": record.name, "state": record.state, "reason": record.reason, "same_as": record.same_as}
            for record in prepared.records
        ]
        typer.echo(json.dumps({"cells": rows, "checkpoints": states, "damaged": list(prepared.plan.damaged)}))
        return
    console = Console()
    table = Table("checkpoint", "state", "done", "to do", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for record in prepared.records:
        own = [cell for cell in cells if cell.key.backbone == record.digest]
        state = f"same weights as {record.same_as}" if record.same_as else record.state
        if record.state != "ready":
            state += f": {record.reason}"
        done = [cell.spec.name for cell in own if cell.done]
        todo = [cell.spec.name for cell in own if not cell.done]
        table.add_row(Text(record.name), Text(state), str(len(done)), Text(", ".join(todo) or "–"))
    over = [cell for cell in cells if cell.spec.over_series]
    todo = [cell.spec.name for cell in over if not cell.done]
    table.add_row("(series)", "", str(len(over) - len(todo)), Text(", ".join(todo) or "–"))
    console.print(table)
    console.print(f"{len(cells) - len(prepared.plan.todo)} of {len(cells)} cells are done")
    images = prepared.workspace.images
    classes = described_labels(images.class_names, images.label_origin)
    console.print(Text(f"images: {len(images.train_index):,} + {len(images.test_index):,} for test, {classes}"))
    console.print(Text(f"split: {images.split_origin}"))
    for note in images.audit.get("notes", ()):
        console.print(Text(f"note: {note}"))
    for damage in prepared.plan.damaged:
        console.print(Text(f"damaged, will be computed again: {damage}"))
