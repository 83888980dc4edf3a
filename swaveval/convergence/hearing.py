"""Every witness heard: its tests, corrected together, and what they amount to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from swaveval.convergence import collapse, movement, quality
from swaveval.convergence.family import Question, corrected
from swaveval.convergence.findings import WEIGHTS, Findings, analyse
from swaveval.convergence.order import corrected_orders
from swaveval.convergence.quality import Quality
from swaveval.convergence.trend import last_third
from swaveval.convergence.witnesses import Heard
from swaveval.results import Series
from swaveval.results.witness import Witness

_Tested = tuple[Witness, Quality, Findings]


@dataclass(frozen=True, eq=False)
class Hearing:
    """One witness with its tests.

    Attributes:
        witness: what is known of it beforehand. quality: what it saw. findings: the tests, corrected.
    """

    witness: Witness
    quality: Quality
    findings: Findings

    @property
    def name(self) -> str:
        """In words."""
        return self.quality.name

    @property
    def late(self) -> list[int]:
        """Rows of the last third of training."""
        return last_third(self.findings.tail_begin, self.quality.length)


def hear(series: Series, heard: Sequence[Heard], *, still: bool, seed: int) -> tuple[Hearing, ...]:
    """Make every test of every witness and correct them as one family.

    Beside labels view retrieval is asked for a gain alone: that views of an image drift apart again is no loss while
    the classes stay together.

    Args:
        still: whether the weights did not move, so that nothing can be learned from a rise.
    """
    alone = not any(one.witness.labelled for one in heard)
    tested = [
        (one.witness, one.quality, analyse(one.witness, one.quality, confirm=_confirm(series, one), seed=seed))
        for one in heard
    ]
    since, kept = _questions(tested, alone=alone), _questions(tested, alone=alone, above=True)
    p_since, p_kept = _corrected(tested, since, seed=seed), _corrected(tested, kept, seed=seed)
    over = {
        (place, "gain"): findings.above_asked
        for place, (*_, findings) in enumerate(tested)
        if findings.above_asked is not None
    }
    p_over = _corrected(tested, over, seed=seed)
    found = []
    for place, (witness, measured, findings) in enumerate(tested):
        whole = replace(
            findings,
            gain_p_corrected=p_since[place, "gain"],
            above_p_corrected=p_over.get((place, "gain"), 0.0),
            loss_p_corrected=p_kept.get((place, "loss"), 1.0),
            fall_p_corrected=p_kept.get((place, "fall"), 1.0),
        )
        found.append(Hearing(witness, measured, _doubted(series, witness, measured, whole, still=still, seed=seed)))
    return _rising(found, seed=seed)


def _questions(tested: Sequence[_Tested], *, alone: bool, above: bool = False) -> dict[tuple[int, str], Question]:
    """Gain, loss and fall of every witness, by its place.

    Args:
        above: a gain is one over untrained networks as well. A loss or a fall gets the share of a gain in the family's
            error only from one that counts.
    """
    asked: dict[tuple[int, str], Question] = {}
    for place, (witness, _, findings) in enumerate(tested):
        gain = findings.gain_asked
        asked[place, "gain"] = replace(gain, p=max(gain.p, findings.above_p)) if above else gain
        if witness.labelled or alone:
            asked[place, "loss"] = findings.loss_asked
            if findings.fall is not None:
                asked[place, "fall"] = findings.fall.asked
    return asked


def _corrected(
    tested: Sequence[_Tested], asked: dict[tuple[int, str], Question], *, seed: int
) -> dict[tuple[int, str], float]:
    weights = [tested[place][0].weight * WEIGHTS[name] for place, name in asked]
    return dict(zip(asked, corrected(list(asked.values()), weights, seed=seed), strict=True))


def _confirm(series: Series, one: Heard) -> Quality | None:
    """The same checkpoints on the test images."""
    if not one.witness.confirms:
        return None
    return quality.read(series, one.witness.confirms, jitter=one.witness.jitter, spread=one.witness.spread)


def _doubted(
    series: Series, witness: Witness, measured: Quality, findings: Findings, *, still: bool, seed: int
) -> Findings:
    """The findings with what else may explain a gain."""
    # Untrained networks beside the series have settled statistics, so being above them says more than this.
    doubtful = findings.gained and not still and not measured.random
    if doubtful and not movement.beyond_statistics(measured, seed=seed):
        findings = replace(findings, settled_statistics=True)
    if not witness.labelled and findings.gained:
        findings = replace(findings, contracted=collapse.contraction(series))
    return findings


def _rising(found: Sequence[Hearing], *, seed: int) -> tuple[Hearing, ...]:
    """The rise along the series is asked of those that show a gain: the error of the family's gains is divided anew."""
    asked = [place for place, one in enumerate(found) if one.findings.rise_asked]
    weights = [found[place].witness.weight for place in asked]
    series = [found[place].quality.values[: found[place].quality.length] for place in asked]
    orders = corrected_orders(series, weights, seed=seed)
    heard = [replace(one, findings=replace(one.findings, rise_p_corrected=1.0)) for one in found]
    for place, weight, order in zip(asked, weights, orders, strict=True):
        findings = found[place].findings
        # On other images too; a few checkpoints have no order, and are compared on these alone.
        risen = findings.rise
        in_order, on_images = (0.0, findings.rise_p) if risen is None else (order, risen.images_p)
        along = min(1.0, max(in_order, on_images / weight * sum(weights)) / WEIGHTS["gain"])
        whole = replace(findings, rise_p_corrected=max(findings.gain_p_corrected, along))
        heard[place] = replace(found[place], findings=whole)
    return tuple(heard)
