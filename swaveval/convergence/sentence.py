"""The first line of the page."""

from dataclasses import dataclass

from scipy.stats import norm

from swaveval.convergence.collapse import Sign
from swaveval.convergence.evidence import gain_words, tail_words
from swaveval.convergence.findings import Findings
from swaveval.convergence.noise import images_needed
from swaveval.convergence.quality import Quality
from swaveval.convergence.thresholds import ALPHA, GAIN, PLATEAU
from swaveval.convergence.verdict import Best, LossState, VerdictState
from swaveval.convergence.wording import half_width, moved, points, signed
from swaveval.results import CheckpointRecord

TITLES: dict[VerdictState, str] = {
    "learning": "Learning",
    "converged": "Converged",
    "regressed": "Regressed",
    "collapsed": "Collapsed",
    "not-learning": "Not learning",
    "inconclusive": "Inconclusive",
}


@dataclass(frozen=True, eq=False)
class Facts:
    """What a sentence is made of. `moved`: how far the weights moved, where that was not at all."""

    quality: Quality
    findings: Findings
    signs: tuple[Sign, ...]
    loss: LossState
    loss_words: str
    diverged: CheckpointRecord | None
    best: Best | None
    moved: float | None = None


def sentence(state: VerdictState, facts: Facts, *, labelled: bool) -> str:
    """One or two sentences that say the verdict and why."""
    body = {
        "learning": _learning,
        "converged": _converged,
        "regressed": _regressed,
        "collapsed": _collapsed,
        "not-learning": _not_learning,
        "inconclusive": _inconclusive,
    }[state](facts)
    marked = "" if labelled else " (judged without labels)"
    text = f"{TITLES[state]}{marked}: {body}."
    if facts.diverged is not None and state != "regressed":
        text += f" Training diverged: the weights are not finite from {facts.diverged.name} on."
    return text


def _gain(facts: Facts) -> str:
    return gain_words(facts.quality, facts.findings)


def _joined(facts: Facts, quality_words: str) -> str:
    """Loss first; `yet` where it alone would mislead."""
    if not facts.loss_words:
        return quality_words
    link = "and" if facts.loss.state == "falling" and not facts.loss.at_ln_k else "yet"
    return f"{facts.loss_words}, {link} {quality_words}"


def _tail(facts: Facts) -> str:
    return tail_words(facts.findings)


def _learning(facts: Facts) -> str:
    text, tail = _joined(facts, _gain(facts)), facts.findings.tail
    if tail is None:
        return text
    if tail.p_above() <= ALPHA:
        return f"{text}, still rising ({_tail(facts)})"
    return f"{text}; whether the rise goes on cannot be told ({_tail(facts)})"


def _converged(facts: Facts) -> str:
    since = facts.quality.moment(facts.findings.tail_begin)
    flat = f"is flat within ±{points(PLATEAU)} point since {since}"
    return f"{_joined(facts, _gain(facts))}, and {flat} ({_tail(facts)})"


def _regressed(facts: Facts) -> str:
    fall, quality = facts.findings.fall, facts.quality
    if facts.diverged is not None:
        return f"training diverged, the weights are not finite from {facts.diverged.name} on; until then {_gain(facts)}"
    if fall is None:
        return _joined(facts, _gain(facts))
    interval = fall.estimate.interval()
    words = moved(quality.name, fall.estimate.effect, interval, fall.n, facts.findings.fall_p_corrected)
    fallen = f"{words} from its peak at {quality.moment(fall.peak)}"
    return f"{fallen}; {facts.loss_words}" if facts.loss_words else fallen


def _collapsed(facts: Facts) -> str:
    seen = "; ".join(sign.claim for sign in facts.signs)
    return f"{seen}, and quality is not above the start: {_gain(facts)}"


