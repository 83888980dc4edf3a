"""The first line of the page."""

from dataclasses import dataclass

from scipy.stats import norm

from swaveval.convergence.climb import climbs
from swaveval.convergence.decision import Judged, beside_untrained, contested, rose
from swaveval.convergence.evidence import gain_words, tail_words
from swaveval.convergence.findings import Findings
from swaveval.convergence.noise import images_needed
from swaveval.convergence.order import FEWEST
from swaveval.convergence.other_witnesses import other_witnesses
from swaveval.convergence.quality import Quality
from swaveval.convergence.thresholds import ALPHA, PLATEAU
from swaveval.convergence.verdict import WORDS, LossState
from swaveval.convergence.wording import (
    average_untrained,
    ending,
    half_width,
    listed,
    moved,
    p_text,
    points,
    these_untrained,
)
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
    for more in (_climbing(facts), _slipped(facts), _collapse_denied(facts), facts.standing, facts.room, facts.remark):
        if more:
            text += f" {more[0].upper()}{more[1:]}."
    if facts.found.diverged is not None and state != "regressed":
        text += f" Training diverged: the weights are not finite from {facts.found.diverged.name} on."
    return text


def incomplete(series: Series) -> str:
    """What the verdict could not weigh since the store has lost it."""
    lost, total = series.lost, len(series.manifest.evaluated)
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
    return facts.quality.name if facts.found.others else "it"


def _tail(facts: Facts) -> str:
    return tail_words(facts.findings)


def _learning(facts: Facts) -> str:
    text = f"{_joined(facts, _gain(facts))}{other_witnesses(facts.found)}"
    if facts.quality.length == 1:
        return f"{text}; one checkpoint cannot show whether it still rises"
    if facts.findings.tail is None:
        return text
    rising = facts.found.rising
    if rising:
        tail = tail_words(rising[0].findings)
        who = f"{rising[0].name} is " if facts.found.others else ""
        return f"{text}; {who}still rising ({tail})"
    return f"{text}; whether {_it(facts)} still rises at the end cannot be told ({_tail(facts)})"


def _converged(facts: Facts) -> str:
    since = facts.quality.moment(facts.findings.tail_begin)
    delta = points(facts.findings.plateau or PLATEAU)
    if facts.found.moved is not None:
        rests = f"the backbone's weights moved by {100 * facts.found.moved:.2g} % since {facts.quality.moment(0)}"
        return f"{_joined(facts, _gain(facts))}{other_witnesses(facts.found)}; {rests}"
    flat = f"is flat within ±{delta} points since {since} by an equivalence test"
    able = [one.name for one in facts.found.others if one.findings.gained and one.findings.flat]
    too = f", as {'is' if len(able) == 1 else 'are'} {listed(able)}" if able else ""
    return f"{_joined(facts, _gain(facts))}, and {flat} ({_tail(facts)}){too}{other_witnesses(facts.found)}"


def _regressed(facts: Facts) -> str:
    fall = facts.findings.fall
    if facts.found.diverged is not None:
        name = facts.found.diverged.name
        until = _fallen(facts) if facts.findings.fell else f"{_gain(facts)}{other_witnesses(facts.found)}"
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
        for one in facts.found.others
        if one.findings.fell and one.findings.fall is not None
    ]
    fallen = f"{words} from its peak at {quality.moment(fall.peak)}{f'; likewise {listed(too)}' if too else ''}"
    still = [one for one in facts.found.others if not one.findings.fell and not one.findings.slipped]
    unfallen = [one.name for one in still if one.witness.labelled]
    if unfallen:
        fallen += f"; no fall is shown by {listed(unfallen, last='or')}"
    return fallen


