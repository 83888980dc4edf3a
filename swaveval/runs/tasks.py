"""What there is to do: cells that are made from the same things, in a form that another process can be given.

Every cell of an evaluation is made by a task, whatever kind it is of: `Task.maker` prepares what its cells share, and
gives the function that makes one. `runs.cells.perform` stores what that gives or raises.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

from swaveval.checkpoints import Entry
from swaveval.checkpoints.drift import Drift
from swaveval.evaluators.contract import Skip, unmet
from swaveval.evaluators.registry import create
from swaveval.features.features import Features, FeatureSeries
from swaveval.results import CheckpointRecord, DamagedCell, ResultStore
from swaveval.runs.baselines import model_record
from swaveval.runs.drift import layer_drift, stored_drift
from swaveval.runs.loader import CheckpointLoader
from swaveval.runs.majority import majority_class
from swaveval.runs.pictures import PICTURES, pictures, pictures_key
from swaveval.runs.plan import Plan, PlannedCell, series_digest
from swaveval.runs.plugins import Produced
from swaveval.runs.specs import DRIFT
from swaveval.runs.workspace import Workspace

Maker = Callable[[PlannedCell], Produced]
ALL_IMAGES = "all images"


@dataclass(frozen=True, slots=True)
class Task(ABC):
    """Cells that share what they are made from. Picklable; given back to a worker with fewer cells, it does the rest.

    Attributes:
        name: whose cells they are, for people.
        cells: what is to do.
    """

    name: str
    cells: tuple[PlannedCell, ...]

    # Whether images are looked at: they are decoded once, before several workers look at them.
    looks_at_images: ClassVar[bool] = False

    @property
    def owners(self) -> tuple[str, ...] | None:
        """Digests of the checkpoints that what is made may name; None where it is all of one."""
        return None

    @abstractmethod
    def maker(self, workspace: Workspace) -> Maker:
        """Prepare what all cells share (it is counted in none), and give what makes one of them.

        The function raises `Skip` where there is nothing to say. Whatever else it or this method raises becomes the
        stored error of the cells.
        """


@dataclass(frozen=True, slots=True)
class BackboneTask(Task):
    """The evaluators of one backbone.

    Attributes:
        record: the checkpoint or baseline.
        model: digest of the checkpoint; for a baseline of the one whose architecture it takes. entry: that holds it.
        read_seconds: what reading it took before the task was made.
    """

    record: CheckpointRecord
    model: str
    entry: Entry
    read_seconds: float = 0.0

    looks_at_images: ClassVar[bool] = True

    def maker(self, workspace: Workspace) -> Maker:
        workspace.loader.entries[self.model] = self.entry  # which a worker process has not read
        workspace.loader.watch.seconds.setdefault(self.model, self.read_seconds)
        if self.record.kind == "checkpoint":
            features = workspace.checkpoint_features(self.record)
        else:
            features = workspace.baseline_features(self.record, self.model)

        def make(planned: PlannedCell) -> Produced:
            if planned.spec.foreign:
                place = workspace.stored_features(planned.key.backbone, features)
                host = workspace.plugins[planned.spec.source]
                return host.evaluate([place], seed=planned.key.seed, checkpoint=self.name)
            return _called(planned, features, features)

        return make


@dataclass(frozen=True, slots=True)
class MajorityTask(Task):
    """The accuracies of always answering the most frequent class: no features are needed."""

    def maker(self, workspace: Workspace) -> Maker:
        return lambda planned: majority_class(workspace.images, planned.spec.name)


@dataclass(frozen=True, slots=True)
class SeriesTask(Task):
    """Evaluators over the ordered checkpoints.

    Attributes:
        records: the checkpoints, distinct, in order.
        entries: what holds each.
    """

    records: tuple[CheckpointRecord, ...]
    entries: tuple[Entry, ...]

    @property
    def owners(self) -> tuple[str, ...]:
        return tuple(str(record.digest) for record in self.records)

    def maker(self, workspace: Workspace) -> Maker:
        by_digest = dict(zip(self.owners, self.records, strict=True))
        workspace.loader.entries.update(zip(self.owners, self.entries, strict=True))

        def load(digest: str) -> Features:
            """Memory-mapped where stored, extracted again where the cache was cleared."""
            return workspace.checkpoint_features(by_digest[digest])

        series = FeatureSeries(tuple(by_digest), tuple(record.name for record in self.records), load)

        def make(planned: PlannedCell) -> Produced:
            if planned.spec.name == DRIFT.name:
                owners = self.owners

                def earlier(count: int) -> Drift | None:
                    key = workspace.key(series_digest(owners[:count]), planned.spec)
                    return stored_drift(workspace.store, key, owners[:count])

                return layer_drift(workspace.loader, owners, earlier)
            if planned.spec.foreign:
                places = [workspace.stored_features(digest, load(digest)) for digest in series.digests]
                host = workspace.plugins[planned.spec.source]
                return host.evaluate(places, seed=planned.key.seed, checkpoint=planned.checkpoint, names=series.names)
            return _called(planned, series, series[0])

        return make


@dataclass(frozen=True, slots=True)
class PicturesTask(Task):
    """The cell `data`: labels of all images, thumbnails of those that are shown.

    Attributes:
        shown: their positions, sorted.
    """

    shown: tuple[int, ...]

    looks_at_images: ClassVar[bool] = True

    def maker(self, workspace: Workspace) -> Maker:
        return lambda planned: pictures(workspace, self.shown)


def _called(planned: PlannedCell, given: Features | FeatureSeries, first: Features) -> Produced:
    """What a built-in evaluator yields; its needs are judged on the `first` features."""
    evaluator = create(planned.spec.source)
    if missing := unmet(evaluator.needs, first):
        raise Skip(missing)
    return tuple(evaluator(given, seed=planned.key.seed))  # type: ignore[arg-type]


def backbone_tasks(records: Sequence[CheckpointRecord], plan: Plan, loader: CheckpointLoader) -> list[Task]:
    """A task for each backbone of which something is to do."""
    entries = loader.entries
    ready = [record for record in records if record.kind == "checkpoint" and record.evaluated]
    # Any of the same kind will do for what takes no more than its architecture from it.
    there = [record for record in ready if not loader.is_gone(str(record.digest))]
    first = str(model_record(there or ready).digest)
    tasks: list[Task] = []
    for record in records:
        if not record.evaluated or record.same_as is not None or not (cells := plan.of(str(record.digest))):
            continue
        if record.baseline == "majority":
            tasks.append(MajorityTask(record.name, cells))
        else:
            model = str(record.digest) if record.kind == "checkpoint" else first
            took = loader.watch.seconds.get(model, 0.0)
            tasks.append(BackboneTask(record.name, cells, record, model, entries[model], took))
    return tasks


def series_tasks(records: Sequence[CheckpointRecord], plan: Plan, loader: CheckpointLoader) -> list[Task]:
    """A task for each cell over the series that is to do."""
    checkpoints = tuple(
        record for record in records if record.kind == "checkpoint" and record.evaluated and record.same_as is None
    )
    entries = tuple(loader.entries[str(record.digest)] for record in checkpoints)
    return [
        SeriesTask(planned.checkpoint, (planned,), checkpoints, entries)
        for planned in plan.todo
        if planned.spec.over_series
    ]


def rounds(
    records: Sequence[CheckpointRecord], plan: Plan, loader: CheckpointLoader
) -> tuple[tuple[str, list[Task]], ...]:
    """Everything that is to do, with a name for people, in two rounds: first the checkpoints; then what is of the whole
    series, which is read from the features that they left, beside the baselines."""
    first: list[Task] = []
    others: list[Task] = []
    for task in backbone_tasks(records, plan, loader):
        of_checkpoint = isinstance(task, BackboneTask) and task.record.kind == "checkpoint"
        (first if of_checkpoint else others).append(task)
    # A map of the series takes as long as several baselines, and nobody can help with it: it is begun first.
    series = series_tasks(records, plan, loader)
    return ("evaluating", first), ("evaluating the series and baselines", [*series, *others])


def pictures_task(
    fingerprint: str, shown: Sequence[int], store: ResultStore, *, named: Collection[str] = ()
) -> tuple[Task, str]:
    """The task of the cell `data`; without cells where the store holds it whole.

    Args:
        named: as in `make_plan`.

    Returns:
        The task, and what is the matter with what was stored; empty where nothing is.
    """
    key = pictures_key(fingerprint, shown)
    done, stamp, fault = False, store.stamp(key), ""
    try:
        held = store.get(key)
        if held is not None and held.status == "ok":
            store.check_arrays(held)
            done = True
        elif held is None and key.digest in named:
            fault = f"{key.digest}.json is missing"
    except DamagedCell as error:  # what can be made again is made again
        fault = str(error)
    planned = () if done else (PlannedCell(key, PICTURES, ALL_IMAGES, done=False, stamp=stamp, lost=bool(fault)),)
    return PicturesTask(ALL_IMAGES, planned, tuple(shown)), fault
