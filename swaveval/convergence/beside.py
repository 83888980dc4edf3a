"""A run beside what can be had without learning: untrained networks, raw pixels and colours, by every witness."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from swaveval.convergence.hearing import Hearing
from swaveval.convergence.paired import PairedDifference, holm, paired_difference
from swaveval.convergence.quality import asked
from swaveval.convergence.start import over_random
from swaveval.convergence.thresholds import ALPHA
from swaveval.convergence.verdict import Evidence
from swaveval.convergence.wording import compared, ending, half_width, listed, p_text, points, these_untrained
from swaveval.results import Series

Kind = Literal["random", "pixels", "colours"]
KINDS: tuple[Kind, ...] = ("random", "pixels", "colours")
CALLED: dict[Kind, str] = {"random": "untrained networks", "pixels": "raw pixels", "colours": "a colour histogram"}


@dataclass(frozen=True, eq=False)
class Standing:
    """One comparison.

    Attributes:
        hearing: the witness. kind: of the baseline. value: its accuracy, of several untrained networks the mean.
        found: checkpoint minus baseline; of untrained networks the last third of training minus their mean.
        p_corrected: Holm's, over witnesses and baselines.
        last: whether the last checkpoint stands for the last third, whose mean hides a fall at the very end.
    """

    hearing: Hearing
    kind: Kind
    value: float
    found: PairedDifference
    p_corrected: float
    last: bool = False

    @property
    def place(self) -> Literal["above", "below", "level"]:
        """Where it is shown to be. A gain is one over these untrained networks as well, however it was corrected."""
        if self.kind == "random" and self.hearing.findings.gained and not self.last:
            return "above"
        if self.p_corrected > ALPHA or self.found.effect == 0:
            return "level"
        started_there = self.hearing.quality.start == "random initialisations"
        asked_for = self.kind == "random" and (started_there or self.hearing.findings.over_start_alone)
        if asked_for and self.found.effect > 0 and not self.hearing.findings.contracted:
            return "level"  # the gain was asked for, and not shown; one bought by contraction was, and does not count
        return "above" if self.found.effect > 0 else "below"

    @property
    def by_count(self) -> bool:
        """Whether it is level only since all comparisons are counted: its own interval leaves zero out."""
        return self.place == "level" and (self.found.ci95[0] > 0 or self.found.ci95[1] < 0)


def standings(series: Series, hearings: Sequence[Hearing], row: int, *, seed: int) -> tuple[Standing, ...]:
    """The checkpoint in `row` by each witness against each baseline that was asked of the same images."""
    given: list[tuple[Hearing, Kind, float, PairedDifference]] = []
    for hearing in hearings:
        measured, fallen = hearing.quality, hearing.findings.fell
        over = over_random(measured, [measured.length - 1] if fallen else hearing.late, spread=False)
        if over is not None:
            # Where they are what the gain is measured from, it is the same question.
            over = hearing.findings.late if _is_the_start(hearing) and not fallen else over
            value = float(measured.values[list(measured.random)].mean())
            given.append((hearing, "random", value, PairedDifference(over.effect, over.interval(), over.p, measured.n)))
        for point in series.baselines:
            stored = series.artifact(f"{measured.metric}.outcomes", point.record.digest)
            kind = point.record.baseline
            if (
                stored is None
                or kind not in ("pixels", "colours")
                or not np.array_equal(stored["index"], measured.index)
            ):
                continue
            answers = asked(stored)
            found = paired_difference(measured.correct[row], answers, seed=seed)
            given.append((hearing, "pixels" if kind == "pixels" else "colours", float(answers.mean()), found))
    corrected = holm([found.p for *_, found in given]) if given else ()
    return tuple(
        Standing(*one, p, last=one[1] == "random" and one[0].findings.fell)
        for one, p in zip(given, corrected, strict=True)
    )


def _is_the_start(hearing: Hearing) -> bool:
    """Whether untrained networks are what the gain that is quoted is measured from."""
    return hearing.quality.start == "random initialisations" and not hearing.findings.since_first


def below_untrained(found: Sequence[Standing]) -> tuple[str, ...]:
    """The witnesses by which the end is shown to be below untrained networks."""
    return tuple(one.hearing.name for one in found if one.kind == "random" and one.place == "below")


def clause(found: Sequence[Standing], moment: str) -> str:
    """Where the run stands beside every kind of baseline, as sentences without the last full stop; or empty."""
    said = {kind: _beside(kind, [one for one in found if one.kind == kind]) for kind in KINDS}
    sentences = [f"In the end it is {said['random']}"] if said["random"] else []
    plain = [said[kind] for kind in KINDS[1:] if said[kind]]
    if plain:
        sentences.append(f"At {moment} it is {'; '.join(plain)}")
    return ". ".join(sentences)


def _beside(kind: Kind, found: Sequence[Standing]) -> str:
    """`above raw pixels by the linear probe and cluster purity, below them by kNN (97.2 against 99.1 %)`."""
    if not found:
        return ""
    called = CALLED[kind]
    above, below, level = ([one for one in found if one.place == place] for place in ("above", "below", "level"))
    if len(above) == len(found):
        return f"above {called} by {_every(above)}"
    if len(below) == len(found):
        return f"below {called} by {_every(below, numbers=True)}"
    if len(level) == len(found):
        return f"not shown{_all_counted(level)} to differ from {called} by {_any(level)}"
    parts: list[str] = []
    unshown = f"not shown{_all_counted(level)} to be better than"
    for verb, group in (("above", above), ("below", below), (unshown, level)):
        if group:
            whom = called if not parts else {"random": "them", "pixels": "them", "colours": "it"}[kind]
            last = "or" if group is level else "and"
            parts.append(f"{verb} {whom} by {_names(group, numbers=verb == 'below', last=last)}")
    return ", ".join(parts)


def _all_counted(level: Sequence[Standing]) -> str:
    return ", all comparisons counted," if any(one.by_count for one in level) else ""


def _every(found: Sequence[Standing], *, numbers: bool = False) -> str:
    return "every witness" if len(found) > 2 and not numbers else _names(found, numbers=numbers)


def _any(found: Sequence[Standing]) -> str:
    return "any witness" if len(found) > 2 else _names(found, numbers=False, last="or")


def _names(found: Sequence[Standing], *, numbers: bool, last: str = "and") -> str:
    return listed([one.hearing.name + (f" ({_against(one)})" if numbers else "") for one in found], last=last)


def _against(one: Standing) -> str:
    """`97.2 against 99.1 %`."""
    return f"{100 * (one.value + one.found.effect):.1f} against {100 * one.value:.1f} %"


def evidence(found: Sequence[Standing], moment: str) -> list[Evidence]:
    """A row for each comparison.

    Pixels and colours say what the features are worth, neither for nor against learning. Where untrained networks are
    what the gain is measured from, its own row says it.
    """
    rows = []
    for one in found:
        if one.kind == "random":
            rows += [] if _is_the_start(one.hearing) and not one.last else [_untrained(one)]
            continue
        place = "above" if one.found.effect >= 0 else "below"
        reach = points(half_width(one.found.ci95))
        claim = (
            f"{one.hearing.name} at {moment} is {points(one.found.effect)} ± {reach} points {place} that of "
            f"{CALLED[one.kind]} (n = {one.found.n:,}, {p_text(one.found.p)})"
        )
        rows.append(
            Evidence(
                claim,
                one.hearing.quality.metric,
                effect=one.found.effect,
                ci95=one.found.ci95,
                test="paired bootstrap over images, exact McNemar (of shares Student's t); Holm over witnesses and "
                "baselines",
                p=one.found.p,
                p_corrected=one.p_corrected,
                n=one.found.n,
            )
        )
    return rows


def _untrained(one: Standing) -> Evidence:
    findings, measured = one.hearing.findings, one.hearing.quality
    rows = [measured.length - 1] if one.last else one.hearing.late
    than = these_untrained(len(measured.random))
    over = findings.over_random
    excluded = over is not None and over.p_below(findings.size) <= ALPHA
    words = compared(measured.name, one.found.effect, one.found.ci95, one.found.n, one.found.p, than=than)
    corrected = findings.above_p_corrected if one.place == "above" else one.p_corrected
    return Evidence(
        f"{ending(rows)} {words}",
        measured.metric,
        effect=one.found.effect,
        ci95=one.found.ci95,
        test=f"last {'third' if len(rows) > 1 else 'checkpoint'} against the mean of these networks; paired; error of "
        "images and checkpoints, not of how far such networks are apart",
        p=one.found.p,
        p_corrected=max(one.found.p, corrected),
        n=one.found.n,
        supports="for" if findings.gained else "against" if excluded else "neutral",
    )


def without_room(found: Sequence[Standing]) -> tuple[Standing, ...]:
    """Of each witness that has no room the highest baseline: a perfect score above it would be no gain that matters.

    A witness that shows a gain had the room for it.
    """
    highest: dict[str, Standing] = {}
    for one in found:
        before = highest.get(one.hearing.quality.metric)
        if before is None or one.value > before.value:
            highest[one.hearing.quality.metric] = one
    return tuple(
        one for one in highest.values() if 1 - one.value < one.hearing.witness.gain and not one.hearing.findings.gained
    )


def room_clause(found: Sequence[Standing]) -> str:
    """`of the witnesses, kNN has no room here, as raw pixels reach 99.1 %`; or empty."""
    full = without_room(found)
    if not full:
        return ""
    reached = [
        f"{CALLED[one.kind]} reach{'es' if one.kind == 'colours' else ''} {100 * one.value:.1f} %" for one in full
    ]
    said = f"of the witnesses, {full[0].hearing.name} has no room here, as {reached[0]}"
    rest = [f"{one.hearing.name} ({why})" for one, why in zip(full[1:], reached[1:], strict=True)]
    return f"{said}, nor {'has' if len(rest) == 1 else 'have'} {listed(rest)}" if rest else said
