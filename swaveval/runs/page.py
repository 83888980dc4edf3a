"""From a results directory to verdict.json, the page and the figures; nothing here computes a metric."""

import json
from dataclasses import dataclass
from pathlib import Path

from swaveval.convergence import Verdict, judge
from swaveval.report import ReportOptions, write_figures, write_report
from swaveval.results import Series
from swaveval.results.atomic import write_text


@dataclass(frozen=True, slots=True)
class Written:
    """What was written for a reader.

    Attributes:
        page: `index.html`.
        series: what it shows.
        verdict: what it says.
    """

    page: Path
    series: Series
    verdict: Verdict


def write_page(out: Path, *, images: bool = True, figures: bool = True) -> Written:
    """Judge the results under `out` and write `verdict.json`, `index.html` and `figures/`.

    Raises:
        StoreError: there are no results, or they are damaged (DamagedCell).
    """
    series = Series.load(out)
    verdict = judge(series, seed=series.manifest.seed)
    write_text(out / "verdict.json", json.dumps(verdict.to_json(), indent=1, default=str) + "\n")
    page = write_report(out, series=series, verdict=verdict, options=ReportOptions(images=images))
    if figures:
        write_figures(out, series, verdict)
    return Written(page, series, verdict)
