"""The first screen: the verdict, the checkpoint to use, and what changed from start to end."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from swaveval.convergence import partial
from swaveval.convergence.paired import paired_difference
from swaveval.convergence.verdict import WORDS
from swaveval.convergence.wording import listed
from swaveval.report import glossary, wording
from swaveval.report.contents import Contents, quality_metrics
from swaveval.report.cost import duration
from swaveval.report.small import improved
from swaveval.results.images_behind import grouped_by_images


@dataclass(frozen=True)
class Banner:
    """The verdict in words.

    Attributes:
        state: as the verdict names it. word: for people. gloss: what the word means.
    """

    state: str
    word: str
    gloss: str


LONGEST_TEST = 160  # letters
LONGEST_SENTENCE = 1500

CLASSES_SHOWN = 6


def banner(contents: Contents) -> Banner:
    state = contents.verdict.verdict
    word = WORDS[state]
    return Banner(state, word.title, word.alone if len(contents.points) == 1 else word.gloss)


def sentence(contents: Contents) -> str:
    """The verdict's sentence without the word that already stands above it."""
    said = wording.clipped(contents.words.in_words(contents.verdict.sentence), LONGEST_SENTENCE)
    head, colon, rest = said.partition(": ")
    word = banner(contents).word.lower()
    if not colon or not head.lower().startswith(word):
        return wording.sentence(said)
    # By what it was judged comes first: who reads one sentence reads that.
    aside = head[len(word) :].strip(" ()")
    return (f"{wording.sentence(aside)} " if aside else "") + wording.sentence(rest)


def labels(contents: Contents) -> str:
    """Which images these are where some were drawn; the classes and where they came from: claims to be checked at a
    glance.
    """
    data = contents.series.manifest.data
    drawn = f"{wording.clipped(data.sample, 200)}. " if data.sample else ""
    return drawn + _classes(contents)


def left_out(contents: Contents) -> tuple[str, str]:
    """What a budget left for later, and the command that does it; empty where nothing was."""
    series = contents.series
    if not (found := partial.missing(series)):
        return "", ""
    shown = ", ".join(wording.clipped(name, 60) for name in found)
    spent = duration(series.manifest.budget_seconds)
    said = f"Not evaluated yet, as the time was limited to {spent}: {shown}."
    return said, wording.clipped(partial.goes_on(series.manifest), 400)


def _classes(contents: Contents) -> str:
    data = contents.series.manifest.data
    origin = wording.clipped(data.label_origin, 200)
    if not data.labelled:
        why = origin.partition(":")[2].strip() if origin.startswith("none") else ""
        return f"No labels{f' ({why})' if why else ''}: judged by the images alone."
    names = [wording.clipped(name, 40) for name in contents.class_names[:CLASSES_SHOWN]]
    more = len(contents.class_names) - len(names)
    listed = ", ".join(names) + (f" and {more:,} more" if more > 0 else "")
    count = wording.count(len(contents.class_names), "class", "classes")
    source = f" ({origin})" if origin else ""
    aside = " They were set aside for the verdict." if contents.verdict.labels_set_aside else ""
    return f"{count}{source}: {listed}.{aside}"


@dataclass(frozen=True)
class Change:
    """One line of the start-to-end table. `good`: None where it is neither, or its interval holds zero."""

    label: str
    anchor: str
    start: str
    end: str
    change: str
    interval: str
    good: bool | None


def changes(contents: Contents) -> tuple[Change, ...]:
    """Quality and loss at the first and last checkpoint, with a paired interval where outcomes are stored."""
    rows = []
    for name in quality_metrics(contents) if len(contents.points) > 1 else ():
        first, last = contents.metric(name, 0), contents.metric(name, -1)
        if first is None or last is None or not (math.isfinite(first.value) and math.isfinite(last.value)):
            continue
        change = last.value - first.value
        interval = _paired_interval(contents, name)
        unsure = change == 0 or (interval is not None and interval[0] <= 0 <= interval[1])
        rows.append(
            Change(
                label=contents.words.term(name).brief,
                anchor=glossary.anchor(name),
                start=wording.of_metric(first),
                end=wording.of_metric(last),
                change=wording.number(change, first.unit, signed=True),
                interval="" if interval is None else wording.interval(interval, "fraction", signed=True),
                good=None if unsure else improved(change, first),
            )
        )
    loss = contents.verdict.loss
    if loss.start is not None and loss.end is not None:
        moved = "" if loss.change is None else wording.number(100 * loss.change, signed=True) + " %"
        rows.append(Change("loss (log)", "", wording.number(loss.start), wording.number(loss.end), moved, "", None))
    return tuple(rows)


def span(contents: Contents) -> str:
    """Which two checkpoints the changes are between: `From epoch 0 to epoch 10`."""
    if len(contents.labels) < 2:
        return ""
    first, last = (wording.shortened(label, 24) for label in (contents.labels[0], contents.labels[-1]))
    return f"From {first} to {last}"


