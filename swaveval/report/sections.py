"""The folded sections: what each is called, and the number that stands in its headline."""

from dataclasses import dataclass

import numpy as np

from swaveval.report import glossary, wording
from swaveval.report.contents import Contents
from swaveval.report.galleries import Galleries
from swaveval.report.map import FeatureMap
from swaveval.report.provenance import unused
from swaveval.report.small import Tile, tiles
from swaveval.report.weights import anatomy


@dataclass(frozen=True)
class Variant:
    """One metric by another protocol than its headline, as a row of a table."""

    label: str
    first: str
    best: str
    last: str
    facts: str


@dataclass(frozen=True)
class MetricSection:
    """A section of small charts.

    Attributes:
        headline: its number. groups: the charts under their headings.
        variants: the same metrics by other protocols. where: labels of the first, best and last checkpoint.
    """

    headline: str
    groups: tuple[tuple[str, tuple[Tile, ...]], ...]
    variants: tuple[Variant, ...] = ()
    where: tuple[str, str, str] = ("", "", "")


def metric_section(contents: Contents, evaluators: tuple[str, ...]) -> MetricSection | None:
    """The metrics of some evaluators; None where there are none."""
    chosen = [name for name in contents.metric_ids if name.split(".", 1)[0] in evaluators]
    if not chosen:
        return None
    variants = [name for name in chosen if glossary.base_id(name) != name and glossary.base_id(name) in chosen]
    grouped: dict[str, list[str]] = {}
    for name in chosen:
        if name not in variants:
            grouped.setdefault(glossary.group(name), []).append(name)
    groups = tuple((wording.clipped(title, 60), tiles(contents, tuple(names))) for title, names in grouped.items())
    return MetricSection(headline(contents, tuple(chosen)), groups, *_variants(contents, tuple(variants)))


def _variants(contents: Contents, names: tuple[str, ...]) -> tuple[tuple[Variant, ...], tuple[str, str, str]]:
    if not contents.points:
        return (), ("", "", "")
    best = contents.best if contents.best is not None else len(contents.points) - 1
    rows = tuple(
        Variant(
            wording.clipped(glossary.term(name).label, 80),
            wording.of_metric(contents.metric(name, 0)),
            wording.of_metric(contents.metric(name, best)),
            wording.of_metric(contents.metric(name, -1)),
            wording.clipped(contents.sample(name).protocol, 300),
        )
        for name in names
    )
    return rows, (contents.labels[0], contents.labels[best], contents.labels[-1])


def other_evaluators(contents: Contents) -> tuple[str, ...]:
    """Evaluators that are not built in."""
    return tuple(
        dict.fromkeys(e for name in contents.metric_ids if (e := name.split(".", 1)[0]) not in glossary.GROUPS)
    )


HEADLINES = (
    "knn.top1",
    "linear.top1",
    "clusters.purity",
    "prototypes.perplexity",
    "views.retrieval",
    "spectrum.rankme",
    "drift.relative_l2",
)


def headline(contents: Contents, chosen: tuple[str, ...]) -> str:
    """`kNN 97.6 % · linear 96.9 %`: the last values of the two best-known of `chosen`."""
    known = [name for name in HEADLINES if name in chosen] or list(chosen)
    said = []
    for name in known[:2]:
        metric = contents.metric(name, -1)
        if metric is not None:
            said.append(f"{wording.clipped(glossary.term(name).brief, 30)} {wording.of_metric(metric)}")
    return " · ".join(said)


def map_headline(contents: Contents, drawn: FeatureMap) -> str:
    said = [wording.count(len(drawn.images), "image"), wording.count(len(drawn.frames), "checkpoint")]
    trust = contents.series.values("umap.trustworthiness")
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
    said = [headline(contents, ("drift.relative_l2",))] if contents.has("drift.relative_l2") else []
    size, parts, _ = anatomy(contents)
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
    aside = [file for file in unused(contents) if file.state != "same weights"]
    if aside:
        said.append(f"{wording.count(len(aside), 'file')} not evaluated")
    return " · ".join(said) or "command, versions, protocol"
