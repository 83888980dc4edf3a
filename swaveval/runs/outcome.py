"""What an evaluation came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swaveval.convergence.verdict import Verdict
from swaveval.results import Series


@dataclass(frozen=True, slots=True)
class Written:
    """What was written for a reader.

    Attributes:
        page: `index.html`.
        series: what it shows.
        verdict: what it says.
        problems: sentences about figures that were damaged or could not be drawn.
    """

    page: Path
    series: Series
    verdict: Verdict
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """Cells that were not there: how many this run computed, and how many other commands did meanwhile."""

    computed: int = 0
    by_others: int = 0

    def __add__(self, other: "Made") -> "Made":
        return Made(self.computed + other.computed, self.by_others + other.by_others)

    def __bool__(self) -> bool:
        return bool(self.computed or self.by_others)


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What a run came to.

    Attributes:
        written: the page, the series and the verdict.
        computed: cells computed in this run.
        by_others: cells that other commands on the same directory computed meanwhile, and this one took over.
        failed: cells whose status is `error`, with their evaluator, checkpoint and reason.
        writing: names of checkpoints that were still being written.
        unusable: other files that could not be evaluated, each with the reason.
        waiting: what the time of a budget did not allow: names of checkpoints and baselines, evaluators over the
            series, `figures`.
        normalisation: of the pixels, as the request and what was found out gave it (see `RunRequest`).
    """

    written: Written
    computed: int
    failed: tuple[tuple[str, str, str], ...]
    writing: tuple[str, ...]
    unusable: tuple[tuple[str, str], ...]
    waiting: tuple[str, ...] = ()
    normalisation: Mapping[str, Any] = field(default_factory=dict)
    by_others: int = 0