def _collapsed(facts: Facts) -> str:
    seen = "; ".join(sign.claim for sign in facts.found.signs)
    none = "no witness shows a gain over the start" if facts.found.others else "quality is not above the start"
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
            what = "features" if quality.points[0].record.of_features else "backbone's weights"
            return f"the {what} are the same in all {quality.length} checkpoints{loss}"
        text = f"the backbone's weights moved by {100 * moved:.2g} % in the whole run"
        if found.unchanged:
            return f"{text}, and no answer changed on any of {quality.n:,} images{loss}"
        if quality.start == "random initialisations":
            return f"{text}, and {_gain(facts)}{other_witnesses(facts.found)}{loss}"
        return f"{text}, so {_gain(facts)} through BatchNorm's statistics alone{loss}"
    if all(one.findings.unchanged for one in facts.found.hearings):
        return f"no answer changed on any of {quality.n:,} images between {quality.length} checkpoints{loss}"
    loss = f"{other_witnesses(facts.found)}{loss}"
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
        networks = average_untrained(len(quality.random))
        return f"{_gain(facts)}; {ending(facts.found.lead.late)} it lies {place} {networks}{loss}"
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
        f"{ending(facts.found.lead.late)} {quality.name} is {points(effect)} ± {reach} points "
        f"{'above' if effect >= 0 else 'below'} {average_untrained(len(quality.random))}"
        f"{_settled(quality)}{chance}"
    )


def _settled(quality: Quality) -> str:
    """What sets untrained networks apart from a step 0; of features nobody knows."""
    return "" if quality.points[0].record.of_features else " whose BatchNorm has seen the images"


def _contracted(facts: Facts) -> str:
    """A rise of view retrieval that was bought by contraction may be all there is: labels would tell, views cannot."""
    assert facts.findings.contracted is not None
    untrained, end = facts.findings.contracted
    return (
        f"{_gain(facts)}, but the features are less spread than those of untrained networks (uniformity {end:.2f} "
        f"against {untrained:.2f}): views that are pulled together are found again whether images are told apart or "
        "not, and without labels nobody can say which"
    )


def _denied(facts: Facts) -> str:
    """A gain, or a fall from one, that other witnesses deny by far."""
    seen = _gain(facts) if facts.findings.gained else _fallen(facts)
    below = []
    for one in facts.found.against:
        over = beside_untrained(one)
        assert over is not None
        below.append(f"{one.name} is {points(over.effect)} ± {points(half_width(over.interval()))}")
    networks = these_untrained(len(facts.found.against[0].quality.random))
    return (
        f"{seen}{other_witnesses(facts.found)}; but {listed(below)} points below {networks}: the witnesses contradict "
        "each other"
    )


def _climbing(facts: Facts) -> str:
    """Who climbs out of a trough, where no gain is shown yet: what was lost first is being won back."""
    if facts.found.state != "inconclusive" or any(one.findings.gained for one in facts.found.hearings):
        return ""
    told: list[str] = []
    for one in facts.found.hearings:
        climb = one.findings.climb
        if climb is not None and climbs(climb):
            by = f"{points(climb.estimate.effect)} ± {points(half_width(climb.estimate.interval()))}"
            said = f"{one.name} {by}" if told else f"{one.name} climbed {by} points"
            told.append(f"{said} since {one.quality.moment(climb.trough)}")
    return f"out of a trough (found on half of the images, measured on the others) {listed(told)}" if told else ""


def _slipped(facts: Facts) -> str:
    """Who ends lower than at an earlier checkpoint, where no fall is shown: what these images say is said."""
    if facts.found.state in ("collapsed", "not-learning"):
        return ""
    told: list[str] = []
    for one in facts.found.hearings:
        fall, asked = one.findings.fall, one.witness.labelled or len(facts.found.hearings) == 1
        if fall is not None and asked and one.findings.slipped and not one.findings.lost:
            by = f"{points(fall.estimate.effect)} ± {points(half_width(fall.estimate.on_images.interval()))}"
            told.append(f"{one.name} ({by} points below {one.quality.moment(fall.peak)})")
    return f"on these images the end is lower by {listed(told)}, as it may be where checkpoints jitter" if told else ""


