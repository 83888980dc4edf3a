"""What each witness says, one by one, for those who want to see behind the word."""

from collections.abc import Sequence
from typing import Literal

from swaveval.convergence.beside import CALLED, Standing, without_room
from swaveval.convergence.decision import Judged
from swaveval.convergence.findings import Findings
from swaveval.convergence.verdict import Testimony


def testimonies(found: Judged, compared: Sequence[Standing]) -> tuple[Testimony, ...]:
    """One for each witness, in the order they are heard."""
    full = {one.hearing.quality.metric for one in without_room(compared)}
    made = []
    for hearing in found.hearings:
        findings, measured = hearing.findings, hearing.quality
        own = [one for one in compared if one.hearing is hearing]
        above, below, level = (
            tuple(CALLED[one.kind] for one in own if one.place == place) for place in ("above", "below", "level")
        )
        made.append(
            Testimony(
                metric=measured.metric,
                name=hearing.name,
                n=measured.n,
                says=says(findings),
                change=findings.shown.effect,
                ci95=findings.shown.interval(),
                p_corrected=findings.shown_p,
                start="first checkpoint" if findings.since_first else measured.start,
                size=findings.size,
                denied_by=denied_by(findings),
                above=above,
                below=below,
                level=level,
                room=measured.metric not in full,
            )
        )
    return tuple(made)


def denied_by(findings: Findings) -> Literal["", "start", "untrained networks"]:
    """What excludes a gain, where one is excluded."""
    if says(findings) != "none":
        return ""
    return "start" if findings.excluded or findings.negligible else "untrained networks"


def says(findings: Findings) -> Literal["gain", "loss", "fall", "none", "undecided"]:
    """The answer of one witness. A fall comes first: where it fell it was better before."""
    if findings.fell:
        return "fall"
    if findings.gained:
        return "gain"
    if findings.lost:
        return "loss"
    return "none" if findings.ruled_out else "undecided"
