"""`swaveval compare`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from swaveval.cli.remote_options import here

if TYPE_CHECKING:
    from rich.console import Console

    from swaveval.report.comparison import Found


def compare(
    outs: list[Path] = typer.Argument(..., help="Two or more runs, or what `swaveval run` wrote for them."),
    out: Path = typer.Option(Path("comparison.html"), "--out", "-o", help="The page to write.", callback=here),
    force: bool = typer.Option(
        False, "--force", help="Show runs on different data, transforms or protocols apart instead of refusing."
    ),
    no_images: bool = typer.Option(False, "--no-images", help="Leave every picture of the data out of the page."),
    as_json: bool = typer.Option(False, "--json", help="Print what was found as JSON on stdout."),
) -> None:
    """Set runs side by side on one page: prototype counts, or whatever hyper-parameter differs.

    Named are the runs that no other one beats beyond chance by any witness, each at its own checkpoint to use, and what
    each took to train. Runs of `swaveval pretrain` that differ by their seed alone are one row, and how far seeds lie
    apart counts. Never recommended is a run that collapsed, is not learning, or whose loss or weights became NaN.

    Example: swaveval compare runs/K30/report runs/K100/report runs/K300/report --out prototypes.html
    """
    from swaveval.cli.lost import leave_if_lost
    from swaveval.runs.compare import compare_runs

    compared = compare_runs(outs, out, images=not no_images, force=force)
    if as_json:
        found = {"page": str(compared.page), "groups": [one.to_json() for one in compared.groups]}
        typer.echo(json.dumps(found, default=str))
    else:
        if sys.stdout.isatty():
            for line in compared.lines:
                typer.echo(line)
            for group in compared.groups:
                print_found(group)
        typer.echo(compared.page)
    leave_if_lost(compared.lost)


def print_found(found: "Found", console: "Console | None" = None) -> None:
    """The headline, its sentence and a row for each setting; every string from disk goes through Text."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = console or Console()
    console.print(Text(found.headline, style="bold"))
    console.print(Text(found.sentence))

    # Settings that differ come last: the numbers are what was asked for.
    settings = range(2, found.head.index("verdict"))
    order = [*(place for place in range(len(found.head)) if place not in settings), *settings]

    def shown(count: int) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        for place in order[:count]:
            table.add_column(Text(found.head[place]), no_wrap=True)
        for row in found.rows:
            cells = [row[place] for place in order[:count]]
            table.add_row(*(Text(cell if isinstance(cell, str) else "\n".join(filter(None, cell))) for cell in cells))
        return table

    # As many columns, the most important first, as can be read without being cut.
    count, unbounded = len(found.head), console.options.update(width=1000)
    while count > 3 and console.measure(shown(count), options=unbounded).maximum > console.width:
        count -= 1
    console.print(shown(count))
