"""A results directory to a page: a pure function of what is stored.

Bokeh, matplotlib and jinja2 are imported when something is written, not before.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from swaveval.convergence.verdict import Verdict
from swaveval.report.figure_files import Drawn, Made
from swaveval.report.options import DEFAULTS, IncomparableRuns, ReportOptions
from swaveval.results import Series

if TYPE_CHECKING:
    from swaveval.report.figures import Drawing

__all__ = [
    "Drawn",
    "IncomparableRuns",
    "ReportOptions",
    "drawing",
    "figure_faults",
    "remove_figures",
    "write_comparison",
    "write_drawn",
    "write_figures",
    "write_report",
]


def write_report(
    out: Path,
    *,
    series: Series,
    verdict: Verdict,
    options: ReportOptions = DEFAULTS,
    clock: Callable[[], float] | None = None,
    cache: Path | None = None,
) -> Path:
    """Write the convergence page `OUT/index.html` atomically; returns its path.

    Args:
        clock: seconds that the page has taken so far, for the page to say.
        cache: a directory where the picture of the first figure is kept for the next page.
    """
    from swaveval.report import page

    return page.write_report(out, series=series, verdict=verdict, options=options, clock=clock, cache=cache)


def write_comparison(out_file: Path, runs: Sequence[tuple[Series, Verdict]], options: ReportOptions = DEFAULTS) -> Path:
    """Write the page that compares runs; returns its path.

    Raises:
        IncomparableRuns: runs differ in data, transform or protocol, and `options.force` is not set.
    """
    from swaveval.report import comparison

    return comparison.write_comparison(out_file, runs, options)


def write_figures(out: Path, series: Series, verdict: Verdict) -> Drawn:
    """Write `OUT/figures/*.png` and `*.svg`, one pair per plot; one that cannot be drawn is told, not raised."""
    figures = drawing(series, verdict)
    return write_drawn(out, figures, figures.all_made())


def drawing(series: Series, verdict: Verdict) -> "Drawing":
    """The figures of a run, each drawn when it is asked for."""
    from swaveval.report import figures

    return figures.Drawing(series, verdict)


def write_drawn(out: Path, figures: "Drawing", made: Iterable[tuple[str, Made]]) -> Drawn:
    """`write_figures`, of figures that were drawn elsewhere too.

    Args:
        made: name and files of each, in any order.
    """
    from swaveval.report.figure_files import write_all

    return write_all(out / "figures", figures.source, figures.names, made)


def remove_figures(out: Path) -> None:
    """Remove the figures that were written for other results; files of yours stay."""
    from swaveval.report.figure_files import remove

    remove(out / "figures")


def figure_faults(out: Path, series: Series, verdict: Verdict) -> tuple[str, ...] | None:
    """Figures of these results that are missing or damaged, () where all are whole, None where they were never
    finished or are of other results."""
    from swaveval.report.figure_files import faults, source_of

    return faults(out / "figures", source_of(series, verdict))
