"""The convergence page: one HTML file that needs nothing else."""

import base64
import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from swaveval.convergence.verdict import Verdict
from swaveval.report import cards, charts, first, glossary, palette, provenance, sections, weights, wording
from swaveval.report.budget import Thinned, thinnings
from swaveval.report.confusion import per_class
from swaveval.report.contents import Contents, gather, quality_metrics
from swaveval.report.figures import overview_picture
from swaveval.report.galleries import Galleries, galleries
from swaveval.report.map import chart as map_chart
from swaveval.report.map import feature_map
from swaveval.report.options import DEFAULTS, ReportOptions
from swaveval.report.packing import blob, json_blob
from swaveval.results import Series
from swaveval.results.atomic import write_text

SCRIPTS = (
    "core.js",
    "theme.js",
    "overview.js",
    "small.js",
    "map.js",
    "confusion.js",
    "galleries.js",
    "drift.js",
    "cards.js",
    "page.js",
)
MOST_CHECKPOINTS = 600
# The map's plot, its tags and the names of its images come on top of what is measured.
MARGIN = 60_000


def write_report(out: Path, *, series: Series, verdict: Verdict, options: ReportOptions = DEFAULTS) -> Path:
    """Write `OUT/index.html` atomically and return its path.

    Nothing that is missing or broken in the results makes it fail: the page leaves it out and, where it was asked for,
    says why.
    """
    target = out / "index.html"
    write_text(target, render(series, verdict, options))
    return target


def render(series: Series, verdict: Verdict, options: ReportOptions) -> str:
    """The page as text, as large as the options allow and no larger."""
    notes: tuple[str, ...] = ()
    if len(series.points) > MOST_CHECKPOINTS:
        notes = (f"It shows {MOST_CHECKPOINTS} of {len(series.points):,} checkpoints, evenly chosen.",)
        series = _fewer(series, verdict)
    contents = gather(series, verdict)
    full, pictures = feature_map(contents), galleries(contents)
    data, fixed, context = _fixed(contents, options, pictures)
    target = min(options.target_bytes, options.limit_bytes)
    # What cannot be thinned is rendered once, to know how much room the rest has.
    room = target - len(_fill(context, data, fixed, Thinned(), notes))
    for thinned in thinnings(contents, full, pictures, images=options.images):
        if thinned.size <= room - MARGIN:
            break
    if thinned.size > options.limit_bytes - target + room:
        thinned, notes = (
            replace(thinned, sheets={}, data=thinned.data | {"sheets": {}}),
            (*notes, "Pictures were left out."),
        )
    if thinned.map is not None:
        context |= {"map": map_chart(thinned.map), "map_headline": sections.map_headline(contents, thinned.map)}
        fixed |= {"figure-map": blob(context["map"].item.encode())}
    return _fill(context | {"matrices": thinned.confusions}, data, fixed, thinned, notes)


def _fill(
    context: dict[str, Any], data: dict[str, Any], fixed: dict[str, str], thinned: Thinned, notes: tuple[str, ...]
) -> str:
    blobs = fixed | thinned.blobs | {"data": json_blob({"confusion": [], "sheets": {}} | data | thinned.data)}
    return document("page.html.j2", context | {"thinned": (*notes, *thinned.notes)}, SCRIPTS, blobs, thinned.sheets)


def _fewer(series: Series, verdict: Verdict) -> Series:
    keep = set(np.linspace(0, len(series.points) - 1, MOST_CHECKPOINTS).astype(int).tolist())
    named = {verdict.best.checkpoint, *verdict.best.tied_with[:40]} if verdict.best is not None else set()
    return replace(series, points=tuple(p for i, p in enumerate(series.points) if i in keep or p.record.name in named))


