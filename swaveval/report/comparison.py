"""The comparison page: several runs on shared axes, and what their differing settings did."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swaveval.convergence.verdict import Verdict
from swaveval.report import comparison_charts as charts
from swaveval.report import glossary, palette, provenance, wording
from swaveval.report.charts import Chart
from swaveval.report.cost import duration, evaluator_seconds
from swaveval.report.glossary import Glossary
from swaveval.report.options import DEFAULTS, ReportOptions
from swaveval.report.packing import blob, json_blob
from swaveval.report.page import document
from swaveval.report.runs import ALPHA, Choice, Group, choose, grouped, pairs
from swaveval.results import Role, Series
from swaveval.results.atomic import write_text
from swaveval.results.roles import AGREEMENT, HEALTH, RUNS_TABLE
from swaveval.results.term import base_id

SCRIPTS = ("core.js", "theme.js", "comparison.js")
Text = str | tuple[str, str]


def write_comparison(out_file: Path, runs: Sequence[tuple[Series, Verdict]], options: ReportOptions = DEFAULTS) -> Path:
    """Write the comparison atomically and return its path.

    Raises:
        IncomparableRuns: runs differ in data, transform or protocol, and `options.force` is not set.
    """
    write_text(out_file, render(runs, options))
    return out_file


def render(runs: Sequence[tuple[Series, Verdict]], options: ReportOptions) -> str:
    """The page as text."""
    groups, apart = grouped(runs, force=options.force)
    shown: list[View] = []
    data: list[dict[str, Any]] = []
    blobs: dict[str, str] = {}
    for position, group in enumerate(groups):
        views, about, own = _group(group)
        shown.append(views)
        data.append(about)
        blobs |= {f"figure-{name}-{position}": text for name, text in own.items()}
    blobs["data"] = json_blob({"groups": data, "twins": palette.TWINS | dict(palette.RUNS), "sheets": {}})
    words = Glossary.of(run.contents.series.manifest for group in groups for run in group.runs)
    terms = dict.fromkeys(base_id(name) for group in groups for name in group.metric_ids)
    context = {
        "groups": shown,
        "apart": apart,
        "runs": len(runs),
        "terms": [(glossary.anchor(name), words.term(name), name) for name in terms],
        "docs_url": options.docs_url,
        "wording": wording,
        "in_both": _in_both,
        "provenance": provenance,
        "alpha": ALPHA,
    }
    return document("comparison.html.j2", context, SCRIPTS, blobs, {})


@dataclass(frozen=True)
class View:
    """What the template shows of a group."""

    group: Group
    choice: Choice
    sentence: str
    word: str
    colours: list[str]
    rows: tuple[tuple[Text, ...], ...]
    head: tuple[str, ...]
    curves: Chart
    against: Chart | None
    against_all: tuple[tuple[str, tuple[charts.RunsTile, ...]], ...]
    over_all: tuple[tuple[str, tuple[charts.RunsTile, ...]], ...]
    pairs: tuple[tuple[str, ...], ...]
    differing: dict[str, tuple[str, ...]]
    shared: tuple[provenance.Row, ...]
    health: tuple[tuple[str, ...], ...]
    unlike: bool


def _group(group: Group) -> tuple[View, dict[str, Any], dict[str, str]]:
    choice = choose(group)
    over, across = charts.curves(group), charts.against(group)
    word, sentence = _sentence(group, choice)
    head, rows = _table(group, choice)
    first = group.runs[0] if group.runs else None
    view = View(
        group=group,
        choice=choice,
        sentence=sentence,
        word=word,
        colours=charts.colours(group),
        rows=rows,
        head=head,
        curves=over,
        against=across,
        against_all=_by_protocol(group, charts.tiles_against) if group.axis else (),
        over_all=_by_protocol(group, charts.tiles_over),
        pairs=_pairs(group),
        differing=group.differing,
        shared=()
        if first is None
        else provenance.mapping({k: v for k, v in first.settings.items() if k not in group.differing}),
        health=_health(group),
        unlike="prototypes" in group.differing,
    )
    about = {
        "axis": group.axis,
        "x": list(group.x),
        "chosen": choice.metric or next(iter(group.metric_ids), ""),
        "colours": charts.colours(group),
        "metrics": [_metric(group, name) for name in group.metric_ids],
        "runs": [
            {"name": run.name, "x": run.contents.x, "best": run.best, "labels": list(run.contents.labels)}
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


def _sentence(group: Group, choice: Choice) -> tuple[str, str]:
    """The answer in one line: which setting is best, by which number, and which cannot be told apart from it."""
    if choice.best is None:
        return (
            f"{wording.count(len(group.runs), 'run')}",
            "No metric is shared by all runs, so none can be called best.",
        )
    best = group.runs[choice.best]
    metric = best.metric(choice.metric)
    said = f"{group.words.term(choice.metric).label} {wording.of_metric(metric)}"
    said += f" ({wording.interval(metric.ci95, metric.unit)})" if metric is not None and metric.ci95 is not None else ""
    tied = [_called(group, i) for i in choice.tied]
    if not tied:
        said += ": better than every other run."
    else:
        listed = tied[0] if len(tied) == 1 else f"{', '.join(tied[:-1])} and {tied[-1]}"
        said += f". {listed} cannot be told apart from it."
    return f"{_called(group, choice.best)} is best", said


def _called(group: Group, position: int) -> str:
    """`K = 100`, or the run's name where no one setting tells the runs apart."""
    if group.axis and len(group.differing) == 1 and len(set(group.x)) == len(group.x):
        return f"{'K' if group.axis == 'prototypes' else group.axis.replace('_', ' ')} = {group.x[position]:g}"
    return group.runs[position].name


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


