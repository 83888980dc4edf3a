"""The convergence page: one HTML file that needs nothing else."""

import base64
import hashlib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from swaveval.convergence.verdict import Verdict
from swaveval.report import cards, charts, first, glossary, palette, provenance, sections, weights, wording
from swaveval.report.confusion import confusions, per_class
from swaveval.report.contents import Contents, gather
from swaveval.report.figures import overview_picture
from swaveval.report.galleries import Galleries, galleries, thumbnails
from swaveval.report.map import chart as map_chart
from swaveval.report.map import feature_map
from swaveval.report.options import ReportOptions
from swaveval.report.packing import blob, json_blob
from swaveval.report.sprites import sheet
from swaveval.results import Series
from swaveval.results.atomic import write_text

SCRIPTS = ("core.js", "theme.js", "overview.js", "small.js", "map.js", "confusion.js", "galleries.js", "drift.js", "cards.js", "page.js")
MOST_CHECKPOINTS = 600


@dataclass(frozen=True)
class Budget:
    """How much of the page each kind of content may take; the next one is tried where a page is too large."""

    pictures: int
    gallery: int
    points: int
    frames: int
    confusion: int


BUDGETS = (
    Budget(600_000, 240_000, 4000, 600, 250_000),
    Budget(400_000, 160_000, 2000, 100, 160_000),
    Budget(240_000, 110_000, 1500, 50, 100_000),
    Budget(120_000, 70_000, 1000, 24, 60_000),
    Budget(40_000, 30_000, 500, 12, 30_000),
)


def write_report(out: Path, *, series: Series, verdict: Verdict, options: ReportOptions = ReportOptions()) -> Path:
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
    html = ""
    for budget in BUDGETS:
        html = _render(contents, options, budget, notes)
        if len(html) <= min(options.target_bytes, options.limit_bytes):
            return html
    if len(html) > options.limit_bytes and options.images:
        notes += ("Pictures were left out.",)
        html = _render(contents, replace(options, images=False), BUDGETS[-1], notes)
    return html


def _fewer(series: Series, verdict: Verdict) -> Series:
    keep = set(np.linspace(0, len(series.points) - 1, MOST_CHECKPOINTS).astype(int).tolist())
    named = {verdict.best.checkpoint, *verdict.best.tied_with[:40]} if verdict.best is not None else set()
    return replace(series, points=tuple(p for i, p in enumerate(series.points) if i in keep or p.record.name in named))


def _render(contents: Contents, options: ReportOptions, budget: Budget, notes: tuple[str, ...]) -> str:
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
    }
    overview = charts.overview(contents)
    if overview is not None:
        data["overview"] = overview.about
        blobs["figure-overview"] = blob(overview.item.encode())
    drawn = feature_map(contents)
    map_about = None
    if drawn is not None:
        full = drawn
        drawn = drawn.thinned(points=budget.points, frames=_spread(drawn.frames, budget.frames, contents))
        if len(drawn.images) < len(full.images) or len(drawn.frames) < len(full.frames):
            notes += (f"The map shows {len(drawn.images):,} of {len(full.images):,} images at {len(drawn.frames)} of {len(full.frames)} checkpoints.",)
        map_about = map_chart(drawn)
        blobs |= {"figure-map": blob(map_about.item.encode())} | drawn.blobs()
        data["map"] = drawn.about(contents)
    matrices, left_out = confusions(contents, budget_bytes=budget.confusion)
    if left_out:
        notes += (f"Confusion matrices of {max(len(m.frames) for m in matrices)} checkpoints are kept.",)
    data["confusion"] = [matrix.about() for matrix in matrices]
    blobs |= {f"confusion-{matrix.name}": matrix.packed() for matrix in matrices}
    pictures = galleries(contents)
    data["gallery"] = pictures.to_json(contents)
    sheets = _sheets(contents, pictures, drawn.images if drawn is not None else None, budget) if options.images else {}
    data["sheets"] = {name: about for name, (about, _) in sheets.items()}
    heat = weights.drift(contents)
    if heat is not None:
        data["drift"] = heat
    blobs["data"] = json_blob(data)
    size, parts, said = weights.anatomy(contents)
    class_title, class_rows = per_class(contents)
    context: dict[str, Any] = {
        "run": wording.clipped(manifest.name, 80),
        "created": manifest.created,
        "banner": first.banner(contents),
        "sentence": wording.clipped(contents.verdict.sentence, 600),
        "verdict": contents.verdict,
        "recommended": first.recommended(contents),
        "changes": first.changes(contents),
        "claims": first.evidence(contents),
        "advice": [(wording.clipped(a.action, 300), wording.clipped(a.reason, 300)) for a in contents.verdict.advice],
        "warnings": provenance.warnings(contents),
        "overview": overview,
        "contents": contents,
        "overview_table": _overview_table(contents),
        "picture": overview_picture(contents),
        "map": map_about,
        "map_headline": sections.map_headline(contents, drawn) if drawn is not None else "",
        "quality": sections.metric_section(contents, glossary.SUPERVISED),
        "groups": sections.metric_section(contents, ("clusters", "prototypes")),
        "label_free": sections.metric_section(contents, glossary.LABEL_FREE),
        "other": sections.metric_section(contents, sections.other_evaluators(contents)),
        "weights": sections.metric_section(contents, ("drift",)),
        "weights_headline": sections.weights_headline(contents),
        "drift": heat,
        "anatomy": (size, parts, said),
        "class_title": class_title,
        "class_rows": class_rows,
        "matrices": matrices,
        "pictures": pictures,
        "neighbours_headline": sections.neighbours_headline(pictures),
        "images": options.images,
        "provenance": provenance,
        "sections": sections,
        "terms": [(glossary.anchor(name), glossary.term(glossary.base_id(name)), glossary.base_id(name)) for name in _bases(contents)],
        "docs_url": options.docs_url,
        "thinned": notes,
        "wording": wording,
    }
    return document("page.html.j2", context, SCRIPTS, blobs, {name: uri for name, (_, uri) in sheets.items()})


