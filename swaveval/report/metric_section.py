"""Small charts of some evaluators' metrics, and the numbers that stand in a section's headline."""

from dataclasses import dataclass

from swaveval.report import glossary, wording
from swaveval.report.contents import Contents
from swaveval.report.small import Tile, tiles
from swaveval.results import Role
from swaveval.results.roles import SECTION, declared
from swaveval.results.term import base_id
from swaveval.results.words import GROUPS


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
    variants = [name for name in chosen if base_id(name) != name and base_id(name) in chosen]
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
            wording.clipped(contents.words.term(name).label, 80),
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
    return tuple(dict.fromkeys(e for name in contents.metric_ids if (e := name.split(".", 1)[0]) not in GROUPS))


def headline(contents: Contents, chosen: tuple[str, ...]) -> str:
    """`kNN 97.6 % · linear 96.9 %`: the last values of the two best-known of `chosen`."""
    known = [name for name in (*SECTION, *declared(contents.series.manifest, Role.HEADLINE)) if name in chosen]
    known = known or list(chosen)
    said = []
    for name in known[:2]:
        metric = contents.metric(name, -1)
        if metric is not None:
            said.append(f"{wording.clipped(contents.words.term(name).brief, 30)} {wording.of_metric(metric)}")
    return " · ".join(said)
