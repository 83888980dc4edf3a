"""What work will take, going by what was done: of cells by evaluator, of what cells share by the kind of backbone."""

import math
from collections.abc import Iterable
from statistics import fmean

from swaveval.results import Cell, ResultStore, StoreError
from swaveval.runs.plan import Plan, PlannedCell
from swaveval.runs.tasks import BackboneTask, SeriesTask, Task

# Of a stored evaluation so many cells of each evaluator are looked at: they are all alike.
MOST_LOOKED_AT = 4
NETWORK, SERIES = "network", SeriesTask.__name__


class Estimates:
    """Seconds of cells and of what they share, as far as any were seen.

    A network is taken to cost what others of its series cost; pixels and colours cost less, and their own once seen.
    """

    def __init__(self, store: ResultStore) -> None:
        self._store = store
        self._cells: dict[tuple[str, str], list[float]] = {}
        self._shared: dict[tuple[str, str], float] = {}

    def learn(self, cells: Iterable[PlannedCell], networks: Iterable[str | None]) -> None:
        """Look at some of the cells that are stored.

        Args:
            networks: digests of the backbones that are networks.
        """
        known, looked = set(networks), dict[str, int]()
        for planned in cells:
            if planned.done and planned.key.backbone in known:
                looked[planned.spec.name] = looked.get(planned.spec.name, 0) + 1
                if looked[planned.spec.name] <= MOST_LOOKED_AT and (cell := self._store.get(planned.key)) is not None:
                    self.seen(NETWORK, cell)

    def learn_series(self, plan: Plan, checkpoints: int) -> None:
        """Look at what was stored of shorter series: evaluators over one take about as long as it has checkpoints."""
        names = {planned.spec.name for planned in plan.todo if planned.spec.over_series}
        try:
            before = self._store.read_manifest()
        except StoreError:
            return
        then = sum(record.kind == "checkpoint" and record.evaluated for record in before.checkpoints)
        for digest, (evaluator, _) in before.cell_names.items():
            cell = self._store.get(digest) if then and evaluator in names else None
            if cell is not None:
                self._cells.setdefault((SERIES, evaluator), []).append(cell.seconds * checkpoints / then)

    def seen(self, kind: str, cell: Cell) -> None:
        """Told of a cell that was made, and of what kind its task is."""
        self._cells.setdefault((kind, cell.key.evaluator), []).append(cell.seconds)
        stages = self._store.seconds.get(cell.key.backbone, cell.key.data, cell.key.transform).stages
        if stages:
            self._shared[kind, cell.key.backbone] = math.fsum(stages.values())

    def of_cell(self, kind: str, evaluator: str) -> float | None:
        """Seconds that an evaluator takes on one of this kind, or on any; None where that was never seen."""
        own = self._cells.get((kind, evaluator)) or [
            seconds for (_, name), found in self._cells.items() if name == evaluator for seconds in found
        ]
        return fmean(own) if own else None

    def of_shared(self, kind: str) -> float | None:
        """Seconds of reading one of this kind, or any, and passing the images through it; None where none was seen."""
        own = [seconds for (name, _), seconds in self._shared.items() if name == kind] or [*self._shared.values()]
        return fmean(own) if own else None

    def of_checkpoint(self) -> float | None:
        """Seconds that one network takes in all, by every evaluator that was seen on one; None before."""
        cells = [fmean(seconds) for (kind, _), seconds in self._cells.items() if kind == NETWORK]
        shared = self.of_shared(NETWORK)
        return None if shared is None or not cells else shared + math.fsum(cells)

    def of(self, task: Task, cells: Iterable[PlannedCell], *, begun: bool = False) -> float | None:
        """Seconds that these cells of a task will take; None where something of them was never seen.

        Args:
            begun: whether what they share is there already.
        """
        what = kind(task)
        parts = [0.0 if planned.spec.broken else self.of_cell(what, planned.spec.name) for planned in cells]
        if isinstance(task, BackboneTask) and parts and not begun:
            parts.append(self.of_shared(what))
        known = [part for part in parts if part is not None]
        return math.fsum(known) if len(known) == len(parts) else None


def kind(task: Task) -> str:
    """What tasks of like cost have in common."""
    if not isinstance(task, BackboneTask):
        return type(task).__name__
    return NETWORK if task.record.baseline in (None, "random") else "plain"
