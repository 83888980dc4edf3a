"""`swaveval report`."""

from pathlib import Path

import typer


def report(
    out: Path = typer.Argument(..., help="What `swaveval run` wrote, or the run's directory."),
    no_images: bool = typer.Option(False, "--no-images", help="Leave every picture of the data out of the page."),
    figures_only: bool = typer.Option(False, "--figures-only", help="Draw figures/ anew (PNG and SVG), nothing else."),
) -> None:
    """Write the page and the figures again from stored results; computes nothing, needs no GPU and no images.

    Figures that are there and whole, of these results and drawn as now, stay.

    A stored result that is missing or damaged is named on stderr and on the page, and makes the exit code 4.
    """
    from swaveval.cli.imports import no_garbage

    with no_garbage():
        import swaveval.report.page  # noqa: F401  # it is imported here or, less cheaply, when it is asked to write
        from swaveval.cli.lost import leave_if_lost
        from swaveval.results.places import check_writable, locate
        from swaveval.runs.page import draw_figures, write_page

    place = locate(out)
    check_writable(place, option="a copy of it")
    if figures_only:
        series, drawn = draw_figures(place)
        for path in drawn.paths:
            typer.echo(path)
        for problem in drawn.problems:
            typer.echo(problem, err=True)
        leave_if_lost(series.lost)
        return
    written = write_page(place, images=not no_images)
    for problem in written.problems:
        typer.echo(problem, err=True)
    typer.echo(f"{written.verdict.verdict}: {written.verdict.sentence}", err=True)
    typer.echo(written.page)
    leave_if_lost(written.series.lost)