def _collapse_denied(facts: Facts) -> str:
    """Rank or spread of next to nothing, against a witness that rose by itself."""
    gone = [sign.claim for sign in facts.found.signs if sign.kind == "gone"]
    if facts.found.state != "inconclusive" or not gone:
        return ""
    risen, above = rose(facts.found.hearings), contested(facts.found.hearings)
    shown = [(one.name, one.findings.tested) for one in risen]
    names = listed(
        [f"{name} ({points(gain.effect)} ± {points(half_width(gain.interval()))} points)" for name, gain in shown]
    )
    selves = "itself" if len(risen) == 1 else "themselves"
    against = [f"{names} rose by {selves}"] if risen else []
    if above:
        are = "is" if len(above) == 1 else "are"
        against.append(f"{listed([one.name for one in above])} {are} above these networks")
    return f"collapse ({'; '.join(gone)}) is not said while {' and '.join(against)}" if against else ""


def _inconclusive(facts: Facts) -> str:
    found, quality = facts.findings, facts.quality
    if found.contracted is not None:
        return f"{_contracted(facts)}{other_witnesses(facts.found)}"
    if quality.length == 1 and quality.untrained_first:
        return f"the only checkpoint is the untrained network; a trend needs at least {FEWEST} checkpoints"
    if facts.found.against:
        return _denied(facts)
    if found.settled_statistics:
        return (
            f"{_gain(facts)}, but the rise was over at the first checkpoint, as BatchNorm's statistics alone can make "
            f"it{_narrowed(facts)}"
        )
    if found.gained:
        within = points(found.plateau or PLATEAU)
        unknown = f"whether {_it(facts)} still rises or is flat within ±{within} points cannot be told"
        return f"{_gain(facts)}{other_witnesses(facts.found)}; {unknown}{_narrowed(facts)}"
    if found.contested:
        unsure = ", with all questions counted no loss" if found.shown.interval()[1] < 0 and not found.lost else ""
        return f"{_gain(facts)}{unsure}; {_contested(facts)}{other_witnesses(facts.found)}"
    beside = _beside_untrained(facts)
    if beside and found.above_start:
        return f"{beside}; {_gain(facts)}{other_witnesses(facts.found)}"
    if found.gain_p_corrected <= ALPHA and not found.end_above and not found.along:
        back = "but the last third of training is not above the start"
        return f"{_gain(facts)}, {back}{other_witnesses(facts.found)}{_narrowed(facts)}"
    more = f" of more than {points(found.margin)} point" if found.margin else ""
    low, high = found.shown.interval()
    asked = ", all questions asked of the series counted," if low > 0 or high < 0 else ""
    return (
        f"{_gain(facts)}, which{asked} neither shows a gain{more} nor excludes one of {points(found.size)} points"
        f"{other_witnesses(facts.found)}{_narrowed(facts)}"
    )


def _contested(facts: Facts) -> str:
    """Below its own start and above untrained networks: whether it learned depends on which of the two is the start."""
    over = facts.findings.over_random
    assert over is not None
    by = f"{points(over.effect)} ± {points(half_width(over.interval()))} points"
    networks = average_untrained(len(facts.quality.random))
    settled = _settled(facts.quality)
    need = f", as that of {facts.quality.start} need not have" if settled else ""
    return f"yet {ending(facts.found.lead.late)} it is {by} above {networks}{settled}{need}"


def _narrowed(facts: Facts) -> str:
    """What these images can show, and what would show more as far as that is within reach."""
    found, quality = facts.findings, facts.quality
    critical = float(norm.ppf(1 - ALPHA))
    more: list[str] = []
    ended = facts.found.diverged is not None
    if quality.length < FEWEST:
        lacking = FEWEST - quality.length
        # After weights that are not finite nothing comes that can be measured.
        how = "saved more often before it diverged" if ended else "of a longer training or saved more often"
        more.append(f"{lacking} more checkpoint{'s' if lacking > 1 else ''}, {how},")
    elif not found.gained and not ended and (epochs := _epochs(facts)) is not None:
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
