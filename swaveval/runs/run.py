"""`swaveval run`: read, plan, evaluate, judge, write the page. Killed anywhere, the next run does the rest."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from swaveval.features.arrays import Arrays
from swaveval.results import Cell, CheckpointRecord, DataSummary, RunManifest, Series
from swaveval.results.atomic import remove_leftovers
from swaveval.results.file_names import keep_file_names
from swaveval.results.seconds import OF_PAGE, PAGE
from swaveval.results.versions import versions
from swaveval.runs import unchanged
from swaveval.runs.baselines import baseline_records
from swaveval.runs.budget import Deadline, left_out, time_for_figures
from swaveval.runs.checks import check_plan, check_run
from swaveval.runs.cost import training_time
from swaveval.runs.estimates import Estimates
from swaveval.runs.executors import Executor, make_executor
from swaveval.runs.geometry import annotated, shapeless
from swaveval.runs.in_time import InTime, spread
from swaveval.runs.job import Job, build_workspace
from swaveval.runs.loader import CheckpointLoader
from swaveval.runs.losses import Looked, look_for_loss, recomputed
from swaveval.runs.outcome import Made, RunOutcome
from swaveval.runs.page import write_page
from swaveval.runs.performing import perform_all, tell
from swaveval.runs.pictures import PICTURES, pictures_key, shown_by
from swaveval.runs.plan import EvaluatorSpec, Plan, PlannedCell, make_plan
from swaveval.runs.plugins import PluginHosts
from swaveval.runs.precision import with_precision
from swaveval.runs.progress import Progress, Silent, Told
from swaveval.runs.records import NothingReady, read_records
from swaveval.runs.remembered import remembering
from swaveval.runs.repaired import earlier_manifest, repaired
from swaveval.runs.request import RunError, RunRequest, resolve, training_images
from swaveval.runs.several_runs import several_runs
from swaveval.runs.shown_as import shown_as_said
from swaveval.runs.specs import make_specs
from swaveval.runs.tasks import ALL_IMAGES, SeriesTask, pictures_task, rounds
from swaveval.runs.workspace import Workspace
from swaveval.text import shortened


@dataclass(frozen=True, slots=True)
class Prepared:
    """An evaluation ready to start: nothing has been computed yet.

    Attributes:
        request: with everything filled in.
        workspace: images and stores.
        records: checkpoints in natural order, then baselines.
        specs: the evaluators.
        plan: the cells.
        order: what the order of the checkpoints was read from.
        said: what the page must say of how they became one series.
        earlier: the manifest of the evaluation that lies here already.
        lost: digests of stored results that were damaged or missing.
    """

    request: RunRequest
    workspace: Workspace
    records: tuple[CheckpointRecord, ...]
    specs: tuple[EvaluatorSpec, ...]
    plan: Plan
    order: str = ""
    said: tuple[str, ...] = ()
    earlier: RunManifest | None = None
    lost: frozenset[str] = frozenset()

    def planned(self, records: Sequence[CheckpointRecord]) -> Plan:
        """The plan of some of the records."""
        workspace = self.workspace
        settled = _settled(self.request, workspace.loader)
        force = self.request.force
        return make_plan(records, self.specs, workspace.store, key=workspace.key, force=force, settled=settled)


def prepare(request: RunRequest, progress: Progress | None = None, *, keep: bool = False) -> Prepared:
    """Read the checkpoints, open the images, make the plan.

    Args:
        keep: whether networks that are read are kept for the evaluation; close the workspace's loader then.

    Raises:
        RunError: nothing can be evaluated, or the checkpoints are of several runs. DataError: the images cannot be
            used.
    """
    progress = progress or Silent()
    check_plan(request)
    request = resolve(remembering(request, progress))
    loader = CheckpointLoader(request.origin, request.load)
    if keep:
        loader.keep(request.out / "cache")
    hosts = PluginHosts()
    try:
        return _prepare(request, loader, hosts, progress, keep=keep)
    except BaseException:
        hosts.close()
        loader.close()
        raise


def _prepare(
    request: RunRequest, loader: CheckpointLoader, hosts: PluginHosts, progress: Progress, *, keep: bool
) -> Prepared:
    specs = make_specs(request.evaluators, hosts)
    memory = request.out / "cache" / "reads"
    arrangement = read_records(loader, memory=memory, progress=progress)
    if arrangement.division.reasons and not request.one_run:
        raise several_runs(arrangement.division, request)
    if not request.in_memory and request.owner == "others":
        progress.message(f"{request.out} holds the evaluation of other checkpoints; its page is written anew")
    records = list(arrangement.records)
    ready = [record for record in records if record.evaluated]
    if not ready:
        raise NothingReady(records)
    request = replace(
        request, channels=_channels(ready), normalisation={**loader.normalisation, **request.normalisation}
    )
    progress.stage("opening images", 0)
    workspace = build_workspace(request, progress=progress)
    for note in workspace.images.notes:
        progress.message(f"note: {note}")
    request, stated = shown_as_said(request, records, workspace.images)
    request, findings = shapeless(request, records, loader, workspace.images, progress)
    if findings.geometry:
        loader.options = request.load
        records = list(read_records(loader, memory=memory, progress=progress).records)
    records = [annotated(record, findings) for record in records]
    request = with_precision(request, records, loader, workspace, look=keep)
    workspace = build_workspace(request, workspace.images, progress)
    workspace.plugins, workspace.loader = hosts, loader
    rows = records + baseline_records(
        records,
        fingerprint=workspace.images.fingerprint,
        labelled=workspace.images.labelled,
        settings=workspace.settings,
        given=loader.source.baselines() if isinstance(loader.source, Arrays) else None,
    )
    earlier = earlier_manifest(workspace.store)
    named = frozenset(() if earlier is None else earlier.cells)
    plan = make_plan(
        rows,
        specs,
        workspace.store,
        key=workspace.key,
        force=request.force,
        named=named,
        settled=_settled(request, loader),
    )
    lost = frozenset(cell.key.digest for cell in plan.cells if cell.lost)
    doubts = tuple(f"taken for one run (--one-run) despite {reason}" for reason in arrangement.division.reasons)
    said = (*doubts, *arrangement.notes, *stated, *findings.notes)
    return Prepared(request, workspace, tuple(rows), tuple(specs), plan, arrangement.order, said, earlier, lost)


def run(request: RunRequest, progress: Progress | None = None, *, started: float | None = None) -> RunOutcome:
    """Evaluate what is not yet evaluated, then judge and write the page.

    Args:
        started: when a budget began, by `time.monotonic`; now, unless given.

    Raises:
        RunError, DataError, PluginError: as `prepare`. DeviceError, OutputError: before anything is done.
        OSError: the disk is full. Every other later failure is a stored result.
    """
    deadline = None if request.budget is None else Deadline.after(request.budget, started)
    told = Told(progress or Silent())
    before = unchanged.inputs(request)
    with closing(make_executor(request.executor)) as executor:
        checked = check_run(request, told)
        _sweep(checked)
        outcome = _run(checked, executor, told, deadline)
    unchanged.remember(request, outcome, before, told.messages)
    return outcome


def _settled(request: RunRequest, loader: CheckpointLoader) -> Callable[[str], bool]:
    """Whether what failed on a backbone is not to be tried again."""
    return lambda backbone: not request.retry or loader.is_gone(backbone)


def _sweep(request: RunRequest) -> None:
    """Remove what killed commands left half-written; a training may be writing elsewhere below `out`."""
    remove_leftovers(request.out, below=False)
    for name in ("results", "cache", "figures"):
        remove_leftovers(request.out / name)


def _run(request: RunRequest, executor: Executor, progress: Progress, deadline: Deadline | None) -> RunOutcome:
    prepared = prepare(request, progress, keep=True)
    for note in prepared.said:  # what stands in red on the page must not be missing on the terminal
        progress.message(f"note: {note}")
    for damage in prepared.plan.damaged:
        progress.message(_lost(damage))
    images = prepared.workspace.images
    keep_file_names(prepared.request.out, images.fingerprint, images.files)
    job = Job(prepared.request, prepared.workspace)
    try:
        prepared, cells, made = _evaluate(prepared, job, executor, deadline)
    finally:
        job.close()
        prepared.workspace.plugins.close()
        prepared.workspace.loader.close()
    manifest, store = _manifest(prepared, cells), prepared.workspace.store
    store.write_manifest(manifest)
    if manifest.loss is None and (loss := recomputed(Series.load(prepared.request.out))) is not None:
        prepared.workspace.store.write_manifest(replace(manifest, loss=loss))
    if made:
        prepared.workspace.store.seconds.forget(*OF_PAGE, stage=PAGE)
    drawn = request.figures and (deadline is None or time_for_figures(deadline, prepared.workspace.store))
    written = write_page(prepared.request.out, images=request.images, figures=drawn, jobs=request.jobs)
    for problem in written.problems:
        progress.message(problem)
    names = {planned.key.digest: planned.checkpoint for planned in prepared.plan.cells}
    return RunOutcome(
        written=written,
        computed=made.computed,
        by_others=made.by_others,
        failed=tuple(
            (cell.key.evaluator, names.get(cell.key.digest, ""), cell.reason)
            for cell in cells
            if cell.status == "error"
        ),
        writing=tuple(record.name for record in prepared.records if record.state == "writing"),
        unusable=tuple(
            (record.name, record.reason)
            for record in prepared.records
            if record.state not in ("ready", "writing", "waiting")
        ),
        waiting=(*left_out(prepared.records, prepared.plan, store), *(["figures"] if request.figures > drawn else [])),
        normalisation=dict(prepared.request.normalisation),
    )


def _evaluate(
    prepared: Prepared, job: Job, executor: Executor, deadline: Deadline | None
) -> tuple[Prepared, list[Cell], Made]:
    """Have everything done that is to do, or that there is time for.

    Returns:
        What was reached of it, the cells of this evaluation and how many were not there.
    """
    store, progress = prepared.workspace.store, prepared.workspace.progress
    estimates, made = Estimates(store), Made()
    estimates.learn(prepared.plan.cells, [record.digest for record in prepared.records if record.kind == "checkpoint"])
    if deadline is not None:
        in_time = InTime(executor, spread(job, len(prepared.records)), estimates, deadline)
        records, plan, made = in_time.evaluate(prepared.records, prepared.plan, prepared.planned)
        prepared = replace(prepared, records=records, plan=plan)
    else:
        todo = rounds(prepared.records, prepared.plan, prepared.workspace.loader)
        backbones = sum(not isinstance(task, SeriesTask) for _, tasks in todo for task in tasks)
        job = spread(job, max(backbones, *(len(tasks) for _, tasks in todo)))
        for stage, tasks in todo:
            made += perform_all(stage, tasks, executor, job, estimates)
    cells = [cell for planned in prepared.plan.cells if (cell := store.get(planned.key)) is not None]
    progress.stage("page", 0)
    images = prepared.workspace.images
    shown = shown_by(cells, store, len(images)) if images.pictures else ()
    named = frozenset(() if prepared.earlier is None else prepared.earlier.cells)
    task, fault = pictures_task(images.fingerprint, shown, store, named=named)
    if fault:
        progress.message(_lost(fault))
        prepared = replace(prepared, lost=prepared.lost | {planned.key.digest for planned in task.cells})
    if task.cells:
        for done in executor.run([task], job):
            tell(progress, done)
    cells += [cell for key in (pictures_key(images.fingerprint, shown),) if (cell := store.get(key)) is not None]
    return prepared, cells, made


def _lost(fault: str) -> str:
    return f"stored result {fault}; it is computed again"


def _manifest(prepared: Prepared, cells: Sequence[Cell]) -> RunManifest:
    request, images = prepared.request, prepared.workspace.images
    heads = [record.load.get("prototypes") for record in prepared.records if record.load.get("prototypes")]
    prototypes = request.hyperparameters.get("prototypes") or (heads[0] if heads else None)
    hyperparameters = dict(request.hyperparameters)
    if prototypes:
        hyperparameters["prototypes"] = prototypes
    directory = request.directory
    took = None if request.in_memory else training_time(directory)
    moments = [(record.epoch, record.step) for record in prepared.records if record.kind == "checkpoint"]
    looked = Looked()
    if not request.in_memory or request.loss_log is not None:
        looked = look_for_loss(
            directory,
            loss_log=request.loss_log,
            prototypes=None if any(record.load.get("summed") for record in prepared.records) else prototypes,
            moments=moments,
            pattern=request.loss_pattern,
        )
    loss = looked.curve
    return RunManifest(
        name=request.name,
        data=DataSummary(
            name=images.name,
            path=images.path,
            fingerprint=images.fingerprint,
            n_train=len(images.train_index),
            n_test=len(images.test_index),
            class_names=images.class_names,
            labelled=images.labelled,
            split=images.split_origin,
            transform=prepared.workspace.settings.transform.id if images.pictures else "features as given",
            audit=images.audit,
            label_origin=images.label_origin,
            precision=request.precision,
            precision_why=request.precision_why,
            whole=images.whole,
            sample=images.sample,
        ),
        checkpoints=prepared.records,
        evaluators=tuple((spec.name, spec.version, dict(spec.parameters)) for spec in prepared.specs),
        loss=loss,
        hyperparameters=hyperparameters,
        training_seconds=None if took is None else took.seconds,
        training_epochs=None if took is None else took.epochs,
        recipe=request.recipe,
        budget_seconds=request.budget,
        repaired=repaired(prepared.earlier, prepared.lost, cells),
        command=request.command,
        versions=versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=request.seed,
        notes=(*_notes(prepared), *((loss.note,) if loss is not None and loss.note else ()), *looked.told),
        cells=tuple(dict.fromkeys(cell.key.digest for cell in cells)),
        order=prepared.order,
        source=request.source_in_results,
        cell_names={
            planned.key.digest: (planned.spec.name, planned.checkpoint) for planned in reversed(prepared.plan.cells)
        }
        | {cell.key.digest: (PICTURES.name, ALL_IMAGES) for cell in cells if cell.key.evaluator == PICTURES.name},
        terms={metric: term for spec in prepared.specs for metric, term in spec.terms.items()},
        roles={metric: roles for spec in prepared.specs for metric, roles in spec.roles.items()},
    )


def _notes(prepared: Prepared) -> tuple[str, ...]:
    notes = [*prepared.said, *_since_training(prepared)]
    for record in prepared.records:
        if record.load.get("partial"):
            share = 100 * float(record.load.get("matched", 0))
            notes.append(f"{record.name} was accepted with {share:.1f} % of its backbone matched (--allow-partial)")
        if record.load.get("trusted"):
            notes.append(f"{record.name} was read with full unpickling (--trust)")
        if record.same_as and not record.alias:
            notes.append(f"{record.name} and {record.same_as} hold the same weights")
        notes += [f"{record.name}: {warning}" for warning in record.load.get("warnings", ())]
    notes += prepared.workspace.images.notes
    return tuple(dict.fromkeys(notes))


def _channels(ready: Sequence[CheckpointRecord]) -> int | None:
    """Of the images that the checkpoints take; None where nobody says.

    Raises:
        RunError: they take different ones.
    """
    taken = {int(channels): record.name for record in ready if (channels := record.load.get("channels"))}
    if len(taken) > 1:
        named = ", ".join(f"{channels} ({name})" for channels, name in sorted(taken.items()))
        raise RunError(
            f"the checkpoints take images of different numbers of channels: {named}; give each its own --ckpt-dir"
        )
    return next(iter(taken), None)


def _since_training(prepared: Prepared) -> list[str]:
    """Whether the images are those of the training, as far as run.json and images.txt know."""
    recorded, images = prepared.request.training_data, prepared.workspace.images
    before = training_images(prepared.request)
    if before is not None and images.contents:
        return [said] if (said := before.compared(images)) else []
    if (
        images.whole
        or str(recorded.get("path", "")) != images.path
        or recorded.get("fingerprint") in (None, images.fingerprint)
    ):
        return []
    then = recorded.get("n_train"), recorded.get("n_test")
    return [
        f"The images at {shortened(images.path, 80)} are not as they were at training (names, contents, labels or "
        f"split differ): then {then[0]} for training and {then[1]} for testing, now {len(images.train_index)} and "
        f"{len(images.test_index)}. Images that were trained on may be tested on."
    ]


__all__ = ["PlannedCell", "Prepared", "RunOutcome", "build_workspace", "prepare", "run"]
