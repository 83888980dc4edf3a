"""The sections of the page, in their order."""

from typing import Any

import numpy as np

from swaveval.report import first, glossary, provenance, weights, witness_table, wording
from swaveval.report.confusion import per_class
from swaveval.report.contents import Contents
from swaveval.report.galleries import Galleries
from swaveval.report.map import FeatureMap
from swaveval.report.map import chart as map_chart
from swaveval.report.metric_section import headline, metric_section, other_evaluators
from swaveval.report.packing import blob
from swaveval.report.section import Built, Given, Section
from swaveval.report.times import times
from swaveval.results.roles import GROUPED, MOVED, SUPERVISED, TRUST, WEIGHTS, WITHOUT_LABELS
from swaveval.results.term import base_id


def _why(given: Given) -> Built:
    words = given.contents.words
    claims, verdict = first.evidence(given.contents), given.contents.verdict
    advice = [
        tuple(wording.sentence(wording.clipped(words.in_words(text), 300)) for text in (a.action, a.reason))
        for a in verdict.advice
    ]
    return Built(
        wording.count(len(claims), "claim"),
        {
            "claims": claims,
            "advice": advice,
            "labelled": verdict.labelled,
            "untrained_note": first.untrained_note(claims, verdict.sentence),
            "witnesses": witness_table.rows(given.contents),
            "change_head": witness_table.change_head(given.contents),
            "span": first.span(given.contents),
        },
    )


def _quality(given: Given) -> Built | None:
    found = metric_section(given.contents, SUPERVISED)
    title, rows = per_class(given.contents)
    matrices = given.thinned.confusions
    if not (found or rows or matrices):
        return None
    context = {"quality": found, "class_title": title, "class_rows": rows, "matrices": matrices}
    return Built(found.headline if found else "", context)


def _map(given: Given) -> Built | None:
    drawn = given.thinned.map
    if drawn is None:
        return None
    chart = map_chart(drawn)
    return Built(map_headline(given.contents, drawn), {"map": chart}, blobs={"figure-map": blob(chart.item.encode())})


def _groups(given: Given) -> Built | None:
    found, typical = metric_section(given.contents, GROUPED), given.pictures.typical
    if not (found or typical):
        return None
    return Built(found.headline if found else "", {"groups": found, "typical": typical})


def _neighbours(given: Given) -> Built | None:
    if not given.pictures.neighbours:
        return None
    return Built(neighbours_headline(given.pictures), {"shown": given.pictures.shown})


def _label_free(given: Given) -> Built | None:
    found = metric_section(given.contents, WITHOUT_LABELS)
    if found is None:
        return None
    return Built(found.headline, {"tiles": found, "tracking": witness_table.tracking(given.contents)})


def _other(given: Given) -> Built | None:
    return _tiles(given.contents, other_evaluators(given.contents))


def _tiles(contents: Contents, evaluators: tuple[str, ...]) -> Built | None:
    found = metric_section(contents, evaluators)
    return None if found is None else Built(found.headline, {"tiles": found})


def _weights(given: Given) -> Built | None:
    found, heat = metric_section(given.contents, WEIGHTS), weights.drift(given.contents)
    anatomy = weights.anatomy(given.contents)
    if not (found or heat or anatomy[1]):
        return None
    context = {"weights": found, "drift": heat, "anatomy": anatomy}
    return Built(weights_headline(given.contents), context, {} if heat is None else {"drift": heat})


def _cards(given: Given) -> Built | None:
    if not given.contents.points:
        return None
    head, rows = first.overview_table(given.contents)
    return Built(wording.count(len(given.contents.points), "checkpoint"), {"head": head, "rows": rows})


def _data(given: Given) -> Built:
    context = {"audit": provenance.audit(given.contents), "counts": provenance.class_counts(given.contents)}
    return Built(data_headline(given.contents), context)


