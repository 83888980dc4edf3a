"""One evaluation of the snapshots that were taken so far, wherever it is done, and what is told of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from swaveval.api.in_python import in_python
from swaveval.checkpoints.lookout import Lookout
from swaveval.checkpoints.snapshots import Snapshots
from swaveval.convergence import Verdict
from swaveval.errors import SwavevalError
from swaveval.results.scalars import scalars
from swaveval.results.series import Point
from swaveval.runs.kept_best import keep_best, set_aside
from swaveval.runs.log_to import Destination, log_to
from swaveval.runs.outcome import RunOutcome
from swaveval.runs.progress import Progress, Silent
from swaveval.runs.request import RunRequest
from swaveval.runs.run import run
from swaveval.runs.watching import Watcher, Watching

# Seconds between two looks at what a training saves.
_POLL = 2.0


@dataclass(frozen=True, slots=True)
class Numbers:
    """Those of one checkpoint, by the names they have in trackers.

    Attributes:
        name: of the checkpoint. epoch, step: when it was written, as far as known.
    """

    name: str
    epoch: float | None
    step: int | None
    scalars: dict[str, float]


@dataclass(frozen=True, slots=True)
class Told:
    """What an evaluation came to; picklable.

    Attributes:
        verdict: None where it failed. fresh: numbers of the checkpoints that are new. problems: a sentence each.
    """

    verdict: Verdict | None = None
    fresh: tuple[Numbers, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(eq=False)
class Rounds:
    """Evaluates snapshots, time and again.

    Attributes:
        request: of the evaluation. snapshots: its source. keep_all: whether snapshots stay when they are evaluated.
        trackers: where the results go beside the page.
    """

    request: RunRequest
    snapshots: Snapshots
    keep_all: bool = False
    trackers: tuple[Destination, ...] = ()
    begun: bool = False

    def evaluate(self, progress: Progress | None = None, *, last: bool = False) -> Told:
        """Evaluate what is new, and write the page. Whatever stands in the way is told.

        Args:
            last: whether what failed is tried again, and figures that were asked for are drawn.
        """
        request = replace(
            _with_losses(self.request),
            source=self.snapshots,
            retry=last or not self.begun,
            figures=self.request.figures and last,
        )
        try:
            outcome = run(request, progress)
        except (SwavevalError, OSError) as error:
            return Told(problems=(in_python(str(error)),))
        self.begun = True
        manifest = outcome.written.series.manifest
        self.snapshots.normalisation = outcome.normalisation
        fresh = self.snapshots.learn(
            {one.name: {**one.load, "state": one.state} for one in manifest.checkpoints if one.load}
        )
        best = outcome.written.verdict.best
        chosen = None if best is None else self.snapshots.place(best.checkpoint)
        said = set_aside(request.out) if chosen is None else keep_best(chosen, request.out, lasting=True)
        if said:
            (progress or Silent()).message(said)
        if not self.keep_all:
            self.snapshots.keep([] if best is None else [best.checkpoint, *best.tied_with])
        return told(outcome, fresh, self.trackers)


@dataclass(eq=False)
class SavedRounds:
    """Evaluates the checkpoints that a training saves, time and again; made in one process, used in another.

    Attributes:
        request: of the evaluation of their directory. trackers: where the results go beside the page.
    """

    request: RunRequest
    trackers: tuple[Destination, ...] = ()
    _watcher: Watcher | None = None
    _lookout: Lookout | None = None

    def evaluate(self, progress: Progress | None = None, *, last: bool = False) -> Told:
        """Evaluate what is whole; nothing is waited for, and whatever stands in the way is told.

        Args:
            last: whether the training is over, so that everything that is there is whole.
        """
        try:
            if self._watcher is None or self._lookout is None:
                self._watcher = Watcher(self.request, Watching(poll=_POLL), progress)
                self._lookout = self._watcher.looking()
                self._lookout.__enter__()  # for as long as this process lives
            self._watcher.request = _with_losses(self.request)
            if last:
                self._lookout.look()
                self._lookout.look()
            done = self._watcher.evaluate(self._lookout) if self._watcher.admit(self._lookout) else None
            failed = done is not None and done.outcome.failed
            if last and self._watcher.begun and (self.request.figures or failed):
                done = replace(self._watcher.last(), fresh=() if done is None else done.fresh)
        except (SwavevalError, OSError) as error:
            return Told(problems=(in_python(str(error)),))
        if done is None:
            return Told()
        return told(done.outcome, [point.record.name for point in done.fresh], self.trackers)


def told(outcome: RunOutcome, fresh: Sequence[str], trackers: Sequence[Destination] = ()) -> Told:
    """What an outcome says, and the numbers of the checkpoints of these names; trackers are told, too."""
    logged = log_to(outcome.written.series, trackers)
    failed = [f"{evaluator} failed on {name}: {reason}" for evaluator, name, reason in outcome.failed]
    unusable = [f"{name}: {reason}" for name, reason in outcome.unusable]
    problems = (*failed, *unusable, *outcome.written.problems, *logged.problems)
    points = [point for point in outcome.written.series.points if point.record.name in fresh]
    return Told(outcome.written.verdict, tuple(map(_numbers, points)), tuple(map(in_python, problems)))


def _numbers(point: Point) -> Numbers:
    return Numbers(point.record.name, point.record.epoch, point.record.step, scalars(point))


def loss_log(out: Path) -> Path:
    """Where a monitor writes down the losses that it is told."""
    return out / "loss.csv"


def _with_losses(request: RunRequest) -> RunRequest:
    """The request with the losses that the monitor was told, where there are any, for a log that the user named."""
    log = loss_log(request.out)
    return replace(request, loss_log=log) if _has_rows(log) else request


def _has_rows(log: Path) -> bool:
    """Whether there are two losses; of fewer no curve is drawn."""
    try:
        with log.open(encoding="utf-8") as lines:
            return sum(1 for _ in zip(lines, range(3), strict=False)) == 3
    except OSError:
        return False
