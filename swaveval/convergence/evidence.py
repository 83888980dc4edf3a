"""The claims under the sentence, each with its effect, interval, test and p."""

import numpy as np

from swaveval.convergence.collapse import against_start
from swaveval.convergence.decision import Judged
from swaveval.convergence.findings import Findings
from swaveval.convergence.hearing import Hearing
from swaveval.convergence.noise import contrast
from swaveval.convergence.paired import holm, paired_difference
from swaveval.convergence.quality import Quality, read, untrained
from swaveval.convergence.thresholds import ALPHA, FAR, PLATEAU
from swaveval.convergence.trend import last_third
from swaveval.convergence.verdict import Evidence
from swaveval.convergence.wording import compared, half_width, moved, p_text, points, signed, untrained_networks
from swaveval.results import Role, Series
from swaveval.results.roles import DESCRIBED, declared


def collect(
    series: Series,
    *,
    found: Judged,
    loss_words: str,
    loss_effect: float | None,
    plain: tuple[Evidence, ...],
    seed: int,
) -> tuple[Evidence, ...]:
    """Everything the verdict rests on, the witness that is quoted first at the top.

    Args:
        loss_words, loss_effect: what the loss did, and the change that this names. plain: the comparison with pixels
            and colours.
    """
    heard = (found.lead, *(one for one in found.hearings if one is not found.lead))
    rows = [_gain(one.quality, one.findings) for one in heard]
    for one in heard:
        measured, findings = one.quality, one.findings
        rows += [*_confirmation(series, one, seed=seed), *_fall(measured, findings)]
        if one is found.lead or findings.gained:
            rows += [*_rise(measured, findings), *_tail(measured, findings)]
    rows += [*plain, *_confirmed(series, seed=seed)]
    rows += [
        Evidence(
            sign.claim,
            sign.metric,
            effect=sign.effect if sign.change is None else sign.change,
            test="seen, not tested",
            # Healthy training narrows a representation as well.
            supports="neutral" if sign.kind == "shrunk" and found.state in ("learning", "converged") else "against",
        )
        for sign in found.signs
    ]
    if loss_words:
        rows.append(Evidence(loss_words, "loss", effect=loss_effect, test="described", supports="neutral"))
    return (*rows, *_described(series, {one.quality.metric for one in heard}))


def change_words(quality: Quality, effect: float, interval: tuple[float, float], p: float) -> str:
    """A change from the start in words: since a moment of the run, or against networks nobody trained.

    The p is two-sided and of the same estimate as the interval: below 0.05 exactly where that leaves zero out.
    """
    if quality.start == "random initialisations":
        return compared(quality.name, effect, interval, quality.n, p, than=untrained_networks(len(quality.random)))
    since = "step 0" if quality.start == "step 0" else quality.moment(0)
    return f"{moved(quality.name, effect, interval, quality.n, p)} since {since}"


def gain_words(quality: Quality, findings: Findings) -> str:
    """`kNN rose 8.1 ± 1.3 points (n = 1,347, paired, p < 0.001) since step 0`."""
    shown = findings.shown
    words = change_words(quality, shown.effect, shown.interval(), shown.p)
    if findings.since_first:
        words = f"{moved(quality.name, shown.effect, shown.interval(), quality.n, shown.p)} since {quality.moment(0)}"
    side = ""
    if findings.gained and shown.interval()[0] <= findings.margin:
        # A gain is asked for on one side, so that the interval may hold none by a little.
        side = f", one-sided {p_text(shown.p_above(findings.margin))}"
    if findings.rise is not None and shown is findings.rise.estimate:
        return f"{words}, by the curve fitted to all checkpoints{side}"
    several = len(last_third(findings.tail_begin, quality.length)) > 1
    averaged = ", on average over the last third of training" if shown is findings.late and several else ""
    return f"{words}{averaged}{side}"


def tail_words(findings: Findings) -> str:
    """`+1.2 ± 0.9 points over the last third of training`; empty without a tail."""
    if findings.tail is None:
        return ""
    return f"{tail_change(findings)} points over the last third of training"


def tail_change(findings: Findings) -> str:
    """`+1.2 ± 0.9`, in points; empty without a tail."""
    if findings.tail is None:
        return ""
    return f"{signed(findings.tail.effect)} ± {points(half_width(findings.tail.interval()))}"


def _gain(quality: Quality, findings: Findings) -> Evidence:
    if findings.by_shape:
        asked = "rise fitted to all checkpoints, steady or early"
    else:
        asked = "rise fitted to all checkpoints" if findings.since_first else "last third against the start"
        asked += "" if findings.rise is None else ", p doubled for two looks"
    if findings.margin:
        asked += f", of more than {points(findings.margin)} point"
    # What untrained networks rule out stands in a row of its own.
    no_more = findings.excluded or findings.negligible
    return Evidence(
        claim=gain_words(quality, findings),
        metric=quality.metric,
        effect=findings.shown.effect,
        ci95=findings.shown.interval(),
        test=f"{asked}; paired; error of images and checkpoints; Westfall–Young over all questions",
        p=findings.shown.p,
        p_corrected=max(findings.shown.p, findings.shown_p),
        n=quality.n,
        supports="for" if findings.gained else "against" if findings.lost or no_more else "neutral",
    )


