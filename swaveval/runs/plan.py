"""What is done and what is to do: a pure function of records, evaluators and the store."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from swaveval.results import Cell, CellKey, CheckpointRecord, DamagedCell, ResultStore, Term
from swaveval.results.encoding import digest


@dataclass(frozen=True, slots=True)
class EvaluatorSpec:
    """An evaluator by name, with what goes into its cells' keys.

    Attributes:
        name: the evaluator's name.
        source: what creates it: a registered name, `module:Class` or `file.py:Class`.
        version, parameters: from the evaluator; 0 and {} for one that cannot be created.
        over_series: whether it sees the whole series at once.
        broken: why it cannot be created, or an empty string.
        foreign: whether it is somebody else's code, called in a process of its own.
        terms, roles: what it declares about its metrics; no part of a cell's key.
    """

    name: str
    source: str
    version: int = 0
    parameters: tuple[tuple[str, Any], ...] = ()
    over_series: bool = False
    broken: str = ""
    foreign: bool = False
    terms: Mapping[str, Term] = field(default_factory=dict, compare=False)
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """One cell of the plan.

    Attributes:
        key: the cell's key.
        spec: its evaluator.
        checkpoint: the checkpoint's name, or `all checkpoints` for a series evaluator.
        done: whether the store holds it.
        lost: whether it was stored once, and is damaged or missing now.
        stamp: of what the store held then (`ResultStore.stamp`): what is newer, another command has stored.
    """

    key: CellKey
    spec: EvaluatorSpec
    checkpoint: str
    done: bool
    stamp: int = field(default=0, compare=False)
    lost: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """Every cell of an evaluation, in page order; `damaged` says of stored files that they are not what was written."""

    cells: tuple[PlannedCell, ...]
    damaged: tuple[str, ...] = ()

    @property
    def todo(self) -> tuple[PlannedCell, ...]:
        return tuple(cell for cell in self.cells if not cell.done)

    def of(self, backbone: str) -> tuple[PlannedCell, ...]:
        """The cells to do for one backbone."""
        return tuple(cell for cell in self.todo if cell.key.backbone == backbone and not cell.spec.over_series)


def series_digest(digests: Sequence[str]) -> str:
    """What stands for the backbone in a series evaluator's key: the ordered digests."""
    return digest(list(digests))


def make_plan(
    records: Iterable[CheckpointRecord],
    specs: Sequence[EvaluatorSpec],
    store: ResultStore,
    *,
    key: Callable[[str, EvaluatorSpec], CellKey],
    force: bool = False,
    named: Collection[str] = (),
    settled: Callable[[str], bool] = lambda backbone: False,
) -> Plan:
    """Cells of each distinct backbone, then of the series (checkpoints only, baselines left out).

    A stored `ok` or `skipped` cell is done. A stored `error` is tried again: what failed for want of memory or a
    package may work now. A damaged file counts as absent and is named.

    Args:
        named: digests of cells that an earlier manifest says are stored; one that is not is missing.
        settled: whether what failed on a backbone (or series) is not to be tried again.
    """
    rows = [record for record in records if record.evaluated and record.digest]
    names = {str(record.digest): record.name for record in reversed(rows)}
    series = list(dict.fromkeys(str(record.digest) for record in rows if record.kind == "checkpoint"))
    damaged: list[str] = []
    cells: list[PlannedCell] = []
    wanted = [(backbone, spec) for backbone in names for spec in specs if not spec.over_series]
    wanted += [(series_digest(series), spec) for spec in specs if spec.over_series and series]
    for backbone, spec in wanted:
        cell_key = key(backbone, spec)
        stored: Cell | None = None
        lost = False
        stamp = store.stamp(cell_key)
        try:
            stored = store.get(cell_key)
            if stored is not None and stored.artifacts:
                store.artifacts(stored)
            if stored is not None and any(metric.evaluator != spec.name for metric in stored.metrics):
                stored = None  # of a version that let a plugin give another's metrics
        except DamagedCell as error:
            damaged.append(str(error))
            stored, lost = None, True
        if stored is None and not lost and not stamp and cell_key.digest in named:
            damaged.append(f"{cell_key.digest}.json is missing")
            lost = True
        whole = stored is not None and (stored.status in ("ok", "skipped") or settled(backbone))
        done = whole and not (force and not settled(backbone))
        cells.append(PlannedCell(cell_key, spec, names.get(backbone, "all checkpoints"), done, stamp, lost))
    order = {backbone: position for position, backbone in enumerate(dict.fromkeys(str(row.digest) for row in rows))}
    cells.sort(key=lambda cell: order.get(cell.key.backbone, len(order)))
    return Plan(tuple(cells), tuple(damaged))
