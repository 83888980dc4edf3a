"""`swaveval run --watch`: checkpoints are evaluated as they land, and page and verdict written anew each time."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from swaveval.checkpoints.lookout import Lookout
from swaveval.checkpoints.watched import Watched
from swaveval.errors import SwavevalError
from swaveval.results import CheckpointRecord
from swaveval.results.series import Point
from swaveval.runs.checks import check_evaluation
from swaveval.runs.kept_best import keep_best, set_aside
from swaveval.runs.outcome import RunOutcome
from swaveval.runs.progress import Once, Progress, Silent
from swaveval.runs.records import NothingReady
from swaveval.runs.remembered import ledger
from swaveval.runs.request import RunError, RunRequest
from swaveval.runs.run import run

POLL_SECONDS = 10.0
# A training that says nothing of its end is over when nothing happened for this long, and for three times as long as
# it ever took from one checkpoint to the next.
QUIET_SECONDS, QUIET_TIMES = 600.0, 3.0
TRAINING_ENDS = "training-ends"
# A round that failed is tried again after this, if no checkpoint comes before.
AGAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Watching:
    """How a directory is watched.

    Attributes:
        poll: seconds between two looks; a file that did not change between two is whole.
        until: `training-ends`, or empty: until it is stopped.
        quiet: seconds without any change after which a training is over that does not say so; None: see QUIET_SECONDS.
        fail_on: verdicts that end it.
    """

    poll: float = POLL_SECONDS
    until: str = ""
    quiet: float | None = None
    fail_on: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Round:
    """What one evaluation came to.

    Attributes:
        fresh: the points that were not there before. gone: how many points have no file any more.
    """

    outcome: RunOutcome
    fresh: tuple[Point, ...] = ()
    gone: int = 0


def watch(request: RunRequest, how: Watching, progress: Progress | None = None) -> Iterator[Round]:
    """Evaluate what is there, then whatever lands, one round after the other.

    It may begin before there is any checkpoint. A round that fails when an earlier one did not is said, and tried again
    with the next change; the first one raises.

    Yields:
        Each round; the last one, where it ends by itself, with the figures that were asked for.

    Raises:
        RunError: what cannot be watched, and as `run` for the first round. DeviceError, OutputError, PluginError:
            before anything is waited for.
    """
    watcher = Watcher(request, how, progress)
    last: Round | None = None
    with watcher.looking() as lookout:
        if not watcher.watched.versions and not watcher.admit(lookout):
            watcher.progress.message(f"waiting for the first checkpoint in {request.place}")
        while True:
            if watcher.admit(lookout) or (last is None and watcher.watched.versions):
                done = watcher.evaluate(lookout)
                if done is not None:
                    last = done
                    yield done
            if last is not None and last.outcome.written.verdict.verdict in how.fail_on:
                break
            # What landed since the last look is waited for.
            if how.until == TRAINING_ENDS and watcher.is_over(lookout, last) and not lookout.look():
                break
            lookout.wait(how.poll)
        if last is not None and (request.figures or last.outcome.failed):
            yield watcher.last()


class Watcher:
    """A directory that is watched, and its evaluations.

    Attributes:
        request: as asked for. watched: the directory. progress: what a round says again is said once.
        begun: whether a round was evaluated.
    """

    def __init__(self, request: RunRequest, how: Watching, progress: Progress | None = None) -> None:
        """Raises RunError for what cannot be watched, and whatever `check_evaluation` does."""
        if request.source is not None:
            raise RunError(
                f"--watch looks at a directory of this machine, not at {request.place}; run the command without it "
                "from time to time: nothing is done twice"
            )
        if request.budget is not None:
            raise RunError("--watch goes on until it is stopped, and --budget is of one evaluation; leave one out")
        self.request, self.progress = request, Once(progress or Silent())
        self._how = how
        self.begun = False
        self._failed = float("-inf")  # when a round last failed
        check_evaluation(request, self.progress)
        self.watched = Watched.of(request.checkpoints, ledger(request.out), request.source_in_results)
        self.watched.watching = True

    def looking(self) -> Lookout:
        """What looks at the directory, as a context."""
        # Hidden: an evaluation of a directory above must not take them for checkpoints of its own.
        copies = self.request.out / "cache" / ".watch"
        return Lookout(self.watched, copies, self._how.poll, self.progress.message)

    def admit(self, lookout: Lookout) -> bool:
        """Take over what was taken; gives whether there is anything to evaluate, or to try again."""
        taken = lookout.taken()
        for file, stamp, copy in taken:
            self.watched.admit(file, stamp, copy)
        waits = any(version.report is None for version in self.watched.versions)
        return waits and (bool(taken) or time.monotonic() - self._failed > AGAIN_SECONDS)

    def evaluate(self, lookout: Lookout) -> Round | None:
        """One evaluation; None where it failed when an earlier one did not, or nothing was whole.

        Raises:
            RunError, and whatever else `run` raises: in the first round.
        """
        first = not self.begun
        force = self.request.force and first
        request = replace(self.request, source=self.watched, figures=False, force=force, retry=first)
        try:
            outcome = run(request, self.progress)
        except NothingReady as nothing:
            self._learn(nothing.records)
            lookout.sweep(self.watched.copies())
            if first and not any(record.state == "writing" for record in nothing.records):
                raise
        except (SwavevalError, OSError) as error:
            if first:
                raise
            self._failed = time.monotonic()
            self.progress.message(f"this round failed; the next one, in a minute or with a checkpoint, tries: {error}")
        else:
            self.begun = True
            done, best = self._round(outcome), outcome.written.verdict.best
            lookout.sweep(self.watched.copies([] if best is None else [best.checkpoint, *best.tied_with]))
            return done
        return None

    def last(self) -> Round:
        """Everything once more that failed, and the figures that were asked for."""
        return self._round(run(replace(self.request, source=self.watched, force=False), self.progress))

    def _round(self, outcome: RunOutcome) -> Round:
        series, best = outcome.written.series, outcome.written.verdict.best
        self.watched.normalisation = outcome.normalisation
        if said := set_aside(self.request.out) if best is None else self._keep(best.checkpoint):
            self.progress.message(said)
        fresh = self._learn(series.manifest.checkpoints)
        points = tuple(point for point in series.points if point.record.name in fresh)
        return Round(outcome, points, len(self.watched.gone))

    def _keep(self, name: str) -> str:
        """Have the checkpoint to use where it outlives its file; what there is to say about it."""
        entry = self.watched.entry(name)
        if self.watched.is_gone(entry):
            gone = f"{name} would be the checkpoint to use, and its file is gone"
            aside = set_aside(self.request.out)
            return f"{gone}; {aside}" if aside else gone
        place, lasting = self.watched.place(entry), self.watched.is_lasting(entry)
        return keep_best(place, self.request.out, lasting=lasting)

    def _learn(self, records: Sequence[CheckpointRecord]) -> list[str]:
        return self.watched.learn({one.name: {**one.load, "state": one.state} for one in records if one.load})

    def is_over(self, lookout: Lookout, last: Round | None) -> bool:
        """Whether the training is: it reached the epochs that its run.json states, or nothing happens any more."""
        if last is not None:
            manifest = last.outcome.written.series.manifest
            epochs = manifest.hyperparameters.get("epochs")
            reached = max((record.epoch or 0.0 for record in manifest.checkpoints if record.evaluated), default=0.0)
            if isinstance(epochs, int | float) and reached >= epochs:
                return True
        quiet = self._how.quiet
        if quiet is None:
            quiet = max(QUIET_SECONDS, QUIET_TIMES * lookout.longest)
        return last is not None and time.monotonic() - lookout.changed > quiet