def _confirmation(series: Series, one: Hearing, *, seed: int) -> list[Evidence]:
    """The same comparison on the test images, where the witness is not read on them."""
    test = read(series, one.witness.confirms) if one.witness.confirms else None
    if test is None or (test.length < 2 and not test.random):
        return []
    rows, last = test.start_rows, test.length - 1
    if len(rows) == 1:
        found = paired_difference(test.correct[last], test.correct[rows[0]], seed=seed)
        effect, ci95, p, how = found.effect, found.ci95, found.p, "paired bootstrap over images, exact McNemar"
    else:
        weights = np.zeros(len(test.values))
        weights[last], weights[list(rows)] = 1.0, -1 / len(rows)
        estimate = contrast(test.values, weights, test.noise, np.zeros_like(weights))
        effect, ci95, p, how = estimate.effect, estimate.interval(), estimate.p, "paired; the images' error alone"
    return [
        Evidence(
            claim=f"on the test images {change_words(test, effect, ci95, p)}",
            metric=test.metric,
            effect=effect,
            ci95=ci95,
            test=how,
            p=p,
            n=test.n,
            supports="for" if effect > 0 and p <= ALPHA else "neutral",
        )
    ]


def _confirmed(series: Series, *, seed: int) -> list[Evidence]:
    """The change since the start by what plugins declare to confirm. No verdict rests on it."""
    asked = declared(series.manifest, Role.CONFIRMS)
    heard = [found for metric in asked if (found := read(series, metric)) is not None and found.length > 1]
    tests = [paired_difference(one.correct[one.length - 1], one.correct[0], seed=seed) for one in heard]
    corrected = holm([test.p for test in tests]) if tests else ()
    return [
        Evidence(
            claim=f"{moved(one.name, test.effect, test.ci95, one.n, test.p)} since {one.moment(0)}",
            metric=one.metric,
            effect=test.effect,
            ci95=test.ci95,
            test="declared by its evaluator; last against first, paired bootstrap over images, exact McNemar",
            p=test.p,
            p_corrected=p,
            n=one.n,
            supports="neutral" if p > ALPHA else "for" if test.effect > 0 else "against",
        )
        for one, test, p in zip(heard, tests, corrected, strict=True)
    ]


def _rise(quality: Quality, findings: Findings) -> list[Evidence]:
    if findings.rise_p == 1.0 or (findings.rise is None and not findings.rising):
        return []  # of a few checkpoints it asks what the gain answers
    if not findings.rise_asked:
        return []
    by_order = "permutations of the order, and the fitted rise on other images; the larger p; effect: Theil–Sen"
    verb = "rises" if findings.rising else "does not demonstrably rise"
    overall = findings.overall
    return [
        Evidence(
            claim=f"{quality.name} {verb} along {quality.length} checkpoints",
            metric=quality.metric,
            effect=None if overall is None else overall.effect,
            test="last against first, in pairs; errors of images and of checkpoints added"
            if overall is None
            else by_order,
            p=findings.rise_p,
            p_corrected=findings.rise_p_corrected,
            n=quality.n,
            supports="for" if findings.rising and findings.gained else "neutral",
        )
    ]


def _tail(quality: Quality, findings: Findings) -> list[Evidence]:
    if findings.tail is None:
        return []
    delta = points(findings.plateau or PLATEAU)
    flat = f": flat within ±{delta} points" if findings.flat else ""
    equivalence = f"; p is of equivalence, TOST with δ = {delta} points" if findings.flat else ""
    return [
        Evidence(
            claim=f"{quality.name} changed by {tail_words(findings)}{flat}",
            metric=quality.metric,
            effect=findings.tail.effect,
            ci95=findings.tail.interval(),
            test=f"Theil–Sen slope over the last third, bootstrap over images, error of checkpoints{equivalence}",
            p=findings.flat_p if findings.flat else findings.tail.p,
            n=quality.n,
        )
    ]


def _fall(quality: Quality, findings: Findings) -> list[Evidence]:
    fall = findings.fall
    if fall is None or not findings.fell:
        return []
    interval = fall.estimate.interval()
    far = f"{FAR} times the jitter assumed beforehand, {points(fall.optimism)}"
    beyond = far if fall.far else f"the best-of-n optimism of {points(fall.optimism)}"
    words = moved(quality.name, fall.estimate.effect, interval, fall.n, fall.estimate.p)
    return [
        Evidence(
            claim=f"{words} from its peak at {quality.moment(fall.peak)} to the end",
            metric=fall.metric,
            effect=fall.estimate.effect,
            ci95=interval,
            test=f"peak chosen by {quality.metric}, fall measured on other images, beyond {beyond} points",
            p=fall.estimate.p,
            p_corrected=max(fall.estimate.p, findings.fall_p_corrected),
            n=fall.n,
            supports="against",
        )
    ]


def _start_of(series: Series) -> str:
    """What `against_start` compares with, by its name."""
    return "at step 0" if series.points and untrained(series.points[0].record) else "of untrained networks"


def _described(series: Series, heard: set[str]) -> list[Evidence]:
    found: list[Evidence] = []
    for metric in DESCRIBED:
        change = against_start(series, metric) if metric not in heard else None
        if change is not None:
            start, end = change
            claim = f"{metric} went from {start:.3g} {_start_of(series)} to {end:.3g} at the end"
            found.append(Evidence(claim, metric, effect=end - start, test="described, not tested"))
    return found
