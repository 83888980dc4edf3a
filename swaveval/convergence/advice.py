"""What to do next, each piece with the reason seen in this run."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from swaveval.convergence.decision import Judged, beside_untrained
from swaveval.convergence.evidence import tail_change
from swaveval.convergence.hearing import Hearing
from swaveval.convergence.quality import Quality
from swaveval.convergence.thresholds import PLATEAU
from swaveval.convergence.training import Training
from swaveval.convergence.verdict import Advice, Best, LossState
from swaveval.convergence.wording import listed, points

# SwaV's own settings, for comparison with a collapsed run's.
_USUAL_EPSILON = 0.05
_PROTOTYPES_PER_CLASS = 10
# Features below those of untrained networks: a rate too high takes them there, and one too low leaves them where
# BatchNorm's first steps put them.
_EITHER_WAY = "lower the learning rate, or raise it where the loss hardly moves; check the augmentations"
_TOLD_APART = "a loss that jumps or rises again speaks for a rate too high, one that hardly moves for one too low"


# What a page shows of a reason, at most.
_LONGEST_COMMAND = 240


def advise(
    found: Judged,
    *,
    best: Best | None,
    loss: LossState,
    training: Training,
    others: bool = False,
    below: Sequence[str] = (),
) -> tuple[Advice, ...]:
    """Advice for a verdict, most useful first.

    Args:
        others: the images are not like those of the training. below: witnesses by which the end is shown to be below
            untrained networks.
    """
    given: list[Advice] = []
    state, lead = found.state, found.lead
    if best is not None and lead.quality.length > 1:
        given.append(use(best))
    if loss.state == "nan" and found.diverged is None:
        given.append(Advice("lower the learning rate, or warm it up longer, before training on", "the loss became NaN"))
    if state == "learning" and lead.quality.length == 1:
        given.append(
            Advice("evaluate earlier checkpoints of this run as well", "one cannot show whether it still rises")
        )
    if state == "collapsed":
        given += against_collapse(training, loss)
    if state == "not-learning" and others:
        given.append(
            Advice(
                "evaluate it on images like those it was trained on",
                "BatchNorm's running statistics do not fit these, and what features are worth on other images does not "
                "show whether training works",
            )
        )
    elif state == "not-learning":
        given += against_stillness(training.settings, found, below)
    return (*given, *duration(found))


def again_with(options: str, command: str) -> Advice:
    """Evaluate it as it was trained.

    Args:
        options: that say how. command: of this evaluation, to be given again with them.
    """
    run = f"{command} {options}" if command.startswith("swaveval run ") else ""
    # Cut off, a command is worth nothing.
    told = f"`{run}`" if run and len(run) <= _LONGEST_COMMAND else "everything else may stay as it is"
    return Advice(f"evaluate it again with `{options}`", f"so the images fit what BatchNorm has seen; {told}")


def use(best: Best) -> Advice:
    """Name the checkpoint."""
    tied = ""
    if best.tied_with:
        shown = ", ".join(best.tied_with[:3]) + (" …" if len(best.tied_with) > 3 else "")
        tied = f" ({shown} cannot be told apart from it)"
    return Advice(f"use {best.checkpoint}{tied}", best.reason)


def duration(found: Judged) -> list[Advice]:
    """Train longer or stop: what the last third of training bought."""
    state, lead = found.state, found.lead
    if state == "learning":
        # Where the end cannot be told to rise, more training is a guess, and the sentence says that it cannot be told.
        # A witness near its ceiling rises no further, whatever training does.
        rising = [one for one in found.rising if 1 - float(one.quality.values[one.quality.length - 1]) >= PLATEAU]
        falling = any(one.findings.fell or one.findings.slipped for one in found.hearings)
        return [Advice("train longer", f"{_bought(rising[0])}: it is still rising")] if rising and not falling else []
    if lead.findings.tail is None and found.diverged is None:
        return []
    bought = _bought(lead)
    if state == "converged":
        return [
            Advice(
                "stop here, or restart with a longer schedule",
                f"{bought}: flat within ±{points(lead.findings.plateau or PLATEAU)} points",
            )
        ]
    if state == "regressed" and found.diverged is not None:
        ended = f"the weights are not finite from {found.diverged.name} on"
        return [Advice("lower the learning rate or shorten the schedule before training again", ended)]
    if state == "regressed":
        return [
            Advice("stop at the peak; lower the learning rate or shorten the schedule before training again", bought)
        ]
    return []


def _bought(one: Hearing) -> str:
    """`the last third of training (from epoch 8) changed kNN by +1.2 ± 0.9 points`."""
    since = one.quality.moment(one.findings.tail_begin)
    return f"the last third of training (from {since}) changed {one.name} by {tail_change(one.findings)} points"


def against_collapse(training: Training, loss: LossState) -> list[Advice]:
    """What makes the method collapse, read against this run's settings; a general list where none are known."""
    sits = f"the loss sits at ln K = {loss.ln_k:.3f}, that of" if loss.at_ln_k and loss.ln_k else ""
    at = f"{sits} a constant output" if sits else ""
    if training.method == "swav":
        return _against_collapse_of_swav(training.settings, training.classes, at)
    rate = number(training.settings, "learning_rate")
    slower = [Advice("lower the learning rate or warm it up longer", f"it is {rate:g}")] if rate is not None else []
    if training.method == "dino" and sits:
        sharpened = "uniform outputs, from which a low teacher temperature keeps DINO (2104.14294, section 5.3)"
        return [Advice("lower the teacher's temperature", f"{sits} {sharpened}")]
    if training.method == "dino":
        centred = "without it one output takes every image (2104.14294, section 5.3)"
        return [Advice("check that the teacher's outputs are centred, and its temperature is low", centred), *slower]
    apart = "negatives, a predictor and a stopped gradient, a variance term, a centre: what the method has for this"
    return [Advice("check what keeps the outputs of different images apart", _join(at, apart)), *slower]


