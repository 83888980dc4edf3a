"""Which runs no other one beats, by which witnesses, on which images: what the top of a comparison says."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from swaveval.convergence import apart
from swaveval.convergence.apart import Answers, Compared
from swaveval.convergence.paired import PairedDifference, holm
from swaveval.convergence.quality import asked, is_random
from swaveval.convergence.thresholds import ALPHA, FEWEST_IMAGES
from swaveval.report.runs import Group, Run
from swaveval.results import DamagedCell, Metric, Role
from swaveval.results.metric import outcomes_fault
from swaveval.results.roles import (
    CHOOSES_RUNS,
    CHOOSES_WITHOUT_LABELS,
    ON_TEST,
    RETRIEVAL,
    SPOKEN,
    TESTS_RUNS,
    WITNESSES,
)

Array = np.ndarray[Any, np.dtype[Any]]

ALL_PAIRS = 6


@dataclass(frozen=True)
class Beating:
    """A setting that is behind another one beyond chance by a witness.

    Attributes:
        setting, by: positions of the two. witness: position among the witnesses. p: over all settings and witnesses.
    """

    setting: int
    by: int
    witness: int
    p: float


@dataclass(frozen=True, eq=False)
class Choice:
    """The settings that no other one beats.

    Attributes:
        fit: settings of which something can be recommended, positions in the group. members: those of them not beaten.
        beatings: of the others, the strongest for each setting and witness.
        witnesses: what was asked. compared: their numbers, `fit` in order; None where no images are shared.
        n: images. without_room, absent: witnesses that were not asked, as a baseline is at the ceiling, or as some run
            lacks them. metric: the id that leads; of overlapping intervals the one that chose.
    """

    metric: str
    fit: tuple[int, ...]
    members: tuple[int, ...] = ()
    beatings: tuple[Beating, ...] = ()
    witnesses: tuple[Answers, ...] = ()
    compared: Compared | None = None
    n: int = 0
    without_room: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


def choose(group: Group) -> Choice:
    """Hold every setting that can be recommended against every other one; a collapsed run is none of them."""
    fit = tuple(place for place, setting in enumerate(group.settings) if not group.unfit(setting))
    if not fit or len(group.runs) < 2:
        return Choice("", fit)
    runs = [position for place in fit for position in group.settings[place].runs]
    tiers = _tiers(group, runs)
    for tier in tiers:
        found = [answers(group, metric, runs) for metric in tier]
        heard = [one for one in found if one is not None]
        if not heard:
            continue
        able = [one for one in heard if not _full(group, one)]
        full = tuple(one.name for one in heard if one not in able) if able else ()
        absent = tuple(
            spoken(group, metric)
            for metric, one in zip(tier, found, strict=True)
            if one is None and any(_outcomes(group.runs[position], metric) for position in runs)
        )
        return _of(group, fit, tuple(able or heard), without_room=full, absent=absent)
    return _by_intervals(group, fit, [name for tier in tiers for name in tier])


def _of(
    group: Group, fit: tuple[int, ...], witnesses: tuple[Answers, ...], *, without_room: tuple[str, ...], absent: Any
) -> Choice:
    compared = apart.compare(witnesses, _groups(group, fit), seed=0)
    beatings = []
    for row, setting in enumerate(fit):
        for place in range(len(witnesses)):
            by = int(np.argmin(compared.p[row, :, place] - 1e-9 * compared.values[place]))
            p = float(compared.p[row, by, place])
            if p <= ALPHA:
                beatings.append(Beating(setting, fit[by], place, p))
    beaten = {one.setting for one in beatings}
    return Choice(
        metric=witnesses[0].metric,
        fit=fit,
        members=tuple(setting for setting in fit if setting not in beaten),
        beatings=tuple(beatings),
        witnesses=witnesses,
        compared=compared,
        n=min(len(one.index) for one in witnesses),
        without_room=without_room,
        absent=absent,
    )


def _groups(group: Group, fit: Sequence[int]) -> list[list[int]]:
    """Rows of the settings' runs, counted over these settings."""
    made, begin = [], 0
    for place in fit:
        count = len(group.settings[place].runs)
        made.append(list(range(begin, begin + count)))
        begin += count
    return made


def _tiers(group: Group, runs: Sequence[int]) -> list[tuple[str, ...]]:
    """Metrics that may be asked together, the best first: those that saw test labels only where there is nothing else.

    Labels that no run could be judged by, and training labels that were learned by heart, are none.
    """
    verdicts = [group.runs[position].contents.verdict for position in runs]
    on_test = {one.metric for one in ON_TEST}
    by_heart = any(v.witnesses and {one.metric for one in v.witnesses} <= on_test for v in verdicts)
    labelled = any(v.labelled for v in verdicts)
    by_labels = tuple(one.metric for one in WITNESSES if one.chooses)
    tiers = [by_labels] if labelled and not by_heart else []
    tiers += [(RETRIEVAL.metric,), *((name,) for name in group.declared(Role.SELECTS))]
    alone = [(name,) for name in (CHOOSES_RUNS if labelled else CHOOSES_WITHOUT_LABELS) if name not in by_labels]
    return [*tiers, *(tier for tier in alone if tier not in tiers)]


