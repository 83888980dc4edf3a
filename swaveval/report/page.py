"""The convergence page: one HTML file that needs nothing else."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from swaveval.convergence.verdict import WORDS, Verdict
from swaveval.report import cards, charts, first, palette, provenance, wording
from swaveval.report.budget import Thinned, thinnings
from swaveval.report.contents import Contents, gather, quality_metrics
from swaveval.report.figure_files import source_of
from swaveval.report.first_picture import drawn, kept
from swaveval.report.galleries import Galleries, galleries
from swaveval.report.map import feature_map
from swaveval.report.options import DEFAULTS, ReportOptions
from swaveval.report.packing import blob, json_blob
from swaveval.report.section import Built, Given, Section
from swaveval.report.sections import SECTIONS
from swaveval.results import Series
from swaveval.results.atomic import write_text

# Before those of the sections, and after them.
SCRIPTS = ("core.js", "theme.js", "overview.js", "small.js")
START = "page.js"
# Raised whenever a page says or shows something else of the same results; committed pages carry the present one.
RENDERER = 33
MOST_CHECKPOINTS = 600
# The map's plot, its tags and the names of its images come on top of what is measured.
MARGIN = 60_000


def write_report(
    out: Path,
    *,
    series: Series,
    verdict: Verdict,
    options: ReportOptions = DEFAULTS,
    clock: Callable[[], float] | None = None,
    cache: Path | None = None,
) -> Path:
    """Write `OUT/index.html` atomically and return its path.

    Nothing that is missing or broken in the results makes it fail: the page leaves it out and, where it was asked for,
    says why.

    Args:
        clock: seconds that the page has taken so far, asked once, when everything but its last filling is done; without
            one the page says what is stored.
        cache: a directory where the picture of the first figure is kept for the next page.
    """
    target = out / "index.html"
    picture = drawn if cache is None else partial(kept, cache, source_of(series, verdict))
    write_text(target, render(series, verdict, options, clock=clock, picture=picture))
    return target


def render(
    series: Series,
    verdict: Verdict,
    options: ReportOptions,
    sections: tuple[Section, ...] = SECTIONS,
    *,
    clock: Callable[[], float] | None = None,
    picture: Callable[[Contents], str] = drawn,
) -> str:
    """The page as text, as large as the options allow and no larger.

    Args:
        clock: as in `write_report`. picture: gives that of the first figure.
    """
    notes: tuple[str, ...] = ()
    if len(series.points) > MOST_CHECKPOINTS:
        notes = (f"It shows {MOST_CHECKPOINTS} of {len(series.points):,} checkpoints, evenly chosen.",)
        series = _fewer(series, verdict)
    contents = gather(series, verdict)
    full, pictures = feature_map(contents), galleries(contents)
    page = _Page(*_fixed(contents, options, pictures, picture), sections)
    given = Given(contents, pictures, Thinned(), options)
    target = min(options.target_bytes, options.limit_bytes)
    # What cannot be thinned is rendered once, to know how much room the rest has.
    room = target - len(page.filled(given, notes))
    for thinned in thinnings(contents, full, pictures, images=options.images):
        if thinned.size <= room - MARGIN:
            break
    if thinned.size > options.limit_bytes - target + room:
        thinned, notes = (
            replace(thinned, sheets={}, data=thinned.data | {"sheets": {}}),
            (*notes, "Pictures were left out."),
        )
    took = None if clock is None else clock()
    return page.filled(replace(given, thinned=thinned, page_seconds=took), notes)


@dataclass(frozen=True)
class _Page:
    """Everything that no budget changes: the script's data, blobs, the template's context; and the sections."""

    data: dict[str, Any]
    blobs: dict[str, str]
    context: dict[str, Any]
    sections: tuple[Section, ...]

    def filled(self, given: Given, notes: tuple[str, ...]) -> str:
        thinned = given.thinned
        shown = [(section, built) for section in self.sections if (built := section.build(given)) is not None]
        data: dict[str, Any] = {"confusion": [], "sheets": {}} | self.data
        blobs = dict(self.blobs)
        for _, built in shown:
            data |= built.data
            blobs |= built.blobs
        blobs |= thinned.blobs | {"data": json_blob(data | thinned.data)}
        bodies = [
            {"id": section.id, "title": section.title, "headline": built.headline, "open": section.open}
            | {"body": _body(section, built, given)}
            for section, built in shown
        ]
        context = self.context | {"sections": bodies, "thinned": (*notes, *thinned.notes)}
        own = dict.fromkeys(section.script for section in self.sections if section.script)
        return document("page.html.j2", context, (*SCRIPTS, *own, START), blobs, thinned.sheets)


def _body(section: Section, built: Built, given: Given) -> Markup:
    common = {"contents": given.contents, "images": given.options.images, "wording": wording}
    return Markup(environment().get_template(section.template).render(common | dict(built.context)))


def _fewer(series: Series, verdict: Verdict) -> Series:
    keep = set(np.linspace(0, len(series.points) - 1, MOST_CHECKPOINTS).astype(int).tolist())
    named = {verdict.best.checkpoint, *verdict.best.tied_with[:40]} if verdict.best is not None else set()
    return replace(series, points=tuple(p for i, p in enumerate(series.points) if i in keep or p.record.name in named))


def _fixed(
    contents: Contents, options: ReportOptions, pictures: Galleries, picture: Callable[[Contents], str]
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
    context: dict[str, Any] = {
        "run": wording.clipped(manifest.name, 80),
        "created": manifest.created,
        "banner": first.banner(contents),
        "sentence": first.sentence(contents),
        "labels": first.labels(contents),
        "left_out": first.left_out(contents),
        "verdict": contents.verdict,
        "recommended": first.recommended(contents),
        "changes": first.changes(contents),
        "span": first.span(contents),
        "images_behind": first.images(contents, quality_metrics(contents)),
        "warnings": provenance.warnings(contents),
        "overview": overview,
        "contents": contents,
        "overview_table": first.overview_table(contents),
        "picture": picture(contents),
        "images": options.images,
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
            renderer=RENDERER,
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
    made.globals["verdict_words"] = WORDS
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
