"""What each witness says, as rows; and which label-free metrics move with the labelled ones on these images."""

import math
from dataclasses import dataclass

from swaveval.convergence.agreement import agreements
from swaveval.convergence.verdict import Testimony
from swaveval.report import glossary, wording
from swaveval.report.contents import Contents
from swaveval.results.roles import SPOKEN

_SAYS = {
    "gain": ("for", "better than {start}"),
    "loss": ("against", "worse than {start}"),
    "fall": ("against", "fell from its peak"),
    "none": ("against", "no gain that matters"),
    "undecided": ("neutral", "cannot tell"),
}
# What a witness's end is held against: the head of its column, and its name in what the witness says.
_STARTS = {
    "step 0": ("Since step 0", "the start"),
    "first checkpoint": ("Since the first checkpoint", "the first checkpoint"),
    "random initialisations": ("Against untrained networks", "untrained networks"),
}
_UNKNOWN = ("Since the start", "the start")


@dataclass(frozen=True)
class Row:
    """One witness.

    Attributes:
        name, anchor: in words, and where it is defined; empty where the page does not. supports, says: its answer.
        change, interval, p, n: of the end against the start; `against` names it where rows differ in it.
        size: the gain that would matter.
        above, below, level: baselines, listed. room: empty, or that it has none.
    """

    name: str
    anchor: str
    supports: str
    says: str
    change: str
    interval: str
    p: str
    n: str
    size: str
    above: str
    below: str
    level: str
    room: str
    against: str = ""


def change_head(contents: Contents) -> str:
    """What the changes are measured from: `Since step 0`; `Change` where witnesses differ in it."""
    found = {_start(one)[0] for one in contents.verdict.witnesses}
    return found.pop() if len(found) == 1 else "Change"


def _start(one: Testimony) -> tuple[str, str]:
    return _STARTS.get(one.start, _UNKNOWN)


def rows(contents: Contents) -> tuple[Row, ...]:
    """One for each witness of the verdict; none for a single one, whose numbers the sentence holds already."""
    heard = contents.verdict.witnesses
    apart = len({_start(one) for one in heard}) > 1
    return tuple(_row(contents, one, apart=apart) for one in heard) if len(heard) > 1 else ()


def _row(contents: Contents, one: Testimony, *, apart: bool) -> Row:
    supports, says = _SAYS[one.says]
    return Row(
        name=wording.clipped(one.name, 80),
        anchor=glossary.anchor(one.metric) if one.metric in contents.metric_ids else "",
        supports=supports,
        says=_denied(one) if one.says == "none" else says.format(start=_start(one)[1]),
        change=wording.number(one.change, "fraction", signed=True),
        interval=wording.interval(one.ci95, "fraction", signed=True),
        p=wording.p_value(one.p_corrected),
        n=f"{one.n:,}",
        size=wording.number(one.size, "fraction"),
        above=", ".join(one.above),
        below=", ".join(one.below),
        level=", ".join(one.level),
        room="" if one.room else "no room above a baseline",
        against=_start(one)[0].lower() if apart else "",
    )


def _denied(one: Testimony) -> str:
    """`no gain of 2.0 points over untrained networks`: the change beside it is that since the start."""
    over = " over untrained networks" if one.denied_by == "untrained networks" else ""
    return f"no gain of {wording.number(one.size, 'fraction', signed=True).lstrip('+')}{over}"


@dataclass(frozen=True)
class Tracking:
    """How label-free metrics moved with the labelled witnesses on this run.

    Attributes:
        head: the witnesses. rows: label, anchor, mean τ, τ with each witness, in words; best first.
        n: checkpoints.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, str, str, tuple[str, ...]], ...]
    n: int


def tracking(contents: Contents) -> Tracking | None:
    """None without labels, or with fewer checkpoints than an order needs."""
    found = agreements(contents.series) if contents.verdict.labelled else ()
    if not found:
        return None
    witnesses = tuple(found[0].tau)
    ordered = sorted(found, key=lambda one: -one.mean if math.isfinite(one.mean) else math.inf)
    made = tuple(
        (
            contents.words.term(one.metric).label,
            glossary.anchor(one.metric),
            _tau(one.mean),
            tuple(_tau(one.tau[witness]) for witness in witnesses),
        )
        for one in ordered
    )
    return Tracking(tuple(SPOKEN[witness] for witness in witnesses), made, max(one.n for one in found))


def _tau(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−") if math.isfinite(value) else "never moves"
