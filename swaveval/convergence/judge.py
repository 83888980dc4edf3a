"""A series to a verdict. The order of the questions is the reasoning:

1. Is there anything to compare? Else inconclusive.
2. Is the last checkpoint better than the untrained network (paired, both errors counted)?
3. If not: does the run show collapse, or has it just not moved? Can that be said with these images?
4. If so: did it fall from a peak? Is it flat? Does it rise?

Labels are a claim. Where they cannot be seen in the images the run is judged without them; where they can, the verdict
that views alone give stands beside it, and a contradiction is said.
"""

from dataclasses import dataclass, replace

from swaveval.convergence import advice, beside, best, collapse, evidence, movement, quality, undecided, visible
from swaveval.convergence.findings import Findings, analyse
from swaveval.convergence.loss import loss_state, since_third
from swaveval.convergence.quality import Quality
from swaveval.convergence.sentence import Facts, incomplete, sentence
from swaveval.convergence.thresholds import ALPHA, FEWEST_IMAGES, LABEL_FREE_MARGIN
from swaveval.convergence.verdict import WORDS, Advice, Best, LossState, Verdict, VerdictState, opposed
from swaveval.convergence.wording import loss_clause
from swaveval.results import CheckpointRecord, Role, Series
from swaveval.results.roles import CONFIRMS, LABEL_FREE, LABELLED, PROBE, SELECTS, TEST, declared


@dataclass(frozen=True, eq=False)
class Judged:
    """One metric's answer, before it is put into words.

    Attributes:
        state: the word. quality, findings, signs: what it rests on.
        moved: path of the backbone's weights, where that was next to nothing.
        diverged: the first of the checkpoints with non-finite weights at the end.
    """

    state: VerdictState
    quality: Quality
    findings: Findings
    signs: tuple[collapse.Sign, ...]
    moved: float | None
    diverged: CheckpointRecord | None


def judge(series: Series, *, seed: int = 0) -> Verdict:
    """Judge a series; deterministic in (series, seed). What the store has lost is in the sentence.

    See `_whole` for what the verdict rests on.
    """
    verdict = _whole(series, seed=seed)
    if not series.lost:
        return verdict
    title, said = WORDS[verdict.verdict].title, verdict.sentence
    if said.startswith(title):
        rest = said[len(title) :]
        aside = f"; {rest[2:]}" if rest.startswith(" (") else f"){rest}"
        said = f"{title} (from incomplete results{aside}"
    return replace(verdict, sentence=f"{said} {incomplete(series)}")


def _whole(series: Series, *, seed: int) -> Verdict:
    """Judge what is there.

    Quality is the first of `roles.LABELLED` that has per-image outcomes; without any of them, or where the labels
    cannot be seen in the images, the verdict rests on view retrieval and the representation, and says so (`labelled` is
    False).
    """
    loss = loss_state(series.manifest.loss)
    by_labels, by_views = quality.find(series, LABELLED), quality.find(series, LABEL_FREE)
    unseen = None if by_labels is None else visible.unseen(series)
    aside = "" if unseen is None else visible.clause(unseen, series.manifest.data.class_names)
    decisive = by_views if by_labels is None or aside else by_labels
    words = loss_clause(loss, since_third(series.manifest.loss))
    if decisive is None or decisive.n < FEWEST_IMAGES:
        return replace(undecided.without_quality(series, decisive, loss, words, seed), labels_set_aside=aside)
    labelled = decisive is by_labels
    if series.manifest.order == "unknown" and decisive.length > 1:
        chosen = _best(series, decisive, labelled=labelled, seed=seed)
        verdict = undecided.without_order(decisive, chosen, loss, words, labelled=labelled, seed=seed)
        return replace(verdict, labels_set_aside=aside)
    judged = _judged(series, decisive, loss, labelled=labelled, seed=seed)
    other: Judged | None = None
    if labelled and by_views is not None and by_views.n >= FEWEST_IMAGES:
        other = _judged(series, by_views, loss, labelled=False, seed=seed)
    return _verdict(series, judged, other, loss, words, aside=aside, labelled=labelled, seed=seed)


def _judged(series: Series, decisive: Quality, loss: LossState, *, labelled: bool, seed: int) -> Judged:
    """Make the tests on one metric and decide."""
    confirm = quality.read(series, CONFIRMS[decisive.metric]) if decisive.metric in CONFIRMS else None
    findings = analyse(decisive, confirm=confirm, seed=seed, margin=0.0 if labelled else LABEL_FREE_MARGIN)
    moved = movement.path_length(series)
    still = moved is not None and moved < movement.STILL
    # Untrained networks beside the series have settled statistics, so being above them says more than this.
    doubtful = findings.gained and not still and not decisive.random
    if doubtful and not movement.beyond_statistics(decisive, seed=seed):
        findings = replace(findings, settled_statistics=True)
    if not labelled and findings.gained:
        findings = replace(findings, contracted=collapse.contraction(series))
    signs = collapse.signs(series, loss)
    diverged = quality.diverged(series)
    state = decide(decisive, findings, signs, diverged=diverged is not None, still=still)
    return Judged(state, decisive, findings, signs, moved if still else None, diverged)


