"""The first line of the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import norm

from swaveval.convergence.decision import Judged
from swaveval.convergence.evidence import gain_words, tail_words, untrained_networks
from swaveval.convergence.findings import Findings
from swaveval.convergence.hearing import Hearing
from swaveval.convergence.noise import images_needed
from swaveval.convergence.quality import Quality
from swaveval.convergence.rise import FEWEST
from swaveval.convergence.testimony import says
from swaveval.convergence.thresholds import ALPHA, PLATEAU
from swaveval.convergence.verdict import WORDS, LossState
from swaveval.convergence.wording import half_width, listed, moved, p_text, points, signed
from swaveval.results import Series


@dataclass(frozen=True, eq=False)
class Facts:
    """What a sentence is made of.

    Attributes:
        found: what was decided, and what it rests on. loss, loss_words: the loss and the clause on it.
        standing: where the run stands beside the baselines. room: the witnesses that have none. Or empty.
        aside: what stands in brackets behind the verdict's word; remark: a sentence on labels at the end. Or empty.
    """

    found: Judged
    loss: LossState
    loss_words: str
    standing: str = ""
    room: str = ""
    aside: str = ""
    remark: str = ""

    @property
    def quality(self) -> Quality:
        """Of the witness that is quoted first."""
        return self.found.lead.quality

    @property
    def findings(self) -> Findings:
        return self.found.lead.findings

    @property
    def others(self) -> tuple[Hearing, ...]:
        """The witnesses that are not quoted first."""
        return tuple(one for one in self.found.hearings if one is not self.found.lead)


def sentence(facts: Facts) -> str:
    """The verdict and why; where it stands beside the baselines; what else has to be said."""
    state = facts.found.state
    body = {
        "learning": _learning,
        "converged": _converged,
        "regressed": _regressed,
        "collapsed": _collapsed,
        "not-learning": _not_learning,
        "inconclusive": _inconclusive,
    }[state](facts)
    marked = f" ({facts.aside})" if facts.aside else ""
    text = f"{WORDS[state].title}{marked}: {body}."
    for more in (facts.standing, facts.room, facts.remark):
        if more:
            text += f" {more[0].upper()}{more[1:]}."
    if facts.found.diverged is not None and state != "regressed":
        text += f" Training diverged: the weights are not finite from {facts.found.diverged.name} on."
    return text


def others(facts: Facts) -> str:
    """What the other witnesses say of a gain, beginning with a semicolon; empty where there are none."""
    lead, by = facts.findings, dict[str, list[Hearing]]()
    for one in facts.others:
        by.setdefault(says(one.findings), []).append(one)
    against = "against it, " if lead.gained else ""
    parts = []
    if gained := by.get("gain"):
        shown = listed([f"{one.name} ({signed(one.findings.shown.effect)})" for one in gained])
        shows = "shows" if len(gained) == 1 else "show"
        parts.append(f"likewise {shown}" if lead.gained else f"only {shown} {shows} a gain")
    for one in by.get("fall", ()):
        fall = one.findings.fall
        assert fall is not None
        reach = points(half_width(fall.estimate.interval()))
        parts.append(
            f"{against}{one.name} fell {points(fall.estimate.effect)} ± {reach} points from its peak at "
            f"{one.quality.moment(fall.peak)}"
        )
    if lost := by.get("loss"):
        parts.append(f"{'likewise ' if lead.lost else against}{listed([_lost(one) for one in lost])}")
    parts += [*_none(by.get("none", ())), *_undecided(by.get("undecided", ()))]
    return "".join(f"; {part}" for part in parts)


def _lost(one: Hearing) -> str:
    by = f"{points(one.findings.shown.effect)} ± {_reach(one)} points"
    below = one.quality.start == "random initialisations"
    return f"{one.name} is {by} below untrained networks" if below else f"{one.name} fell by {by}"


def _none(found: Sequence[Hearing]) -> list[str]:
    """Those that exclude a gain: by the start, else by untrained networks; and those whose rise is none."""
    pulled = [one for one in found if one.findings.contracted is not None]
    rest = [one for one in found if one not in pulled]
    beside = [one for one in rest if not (one.findings.excluded or one.findings.negligible) and one.quality.random]
    start = [one for one in rest if one not in beside]
    parts = []
    if start:
        parts.append(f"{listed([f'{one.name} ({_of(one)})' for one in start])} {_exclude(start)}")
    if beside:
        parts.append(f"{_over_untrained(beside)} {_exclude(beside)} over untrained networks")
    if pulled:
        rose = listed([f"{one.name} ({_of(one)})" for one in pulled])
        parts.append(f"{rose} rose while the features contracted, which is no gain")
    return parts


def _undecided(found: Sequence[Hearing]) -> list[str]:
    """Those that neither show nor exclude a gain, by what is missing."""
    settled = [one for one in found if one.findings.settled_statistics]
    beside = [one for one in found if one not in settled and _not_over_untrained(one.findings)]
    rest = [one for one in found if one not in settled and one not in beside]
    counted = [one for one in rest if one.findings.shown.interval()[0] > 0]
    plain = [one for one in rest if one not in counted]
    parts = []
    if plain:
        parts.append(f"not shown by {listed([f'{one.name} ({_of(one)})' for one in plain], last='or')}")
    if counted:
        asked = listed([f"{one.name} ({_of(one)})" for one in counted], last="or")
        parts.append(f"not shown, all questions counted, by {asked}")
    if beside:
        parts.append(f"not shown over untrained networks by {_over_untrained(beside, last='or')}")
    if settled:
        rose = listed([f"{one.name} ({_of(one)})" for one in settled])
        parts.append(f"{rose} rose by no more than BatchNorm's statistics alone can bring")
    return parts


def _not_over_untrained(findings: Findings) -> bool:
    """Whether a gain over the start is none over untrained networks."""
    shown = findings.gain_p_corrected <= ALPHA and findings.gain.effect > 0
    return findings.over_random is not None and shown and findings.above_p_corrected > ALPHA


def _over_untrained(found: Sequence[Hearing], *, last: str = "and") -> str:
    """`the linear probe (−0.2 ± 3.3)`: against untrained networks."""
    named = []
    for one in found:
        over = one.findings.over_random
        assert over is not None
        named.append(f"{one.name} ({signed(over.effect)} ± {points(half_width(over.interval()))})")
    return listed(named, last=last)


def _exclude(found: Sequence[Hearing]) -> str:
    sizes = sorted({one.findings.size for one in found})
    each = "a gain of " + " to ".join(points(size) for size in (sizes[0], sizes[-1])[: len(sizes)]) + " points"
    return f"{'excludes' if len(found) == 1 else 'exclude'} {each}"


def _of(one: Hearing) -> str:
    return f"{signed(one.findings.shown.effect)} ± {_reach(one)}"


def _reach(one: Hearing) -> str:
    return points(half_width(one.findings.shown.interval()))


def incomplete(series: Series) -> str:
    """What the verdict could not weigh since the store has lost it."""
    lost, total = series.lost, len(series.manifest.cells)
    shown = ", ".join(f"{one.evaluator} on {one.checkpoint}" for one in lost[:2]) + " …" * (len(lost) > 2)
    are = "is" if len(lost) == 1 else "are"
    return (
        f"{len(lost):,} of {max(total, len(lost)):,} stored results {are} missing or damaged and not weighed "
        f"({shown}): `swaveval run` computes {'it' if len(lost) == 1 else 'them'} again."
    )


def _gain(facts: Facts) -> str:
    return gain_words(facts.quality, facts.findings)


def _joined(facts: Facts, quality_words: str) -> str:
    """Loss first; `yet` where it alone would mislead."""
    if not facts.loss_words:
        return quality_words
    link = "and" if facts.loss.state == "falling" and not facts.loss.at_ln_k else "yet"
    return f"{facts.loss_words}, {link} {quality_words}"


def _it(facts: Facts) -> str:
    """The witness that is quoted first, where others were quoted since."""
    return facts.quality.name if facts.others else "it"


def _tail(facts: Facts) -> str:
    return tail_words(facts.findings)


def _learning(facts: Facts) -> str:
    text = f"{_joined(facts, _gain(facts))}{others(facts)}"
    if facts.quality.length == 1:
        return f"{text}; one checkpoint cannot show whether it still rises"
    if facts.findings.tail is None:
        return text
    rising = facts.found.rising
    if rising:
        tail = tail_words(rising[0].findings)
        who = f"{rising[0].name} is " if facts.others else ""
        return f"{text}; {who}still rising ({tail})"
    return f"{text}; whether {_it(facts)} still rises at the end cannot be told ({_tail(facts)})"


def _converged(facts: Facts) -> str:
    since = facts.quality.moment(facts.findings.tail_begin)
    delta = points(facts.findings.plateau or PLATEAU)
    flat = f"is flat within ±{delta} points since {since} by an equivalence test"
    able = [one.name for one in facts.others if one.findings.gained and one.findings.flat]
    too = f", as {'is' if len(able) == 1 else 'are'} {listed(able)}" if able else ""
    return f"{_joined(facts, _gain(facts))}, and {flat} ({_tail(facts)}){too}{others(facts)}"


def _regressed(facts: Facts) -> str:
    fall = facts.findings.fall
    if facts.found.diverged is not None:
        name = facts.found.diverged.name
        until = _fallen(facts) if facts.findings.fell else f"{_gain(facts)}{others(facts)}"
        return f"training diverged, the weights are not finite from {name} on; until then {until}"
    if fall is None:
        return _joined(facts, _gain(facts))
    fallen = _fallen(facts)
    return f"{fallen}; {facts.loss_words}" if facts.loss_words else fallen


def _fallen(facts: Facts) -> str:
    """The fall of the witness that is quoted first, and by which others it shows."""
    fall, quality = facts.findings.fall, facts.quality
    assert fall is not None
    interval = fall.estimate.interval()
    words = moved(quality.name, fall.estimate.effect, interval, fall.n, fall.estimate.p)
    too = [
        f"{one.name} (−{points(one.findings.fall.estimate.effect)})"
        for one in facts.others
        if one.findings.fell and one.findings.fall is not None
    ]
    fallen = f"{words} from its peak at {quality.moment(fall.peak)}{f'; likewise {listed(too)}' if too else ''}"
    unfallen = [one.name for one in facts.others if not one.findings.fell and one.witness.labelled]
    if unfallen:
        fallen += f"; no fall is shown by {listed(unfallen, last='or')}"
    return fallen


def _collapsed(facts: Facts) -> str:
    seen = "; ".join(sign.claim for sign in facts.found.signs)
    none = "no witness shows a gain over the start" if facts.others else "quality is not above the start"
    text = f"{seen}, and {none}: {_gain(facts)}"
    fall = facts.findings.fall
    if not facts.findings.fell or fall is None:
        return text
    return f"{text}; at {facts.quality.moment(fall.peak)} it was {points(fall.estimate.effect)} points higher"


def _not_learning(facts: Facts) -> str:
    found, quality = facts.findings, facts.quality
    loss = f"; {facts.loss_words}" if facts.loss_words else ""
    moved = facts.found.moved
    if moved is not None:
        if moved == 0:
            return f"the backbone's weights are the same in all {quality.length} checkpoints{loss}"
        text = f"the backbone's weights moved by {100 * moved:.2g} % in the whole run"
        if found.unchanged:
            return f"{text}, and no answer changed on any of {quality.n:,} images{loss}"
        return f"{text}, so {_gain(facts)} through BatchNorm's statistics alone{loss}"
    if all(one.findings.unchanged for one in facts.found.hearings):
        return f"no answer changed on any of {quality.n:,} images between {quality.length} checkpoints{loss}"
    loss = f"{others(facts)}{loss}"
    if found.contracted is not None:
        untrained, end = found.contracted
        return (
            f"{_gain(facts)}, but the features are less spread than those of untrained networks (uniformity {end:.2f} "
            f"against {untrained:.2f}): views were pulled together, images were not told apart{loss}"
        )
    excluded = max(found.gain.p_below(found.size), found.late.p_below(found.size))
    if not found.lost and excluded <= ALPHA:
        without = f"so a gain of {points(found.size)} points can be excluded (one-sided {p_text(excluded)})"
        return f"{_gain(facts)}, {without}{loss}"
    if beside := _beside_untrained(facts):
        cause = ", which BatchNorm's statistics alone can bring" if found.shown.interval()[0] > 0 else ""
        return f"{beside}; {_gain(facts)}{cause}{loss}"
    if found.over_random is not None and not found.lost and quality.start == "step 0":
        # What excluded a gain, where the run's own start alone did not.
        effect, reach = found.over_random.effect, points(half_width(found.over_random.interval()))
        place = f"{points(effect)} ± {reach} points {'above' if effect >= 0 else 'below'}"
        return f"{_gain(facts)}; its last third lies {place} {untrained_networks(len(quality.random))}{loss}"
    return f"{_gain(facts)}{loss}"


def _beside_untrained(facts: Facts) -> str:
    """Where the end lies beside untrained networks, when it is not above them; the own start may have been low."""
    found, quality = facts.findings, facts.quality
    above = found.above_p_corrected <= ALPHA
    if found.over_random is None or above or found.gain.effect <= 0 or quality.start != "step 0":
        return ""
    effect = found.over_random.effect
    reach = points(half_width(found.over_random.interval()))
    chance = ", no better beyond chance" if found.over_random.interval()[1] >= 0 else ""
    return (
        f"over the last third of training {quality.name} is {points(effect)} ± {reach} points "
        f"{'above' if effect >= 0 else 'below'} {untrained_networks(len(quality.random))} whose BatchNorm has seen the "
        f"images{chance}"
    )


def _inconclusive(facts: Facts) -> str:
    found, quality = facts.findings, facts.quality
    if quality.length == 1 and quality.untrained_first:
        return f"the only checkpoint is the untrained network; a trend needs at least {FEWEST} checkpoints"
    if found.settled_statistics:
        return (
            f"{_gain(facts)}, but the rise was over at the first checkpoint, as BatchNorm's statistics alone can make "
            f"it{_narrowed(facts)}"
        )
    if found.gained:
        within = points(found.plateau or PLATEAU)
        unknown = f"whether {_it(facts)} still rises or is flat within ±{within} points cannot be told"
        return f"{_gain(facts)}{others(facts)}; {unknown}{_narrowed(facts)}"
    beside = _beside_untrained(facts)
    if beside and found.above_start:
        return f"{beside}; {_gain(facts)}{others(facts)}"
    if found.gain_p_corrected <= ALPHA and not found.end_above:
        return f"{_gain(facts)}, but the last third of training is not above the start{others(facts)}{_narrowed(facts)}"
    more = f" of more than {points(found.margin)} point" if found.margin else ""
    low, high = found.shown.interval()
    asked = ", all questions asked of the series counted," if low > 0 or high < 0 else ""
    return (
        f"{_gain(facts)}, which{asked} neither shows a gain{more} nor excludes one of {points(found.size)} points"
        f"{others(facts)}{_narrowed(facts)}"
    )


def _narrowed(facts: Facts) -> str:
    """What these images can show, and what would show more as far as that is within reach."""
    found, quality = facts.findings, facts.quality
    critical = float(norm.ppf(1 - ALPHA))
    more: list[str] = []
    if quality.length < FEWEST:
        lacking = FEWEST - quality.length
        more.append(f"{lacking} more checkpoint{'s' if lacking > 1 else ''} of this run")
    elif not found.gained and (epochs := _epochs(facts)) is not None:
        more.append(epochs)
    if not found.gained:
        distance = max(found.size - found.gain.effect, abs(found.gain.effect), found.size / 2)
        needed = images_needed(found.gain, quality.n, distance=distance, critical=critical)
        if needed is not None and quality.n < needed <= 2 * quality.n:
            more.append(f"about {needed - quality.n:,} more images")
    seen = ""
    if not found.gained and not found.settled_statistics:
        limit = (critical + float(norm.ppf(0.8))) * found.gain.se
        seen = f"; on these {quality.n:,} images a gain below {points(limit)} points is easily missed"
    return f"{seen}; {' or '.join(more)} would tell more" if more else seen


def _epochs(facts: Facts) -> str | None:
    """Epochs until the gain would be significant if it goes on as over the whole run, where that is within reach."""
    quality, gain = facts.quality, facts.findings.gain
    if quality.axis != "epoch" or gain.effect <= 0:
        return None
    done = float(quality.x[-1] - quality.x[0])
    wanted = (float(norm.ppf(1 - ALPHA / 2)) + float(norm.ppf(0.8))) * gain.se
    more = max(done / 3, done * (wanted / gain.effect - 1))
    return f"about {more:.0f} more epochs" if more <= 2 * done else None
