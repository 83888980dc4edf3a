"""`swaveval compare`."""

import sys
from pathlib import Path

import typer


def compare(
    outs: list[Path] = typer.Argument(..., help="Two or more runs, or what `swaveval run` wrote for them."),
    out: Path = typer.Option(Path("comparison.html"), "--out", "-o", help="The page to write."),
    force: bool = typer.Option(
        False, "--force", help="Show runs on different data, transforms or protocols apart instead of refusing."
    ),
    no_images: bool = typer.Option(False, "--no-images", help="Leave every picture of the data out of the page."),
) -> None:
    """Set runs side by side on one page: prototype counts, or whatever hyper-parameter differs.

    Example: swaveval compare runs/K30/report runs/K100/report runs/K300/report --out prototypes.html
    """
    from swaveval.cli.lost import leave_if_lost
    from swaveval.runs.compare import compare_runs

    page, lines, lost = compare_runs(outs, out, images=not no_images, force=force)
    if sys.stdout.isatty():
        for line in lines:
            typer.echo(line)
    typer.echo(page)
    leave_if_lost(lost)
