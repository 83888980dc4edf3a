"""From the tests of all witnesses to a word. No witness is averaged with another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from swaveval.convergence import collapse, movement, quality
from swaveval.convergence.findings import Findings
from swaveval.convergence.hearing import Hearing, hear
from swaveval.convergence.noise import Estimate, contrast
from swaveval.convergence.start import over_random
from swaveval.convergence.thresholds import ALPHA
from swaveval.convergence.verdict import LossState, VerdictState
from swaveval.convergence.witnesses import Heard
from swaveval.results import CheckpointRecord, Series


@dataclass(frozen=True, eq=False)
class Judged:
    """What was decided, before it is put into words.

    Attributes:
        state: the word. hearings: what it rests on, kNN first. signs: of collapse.
        moved: path of the backbone's weights, where that was next to nothing.
        diverged: the first of the checkpoints with non-finite weights at the end.
    """

    state: VerdictState
    hearings: tuple[Hearing, ...]
    signs: tuple[collapse.Sign, ...]
    moved: float | None
    diverged: CheckpointRecord | None

    @property
    def lead(self) -> Hearing:
        """The witness that the sentence quotes first: one that shows what the word says, in their order."""
        shown_by: dict[VerdictState, Callable[[Hearing], bool]] = {
            "learning": lambda one: one.findings.gained,
            "converged": lambda one: one.findings.gained and one.findings.flat,
            "regressed": lambda one: one.findings.fell,
            "inconclusive": lambda one: one.findings.gained or (one.findings.fell and bool(self.against)),
        }
        shows = shown_by.get(self.state)
        if self.state == "regressed" and self.diverged is not None:
            either = (one for one in self.hearings if one.findings.gained or one.findings.fell)
            return next(either, self.hearings[0])
        if shows is None:
            return self.hearings[0]
        shown = [one for one in self.hearings if shows(one)]
        if self.state == "inconclusive":
            shown += contested(self.hearings)
        return shown[0] if shown else self.hearings[0]

    @property
    def against(self) -> tuple[Hearing, ...]:
        """See `against`."""
        return against(self.hearings)

    @property
    def others(self) -> tuple[Hearing, ...]:
        """The witnesses that are not quoted first."""
        return tuple(one for one in self.hearings if one is not self.lead)

    @property
    def rising(self) -> list[Hearing]:
        """The witnesses that show a gain and still rise at the end, the one quoted first before the others."""
        gained = by_the_end([one for one in self.hearings if one.findings.gained])
        return sorted((one for one in gained if still_rises(one.findings)), key=lambda one: one is not self.lead)


def judged(series: Series, heard: Sequence[Heard], loss: LossState, *, seed: int) -> Judged:
    """Hear the witnesses and decide."""
    path = movement.path_length(series)
    unmoved = path is not None and path < movement.STILL
    hearings = hear(series, heard, still=unmoved, seed=seed)
    first = hearings[0].quality
    # Files with the very same weights are one checkpoint, whatever it had learned.
    resting = unmoved and path != 0 and not first.untrained_first and bool(first.random)
    signs = collapse.signs(series, loss)
    diverged = quality.diverged(series)
    state = decide(hearings, signs, diverged=diverged is not None, still=unmoved and not resting, resting=resting)
    return Judged(state, hearings, signs, path if unmoved else None, diverged)


def decide(
    hearings: Sequence[Hearing],
    signs: tuple[collapse.Sign, ...],
    *,
    diverged: bool,
    still: bool,
    resting: bool = False,
) -> VerdictState:
    """The word, from the tests alone.

    Args:
        still: the backbone's weights did not move, and nothing was learned before they were first saved, as far as
            anybody can tell. resting: nor did they here, but untrained networks tell what had become of them before.
    """
    measured = hearings[0].quality
    if measured.length == 1 and measured.untrained_first:
        return "inconclusive"
    if still:
        return "not-learning"
    gained = improved(hearings)
    fallen = [one for one in hearings if one.findings.fell]
    if against(hearings) and not diverged:
        return "collapsed" if collapsed(hearings, signs) else "inconclusive"
    if any(not contradicted(one, hearings) for one in fallen):
        return "collapsed" if not gained and collapsed(hearings, signs) else "regressed"
    if gained and resting and not diverged:
        return "converged"
    if gained:
        return _improved(gained, diverged=diverged, single=measured.length == 1)
    if collapsed(hearings, signs):
        return "collapsed"
    return "not-learning" if resting or denied(hearings) else "inconclusive"


def improved(hearings: Sequence[Hearing]) -> list[Hearing]:
    """The witnesses that show a gain.

    View retrieval does not count where every witness with labels excludes a gain: telling images apart is what any
    training teaches, and what was asked for are the classes.
    """
    gained = [one for one in hearings if one.findings.gained]
    if any(one.witness.labelled for one in gained):
        return gained
    return [] if gained and any(one.witness.labelled for one in hearings) and denied(hearings) else gained


def denied(hearings: Sequence[Hearing]) -> bool:
    """Whether each witness excludes a gain of its own size; of those with labels, where there are any.

    One whose start leaves no room for such a gain excludes it whatever was learned, and is not asked.
    """
    labelled = [one for one in hearings if one.witness.labelled] or hearings
    asked = [one for one in labelled if roomy(one) or one.findings.lost]
    return bool(asked) and all(one.findings.ruled_out for one in asked)


def against(hearings: Sequence[Hearing]) -> tuple[Hearing, ...]:
    """The witnesses with labels that deny what others show: a gain, or a fall from one.

    By these the end is worse than these untrained networks are, by more than a gain that would matter. Where a run
    makes features better by one measure and far worse by another, nobody can say which of them counts; one against two
    is a run whose features are of another kind (with few prototypes kNN falls while probe and low-shot accuracy rise).
    One that fell from a gain of its own denies nothing.

    Returns:
        empty where fewer deny than claim.
    """
    labelled = [one for one in hearings if one.witness.labelled]
    claim = [one for one in labelled if one.findings.gained or one.findings.fell]
    deny = tuple(one for one in labelled if one not in claim and far_below(one, hearings))
    return deny if claim and len(deny) >= len(claim) else ()


def far_below(one: Hearing, hearings: Sequence[Hearing]) -> bool:
    """Whether the last third is below untrained networks by more than the witness's size, after Bonferroni."""
    these = beside_untrained(one)
    return these is not None and these.p_below(-one.witness.gain) <= ALPHA / len(hearings)


