"""`swaveval plan`."""

import json

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from swaveval.cli.options import PlanOptions, takes
from swaveval.imports import no_garbage


@takes(PlanOptions)
def plan(
    options: PlanOptions,
    *,
    as_json: bool = typer.Option(False, "--json", help="Print the plan as JSON on stdout."),
) -> None:
    """Say what `swaveval run` has done and would do, without doing it."""
    with no_garbage():
        from swaveval.cli.terminal import TerminalProgress
        from swaveval.data.names import described_labels
        from swaveval.runs.run import prepare

    request = options.request()
    if request.published:
        from swaveval.checkpoints.remote.errors import RemoteError

        raise RemoteError(f"a plan is made from the results on this machine: --out {request.out}")
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
    if request.budget is not None:
        from swaveval.runs.budget import in_order

        order = ", ".join(record.name for record in in_order(prepared.records))
        console.print(Text(f"order of --budget, as far as its time allows: {order}; then the series"))
    images = prepared.workspace.images
    classes = described_labels(images.class_names, images.label_origin)
    console.print(Text(f"images: {len(images.train_index):,} + {len(images.test_index):,} for test, {classes}"))
    if images.sample:
        console.print(Text(f"sample: {images.sample}"))
    console.print(Text(f"split: {images.split_origin}"))
    for note in prepared.said:
        console.print(Text(f"note: {note}"))
    for damage in prepared.plan.damaged:
        console.print(Text(f"damaged, will be computed again: {damage}"))
