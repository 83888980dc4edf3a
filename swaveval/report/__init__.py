"""A results directory to a page: a pure function of what is stored.

Bokeh, matplotlib and jinja2 are imported when something is written, not before.
"""

from collections.abc import Sequence
from pathlib import Path

from swaveval.convergence.verdict import Verdict
from swaveval.report.options import DEFAULTS, IncomparableRuns, ReportOptions
from swaveval.results import Series

__all__ = ["IncomparableRuns", "ReportOptions", "write_comparison", "write_figures", "write_report"]


def write_report(out: Path, *, series: Series, verdict: Verdict, options: ReportOptions = DEFAULTS) -> Path:
    """Write the convergence page `OUT/index.html` atomically; returns its path."""
    from swaveval.report import page

    return page.write_report(out, series=series, verdict=verdict, options=options)


def write_comparison(out_file: Path, runs: Sequence[tuple[Series, Verdict]], options: ReportOptions = DEFAULTS) -> Path:
    """Write the page that compares runs; returns its path.

    Raises:
        IncomparableRuns: runs differ in data, transform or protocol, and `options.force` is not set.
    """
    from swaveval.report import comparison

    return comparison.write_comparison(out_file, runs, options)


def write_figures(out: Path, series: Series, verdict: Verdict) -> list[Path]:
    """Write `OUT/figures/*.png` and `*.svg`, one pair per plot; returns their paths."""
    from swaveval.report import figures

    return figures.write_figures(out, series, verdict)
