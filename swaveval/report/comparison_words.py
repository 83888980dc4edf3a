"""The top of a comparison in words: which settings cannot be told apart, which are worse by what, what each cost."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from swaveval.convergence.thresholds import ALPHA
from swaveval.convergence.wording import listed
from swaveval.report import wording
from swaveval.report.choice import Choice, Pair, spoken
from swaveval.report.cost import duration
from swaveval.report.runs import Group, Setting

MOST = 6
# So many that are worse have their numbers in the sentence.
FULLY = 3
# Training times closer than this are about the same: machines are never idle alike.
ALIKE = 0.1
# So many times the usual number of standard errors is needed where repeats are too few to tell anything.
DOUBTFUL = 1.5


def headline(group: Group, choice: Choice) -> str:
    """`K = 100, 300 and 1000 cannot be told apart`."""
    if len(group.runs) < 2:
        return wording.count(len(group.runs), "run")
    if len(group.settings) == 1 and choice.members:
        return f"{len(group.runs)} seeds of one setting"
    if len(choice.members) > 1:
        names = together([group.settings[place] for place in choice.members])
        if not _all_copies(group, choice.members):
            return f"{names} cannot be told apart"
        # Of a run and its copy neither is the better one.
        others = len(choice.fit) > len(choice.members)
        return f"{names} are best" if others else _same_weights(group, choice.members)
    if choice.members:
        name = group.settings[choice.members[0]].name
        return f"{name} is best" if len(choice.fit) > 1 else f"{name} is the only one to recommend"
    if choice.beatings:
        return "The witnesses disagree on the best"
    return "No run can be recommended" if not choice.fit else wording.count(len(group.runs), "run")


def sentence(group: Group, choice: Choice, others: Sequence[Pair]) -> str:
    """What the headline rests on."""
    if len(group.runs) < 2:
        return "There is nothing to compare it with."
    if len(group.settings) == 1 and choice.members:
        return wording.sentence(_one_setting(choice) or "These runs differ by their seed alone")
    # These begin with the names of runs, which stay as they are.
    left_out, same = ([f"{part}." for part in parts] for parts in (_left_out(group), _same(group)))
    if _all_copies(group, range(len(group.settings))):
        return " ".join(same + left_out)
    said = [wording.sentence(part) for part in _basis(group, choice)]
    said += [*(f"{part}." for part in _worse(group, choice)), *left_out, *same]
    said += [
        f"{part}." for part in (_on_others(group, choice, others), _seeds(group, choice), cost(group, choice)) if part
    ]
    return " ".join(said)


def together(settings: Sequence[Setting]) -> str:
    """`K = 100, 300 and 1000`: what all names begin with is said once."""
    names = [setting.name for setting in settings]
    if len(names) > MOST:
        names = [*names[: MOST - 1], f"{len(names) - MOST + 1} others"]
    head, sign, _ = names[0].partition(" = ")
    if sign and all(name.startswith(head + sign) or name.endswith(" others") for name in names):
        names = [names[0], *(name.removeprefix(head + sign) for name in names[1:])]
    return listed(names)


def _all_copies(group: Group, places: Sequence[int]) -> bool:
    """Whether the numbers of all these settings are of the same weights."""
    return any(set(places) <= set(same) for same in group.copies())


def _same_weights(group: Group, places: Sequence[int]) -> str:
    """`a and b hold the same checkpoints`, or the same one where they are compared."""
    settings = [group.settings[place] for place in places]
    alike = len({run.weights for setting in settings for run in group.of(setting)}) == 1
    what = "hold the same checkpoints" if alike else "hold the same weights in their checkpoints to use"
    return f"{together(settings)} {what}"


def _same(group: Group) -> list[str]:
    said = (_same_weights(group, places) for places in group.copies())
    return [
        f"{one.replace('the same checkpoints', 'the same checkpoints (the same weights)')}, so that nothing is "
        "compared between them"
        for one in said
    ]


def _basis(group: Group, choice: Choice) -> list[str]:
    if not choice.fit and all(run.contents.best is None for run in group.runs):
        return ["Their own pages recommend no checkpoint of any of them"]
    if not choice.fit and all(run.unfit for run in group.runs):
        return []  # what speaks against each is said by itself
    if not choice.fit:
        return ["No setting did well with every seed"]
    if choice.compared is None:
        if not choice.metric:
            return ["No metric is shared by all runs, so none can be called best"]
        label = group.words.term(choice.metric).label
        how = "the 95 % intervals overlap" if len(choice.members) > 1 else "its 95 % interval lies above all others"
        return [f"{label}: {how} (no outcomes on the same images)"]
    names = listed([one.name for one in choice.witnesses])
    basis = f"{names} (n = {choice.n:,})"
    several = "any of " if len(choice.witnesses) > 1 else ""
    parts = []
    if len(choice.fit) == 1:
        parts.append("No other run can be recommended")
    elif choice.members:
        whom = "any of these" if len(choice.members) > 1 else "it"
        parts.append(f"No other is better than {whom} beyond chance by {several}{basis}")
    else:
        parts.append(f"Asked were {basis}, and each run is beaten beyond chance by another one")
    if choice.without_room:
        verb = "have" if len(choice.without_room) > 1 else "has"
        parts.append(
            f"{listed(choice.without_room)} {verb} no room here, as a baseline is at the ceiling, and was not asked"
        )
    if choice.absent:
        parts.append(f"Not every run has {listed(choice.absent)}")
    return parts


def _worse(group: Group, choice: Choice) -> list[str]:
    """`K = 30 is worse by the linear probe (93.1 against 97.0 % of K = 100)`, one for each that is beaten."""
    if choice.compared is None:
        return []
    if len({one.setting for one in choice.beatings}) > FULLY:
        return _worse_together(group, choice)
    said = []
    for row, place in enumerate(choice.fit):
        own = [one for one in choice.beatings if one.setting == place]
        parts = []
        for one in own:
            values = choice.compared.values[one.witness]
            better = values[choice.fit.index(one.by)]
            against = f"{100 * values[row]:.1f} against {100 * better:.1f} % of {group.settings[one.by].name}"
            parts.append(f"{choice.witnesses[one.witness].name} ({against})")
        if parts:
            said.append(f"{group.settings[place].name} is worse by {listed(parts)}")
    return said


def _worse_together(group: Group, choice: Choice) -> list[str]:
    """`K = 10, 20 and 30 are worse by kNN`: many, without their numbers, which the table has."""
    found: dict[tuple[int, ...], list[Setting]] = {}
    for place in choice.fit:
        if by := tuple(one.witness for one in choice.beatings if one.setting == place):
            found.setdefault(by, []).append(group.settings[place])
    return [
        f"{together(settings)} {'is' if len(settings) == 1 else 'are'} worse by "
        f"{listed([choice.witnesses[place].name for place in by])}"
        for by, settings in found.items()
    ]


def _left_out(group: Group) -> list[str]:
    reasons: dict[str, list[Setting]] = {}
    for setting in group.settings:
        if why := group.unfit(setting):
            reasons.setdefault(why, []).append(setting)
    said = []
    for why, settings in reasons.items():
        are = "is" if len(settings) == 1 else "are"
        if why.startswith("its "):
            whose = why if len(settings) == 1 else why.replace("its ", "their ", 1)
            said.append(f"{together(settings)} {are} left out, as {whose}")
            continue
        verb = "" if why.startswith("collapsed") else "has " if why.startswith("no ") else "is "
        if len(settings) > 1:
            verb = {"has ": "have ", "is ": "are "}.get(verb, verb)
        said.append(f"{together(settings)} {verb}{why}, and {are} left out")
    return said


def _on_others(group: Group, choice: Choice, others: Sequence[Pair]) -> str:
    """Where what did not choose tells apart what the witnesses could not."""
    members = set(choice.members)
    found = [one for one in others if one.corrected <= ALPHA and {one.a, one.b} <= members]
    if not found:
        return ""
    parts = []
    for one in found[:MOST]:
        above, below = (one.a, one.b) if one.found.effect > 0 else (one.b, one.a)
        parts.append(
            f"{group.settings[above].name} is above {group.settings[below].name} by {spoken(group, one.metric)}"
        )
    more = f", and so on ({len(found)} in all)" if len(found) > MOST else ""
    return f"What does not choose tells some of these apart all the same: {listed(parts)}{more}"


def _seeds(group: Group, choice: Choice) -> str:
    if choice.compared is None or len(choice.fit) < 2:
        return ""
    spread = choice.compared.spread
    if spread is None:
        return "One run of each: how far another seed would move it is not known"
    counts = sorted({len(group.settings[place].runs) for place in choice.fit})
    seeds = f"{counts[0]} seeds each" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds each"
    parts = [
        f"{100 * math.sqrt(variance):.1f} by {one.name}"
        for one, variance in zip(choice.witnesses, spread.variance, strict=True)
    ]
    repeated = [group.settings[place] for place in choice.fit if len(group.settings[place].runs) > 1]
    known = f"known from {sum(len(setting.runs) for setting in repeated)} runs of {together(repeated)}"
    said = f"{seeds}, whose spread is counted (standard deviation in points: {listed(parts)}), {known}"
    if len(choice.members) < 2 or not _hardly(choice):
        return said
    return (
        f"{said}. From so few runs the spread is hardly known, and hardly anything can be told: these settings may "
        "differ all the same, and more seeds of any of them would tell"
    )


def _hardly(choice: Choice) -> bool:
    """Whether the doubt about the seeds' spread, more than the questions asked, decides how far ahead is far enough."""
    if choice.compared is None or choice.compared.spread is None or len(choice.fit) < 2:
        return False
    errors = choice.compared.needed / np.maximum(choice.compared.error, 1e-12)
    questions = (len(choice.fit) - 1) * len(choice.witnesses)
    # What as many questions would ask for (Bonferroni), were the spread known.
    return float(errors.max()) > DOUBTFUL * float(norm.isf(ALPHA / questions))