def _table(group: Group, choice: Choice) -> tuple[tuple[str, ...], tuple[tuple[Text, ...], ...]]:
    """One row per run: mark, name, what differs, verdict, checkpoint, cost, headline numbers at it and at the end."""
    usual = (choice.metric, *group.declared(Role.HEADLINE)[:2], *RUNS_TABLE)
    wanted = [name for name in dict.fromkeys(usual) if name in group.metric_ids][:4]
    costs = {
        "training": [run.seconds for run in group.runs],
        "evaluators": [evaluator_seconds(run.contents.series) for run in group.runs],
    }
    costs = {name: seconds for name, seconds in costs.items() if any(value is not None for value in seconds)}
    keys = [key for key in group.differing if len(group.differing[key]) == len(group.runs)][:4]
    head = ["", "run", *(key.replace("_", " ") for key in keys), "verdict", "use"]
    head += [f"time: {name}" for name in costs]
    for name in wanted:
        head += [wording.clipped(group.words.term(name).brief, 40), *(["at the end"] if name == wanted[0] else [])]
    rows = []
    for position, run in enumerate(group.runs):
        mark = "★" if position == choice.best else "○" if position in choice.tied else ""
        at = run.contents.labels[run.best] if run.best is not None else "–"
        row: list[Text] = [mark, run.name, *(group.differing[key][position] for key in keys)]
        row += [run.contents.verdict.verdict, at, *(duration(seconds[position]) for seconds in costs.values())]
        for name in wanted:
            metric = run.metric(name)
            inside = "" if metric is None else wording.interval(metric.ci95, metric.unit)
            row.append((wording.of_metric(metric), inside))
            row += [wording.of_metric(run.metric(name, final=True))] if name == wanted[0] else []
        rows.append(tuple(row))
    return tuple(head), tuple(rows)


def _pairs(group: Group) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            group.words.term(pair.metric).brief,
            f"{_called(group, pair.a)} − {_called(group, pair.b)}",
            wording.number(pair.found.effect, "fraction", signed=True),
            wording.interval(pair.found.ci95, "fraction", signed=True),
            wording.p_value(pair.found.p),
            wording.p_value(pair.corrected),
            f"{pair.found.n:,}",
            "yes" if pair.corrected <= ALPHA else "no",
        )
        for pair in pairs(group)
    )


def _health(group: Group) -> tuple[tuple[str, ...], ...]:
    """Prototype health as shares of K at each run's checkpoint to use."""
    rows = []
    for position, run in enumerate(group.runs):
        k = run.settings.get("prototypes")
        found = [run.metric(name) for name in HEALTH]
        if not isinstance(k, int | float) or isinstance(k, bool) or k <= 0 or not any(found):
            continue
        shares = [
            "–" if m is None or not math.isfinite(m.value) else f"{wording.of_metric(m)} ({100 * m.value / k:.0f} %)"
            for m in found
        ]
        agreement = run.metric(AGREEMENT)
        rows.append((_called(group, position), f"{k:g}", *shares, wording.of_metric(agreement)))
    return tuple(rows)
