"""The claims under the sentence, each with its effect, interval, test and p."""

from swaveval.convergence.collapse import Sign, against_start
from swaveval.convergence.findings import Findings
from swaveval.convergence.paired import paired_difference
from swaveval.convergence.quality import Quality, read
from swaveval.convergence.thresholds import PLATEAU
from swaveval.convergence.verdict import Evidence, LossState
from swaveval.convergence.wording import half_width, moved, points, signed
from swaveval.results import Series

# Metrics without per-image outcomes: described, never tested.
DESCRIBED = (
    "linear.top1",
    "clusters.purity",
    "clusters.nmi",
    "lowshot.top1[shots=5]",
    "views.lidar",
    "spectrum.rankme",
)


def collect(
    series: Series,
    *,
    quality: Quality,
    findings: Findings,
    signs: tuple[Sign, ...],
    loss: LossState,
    loss_words: str,
    seed: int,
) -> tuple[Evidence, ...]:
    """Everything the verdict rests on, strongest first."""
    found = [_gain(quality, findings), *_confirmation(series, quality, seed=seed), *_rise(quality, findings)]
    found += [*_tail(quality, findings), *_fall(quality, findings)]
    found += [
        Evidence(
            sign.claim,
            sign.metric,
            effect=sign.effect if sign.change is None else sign.change,
            test="seen, not tested",
            supports="against",
        )
        for sign in signs
    ]
    if loss_words:
        found.append(Evidence(loss_words, "loss", effect=loss.change, test="described", supports="neutral"))
    found += _described(series, quality)
    return tuple(found)


def since(quality: Quality) -> str:
    """What the gain is measured from."""
    if quality.start == "step 0":
        return "since step 0"
    if quality.start == "random initialisations":
        return f"above {len(quality.random)} random initialisations"
    return f"since {quality.moment(0)}"


def gain_words(quality: Quality, findings: Findings) -> str:
    """`kNN rose 8.1 ± 1.3 points (n = 1,347, paired, p < 0.001) since step 0`."""
    shown = findings.shown
    words = moved(quality.name, shown.effect, shown.interval(), quality.n, findings.shown_p)
    if findings.rise is not None and shown is findings.rise.estimate:
        return f"{words} {since(quality)}, by the curve fitted to all checkpoints"
    averaged = ", on average over the last third of training" if shown is findings.late else ""
    return f"{words} {since(quality)}{averaged}"


def tail_words(findings: Findings) -> str:
    """`+1.2 ± 0.9 points over the last third of training`; empty without a tail."""
    if findings.tail is None:
        return ""
    reach = points(half_width(findings.tail.interval()))
    return f"{signed(findings.tail.effect)} ± {reach} points over the last third of training"


def _gain(quality: Quality, findings: Findings) -> Evidence:
    compared = (
        "rise fitted to all checkpoints, steady or early" if findings.by_shape else "last third against the start"
    )
    if findings.margin:
        compared += f", of more than {points(findings.margin)} point"
    return Evidence(
        claim=gain_words(quality, findings),
        metric=quality.metric,
        effect=findings.shown.effect,
        ci95=findings.shown.interval(),
        test=f"{compared}; paired; errors of images and of checkpoints (Satterthwaite)",
        p=findings.loss_p if findings.shown.effect < 0 else findings.gain_p,
        p_corrected=findings.shown_p,
        n=quality.n,
        supports="for" if findings.gained else "against",
    )


def _confirmation(series: Series, quality: Quality, *, seed: int) -> list[Evidence]:
    """The same comparison on the test images, where the deciding metric is not read on them."""
    test = read(series, "knn.top1") if quality.metric == "knn.loo_top1" else None
    if test is None or test.length < 2:
        return []
    rows = test.start_rows
    found = paired_difference(test.correct[test.length - 1], test.correct[rows[0]], seed=seed)
    return [
        Evidence(
            claim=f"on the test images {moved('kNN', found.effect, found.ci95, found.n, found.p)} {since(test)}",
            metric="knn.top1",
            effect=found.effect,
            ci95=found.ci95,
            test="paired bootstrap over images, exact McNemar",
            p=found.p,
            n=found.n,
            supports="for" if found.effect > 0 and found.p <= 0.05 else "neutral",
        )
    ]


def _rise(quality: Quality, findings: Findings) -> list[Evidence]:
    if findings.rise_p == 1.0:
        return []
    by_order = "permutations of the order, and the fitted rise on other images; the larger p; effect: Theil–Sen slope"
    verb = "rises" if findings.rising else "does not demonstrably rise"
    overall = findings.overall
    return [
        Evidence(
            claim=f"{quality.name} {verb} along {quality.length} checkpoints",
            metric=quality.metric,
            effect=None if overall is None else overall.effect,
            ci95=None if overall is None else overall.interval(),
            test="last against first, in pairs; errors of images and of checkpoints added"
            if overall is None
            else by_order,
            p=findings.rise_p,
            p_corrected=findings.rise_p_corrected,
            n=quality.n,
            supports="for" if findings.rising else "neutral",
        )
    ]


def _tail(quality: Quality, findings: Findings) -> list[Evidence]:
    if findings.tail is None:
        return []
    delta = points(PLATEAU)
    flat = f": flat within ±{delta} point" if findings.flat else ""
    return [
        Evidence(
            claim=f"{quality.name} changed by {tail_words(findings)}{flat}",
            metric=quality.metric,
            effect=findings.tail.effect,
            ci95=findings.tail.interval(),
            test=f"Theil–Sen slope over the last third, bootstrap over images; TOST with δ = {delta} point",
            p=findings.flat_p,
            n=quality.n,
        )
    ]


def _fall(quality: Quality, findings: Findings) -> list[Evidence]:
    fall = findings.fall
    if fall is None or not findings.fell:
        return []
    interval, optimism = fall.estimate.interval(), points(fall.optimism)
    words = moved(quality.name, fall.estimate.effect, interval, fall.n, findings.fall_p_corrected)
    return [
        Evidence(
            claim=f"{words} from its peak at {quality.moment(fall.peak)} to the end",
            metric=fall.metric,
            effect=fall.estimate.effect,
            ci95=interval,
            test=f"peak chosen by {quality.metric}, fall measured on other images, beyond the best-of-n optimism of "
            f"{optimism} points",
            p=fall.p,
            p_corrected=findings.fall_p_corrected,
            n=fall.n,
            supports="against",
        )
    ]


def _described(series: Series, quality: Quality) -> list[Evidence]:
    found: list[Evidence] = []
    for metric in DESCRIBED:
        change = against_start(series, metric) if metric != quality.metric else None
        if change is not None:
            start, end = change
            claim = f"{metric} went from {start:.3g} untrained to {end:.3g}"
            found.append(Evidence(claim, metric, effect=end - start, test="described, not tested"))
    return found