def images(contents: Contents, metric_ids: Sequence[str]) -> str:
    """`kNN (train): 300 training images; kNN and linear: 100 test images.`, of those that say it."""
    of = grouped_by_images(contents.series, [(name, contents.words.term(name).brief) for name in metric_ids])
    return "; ".join(f"{listed(labels)}: {behind}" for behind, labels in of.items()) + ("." if of else "")


def _paired_interval(contents: Contents, metric_id: str) -> tuple[float, float] | None:
    rows = contents.outcomes.get(metric_id, (None,))
    first, last = rows[0], rows[-1]
    if (
        first is None
        or last is None
        or first[0].shape != last[0].shape
        or (first[1] != last[1]).any()
        or not len(first[0])
    ):
        return None
    return paired_difference(last[0], first[0]).ci95


def overview_table(contents: Contents) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The first figure as numbers: head and one row per checkpoint."""
    chosen = quality_metrics(contents)
    head = (contents.axis, *(contents.words.term(name).brief for name in chosen))
    rows = tuple(
        (contents.labels[i], *(wording.of_metric(point.metrics.get(name)) for name in chosen))
        for i, point in enumerate(contents.points)
    )
    return head, rows


@dataclass(frozen=True)
class Recommended:
    """The checkpoint to use."""

    label: str
    name: str
    anchor: str
    values: tuple[tuple[str, str, str], ...]
    tied: tuple[tuple[str, str], ...]
    images: str
    reason: str
    optimism: str


def recommended(contents: Contents) -> Recommended | None:
    """None where the verdict names no checkpoint."""
    best = contents.verdict.best
    if best is None:
        return None
    place = contents.best
    values = []
    shown = quality_metrics(contents)[:3] if place is not None else ()
    for name in shown:
        metric = contents.metric(name, place or 0)
        if metric is not None:
            values.append(
                (contents.words.term(name).brief, wording.of_metric(metric), wording.interval(metric.ci95, metric.unit))
            )
    optimism = ""
    if best.optimism is not None and math.isfinite(best.optimism) and len(contents.points) > 1:
        unit = contents.sample(best.metric).unit if best.metric in contents.metric_ids else "fraction"
        amount = wording.number(best.optimism, unit, signed=True).lstrip("+")
        small = "less than 0.1 points" if unit == "fraction" and abs(best.optimism) < 0.0005 else f"about {amount}"
        optimism = f"Picking the best of {len(contents.points)} on the test set would flatter it by {small}."
    return Recommended(
        label=contents.labels[place]
        if place is not None
        else (f"epoch {best.epoch:g}" if best.epoch is not None else "this file"),
        name=wording.clipped(best.checkpoint),
        anchor=contents.anchors[place] if place is not None else "",
        values=tuple(values),
        tied=tuple((contents.labels[i], contents.anchors[i]) for i in contents.tied),
        images=images(contents, shown),
        reason=wording.sentence(wording.clipped(contents.words.in_words(best.reason), 300)),
        optimism=optimism,
    )


@dataclass(frozen=True)
class Claim:
    """One row of the evidence."""

    claim: str
    supports: str
    effect: str
    interval: str
    test: str
    p: str
    corrected: str
    n: str


def evidence(contents: Contents) -> tuple[Claim, ...]:
    claims = []
    for found in contents.verdict.evidence:
        # Of the loss the verdict gives shares: its relative change, or its gap to ln K.
        unit = (
            contents.sample(found.metric).unit
            if found.metric in contents.metric_ids
            else "share"
            if found.metric == "loss"
            else ""
        )
        claims.append(
            Claim(
                claim=wording.sentence(wording.clipped(contents.words.in_words(found.claim), 500)),
                supports=found.supports,
                effect=wording.number(found.effect, unit, signed=True) if found.effect is not None else "–",
                interval=wording.interval(found.ci95, unit, signed=True) or "–",
                test=wording.clipped(found.test, LONGEST_TEST) or "–",
                p=wording.p_value(found.p),
                corrected="" if found.p_corrected is None else wording.p_value(found.p_corrected),
                n=f"{found.n:,}" if found.n is not None else "–",
            )
        )
    return tuple(claims)


def untrained_note(claims: tuple[Claim, ...], said: str) -> str:
    """Why one difference may stand beside several intervals; empty where sentence and claims need no explanation."""
    texts = (said, *(one.claim for one in claims))
    if not any("these " in text and "untrained network" in text for text in texts):
        return ""
    return (
        "Beside untrained networks the interval depends on what is asked: of “these” networks it is that of the images "
        "and checkpoints; of untrained networks “on average” it counts that few were seen as well; of one where this "
        "run may have begun, how far they are apart once more."
    )
