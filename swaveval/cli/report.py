"""`swaveval report`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from swaveval.cli.log_options import HELP, places, tell
from swaveval.errors import NOT_LOGGED
from swaveval.imports import no_garbage

if TYPE_CHECKING:
    from swaveval.results import Series
    from swaveval.runs.log_to import Destination


def report(
    out: Path = typer.Argument(..., help="What `swaveval run` wrote, or the run's directory."),
    no_images: bool = typer.Option(False, "--no-images", help="Leave every picture of the data out of the page."),
    figures_only: bool = typer.Option(False, "--figures-only", help="Draw figures/ anew (PNG and SVG), nothing else."),
    log_to: list[str] = typer.Option([], "--log-to", metavar="NAME:TARGET", help=HELP),
) -> None:
    """Write the page and the figures again from stored results; computes nothing, needs no GPU and no images.

    Figures that are there and whole, of these results and drawn as now, stay.

    A stored result that is missing or damaged is named on stderr and on the page, and makes the exit code 4; a
    tracker of --log-to that did not get everything makes it 6.
    """
    with no_garbage():
        import swaveval.report.page  # noqa: F401  # it is imported here or, less cheaply, when it is asked to write
        from swaveval.results.places import check_writable, locate
        from swaveval.runs.page import draw_figures, write_page

    trackers = places(log_to)
    place = locate(out)
    check_writable(place, advice="copy it to a place that can be written to, and name the copy")
    if figures_only:
        series, drawn = draw_figures(place)
        for path in drawn.paths:
            typer.echo(path)
        for problem in drawn.problems:
            typer.echo(problem, err=True)
        _leave(series, trackers)
        return
    written = write_page(place, images=not no_images)
    for problem in written.problems:
        typer.echo(problem, err=True)
    typer.echo(written.verdict.line, err=True)
    typer.echo(written.page)
    _leave(written.series, trackers)


def _leave(series: "Series", trackers: "Sequence[Destination]") -> None:
    """Tell the trackers, and end with the code for what is missing."""
    from swaveval.cli.lost import leave_if_lost

    logged = tell(series, trackers)
    leave_if_lost(series.lost)
    if not logged:
        raise typer.Exit(NOT_LOGGED)
