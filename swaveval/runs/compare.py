"""`swaveval compare`: several stored evaluations on one page; computes no metric."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from swaveval.convergence import Verdict, judge
from swaveval.report import ReportOptions
from swaveval.report.comparison import Found, examine, page_of
from swaveval.report.runs import names_apart
from swaveval.results import Series
from swaveval.results.atomic import write_text
from swaveval.results.places import locate
from swaveval.runs.request import RunError


@dataclass(frozen=True, eq=False)
class Compared:
    """A comparison.

    Attributes:
        page: what was written. groups: what was found, one for each set of runs that may share axes.
        lines: one per run: name and sentence, which begins with the verdict. lost: what the runs have lost.
    """

    page: Path
    groups: tuple[Found, ...]
    lines: tuple[str, ...]
    lost: tuple[str, ...]


def compare_runs(
    outs: Sequence[Path], page: Path, *, images: bool = True, force: bool = False, untrained: Sequence[str] = ()
) -> Compared:
    """Write the comparison page.

    One that is given twice counts once. `untrained`: settings that were asked for and have no results, and why.

    Raises:
        RunError: fewer than two directories. StoreError: one of them holds no results.
        IncomparableRuns: different data, transform or protocol, unless `force`.
    """
    if len(outs) < 2:
        raise RunError(f"compare takes two or more evaluations, found {len(outs)}")
    # Patterns of a shell overlap: K10* holds K100 as well.
    places = list({place.resolve(): place for place in map(locate, outs)}.values())
    if len(places) < 2:
        raise RunError(f"compare takes two or more evaluations, found one given {len(outs)} times")
    runs: list[tuple[Series, Verdict]] = []
    for place in places:
        series = Series.load(place)
        runs.append((series, judge(series, seed=series.manifest.seed)))
    groups, apart = examine(runs, force=force)
    target = page / "index.html" if page.is_dir() else page
    write_text(target, page_of(groups, apart, ReportOptions(images=images, force=force), untrained))
    named = list(zip(names_apart(runs), runs, strict=True))
    return Compared(
        page=target,
        groups=groups,
        lines=tuple(f"{name}: {verdict.sentence}" for name, (_, verdict) in named),
        lost=tuple(f"{name}: {lost}" for name, (series, _) in named for lost in series.lost),
    )
