"""The comparison page: several runs on shared axes, and what their differing settings did."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swaveval.convergence.verdict import Verdict
from swaveval.report import comparison_charts as charts
from swaveval.report import comparison_table as table
from swaveval.report import comparison_words as words
from swaveval.report import glossary, palette, provenance, wording
from swaveval.report.charts import Chart
from swaveval.report.choice import Choice, Pair, choose, pairs
from swaveval.report.first import images
from swaveval.report.glossary import Glossary
from swaveval.report.options import DEFAULTS, ReportOptions
from swaveval.report.packing import blob, json_blob
from swaveval.report.page import document
from swaveval.report.runs import Group, grouped
from swaveval.results import Series
from swaveval.results.atomic import write_text
from swaveval.results.encoding import encode_number
from swaveval.results.term import base_id

SCRIPTS = ("core.js", "theme.js", "comparison.js")


@dataclass(frozen=True, eq=False)
class Found:
    """A group of runs that may share axes, and what is said of it.

    Attributes:
        group: the runs. choice: which are not beaten. others: differences by what chooses nothing.
        headline, sentence: the top of the page. head, rows: its first table, one row for each setting.
    """

    group: Group
    choice: Choice
    others: tuple[Pair, ...]
    headline: str
    sentence: str
    head: tuple[str, ...]
    rows: table.Rows

    def to_json(self) -> dict[str, Any]:
        """For programs: names of settings, numbers as they are."""
        group, choice = self.group, self.choice
        called = [setting.name for setting in group.settings]
        return {
            "headline": self.headline,
            "sentence": self.sentence,
            "not_beaten": [called[place] for place in choice.members],
            "witnesses": [one.metric for one in choice.witnesses],
            "images": choice.n,
            "beaten": [
                {
                    "setting": called[one.setting],
                    "by": called[one.by],
                    "witness": choice.witnesses[one.witness].metric,
                    "p": one.p,
                }
                for one in choice.beatings
            ],
            "settings": [
                {
                    "name": setting.name,
                    "runs": [run.name for run in group.of(setting)],
                    "verdicts": [run.contents.verdict.verdict for run in group.of(setting)],
                    "left_out": group.unfit(setting),
                    "values": self._values(place),
                    "training_seconds": words.seconds(group, setting),
                    "seconds_per_epoch": words.seconds(group, setting, each=True),
                }
                for place, setting in enumerate(group.settings)
            ],
        }

    def _values(self, place: int) -> dict[str, list[float | str | None]]:
        """Of each run, by the witnesses."""
        metrics = [one.metric for one in self.choice.witnesses]
        runs = self.group.of(self.group.settings[place])
        found = {name: [metric for run in runs if (metric := run.metric(name)) is not None] for name in metrics}
        return {name: [encode_number(metric.value) for metric in own] for name, own in found.items()}


def examine(
    runs: Sequence[tuple[Series, Verdict]], *, force: bool = False
) -> tuple[tuple[Found, ...], tuple[str, ...]]:
    """What can be said of the runs, one for each group that may share axes, and why the groups are apart.

    Raises:
        IncomparableRuns: runs differ in data, transform or protocol, and `force` is not set.
    """
    groups, apart = grouped(runs, force=force)
    return tuple(_found(group) for group in groups), apart


def _found(group: Group) -> Found:
    choice = choose(group)
    others = pairs(group, choice)
    head, rows = table.settings_table(group, choice)
    return Found(
        group, choice, others, words.headline(group, choice), words.sentence(group, choice, others), head, rows
    )


def write_comparison(out_file: Path, runs: Sequence[tuple[Series, Verdict]], options: ReportOptions = DEFAULTS) -> Path:
    """Write the comparison atomically and return its path.

    Raises:
        IncomparableRuns: runs differ in data, transform or protocol, and `options.force` is not set.
    """
    write_text(out_file, render(runs, options))
    return out_file


def render(runs: Sequence[tuple[Series, Verdict]], options: ReportOptions) -> str:
    """The page as text."""
    return page_of(*examine(runs, force=options.force), options)


def page_of(found: Sequence[Found], apart: Sequence[str], options: ReportOptions, untrained: Sequence[str] = ()) -> str:
    """The page of what `examine` found; `untrained`: settings that have no results, and why."""
    groups = [one.group for one in found]
    shown: list[View] = []
    data: list[dict[str, Any]] = []
    blobs: dict[str, str] = {}
    for position, one in enumerate(found):
        views, about, own = _view(one)
        shown.append(views)
        data.append(about)
        blobs |= {f"figure-{name}-{position}": text for name, text in own.items()}
    blobs["data"] = json_blob({"groups": data, "twins": palette.TWINS | dict(palette.RUNS), "sheets": {}})
    known = Glossary.of(run.contents.series.manifest for group in groups for run in group.runs)
    terms = dict.fromkeys(base_id(name) for group in groups for name in group.metric_ids)
    context = {
        "groups": shown,
        "apart": apart,
        "untrained": untrained,
        "runs": sum(len(group.runs) for group in groups),
        "terms": [(glossary.anchor(name), known.term(name), name) for name in terms],
        "docs_url": options.docs_url,
        "wording": wording,
        "in_both": _in_both,
        "provenance": provenance,
        "beaten_head": table.BEATEN_HEAD,
    }
    return document("comparison.html.j2", context, SCRIPTS, blobs, {})


@dataclass(frozen=True)
class View:
    """What the template shows of a group."""

    found: Found
    colours: list[str]
    curves: Chart
    against: Chart | None
    against_all: tuple[tuple[str, tuple[charts.RunsTile, ...]], ...]
    over_all: tuple[tuple[str, tuple[charts.RunsTile, ...]], ...]
    beaten: tuple[tuple[str, ...], ...]
    pairs: tuple[tuple[str, ...], ...]
    differing: dict[str, tuple[str, ...]]
    shared: tuple[provenance.Row, ...]
    health: tuple[tuple[str, ...], ...]
    images: str
    unlike: bool

    @property
    def group(self) -> Group:
        return self.found.group


def _view(found: Found) -> tuple[View, dict[str, Any], dict[str, str]]:
    group, choice = found.group, found.choice
    over, across = charts.curves(group), charts.against(group)
    first = group.runs[0] if group.runs else None
    view = View(
        found=found,
        colours=charts.colours(group),
        curves=over,
        against=across,
        against_all=_by_protocol(group, charts.tiles_against) if group.axis else (),
        over_all=_by_protocol(group, charts.tiles_over),
        beaten=table.beaten_table(group, choice),
        pairs=table.pairs_table(group, found.others),
        differing=group.differing,
        shared=()
        if first is None
        else provenance.mapping({k: v for k, v in first.settings.items() if k not in group.differing}),
        health=table.health_table(group),
        images="" if first is None else images(first.contents, table.numbers(group, choice)),
        unlike="prototypes" in group.differing,
    )
    about = {
        "axis": group.axis,
        "x": list(group.x),
        "settings": [list(setting.runs) for setting in group.settings],
        "chosen": choice.metric or next(iter(group.metric_ids), ""),
        "colours": charts.colours(group),
        "metrics": [_metric(group, name) for name in group.metric_ids],
        "runs": [
            {
                "name": run.name,
                "x": run.contents.x,
                "best": run.best,
                "use": not run.unfit,
                "labels": list(run.contents.labels),
            }
            for run in group.runs
        ],
    }
    own = {"curves": blob(over.item.encode())} | ({} if across is None else {"against": blob(across.item.encode())})
    return view, about, own


def _metric(group: Group, name: str) -> dict[str, Any]:
    """Values and intervals of one metric in every run."""
    sample = next(run.contents.sample(name) for run in group.runs if run.contents.has(name))
    found = [[point.metrics.get(name) for point in run.contents.points] for run in group.runs]
    return {
        "id": wording.clipped(name, 80),
        "label": wording.clipped(group.words.term(name).label, 70),
        "unit": wording.clipped(sample.unit, 24),
        "axis": "%" if sample.unit == "fraction" else wording.plot_text(sample.unit, 24),
        "values": [[None if m is None else m.value for m in row] for row in found],
        "low": [[None if m is None or m.ci95 is None else m.ci95[0] for m in row] for row in found],
        "high": [[None if m is None or m.ci95 is None else m.ci95[1] for m in row] for row in found],
    }


def _by_protocol(
    group: Group, draw: Callable[[Group, tuple[str, ...]], tuple[charts.RunsTile, ...]]
) -> tuple[tuple[str, tuple[charts.RunsTile, ...]], ...]:
    """Small charts of the headline protocols, then of the others, each under its heading (the first needs none)."""
    variants = [name for name in group.metric_ids if (base := base_id(name)) != name and base in group.metric_ids]
    headlines = tuple(name for name in group.metric_ids if name not in variants)
    parts = (("", draw(group, headlines)), ("The same by other protocols", draw(group, tuple(variants))))
    return tuple(part for part in parts if part[1])


def _in_both(colour: str) -> str:
    """A run's colour in CSS, for the white page and the dark one."""
    return f"light-dark({colour}, {dict(palette.RUNS)[colour]})" if colour in dict(palette.RUNS) else colour