def _made(given: Given) -> Built:
    contents = given.contents
    context: dict[str, Any] = {
        "aside": provenance.unused(contents),
        "failed": provenance.failed_cells(contents),
        "command": wording.clipped(contents.series.manifest.command or "not recorded", 1000),
        "made_by": provenance.made_by(contents),
        "times": times(contents, given.page_seconds),
        "evaluators": provenance.evaluators(contents),
        "settings": provenance.mapping(contents.series.manifest.hyperparameters),
        "versions": provenance.mapping(contents.series.manifest.versions),
    }
    return Built(made_headline(contents), context)


def _definitions(given: Given) -> Built:
    bases = dict.fromkeys(base_id(name) for name in given.contents.metric_ids)
    terms = [(glossary.anchor(name), given.contents.words.term(name), name) for name in bases]
    return Built(wording.count(len(terms), "metric"), {"terms": terms, "docs_url": given.options.docs_url})


SECTIONS = (
    Section("why", "Why: the evidence", _why, "section_why.html.j2", open=True),
    Section("quality", "Quality", _quality, "section_quality.html.j2", "confusion.js"),
    Section("map", "Feature map", _map, "section_map.html.j2", "map.js"),
    Section("groups", "Clusters and prototypes", _groups, "section_groups.html.j2", "galleries.js"),
    Section("neighbours", "Nearest neighbours", _neighbours, "section_neighbours.html.j2", "galleries.js"),
    Section("label-free", "Label-free metrics", _label_free, "section_label_free.html.j2"),
    Section("other", "Other evaluators", _other, "section_tiles.html.j2"),
    Section("weights", "Weights", _weights, "section_weights.html.j2", "drift.js"),
    Section("cards", "Report cards", _cards, "section_cards.html.j2", "cards.js"),
    Section("data", "Data audit", _data, "section_data.html.j2"),
    Section("made", "How it was made", _made, "section_made.html.j2"),
    Section("definitions", "Definitions", _definitions, "section_definitions.html.j2"),
)


def map_headline(contents: Contents, drawn: FeatureMap) -> str:
    said = [wording.count(len(drawn.images), "image"), wording.count(len(drawn.frames), "checkpoint")]
    trust = contents.series.values(TRUST)
    if np.isfinite(trust).any():
        said.append(f"trustworthiness {np.nanmin(trust):.2f}")
    return " · ".join(said)


def neighbours_headline(galleries: Galleries) -> str:
    if not galleries.agreement:
        return wording.count(len(galleries.neighbours), "checkpoint")
    first, last = min(galleries.agreement), max(galleries.agreement)
    shares = [wording.number(galleries.agreement[place], "fraction") for place in (first, last)]
    return f"of the query's class {shares[0]} → {shares[1]}" if first != last else f"of the query's class {shares[0]}"


def weights_headline(contents: Contents) -> str:
    said = [headline(contents, (MOVED,))] if contents.has(MOVED) else []
    size, parts, _ = weights.anatomy(contents)
    if size:
        said.append(f"{size} a file, {parts[0].share:.0f} % of it {wording.clipped(parts[0].name, 30)}")
    return " · ".join(said)


def data_headline(contents: Contents) -> str:
    data = contents.series.manifest.data
    said = [wording.count(data.n_train + data.n_test, "image")]
    said.append(wording.count(len(data.class_names), "class", "classes") if data.labelled else "no labels")
    broken = data.audit.get("broken")
    if isinstance(broken, list) and broken:
        said.append(f"{len(broken):,} broken")
    return " · ".join(said)


def made_headline(contents: Contents) -> str:
    manifest = contents.series.manifest
    said = [f"swaveval {wording.clipped(manifest.versions['swaveval'], 20)}"] if "swaveval" in manifest.versions else []
    unused = provenance.unused(contents)
    later = [file for file in unused if file.state == provenance.NOT_YET]
    aside = [file for file in unused if file.state not in ("same weights", provenance.NOT_YET)]
    if later:
        said.append(f"{len(later):,} not evaluated yet")
    if aside:
        said.append(f"{wording.count(len(aside), 'file')} not evaluated")
    return " · ".join(said) or "command, versions, protocol"