def _fixed(
    contents: Contents, options: ReportOptions, pictures: Galleries
) -> tuple[dict[str, Any], dict[str, str], dict[str, Any]]:
    """Everything that no budget changes: the script's data, blobs, and the template's context."""
    manifest = contents.series.manifest
    blobs: dict[str, str] = {}
    data: dict[str, Any] = {
        "axis": contents.axis,
        "x": contents.x,
        "best": contents.best,
        "tied": list(contents.tied),
        "classes": list(contents.class_names),
        "metrics": cards.metrics(contents),
        "checkpoints": cards.checkpoints(contents),
        "twins": palette.TWINS,
        "colours": palette.SERIES,
        "images": options.images,
        "gallery": pictures.to_json(contents),
    }
    overview = charts.overview(contents)
    if overview is not None:
        data["overview"] = overview.about
        blobs["figure-overview"] = blob(overview.item.encode())
    heat = weights.drift(contents)
    if heat is not None:
        data["drift"] = heat
    class_title, class_rows = per_class(contents)
    context: dict[str, Any] = {
        "run": wording.clipped(manifest.name, 80),
        "created": manifest.created,
        "banner": first.banner(contents),
        "sentence": first.sentence(contents),
        "labels": first.labels(contents),
        "verdict": contents.verdict,
        "recommended": first.recommended(contents),
        "changes": first.changes(contents),
        "claims": first.evidence(contents),
        "advice": [
            tuple(wording.sentence(wording.clipped(glossary.in_words(text), 300)) for text in (a.action, a.reason))
            for a in contents.verdict.advice
        ],
        "warnings": provenance.warnings(contents),
        "overview": overview,
        "contents": contents,
        "overview_table": _overview_table(contents),
        "picture": overview_picture(contents),
        "map": None,
        "map_headline": "",
        "matrices": (),
        "quality": sections.metric_section(contents, glossary.SUPERVISED),
        "groups": sections.metric_section(contents, ("clusters", "prototypes")),
        "label_free": sections.metric_section(contents, glossary.LABEL_FREE),
        "other": sections.metric_section(contents, sections.other_evaluators(contents)),
        "weights": sections.metric_section(contents, ("drift",)),
        "weights_headline": sections.weights_headline(contents),
        "drift": heat,
        "anatomy": weights.anatomy(contents),
        "class_title": class_title,
        "class_rows": class_rows,
        "pictures": pictures,
        "neighbours_headline": sections.neighbours_headline(pictures),
        "images": options.images,
        "provenance": provenance,
        "sections": sections,
        "terms": [
            (glossary.anchor(name), glossary.term(glossary.base_id(name)), glossary.base_id(name))
            for name in _bases(contents)
        ],
        "docs_url": options.docs_url,
        "wording": wording,
    }
    return data, blobs, context


def document(
    template: str, context: dict[str, Any], scripts: tuple[str, ...], blobs: dict[str, str], pictures: dict[str, str]
) -> str:
    """Fill a template; only the scripts whose digests stand in the Content-Security-Policy can run."""
    bokeh, own = _bokeh(), _script(scripts)
    # Only a page that knows when its results were made can be asked how old they are.
    probe = _plain_script("probe.js") if context.get("created") else ""
    framed = "'self'" if probe else "'none'"
    allowed = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in (bokeh, own, probe)
        if text
    )
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
        f"frame-src {framed}; "
        "connect-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'"
    )
    return (
        environment()
        .get_template(template)
        .render(
            **context,
            policy=policy,
            bokeh=Markup(bokeh),
            script=Markup(own),
            **({"probe": Markup(probe)} if probe else {}),
            blobs=blobs,
            sheet_uris=pictures,
        )
    )


@cache
def environment() -> Environment:
    """Templates of this package: everything is escaped, and a name that is not given is an error."""
    made = Environment(
        loader=PackageLoader("swaveval.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["number"] = wording.number
    return made


@cache
def _bokeh() -> str:
    from bokeh.resources import INLINE, Resources

    text = "\n".join(Resources(mode=INLINE.mode, components=["bokeh"]).js_raw).replace("\r\n", "\n")
    if "</script" in text.lower():
        raise ValueError("this Bokeh's script cannot be inlined: it contains a closing script tag")
    return text


@cache
def _plain_script(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")


@cache
def _script(names: tuple[str, ...]) -> str:
    parts = [_plain_script(name) for name in names]
    return '(() => {\n"use strict";\n' + "\n".join(parts) + "\n})();"


def _overview_table(contents: Contents) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The first figure as numbers: head and one row per checkpoint."""
    chosen = quality_metrics(contents)
    head = (contents.axis, *(glossary.term(name).brief for name in chosen))
    rows = tuple(
        (contents.labels[i], *(wording.of_metric(point.metrics.get(name)) for name in chosen))
        for i, point in enumerate(contents.points)
    )
    return head, rows


def _bases(contents: Contents) -> tuple[str, ...]:
    return tuple(dict.fromkeys(glossary.base_id(name) for name in contents.metric_ids))