def _against_collapse_of_swav(settings: Mapping[str, Any], classes: int, at: str) -> list[Advice]:
    given: list[Advice] = []
    prototypes, epsilon = number(settings, "prototypes"), number(settings, "epsilon")
    if epsilon is not None and epsilon > _USUAL_EPSILON / 2:
        reason = f"ε is {epsilon:g}: the larger it is, the nearer the targets are to uniform"
        given.append(Advice(f"lower ε, to {_lower(epsilon):g}", _join(reason, at)))
    if prototypes is not None and prototypes < _PROTOTYPES_PER_CLASS * max(classes, 3):
        many = f" for {classes} classes" if classes else ""
        reason = (
            f"there are {prototypes:g} prototypes{many}; SwaV's authors advise an order of magnitude more than classes"
        )
        given.append(Advice("use more prototypes", _join(reason, "" if given else at)))
    frozen = number(settings, "frozen_prototype_steps")
    if frozen is not None and frozen < 100:
        given.append(Advice("freeze the prototypes longer at first", f"they were frozen for {frozen:g} steps"))
    scale = smallest_crop(settings)
    if scale is not None and scale < 0.2:
        reason = f"the smallest crop covers {100 * scale:.0f} % of the image and may miss the object"
        given.append(Advice("use gentler crops", reason))
    rate = number(settings, "learning_rate")
    if rate is not None and not given:
        given.append(Advice("lower the learning rate or warm it up longer", f"it is {rate:g}"))
    if not given:
        given.append(
            Advice(
                "try more prototypes, a smaller ε, a longer prototype freeze, gentler crops",
                at or "quality is not above the start",
            )
        )
    return given


def against_stillness(settings: Mapping[str, Any], found: Judged, below: Sequence[str] = ()) -> list[Advice]:
    """Why a run may not move, or moved to where it is worse: below its start, or `below` untrained networks."""
    if found.moved is not None and found.lead.quality.points[0].record.of_features:
        return [Advice("check that each checkpoint's own features were given", "they are the same at all of them")]
    if found.moved is not None:
        action = "check that the backbone's parameters reach the optimiser and are not frozen"
        return [Advice(action, "its weights did not move")]
    rate = number(settings, "learning_rate")
    seen = "" if rate is None else f"; the learning rate is {rate:g}"
    asked = [one for one in found.hearings if one.witness.labelled] or list(found.hearings)
    with_labels = " with labels" if any(one.findings.gained for one in found.hearings) else ""
    reason = f"no witness{with_labels} shows it above {_start(found.lead.quality)}{seen}"
    epsilon = number(settings, "epsilon")
    if epsilon is not None and epsilon > _USUAL_EPSILON:
        near = f"ε is {epsilon:g}: targets this near to uniform teach little"
        return [Advice(f"lower ε, to {_lower(epsilon):g}", near)]
    apart = found.lead.quality.start == "random initialisations"
    lost = [one.name for one in asked if one.findings.lost]
    # Where untrained networks are the start, both are one statement.
    under = [one.name for one in found.hearings if one.name in below or (apart and one.name in lost)]
    if lost or under:
        fell = "" if apart or not lost else f"{listed(lost)} fell below the start"
        worse = f"{listed(under)} {'is' if len(under) == 1 else 'are'} below untrained networks" if under else ""
        return [Advice(_EITHER_WAY, f"{_join(fell, worse)}{seen}; {_TOLD_APART}")]
    if any(_lies_below(one) for one in found.hearings):
        return [Advice(_EITHER_WAY, f"{reason}; {_TOLD_APART}")]
    return [Advice("raise the learning rate, and check that the backbone is trained", reason)]


def _lies_below(one: Hearing) -> bool:
    """Whether the end lies below untrained networks by more than matters, shown beyond chance or not."""
    these = beside_untrained(one)
    return these is not None and these.effect <= -one.witness.gain


def _start(quality: Quality) -> str:
    """What a gain has to be one over."""
    if quality.start == "random initialisations":
        return "untrained networks"
    return "both the start and untrained networks" if quality.random else "the start"


def smallest_crop(settings: Mapping[str, Any]) -> float | None:
    """The smallest share of the image that a crop may cover; None where it is not known."""
    scales = settings.get("crop_min_scales")
    if not isinstance(scales, list | tuple):
        return None
    known = [float(scale) for scale in scales if isinstance(scale, int | float)]
    return min(known) if known else None


def number(settings: Mapping[str, Any], name: str) -> float | None:
    value = settings.get(name)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _lower(epsilon: float) -> float:
    return min(_USUAL_EPSILON, epsilon) if epsilon > _USUAL_EPSILON else 0.6 * epsilon


def _join(*clauses: str) -> str:
    return "; ".join(clause for clause in clauses if clause)
