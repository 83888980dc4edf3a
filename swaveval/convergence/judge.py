"""A series to a verdict. The order of the questions is the reasoning:

1. Is there anything to compare? Else inconclusive.
2. Is the last checkpoint better than the untrained network (paired, both errors counted)?
3. If not: does the run show collapse, or has it just not moved? Can that be said with these images?
4. If so: did it fall from a peak? Is it flat? Does it rise?
"""

from dataclasses import replace

from swaveval.convergence import advice, best, collapse, evidence, movement, quality
from swaveval.convergence.findings import Findings, analyse
from swaveval.convergence.loss import loss_state, since_third
from swaveval.convergence.quality import LABEL_FREE, LABELLED, Quality
from swaveval.convergence.sentence import Facts, sentence
from swaveval.convergence.thresholds import ALPHA, LABEL_FREE_MARGIN
from swaveval.convergence.verdict import Best, LossState, Verdict, VerdictState
from swaveval.convergence.wording import loss_clause
from swaveval.results import Series


def judge(series: Series, *, seed: int = 0) -> Verdict:
    """Judge a series; deterministic in (series, seed).

    Quality is the first of `knn.loo_top1`, `knn.top1`, `linear.top1` that has per-image outcomes; without any of
    them the verdict rests on view retrieval and the representation, and says so (`labelled` is False).
    """
    loss = loss_state(series.manifest.loss)
    decisive = quality.find(series, LABELLED)
    labelled = decisive is not None
    if decisive is None:
        decisive = quality.find(series, LABEL_FREE)
    words = loss_clause(loss, since_third(series.manifest.loss))
    if decisive is None:
        return _without_quality(series, loss, words, seed)
    confirm = quality.read(series, "knn.top1") if decisive.metric == "knn.loo_top1" else None
    findings = analyse(decisive, confirm=confirm, seed=seed, margin=0.0 if labelled else LABEL_FREE_MARGIN)
    moved = movement.path_length(series)
    still = findings.unchanged or (moved is not None and moved < movement.STILL)
    # Untrained networks beside the series have settled statistics, so being above them says more than this.
    doubtful = findings.gained and not still and not decisive.random
    if doubtful and not movement.beyond_statistics(decisive, seed=seed):
        findings = replace(findings, settled_statistics=True)
    if not labelled and findings.gained:
        findings = replace(findings, contracted=collapse.contraction(series))
    signs = collapse.signs(series, loss)
    diverged = quality.diverged(series)
    state = decide(decisive, findings, signs, diverged=diverged is not None, still=still)
    chosen = _best(series, decisive, seed=seed)
    facts = Facts(decisive, findings, signs, loss, words, diverged, chosen, moved if still else None)
    return Verdict(
        verdict=state,
        sentence=sentence(state, facts, labelled=labelled),
        loss=loss,
        evidence=evidence.collect(
            series, quality=decisive, findings=findings, signs=signs, loss=loss, loss_words=words, seed=seed
        ),
        best=chosen,
        advice=advice.advise(
            state,
            quality=decisive,
            findings=findings,
            best=chosen,
            loss=loss,
            signs=signs,
            settings=series.manifest.hyperparameters,
            classes=len(series.manifest.data.class_names),
        ),
        labelled=labelled,
        quality_metric=decisive.metric,
        seed=seed,
    )


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
    if findings.flat:
        return "converged"
    return "learning" if findings.rising else "inconclusive"


def _best(series: Series, decisive: Quality, *, seed: int) -> Best | None:
    """By leave-one-out kNN, or by view retrieval: never on test labels. Without either, the last checkpoint."""
    selection = decisive if decisive.metric in ("knn.loo_top1", *LABEL_FREE) else quality.read(series, LABEL_FREE[0])
    test = quality.read(series, "knn.top1")
    if selection is None:
        record = decisive.points[-1].record
        reason = "the last one: no quality measured without test labels to choose by"
        return Best(record.name, epoch=record.epoch, reason=reason)
    return best.choose(selection, test, seed=seed)


def _without_quality(series: Series, loss: LossState, words: str, seed: int) -> Verdict:
    count = len(series.points)
    broken = quality.diverged(series)
    seen = f" {words[0].upper()}{words[1:]}." if words else ""
    if broken is not None and count == 0:
        text = f"Inconclusive: no checkpoint could be evaluated, the weights are not finite from {broken.name} on."
    elif count < 2:
        noun = "checkpoint" if count == 1 else "checkpoints"
        text = (
            f"Inconclusive: {count} {noun} could be evaluated; a series needs at least two, and five to show a trend."
        )
    else:
        text = "Inconclusive: no metric with per-image outcomes (kNN, linear probe, view retrieval) was evaluated."
    verdict = Verdict("inconclusive", text + seen, loss, labelled=series.manifest.data.labelled, seed=seed)
    return replace(verdict, best=None)