def _verdict(
    series: Series,
    judged: Judged,
    other: Judged | None,
    loss: LossState,
    words: str,
    *,
    aside: str,
    labelled: bool,
    seed: int,
) -> Verdict:
    """Put what was decided into words. `other`: what views alone say beside the labels."""
    decisive, findings, state = judged.quality, judged.findings, judged.state
    good = state not in ("collapsed", "not-learning")
    chosen = _best(series, decisive, labelled=labelled, seed=seed) if good else None
    row = next((i for i, p in enumerate(decisive.points) if chosen and p.record.name == chosen.checkpoint), -1)
    row = row % decisive.length
    compared = beside.beside(series, decisive, row, seed=seed)
    linear = quality.read(series, PROBE) if labelled and decisive.metric != PROBE else None
    probed = beside.beside(series, linear, row, seed=seed) if linear and linear.length == decisive.length else ()
    contradicted = other is not None and opposed(state, other.state)
    facts = Facts(
        decisive,
        findings,
        judged.signs,
        loss,
        words,
        judged.diverged,
        chosen,
        judged.moved,
        beside=beside.clause(decisive, row, compared, linear=probed),
        aside=_aside(
            aside,
            None if other is None else other.state,
            labelled=labelled,
            contradicted=contradicted,
            several=labelled and bool(series.manifest.data.audit.get("several_labels")),
        ),
        remark=aside or (_contradiction(other) if contradicted and other is not None else ""),
    )
    advised = advice.advise(
        state,
        quality=decisive,
        findings=findings,
        best=chosen,
        loss=loss,
        signs=judged.signs,
        settings=series.manifest.hyperparameters,
        classes=len(series.manifest.data.class_names) if labelled else 0,
        still=judged.moved is not None,
        others=any(_on_others(record) for record in series.manifest.checkpoints),
    )
    return Verdict(
        verdict=state,
        sentence=sentence(state, facts),
        loss=loss,
        evidence=evidence.collect(
            series,
            quality=decisive,
            findings=findings,
            signs=judged.signs,
            loss=loss,
            loss_words=words,
            plain=tuple(beside.evidence(decisive, row, compared)),
            seed=seed,
        ),
        best=chosen,
        advice=(*_about_labels(aside, contradicted=contradicted), *advised),
        labelled=labelled,
        quality_metric=decisive.metric,
        seed=seed,
        without_labels=None if other is None else other.state,
        labels_set_aside=aside,
    )


def _aside(set_aside: str, other: VerdictState | None, *, labelled: bool, contradicted: bool, several: bool) -> str:
    """What stands in brackets behind the word: by what it was judged, where that is not plainly the labels."""
    if set_aside:
        return "judged without the labels, which say nothing here"
    if not labelled:
        return "judged without labels"
    by = "by the most frequent label of each image" if several else "by the labels"
    if other is None or not (contradicted or several):
        return by if several else ""
    return f"{by}; without them it would be called {WORDS[other].title.lower()}"


def _contradiction(other: Judged) -> str:
    said = evidence.gain_words(other.quality, other.findings)
    return f"without labels, {said}: one of the two is misread, so check what the labels mean"


def _about_labels(set_aside: str, *, contradicted: bool) -> tuple[Advice, ...]:
    if set_aside:
        return (
            Advice("check what the labels mean", "if the folders are no classes, `--labels none` says so for good"),
        )
    if contradicted:
        reason = "labels and views contradict each other; `--labels none` judges by views alone"
        return (Advice("check that the labels are what this model is to learn", reason),)
    return ()


def decide(
    decisive: Quality, findings: Findings, signs: tuple[collapse.Sign, ...], *, diverged: bool, still: bool
) -> VerdictState:
    """The state, from the tests alone; `still` when the backbone's weights did not move."""
    if decisive.length == 1 and decisive.untrained_first:
        return "inconclusive"
    if still:
        return "not-learning"
    if findings.fell:
        return "collapsed" if collapsed(findings, signs) else "regressed"
    if findings.gained:
        return _improved(decisive, findings, diverged=diverged)
    if collapsed(findings, signs):
        return "collapsed"
    without = findings.none_p <= ALPHA or findings.lost or findings.negligible or findings.contracted
    return "not-learning" if without else "inconclusive"


def collapsed(findings: Findings, signs: tuple[collapse.Sign, ...]) -> bool:
    """Quality not above the start, and the representation or the prototypes gone, or the loss at ln K with damage.

    A loss at ln K alone is not enough: a high temperature holds a run that never moved there, too. It takes a sign
    that the network is worse than untrained.
    """
    if findings.gained:
        return False
    kinds = {sign.kind for sign in signs}
    worse = findings.lost or "shrunk" in kinds or "usage" in kinds
    return "gone" in kinds or ("loss" in kinds and worse) or ("usage" in kinds and findings.lost)


def _improved(decisive: Quality, findings: Findings, *, diverged: bool) -> VerdictState:
    if diverged:
        return "regressed"
    if decisive.length == 1:
        return "learning"  # above untrained networks: it has learned, though nobody can say whether it still does
    if findings.flat:
        return "converged"
    return "learning" if findings.rising else "inconclusive"


def _best(series: Series, decisive: Quality, *, labelled: bool, seed: int) -> Best | None:
    """By leave-one-out kNN, by view retrieval, or by what declares that it may choose: never on test labels.

    Without any of them, the last checkpoint.
    """
    others = (*LABEL_FREE, *declared(series.manifest, Role.SELECTS))
    selection = decisive if decisive.metric in SELECTS else quality.find(series, others)
    test = quality.read(series, TEST) if labelled else None
    if selection is None:
        record = decisive.points[-1].record
        reason = "the last one: no quality measured without test labels to choose by"
        return Best(record.name, epoch=record.epoch, reason=reason)
    return best.choose(selection, test, seed=seed)


def _on_others(record: CheckpointRecord) -> bool:
    """Whether BatchNorm's running statistics say that the images are not like those of the training."""
    evidence = (record.load.get("geometry") or {}).get("evidence") or {}
    return bool(evidence.get("others"))
