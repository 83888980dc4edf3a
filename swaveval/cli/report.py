"""`swaveval report`."""

from pathlib import Path

import typer


def report(
    out: Path = typer.Argument(..., help="What `swaveval run` wrote (the directory that holds results/)."),
    no_images: bool = typer.Option(False, "--no-images", help="Leave every picture of the data out of the page."),
    figures_only: bool = typer.Option(False, "--figures-only", help="Write figures/ (PNG and SVG) and nothing else."),
) -> None:
    """Write the page and the figures again from stored results; computes nothing, needs no GPU and no images."""
    if figures_only:
        from swaveval.convergence import judge
        from swaveval.report import write_figures
        from swaveval.results import Series

        series = Series.load(out)
        for path in write_figures(out, series, judge(series, seed=series.manifest.seed)):
            typer.echo(path)
        return
    from swaveval.runs.page import write_page

    written = write_page(out, images=not no_images)
    typer.echo(f"{written.verdict.verdict}: {written.verdict.sentence}", err=True)
    typer.echo(written.page)
