"""From a results directory to verdict.json, the page and the figures; nothing here computes a metric."""

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from swaveval.convergence.judging import judge
from swaveval.report import Drawn, ReportOptions, figure_faults, remove_figures, write_report
from swaveval.results import ResultStore, Series
from swaveval.results.atomic import write_text
from swaveval.results.seconds import FIGURES, OF_PAGE, PAGE, StageSeconds
from swaveval.runs.drawing import Drawers
from swaveval.runs.outcome import Written


def write_page(out: Path, *, images: bool = True, figures: bool = True, jobs: int | None = None) -> Written:
    """Judge the results under `out` and write `verdict.json`, `index.html` and `figures/`.

    Args:
        out: the directory that holds `results/`.
        images: whether pictures of the data may stand in the page.
        figures: whether figures for papers are written; else those of other results are removed. Where all are there
            and whole, of these results and drawn as now, they stay: they are some two hundred files, and take longer
            than everything else when nothing was computed.
        jobs: processes that may work at the same time; as many as there are cores, unless given.

    Raises:
        StoreError: there are no results, or their manifest is damaged (DamagedCell).
    """
    started = time.perf_counter()
    series = Series.load(out)
    verdict = judge(series, seed=series.manifest.seed)
    write_text(out / "verdict.json", json.dumps(verdict.to_json(), indent=1, default=str) + "\n")
    took: dict[str, float] = {}
    timed = bool(series.seconds)  # older results have no times, and get none from being shown

    def clock() -> float:
        took[PAGE] = time.perf_counter() - started - took.get(FIGURES, 0.0)
        return took[PAGE]

    # A page that is written again from the same results is the same.
    known = not timed or PAGE in series.seconds.get("", StageSeconds()).stages
    missing = figure_faults(out, series, verdict)
    problems: list[str] = []
    with ExitStack() as ends:
        drawers = None
        if figures and missing != ():
            began = time.perf_counter()
            drawers = ends.enter_context(closing(Drawers(out, series, verdict, jobs)))
            took[FIGURES] = time.perf_counter() - began
        options = ReportOptions(images=images)
        told = None if known else clock
        page = write_report(out, series=series, verdict=verdict, options=options, clock=told, cache=out / "cache")
        if drawers is not None:
            began = time.perf_counter()
            problems = [*_told(missing or ()), *drawers.write().problems]
            took[FIGURES] += time.perf_counter() - began
    if not figures and missing is None:
        remove_figures(out)
    _keep(out, took if timed else {})
    return Written(page, series, verdict, tuple(problems))


def _told(missing: Sequence[str]) -> list[str]:
    if not missing:
        return []
    shown = ", ".join(missing[:3]) + (" …" if len(missing) > 3 else "")
    return [f"{len(missing)} figures were missing or damaged ({shown}): all are drawn again"]


def _keep(out: Path, took: dict[str, float]) -> None:
    if took:
        ResultStore(out / "results").seconds.put(*OF_PAGE, took)


def draw_figures(out: Path) -> tuple[Series, Drawn]:
    """Draw the figures of stored results, whether they are there or not, and nothing else.

    Raises:
        StoreError: as `write_page`.
    """
    series = Series.load(out)
    with closing(Drawers(out, series, judge(series, seed=series.manifest.seed))) as drawers:
        return series, drawers.write()