def _not_learning(facts: Facts) -> str:
    found, quality = facts.findings, facts.quality
    loss = f"; {facts.loss_words}" if facts.loss_words else ""
    if facts.moved is not None and not found.unchanged:
        text = f"the backbone's weights moved by {100 * facts.moved:.2g} % in the whole run"
        return f"{text}, so {_gain(facts)} through BatchNorm's statistics alone{loss}"
    if found.unchanged:
        return f"all {quality.length} checkpoints give the same features: the backbone has not changed{loss}"
    if found.contracted is not None:
        untrained, end = found.contracted
        return (
            f"{_gain(facts)}, but the features are less spread than those of untrained networks (uniformity {end:.2f} "
            f"against {untrained:.2f}): views were pulled together, images were not told apart{loss}"
        )
    if not found.lost and found.excluded:
        return f"{_gain(facts)}, so a gain of {points(GAIN)} points can be excluded{loss}"
    return f"{_gain(facts)}{_beside_untrained(found)}{loss}"


def _beside_untrained(found: Findings) -> str:
    """Where the end lies beside untrained networks, when it is not above them; the own start may have been low."""
    if found.over_random is None or found.above_random or found.gain.effect <= 0:
        return ""
    effect = found.over_random.effect
    reach = points(half_width(found.over_random.interval()))
    return (
        f", but the last third of training lies {signed(effect)} ± {reach} points from untrained networks whose "
        "BatchNorm has seen the data"
    )


def _inconclusive(facts: Facts) -> str:
    found, quality = facts.findings, facts.quality
    if quality.length == 1:
        which = "the untrained network" if quality.untrained_first else "one checkpoint"
        return f"only {which} could be evaluated; a trend needs at least five checkpoints"
    if found.settled_statistics:
        return (
            f"{_gain(facts)}, but the rise was over at the first checkpoint, as BatchNorm's statistics alone can make "
            f"it; {_settle(facts)}"
        )
    if found.gained:
        unknown = f"whether it still rises or is flat within ±{points(PLATEAU)} point cannot be told"
        return f"{_gain(facts)}, but {unknown}; {_settle(facts)}"
    beside = _beside_untrained(found)
    if beside and found.gain_p_corrected <= ALPHA:
        return f"{_gain(facts)}{beside}; {_settle(facts)}"
    more = f" of more than {points(found.margin)} point" if found.margin else ""
    return (
        f"{_gain(facts)}, which neither shows a gain{more} nor excludes one of {points(GAIN)} points; {_settle(facts)}"
    )


def _settle(facts: Facts) -> str:
    """How many more images or epochs would decide it."""
    found, quality = facts.findings, facts.quality
    critical = float(norm.ppf(1 - ALPHA))
    if found.gained and found.tail is not None:
        distance = max(PLATEAU - abs(found.tail.effect), abs(found.tail.effect), PLATEAU / 2)
        needed = images_needed(found.tail, quality.n, distance=distance, critical=critical)
    elif found.gained:
        needed = None
    else:
        distance = max(GAIN - found.gain.effect, abs(found.gain.effect), GAIN / 2)
        needed = images_needed(found.gain, quality.n, distance=distance, critical=critical)
    parts = [f"about {needed - quality.n:,} more images"] if needed is not None and needed > quality.n else []
    if quality.length < 5:
        parts.append(f"{5 - quality.length} more checkpoint{'s' if quality.length < 4 else ''}")
    elif (epochs := _epochs(facts)) is not None:
        parts.append(epochs)
    return f"{' or '.join(parts)} would settle it" if parts else "more checkpoints would settle it"


def _epochs(facts: Facts) -> str | None:
    """Epochs until the gain would be significant if it goes on as over the whole run."""
    quality, gain = facts.quality, facts.findings.gain
    if quality.axis != "epoch" or gain.effect <= 0:
        return None
    done = float(quality.x[-1] - quality.x[0])
    wanted = (float(norm.ppf(1 - ALPHA / 2)) + float(norm.ppf(0.8))) * gain.se
    more = max(done / 3, done * (wanted / gain.effect - 1))
    return f"about {more:.0f} more epochs" if more < 20 * done else None