def document(template: str, context: dict[str, Any], scripts: tuple[str, ...], blobs: dict[str, str], pictures: dict[str, str]) -> str:
    """Fill a template; only the two scripts whose digests stand in the Content-Security-Policy can run."""
    bokeh, own = _bokeh(), _script(scripts)
    allowed = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in (bokeh, own))
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
        "connect-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'"
    )
    return environment().get_template(template).render(
        **context, policy=policy, bokeh=Markup(bokeh), script=Markup(own), blobs=blobs, sheet_uris=pictures  # noqa: S704
    )


@cache
def environment() -> Environment:
    """Templates of this package: everything is escaped, and a name that is not given is an error."""
    made = Environment(loader=PackageLoader("swaveval.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
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
def _script(names: tuple[str, ...]) -> str:
    folder = Path(__file__).parent / "templates"
    parts = [(folder / name).read_text(encoding="utf-8") for name in names]
    return "(() => {\n\"use strict\";\n" + "\n".join(parts) + "\n})();"


def _spread(frames: tuple[int, ...], most: int, contents: Contents) -> tuple[int, ...]:
    """At most about `most` frames, evenly chosen, the best one among them."""
    if len(frames) <= most:
        return frames
    chosen = {frames[i] for i in np.linspace(0, len(frames) - 1, most).astype(int)}
    return tuple(sorted(chosen | ({contents.best} & set(frames) if contents.best is not None else set())))


def _sheets(contents: Contents, pictures: Galleries, on_map: Any, budget: Budget) -> dict[str, tuple[dict[str, Any], str]]:
    """Two sheets: small tiles for every image on the map, larger ones for the galleries."""
    made = {}
    wanted = {"gallery": (pictures.images, budget.gallery, 80), "map": (tuple(int(i) for i in on_map) if on_map is not None else (), budget.pictures, 48)}
    for name, (images, allowed, largest) in wanted.items():
        found = thumbnails(contents, images)
        if found is not None:
            drawn = sheet(*found, budget_bytes=allowed, largest=largest)
            made[name] = (drawn.to_json(), drawn.uri)
    return made


def _overview_table(contents: Contents) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The first figure as numbers: head and one row per checkpoint."""
    from swaveval.report.contents import quality_metrics

    chosen = quality_metrics(contents)
    head = (contents.axis, *(glossary.term(name).brief for name in chosen))
    rows = tuple(
        (contents.labels[i], *(wording.of_metric(point.metrics.get(name)) for name in chosen)) for i, point in enumerate(contents.points)
    )
    return head, rows


def _bases(contents: Contents) -> tuple[str, ...]:
    return tuple(dict.fromkeys(glossary.base_id(name) for name in contents.metric_ids))
