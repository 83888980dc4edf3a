"""`swaveval compare`: several stored evaluations on one page; computes no metric."""

from collections.abc import Sequence
from pathlib import Path

from swaveval.convergence import Verdict, judge
from swaveval.report import ReportOptions, write_comparison
from swaveval.results import Series
from swaveval.results.places import locate
from swaveval.runs.request import RunError


def compare_runs(
    outs: Sequence[Path], page: Path, *, images: bool = True, force: bool = False
) -> tuple[Path, tuple[str, ...], tuple[str, ...]]:
    """Write the comparison page; returns it, one line per run (name, verdict, sentence), and what the runs have lost.

    Raises:
        RunError: fewer than two directories. StoreError: one of them holds no results.
        IncomparableRuns: different data, transform or protocol, unless `force`.
    """
    if len(outs) < 2:
        raise RunError(f"compare takes two or more evaluations, found {len(outs)}")
    runs: list[tuple[Series, Verdict]] = []
    for out in outs:
        series = Series.load(locate(out))
        runs.append((series, judge(series, seed=series.manifest.seed)))
    target = page / "index.html" if page.is_dir() else page
    written = write_comparison(target, runs, options=ReportOptions(images=images, force=force))
    lines = tuple(f"{series.manifest.name}: {verdict.verdict}: {verdict.sentence}" for series, verdict in runs)
    lost = tuple(f"{series.manifest.name}: {lost}" for series, _ in runs for lost in series.lost)
    return written, lines, lost
