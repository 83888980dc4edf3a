"""`--budget`: the best answer that a given time allows. What is done is kept, and a later run goes on.

The order depends on nothing that was measured: the first and the last checkpoint, the untrained networks they are
compared with, pixels and colours, then always the middle of the largest gap; evaluators over the series at the end, the
expensive ones last. Nothing is begun that would not be over in time, going by what the work took so far. Nobody looks
at the numbers before the time is over, so the verdict's error is that of one look.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from swaveval.results import CheckpointRecord, ResultStore
from swaveval.results.seconds import FIGURES, OF_PAGE, PAGE
from swaveval.runs.estimates import NETWORK, Estimates, kind
from swaveval.runs.plan import Plan
from swaveval.runs.tasks import MajorityTask, Task

WAITING = "the time of --budget was over"
# Estimates are means, and work is not always alike.
MARGIN = 1.25
# Of the budget kept for judging and the page, where nobody knows yet what these take; and no less than this.
SHARE, FEWEST_SECONDS = 0.05, 3.0
Unknown = Callable[[Task], float | None]
# Evaluators over the series whose time nobody knows yet, the most expensive last.
LAST = ("gallery", "stability", "umap")


def halving(count: int) -> list[int]:
    """0 … count - 1: first, last, then always the middle of the largest gap, of equal ones the earliest."""
    order = list(range(min(count, 1))) + ([count - 1] if count > 1 else [])
    gaps = [(0, count - 1)] if count > 2 else []
    while gaps:
        start, end = max(gaps, key=lambda gap: (gap[1] - gap[0], -gap[0]))
        gaps.remove((start, end))
        middle = (start + end) // 2
        order.append(middle)
        gaps += [gap for gap in ((start, middle), (middle, end)) if gap[1] - gap[0] > 1]
    return order


def in_order(records: Sequence[CheckpointRecord]) -> list[CheckpointRecord]:
    """Distinct records by what a verdict needs first: the ends, untrained networks, other baselines, the middles."""
    distinct = [record for record in records if record.evaluated and record.same_as is None]
    checkpoints = [record for record in distinct if record.kind == "checkpoint"]
    baselines = [record for record in distinct if record.kind == "baseline"]
    kinds = ("random", "majority", "pixels", "colours")
    baselines.sort(key=lambda record: kinds.index(record.baseline) if record.baseline in kinds else len(kinds))
    halved = [checkpoints[place] for place in halving(len(checkpoints))]
    return [*halved[:2], *baselines, *halved[2:]]


@dataclass(frozen=True, slots=True)
class Deadline:
    """When everything has to be over.

    Attributes:
        ends: on the clock `time.monotonic`. budget: seconds in all.
    """

    ends: float
    budget: float

    @classmethod
    def after(cls, budget: float, started: float | None = None) -> "Deadline":
        """`budget` seconds from when it started, or from now."""
        return cls((time.monotonic() if started is None else started) + budget, budget)

    @property
    def left(self) -> float:
        """Seconds, below zero when it is over."""
        return self.ends - time.monotonic()

    def fits(self, seconds: float, reserve: float = 0.0) -> bool:
        """Whether work of about so many seconds would be over in time, `reserve` kept for what follows."""
        return MARGIN * seconds + reserve <= self.left


def reserve(deadline: Deadline, store: ResultStore) -> float:
    """Seconds that judging and the page will take."""
    known = store.seconds.get(*OF_PAGE).stages.get(PAGE)
    return MARGIN * known if known is not None else max(FEWEST_SECONDS, SHARE * deadline.budget)


def choose_next(
    tasks: Sequence[Task], estimates: Estimates, deadline: Deadline, kept: float, unknown: Unknown | None
) -> Task | None:
    """The first task that would be over in time.

    Args:
        kept: seconds for what follows. unknown: what is assumed of a task that nothing is known of; where it knows
            nothing either, none is begun but the first network, without which nothing ever would be known.
    """
    for task in tasks:
        took = 0.0 if isinstance(task, MajorityTask) else estimates.of(task, task.cells)
        if took is None:
            took = 0.0 if kind(task) == NETWORK else None if unknown is None else unknown(task)
        if took is not None and deadline.fits(took, kept):
            return task
    return None


def cheap_first(task: Task, estimates: Estimates) -> Task:
    """The task with its cells in the order of what they take, unknown ones as they were."""
    known = {planned.spec.name: estimates.of_cell(kind(task), planned.spec.name) for planned in task.cells}
    return replace(task, cells=tuple(sorted(task.cells, key=lambda planned: known[planned.spec.name] or 0.0)))


def series_in_order(tasks: Sequence[Task], estimates: Estimates) -> list[Task]:
    """Evaluators over the series, the cheap ones first."""

    def cost(task: Task) -> tuple[float, int]:
        name = task.cells[0].spec.name
        place = LAST.index(name) if name in LAST else -1
        return estimates.of_cell(kind(task), name) or 0.0, place

    return sorted(tasks, key=cost)


def guess(estimates: Estimates, checkpoints: int) -> Unknown:
    """Of evaluators over the series never timed: what one checkpoint takes, the expensive ones what all take."""

    def unknown(task: Task) -> float | None:
        one = estimates.of_checkpoint()
        return None if one is None else one * (checkpoints if task.cells[0].spec.name in LAST else 1)

    return unknown


def waiting(records: Sequence[CheckpointRecord], plan: Plan, store: ResultStore) -> tuple[CheckpointRecord, ...]:
    """The records, those with a cell that is not stored as not evaluated yet."""
    todo = [planned for planned in plan.todo if not planned.spec.over_series]
    missing = {planned.key.backbone for planned in todo if store.get(planned.key) is None}
    return tuple(
        replace(record, state="waiting", reason=WAITING) if record.evaluated and record.digest in missing else record
        for record in records
    )


def left_out(records: Sequence[CheckpointRecord], plan: Plan, store: ResultStore) -> tuple[str, ...]:
    """What there was no time for: checkpoints, baselines, evaluators over the series."""
    late = [planned for planned in plan.todo if planned.spec.over_series and store.get(planned.key) is None]
    names = [record.name for record in records if record.state == "waiting"]
    return (*names, *(planned.spec.name for planned in late))


def time_for_figures(deadline: Deadline, store: ResultStore) -> bool:
    """Whether figures for papers can be drawn after the page, as far as known what they take."""
    known = store.seconds.get(*OF_PAGE).stages.get(FIGURES)
    return known is not None and deadline.fits(known, reserve(deadline, store))
