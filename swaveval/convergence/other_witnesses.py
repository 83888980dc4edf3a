"""What the witnesses say that a sentence does not quote first: each is named once, by what it says."""

from collections.abc import Sequence

from swaveval.convergence.decision import Judged, beside_untrained
from swaveval.convergence.hearing import Hearing
from swaveval.convergence.noise import Estimate
from swaveval.convergence.testimony import denied_by, says
from swaveval.convergence.wording import average_untrained, half_width, listed, points, signed, these_untrained


def other_witnesses(found: Judged) -> str:
    """What those that are not quoted first say of a gain, beginning with a semicolon; empty where there are none.

    Those that deny a gain by far have a clause of their own (`Judged.against`).
    """
    lead, by = found.lead.findings, dict[str, list[Hearing]]()
    denying = found.against if found.state == "inconclusive" else ()
    for one in found.others:
        if one in denying:
            continue
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
    """Those that exclude a gain: by the start, else by untrained networks."""
    beside = [one for one in found if denied_by(one.findings) == "untrained networks"]
    start = [one for one in found if one not in beside]
    parts = []
    if start:
        parts.append(f"{listed([f'{one.name} ({_of(one)})' for one in start])} {_exclude(start)}")
    if beside:
        average = average_untrained(len(beside[0].quality.random))
        parts.append(f"{_over_untrained(beside)} {_exclude(beside)} over {average}")
    return parts


def _undecided(found: Sequence[Hearing]) -> list[str]:
    """Those that neither show nor exclude a gain, by what is missing."""
    settled = [one for one in found if one.findings.settled_statistics]
    pulled = [one for one in found if one.findings.contracted is not None and one not in settled]
    settled += pulled
    beside = [one for one in found if one not in settled and one.findings.over_start_alone]
    rest = [one for one in found if one not in settled and one not in beside]
    counted = [one for one in rest if one.findings.shown.interval()[0] > 0]
    plain = [one for one in rest if one not in counted]
    parts = []
    if plain:
        parts.append(f"not shown by {listed([f'{one.name} ({_of(one)})' for one in plain], last='or')}")
    if counted:
        asked = listed([f"{one.name} ({_of(one)})" for one in counted], last="or")
        parts.append(f"not shown, all questions counted, by {asked}")
    parts += _not_above_these(beside)
    if pulled:
        rose = listed([f"{one.name} ({_of(one)})" for one in pulled])
        parts.append(f"{rose} rose while the features contracted, which may be all there is to it")
    settled = [one for one in settled if one not in pulled]
    if settled:
        rose = listed([f"{one.name} ({_of(one)})" for one in settled])
        parts.append(f"{rose} rose by no more than BatchNorm's statistics alone can bring")
    return parts


def _not_above_these(found: Sequence[Hearing]) -> list[str]:
    """Those that rose, but are not shown to be above these very networks."""
    parts = []
    overs = [(one, over) for one in found if (over := beside_untrained(one)) is not None]
    for counted in (False, True):
        asked = [_than(one, over) for one, over in overs if (over.interval()[0] > 0) is counted]
        if asked:
            networks = these_untrained(len(found[0].quality.random))
            all_counted = ", all questions counted," if counted else ""
            parts.append(f"not shown{all_counted} over {networks} by {listed(asked, last='or')}")
    return parts


def _over_untrained(found: Sequence[Hearing]) -> str:
    """`the linear probe (−0.2 ± 3.3)`: against untrained networks on average."""
    named = []
    for one in found:
        over = one.findings.over_random
        assert over is not None
        named.append(_than(one, over))
    return listed(named)


def _than(one: Hearing, over: Estimate) -> str:
    return f"{one.name} ({signed(over.effect)} ± {points(half_width(over.interval()))})"


def _exclude(found: Sequence[Hearing]) -> str:
    sizes = sorted({one.findings.size for one in found})
    each = "a gain of " + " to ".join(points(size) for size in (sizes[0], sizes[-1])[: len(sizes)]) + " points"
    return f"{'excludes' if len(found) == 1 else 'exclude'} {each}"


def _of(one: Hearing) -> str:
    return f"{signed(one.findings.shown.effect)} ± {_reach(one)}"


def _reach(one: Hearing) -> str:
    return points(half_width(one.findings.shown.interval()))
