"""A series to a verdict. The order of the questions is the reasoning:

1. Is there anything to compare? Else inconclusive.
2. Does any witness show the last checkpoint above the untrained network (paired, both errors counted, all witnesses and
   questions corrected as one family)?
3. If none: does the run show collapse, or does every witness exclude a gain? Can that be said with these images?
4. If so: did it fall from a peak? Is it flat? Does it rise?

Labels are a claim. Where they cannot be seen in the images the run is judged without them; where they can, the verdict
that views alone give stands beside it, and a contradiction is said. Where the labels of the training images were
learned by heart, the test images decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from swaveval.convergence import advice, beside, best, evidence, partial, quality, undecided, visible, witnesses
from swaveval.convergence.decision import Judged, judged
from swaveval.convergence.hearing import Hearing
from swaveval.convergence.loss import loss_state, since_third
from swaveval.convergence.memorised import memorised
from swaveval.convergence.sentence import Facts, incomplete, sentence
from swaveval.convergence.testimony import testimonies
from swaveval.convergence.thresholds import FEWEST_IMAGES
from swaveval.convergence.training import training_of
from swaveval.convergence.verdict import WORDS, Advice, Best, LossState, Verdict, VerdictState, opposed
from swaveval.convergence.wording import loss_clause, loss_effect
from swaveval.results import CheckpointRecord, Role, Series
from swaveval.results.roles import LABEL_FREE, TEST, declared


@dataclass(frozen=True, slots=True)
class _Labels:
    """What became of the labels.

    Attributes:
        set_aside: why they were not used, as a clause; empty where they were.
        by_heart: why the test images decide, as a clause; else empty.
        used: whether the verdict rests on them.
    """

    set_aside: str
    by_heart: str
    used: bool


def judge(series: Series, *, seed: int = 0) -> Verdict:
    """Judge a series; deterministic in (series, seed). What the store has lost, and how many checkpoints there was no
    time for, is in the sentence.

    Heard are `roles.WITNESSES` and what plugins declare a witness, beside them view retrieval; without labels, or
    where these cannot be seen in the images, view retrieval alone (`labelled` is False).
    """
    verdict = _whole(series, seed=seed)
    if options := _fitting(series):
        verdict = _shown_otherwise(verdict, options, series.manifest.command)
    if series.lost:
        verdict = _with_aside(verdict, "from incomplete results", incomplete(series))
    if some := partial.aside(series):
        verdict = _with_aside(verdict, some, partial.rest(series))
    return verdict


def _with_aside(verdict: Verdict, aside: str, end: str) -> Verdict:
    """The verdict with a remark in brackets behind its word, and a sentence at its end."""
    title, said = WORDS[verdict.verdict].title, verdict.sentence
    if said.startswith(title):
        rest = said[len(title) :]
        said = f"{title} ({aside}" + (f"; {rest[2:]}" if rest.startswith(" (") else f"){rest}")
    return replace(verdict, sentence=f"{said} {end}")


def _fitting(series: Series) -> str:
    """Options of a pre-processing that fits most of the checkpoints, where nobody told the present one, which does not.

    Empty where there is none, as where the user or the training named mean and std.
    """
    found = [_geometry_evidence(point.record).get("fitting", "") for point in series.points]
    commonest = max(found, key=found.count, default="")
    return str(commonest) if 2 * found.count(commonest) > len(found) else ""


def _shown_otherwise(verdict: Verdict, options: str, command: str) -> Verdict:
    """The verdict on features of images that the network does not know in this form: nothing bad is said of it."""
    again = advice.again_with(options, command)
    if not opposed("learning", verdict.verdict):
        return replace(verdict, advice=(again, *verdict.advice))
    title = WORDS[verdict.verdict].title
    said = (
        f"{WORDS['inconclusive'].title}: the images are pre-processed in another way than in the training, as far as "
        f"BatchNorm tells; `{options}` fits. As they are it would be called {title.lower()}"
        f"{verdict.sentence.removeprefix(title)}"
    )
    return replace(verdict, verdict="inconclusive", sentence=said, best=None, advice=(again,), without_labels=None)


def _whole(series: Series, *, seed: int) -> Verdict:
    """Judge what is there."""
    loss = loss_state(series.manifest.loss)
    words = loss_clause(loss, since_third(series.manifest.loss))
    by_labels, by_views = witnesses.labelled(series), witnesses.label_free(series)
    unseen = visible.unseen(series) if by_labels else None
    aside = "" if unseen is None else visible.clause(unseen, series.manifest.data.class_names)
    by_heart = memorised(series, by_labels) if not aside else ""
    if by_heart:
        by_labels = witnesses.on_test(series)
    heard = by_views if aside or not by_labels else by_labels
    if not heard or max(one.quality.n for one in heard) < FEWEST_IMAGES:
        few = heard[0].quality if heard else None
        return undecided.without_quality(series, few, loss, words, aside=aside, seed=seed)
    labels = _Labels(aside, by_heart, heard is by_labels)
    enough = tuple(one for one in heard if one.quality.n >= FEWEST_IMAGES)
    views = tuple(one for one in by_views if one.quality.n >= FEWEST_IMAGES)
    if series.manifest.order == "unknown" and enough[0].quality.length > 1:
        found = judged(series, enough, loss, seed=seed)
        chosen = _best(series, found, labels, seed=seed)
        verdict = undecided.without_order(enough[0].quality, chosen, loss, words, labelled=labels.used, seed=seed)
        return replace(verdict, labels_set_aside=aside)
    together = (*enough, *witnesses.of_the_same_as(enough[0], views)) if labels.used else enough
    found = judged(series, together, loss, seed=seed)
    other = judged(series, views, loss, seed=seed) if labels.used and views else None
    return _verdict(series, found, other, loss, words, labels=labels, seed=seed)


def _verdict(
    series: Series,
    found: Judged,
    other: Judged | None,
    loss: LossState,
    words: str,
    *,
    labels: _Labels,
    seed: int,
) -> Verdict:
    """Put what was decided into words. `other`: what views alone say beside the labels."""
    state, lead = found.state, found.lead
    untrained = lead.quality.length == 1 and lead.quality.untrained_first
    good = state not in ("collapsed", "not-learning") and not untrained
    chosen = _best(series, found, labels, seed=seed) if good else None
    names = [point.record.name for point in lead.quality.points]
    row = names.index(chosen.checkpoint) if chosen and chosen.checkpoint in names else len(names) - 1
    compared = beside.standings(series, found.hearings, row, seed=seed)
    contradicts = other is not None and opposed(state, other.state)
    facts = Facts(
        found,
        loss,
        words,
        standing="" if untrained else beside.clause(compared, lead.quality.moment(row)),
        room=beside.room_clause(compared),
        aside=_aside(
            labels,
            None if other is None else other.state,
            contradicted=contradicts,
            several=labels.used and bool(series.manifest.data.audit.get("several_labels")),
        ),
        remark=labels.set_aside
        or labels.by_heart
        or (_contradiction(other) if contradicts and other is not None else ""),
    )
    advised = advice.advise(
        found,
        best=chosen,
        loss=loss,
        training=training_of(series, labelled=labels.used),
        others=any(_on_others(record) for record in series.manifest.checkpoints),
        below=beside.below_untrained(compared),
    )
    return Verdict(
        verdict=state,
        sentence=sentence(facts),
        loss=loss,
        evidence=evidence.collect(
            series,
            found=found,
            loss_words=words,
            loss_effect=loss_effect(loss, since_third(series.manifest.loss)),
            plain=tuple(beside.evidence(compared, lead.quality.moment(row))),
            seed=seed,
        ),
        best=chosen,
        advice=(*_about_labels(labels, contradicted=contradicts), *advised),
        labelled=labels.used,
        quality_metric=lead.quality.metric,
        seed=seed,
        without_labels=None if other is None else other.state,
        labels_set_aside=labels.set_aside,
        witnesses=testimonies(found, compared),
    )


def _aside(labels: _Labels, other: VerdictState | None, *, contradicted: bool, several: bool) -> str:
    """What stands in brackets behind the word: by what it was judged, where that is not plainly the labels."""
    if labels.set_aside:
        return "judged without the labels, which say nothing here"
    if not labels.used:
        return "judged without labels"
    by = "by the most frequent label of each image" if several else "by the labels"
    if labels.by_heart:
        by += " of the test images"
    if other is None or not (contradicted or several):
        return by if several or labels.by_heart else ""
    return f"{by}; without them it would be called {WORDS[other].title.lower()}"


def _contradiction(other: Judged) -> str:
    said = evidence.gain_words(other.lead.quality, other.lead.findings)
    return f"without labels, {said}: one of the two is misread, so check what the labels mean"


def _about_labels(labels: _Labels, *, contradicted: bool) -> tuple[Advice, ...]:
    if labels.set_aside:
        return (
            Advice("check what the labels mean", "if the folders are no classes, `--labels none` says so for good"),
        )
    if contradicted:
        reason = "labels and views contradict each other; `--labels none` judges by views alone"
        return (Advice("check that the labels are what this model is to learn", reason),)
    return ()


def _best(series: Series, found: Judged, labels: _Labels, *, seed: int) -> Best | None:
    """By the witnesses of the training images, by view retrieval, or by what declares that it may choose.

    Never on test labels. Without any of them, the last checkpoint.
    """
    test = quality.read(series, TEST) if labels.used else None
    choosing: Sequence[Hearing] = [
        one for one in found.hearings if one.witness.chooses and (one.witness.labelled or not labels.used)
    ]
    able = [one for one in choosing if not saturated(series, one)] or choosing
    if able:
        return best.choose(able, test, seed=seed)
    other = quality.find(series, (*LABEL_FREE, *declared(series.manifest, Role.SELECTS)))
    if other is not None:
        return best.choose([replace(found.hearings[0], quality=other)], test, seed=seed)
    record = found.hearings[0].quality.points[-1].record
    reason = "the last one: no quality measured without test labels to choose by"
    return Best(record.name, epoch=record.epoch, reason=reason)


def saturated(series: Series, one: Hearing) -> bool:
    """Whether a baseline leaves the witness no room (see `beside.without_room`)."""
    return bool(beside.without_room(beside.standings(series, [one], one.quality.length - 1, seed=0)))


def _on_others(record: CheckpointRecord) -> bool:
    """Whether BatchNorm's running statistics say that the images are not like those of the training."""
    return bool(_geometry_evidence(record).get("others"))


def _geometry_evidence(record: CheckpointRecord) -> Mapping[str, Any]:
    """What trying the network on a sample of the images found out."""
    return (record.load.get("geometry") or {}).get("evidence") or {}
