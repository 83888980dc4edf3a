"""Where nothing can be compared, or nobody knows what came first: what can be said all the same."""

from swaveval.convergence import quality
from swaveval.convergence.advice import use
from swaveval.convergence.quality import Quality
from swaveval.convergence.thresholds import FEWEST_IMAGES
from swaveval.convergence.verdict import Advice, Best, LossState, Verdict
from swaveval.convergence.wording import untrained_networks
from swaveval.results import Series
from swaveval.results.roles import RETRIEVAL, WITNESSES


def without_quality(
    series: Series, few: Quality | None, loss: LossState, words: str, *, aside: str = "", seed: int
) -> Verdict:
    """`few`: a metric with outcomes on too few images, or None. `words`: the clause on the loss.

    Args:
        aside: why labels were set aside, if they were.
    """
    broken = quality.diverged(series)
    if broken is not None and not series.points:
        text = f"no checkpoint could be evaluated, the weights are not finite from {broken.name} on"
    elif few is not None:
        noun = "image" if few.n == 1 else "images"
        text = f"{few.n} {noun} cannot tell checkpoints apart; {FEWEST_IMAGES} are the least"
    elif not series.points:
        waits = any(record.state == "waiting" for record in series.manifest.checkpoints)
        text = "there was no time to evaluate a checkpoint" if waits else "no checkpoint could be evaluated"
    elif _alone(series):
        text = "there is nothing to compare the only checkpoint with, neither another one nor untrained networks"
    elif aside:
        text = "the labels say nothing here, and view retrieval, which needs none, was not evaluated"
    else:
        text = "no metric with per-image outcomes (kNN, linear probe, view retrieval) was evaluated"
    said = f"Inconclusive: {text}.{_loss(words)}"
    labelled = series.manifest.data.labelled
    return Verdict("inconclusive", said, loss, labelled=labelled, labels_set_aside=aside, seed=seed)


def _alone(series: Series) -> bool:
    """Whether one checkpoint was measured, and nothing that it could be compared with."""
    measured = [point for point in series.points if any(one.metric in point.metrics for one in (*WITNESSES, RETRIEVAL))]
    return len(measured) == 1 and not any(quality.is_random(one.record) for one in series.baselines)


def without_order(
    found: Quality, best: Best | None, loss: LossState, words: str, *, labelled: bool, seed: int
) -> Verdict:
    """Files whose order nobody knows: neither first nor last, so neither a rise nor a fall; but a best one."""
    values = found.values[: found.length]
    span = f"{100 * values.min():.1f} to {100 * values.max():.1f} %"
    beside = ""
    if found.random:
        untrained = 100 * found.values[list(found.random)].mean()
        beside = f", {untrained_networks(len(found.random))} {untrained:.1f} % on average"
    marked = "" if labelled else " (judged without labels)"
    text = (
        f"Inconclusive{marked}: the order of the {found.length} checkpoints is not known, so a rise cannot be told "
        f"from a fall. By {found.name} the checkpoints reach {span} (n = {found.n:,}){beside}."
    )
    restored = Advice(
        "put epoch or step into the names, or restore the files' modification times", "nothing else tells their order"
    )
    advised = (restored,) if best is None else (use(best), restored)
    return Verdict(
        "inconclusive",
        text + _loss(words),
        loss,
        best=best,
        advice=advised,
        labelled=labelled,
        quality_metric=found.metric,
        seed=seed,
    )


def _loss(words: str) -> str:
    return f" {words[0].upper()}{words[1:]}." if words else ""