def _one_setting(choice: Choice) -> str:
    """Mean and standard deviation by each witness."""
    if choice.compared is None or choice.compared.spread is None:
        return ""
    parts = [
        f"{one.name} {100 * value:.1f} ± {100 * math.sqrt(variance):.1f} %"
        for one, (value,), variance in zip(
            choice.witnesses, choice.compared.values, choice.compared.spread.variance, strict=True
        )
    ]
    return (
        "These runs differ by their seed alone, so there is nothing to choose between; mean ± standard deviation "
        f"between seeds: {listed(parts)} (n = {choice.n:,})"
    )


def seconds(group: Group, setting: Setting, *, each: bool = False) -> float | None:
    """Mean training time over the repeats, per epoch with `each`; None where one does not say."""
    found = [run.seconds_per_epoch if each else run.seconds for run in group.of(setting)]
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if known and len(known) == len(found) else None


def cost(group: Group, choice: Choice) -> str:
    """`K = 30 took 0.8 × the training time of K = 1000 (5 min 2 s against 6 min 17 s) and is not shown to be worse`."""
    # Not shown to be worse means nothing where nothing could be shown, or where there is nothing to compare.
    if len(choice.members) < 2 or _hardly(choice) or _all_copies(group, choice.members):
        return ""
    took = [
        (value, group.settings[place]) for place in choice.members if (value := seconds(group, group.settings[place]))
    ]
    unknown = [group.settings[place] for place in choice.members if seconds(group, group.settings[place]) is None]
    if len(took) < 2:
        return ""
    (least, cheap), (most, dear) = min(took, key=lambda one: one[0]), max(took, key=lambda one: one[0])
    aside = f"; that of {together(unknown)} is not recorded" if unknown else ""
    if least > (1 - ALIKE) * most:
        span = duration(least) if duration(least) == duration(most) else f"{duration(least)} to {duration(most)}"
        return f"Training took about as long for {'these' if unknown else 'each of them'} ({span}){aside}"
    share = least / most
    ratio = f"{share:.1f}" if share >= 0.095 else f"{share:.2g}"
    times = f"{duration(least)} against {duration(most)}, as logged"
    return f"{cheap.name} took {ratio} × the training time of {dear.name} ({times}) and is not shown to be worse{aside}"