def beside_untrained(one: Hearing) -> Estimate | None:
    """The last third of training minus these untrained networks; None without any."""
    return over_random(one.quality, one.late, spread=False)


def roomy(one: Hearing) -> bool:
    """Whether start and untrained networks leave room for a gain of the witness's size."""
    rows = [*one.quality.start_rows, *one.quality.random]
    return 1 - float(one.quality.values[rows].mean()) >= one.witness.gain


def collapsed(hearings: Sequence[Hearing], signs: tuple[collapse.Sign, ...]) -> bool:
    """No witness is above the start, and what is seen of the network says with one voice that it lost what it had.

    One kind of sign alone is not enough: a high temperature holds a run that never moved at ln K, too, and healthy
    training narrows a representation as well. It takes a witness below the start, or a second kind of sign; a rank that
    was low from the first file on takes one of another kind. Rank or spread of next to nothing counts alone, but not
    against a witness with labels that rose by itself, or is above untrained networks.
    """
    seen = {sign.kind for sign in signs}
    kinds = seen - {"low"}
    if improved(hearings) or not kinds:
        return False
    lost = any(below(one) for one in hearings if one.witness.labelled or len(hearings) == 1)
    several = len(kinds) > 1 or ("low" in seen and bool(kinds & {"loss", "usage"}))
    return lost or several or ("gone" in kinds and not (rose(hearings) or contested(hearings)))


def below(one: Hearing) -> bool:
    """Whether the end is below the start, and below untrained networks, were it all that is asked.

    A step 0 whose BatchNorm has seen nothing may be better than these are (on photos by seven points of kNN, near raw
    pixels), and the first steps of any training lose that.
    """
    these = beside_untrained(one)
    return one.findings.lost and (these is None or these.p_below() <= ALPHA)


def rose(hearings: Sequence[Hearing]) -> list[Hearing]:
    """The witnesses with labels that rose by themselves, were they the only question asked."""
    return [one for one in hearings if one.witness.labelled and one.findings.tested.interval()[0] > 0]


def contested(hearings: Sequence[Hearing]) -> list[Hearing]:
    """The witnesses with labels that are below the start and above untrained networks."""
    return [one for one in hearings if one.witness.labelled and one.findings.contested]


def contradicted(fallen: Hearing, hearings: Sequence[Hearing]) -> Hearing | None:
    """A witness by which the end is better than the peak that `fallen` fell from, and that shows a gain; or None."""
    fall = fallen.findings.fall
    assert fall is not None
    for one in hearings:
        if one is fallen or not one.findings.gained or one.findings.fell or not one.witness.labelled:
            continue
        weights = np.zeros(len(one.quality.values))
        weights[one.quality.length - 1], weights[fall.peak] = 1.0, -1.0
        if contrast(one.quality.values, weights, one.quality.noise, weights).p_above() <= ALPHA / len(hearings):
            return one
    return None


def _improved(gained: Sequence[Hearing], *, diverged: bool, single: bool) -> VerdictState:
    if diverged:
        return "regressed"
    if single:
        return "learning"  # above untrained networks: it has learned, though nobody can say whether it still does
    if flat(gained):
        return "converged"
    return "learning" if any(one.findings.rising for one in gained) else "inconclusive"


def flat(gained: Sequence[Hearing]) -> bool:
    """Whether those that can tell are all flat at the end, and none still rises."""
    asked = by_the_end(gained)
    able = [one for one in asked if one.findings.plateau is not None]
    return bool(able) and all(one.findings.flat for one in able) and not any(still_rises(one.findings) for one in asked)


def by_the_end(gained: Sequence[Hearing]) -> Sequence[Hearing]:
    """Those that are asked whether the run goes on rising.

    Beside labels view retrieval is not: it rises on while the classes have long settled.
    """
    return [one for one in gained if one.witness.labelled] or gained


def still_rises(findings: Findings) -> bool:
    """Whether the last third shows a rise by more than chance."""
    return findings.tail is not None and findings.tail.interval()[0] > 0