def answers(group: Group, metric: str, runs: Sequence[int]) -> Answers | None:
    """A metric's outcomes of these runs on the images that all of them share; None where these are too few."""
    found = [_outcomes(group.runs[position], metric) for position in runs]
    rows = [one for one in found if one is not None]
    if not rows or len(rows) < len(found):
        return None
    shared = reduce(np.intersect1d, [index for _, index in rows])
    if len(shared) < FEWEST_IMAGES:
        return None
    picked = [said[np.searchsorted(index, shared)] for said, index in (_ordered(*row) for row in rows)]
    return Answers(metric, spoken(group, metric), np.stack(picked), shared)


def _ordered(said: Array, index: Array) -> tuple[Array, Array]:
    order = np.argsort(index, kind="stable")
    return said[order], index[order]


def _outcomes(run: Run, metric: str) -> tuple[Array, Array] | None:
    """At the run's checkpoint to use: what it said of each image, and which images these are."""
    if run.best is None:
        return None
    try:
        found = run.contents.series.artifact(f"{metric}.outcomes", run.contents.points[run.best].record.digest)
    except (DamagedCell, KeyError):
        return None
    if found is None or outcomes_fault(found) or len(np.unique(found["index"])) < len(found["index"]):
        return None
    return asked(found), found["index"]


def _full(group: Group, one: Answers) -> bool:
    """Whether a baseline leaves the witness no room, as in `beside.without_room`."""
    gain = next((witness.gain for witness in WITNESSES if witness.metric == one.metric), None)
    if gain is None:
        return False
    for run in group.runs:
        known = [(p.record, m) for p in run.contents.series.baselines if (m := p.metrics.get(one.metric)) is not None]
        untrained = [metric.value for record, metric in known if is_random(record)]
        plain = [metric.value for record, metric in known if record.baseline in ("pixels", "colours")]
        highest = max([*plain, *([float(np.mean(untrained))] if untrained else [])], default=0.0)
        if 1 - highest < gain:
            return True
    return False


def spoken(group: Group, metric: str) -> str:
    """A metric in a sentence; whether it saw test labels is said."""
    name = SPOKEN.get(metric) or group.words.term(metric).brief
    return f"{name} on the test images" if metric in {one.metric for one in ON_TEST} else name


def _by_intervals(group: Group, fit: tuple[int, ...], asked_for: Sequence[str]) -> Choice:
    """Where no images are shared: the highest number, and those whose 95 % intervals overlap with its."""
    members = [group.of(group.settings[place]) for place in fit]
    metric = next((name for name in asked_for if all(_finite(run.metric(name)) for m in members for run in m)), "")
    if not metric:
        return Choice("", fit)
    found = [[value for run in runs if (value := run.metric(metric)) is not None] for runs in members]
    means = [float(np.mean([one.value for one in own])) for own in found]
    sign = -1 if found[0][0].better == "lower" else 1
    best = int(np.argmax([sign * value for value in means]))
    kept = tuple(
        place
        for place, own in zip(fit, found, strict=True)
        if place == fit[best] or any(_overlap(one, other) for one in own for other in found[best])
    )
    return Choice(metric, fit, kept)


def _overlap(one: Metric, other: Metric) -> bool:
    if one.ci95 is None or other.ci95 is None:
        return False
    return one.ci95[0] <= other.ci95[1] and other.ci95[0] <= one.ci95[1]


def _finite(metric: Metric | None) -> bool:
    return metric is not None and math.isfinite(metric.value)


@dataclass(frozen=True)
class Pair:
    """Two settings on the same images, each run at its checkpoint to use, by a metric that chooses nothing."""

    metric: str
    a: int
    b: int
    found: PairedDifference
    corrected: float


def pairs(group: Group, choice: Choice) -> tuple[Pair, ...]:
    """Paired differences by what did not choose, Holm-corrected over the whole table.

    All pairs of few settings, else each against the first that no other beats.
    """
    chose = {one.metric for one in choice.witnesses}
    count = len(group.settings)
    first = None
    if count > ALL_PAIRS:
        first = next(iter((*choice.members, *choice.fit)), 0)
    made: list[tuple[str, int, int, PairedDifference]] = []
    places = list(range(count))
    for metric in dict.fromkeys((*TESTS_RUNS, *group.declared(Role.SELECTS, Role.CONFIRMS, Role.WITNESS))):
        asked_of = [place for place in places if all(_outcomes(run, metric) for run in group.of(group.settings[place]))]
        runs = [position for place in asked_of for position in group.settings[place].runs]
        given = answers(group, metric, runs) if metric not in chose and len(asked_of) > 1 else None
        if given is None:
            continue
        rows = _groups(group, asked_of)
        for i, a in enumerate(asked_of):
            for j, b in enumerate(asked_of[i + 1 :], i + 1):
                if first is None or first in (a, b):
                    made.append((metric, a, b, apart.difference(given, rows, i, j, seed=0)))
    corrected = holm([found.p for *_, found in made]) if made else ()
    return tuple(Pair(metric, a, b, found, p) for (metric, a, b, found), p in zip(made, corrected, strict=True))
