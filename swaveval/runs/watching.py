"""`swaveval run --watch`: checkpoints are evaluated as they land, and page and verdict written anew each time."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from swaveval.checkpoints.lookout import Lookout
from swaveval.checkpoints.watched import Watched
from swaveval.errors import SwavevalError
from swaveval.results import CheckpointRecord
from swaveval.results.series import Point
from swaveval.runs.checks import check_evaluation
from swaveval.runs.outcome import RunOutcome
from swaveval.runs.progress import Progress, Silent, Told
from swaveval.runs.records import NothingReady
from swaveval.runs.remembered import ledger
from swaveval.runs.request import RunError, RunRequest
from swaveval.runs.run import run

POLL_SECONDS = 10.0
# A training that says nothing of its end is over when nothing happened for this long, and for three times as long as
# it ever took from one checkpoint to the next.
QUIET_SECONDS, QUIET_TIMES = 600.0, 3.0
TRAINING_ENDS = "training-ends"


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
    watcher = _Watcher(request, how, _Once(progress or Silent()))
    yield from watcher.rounds()


@dataclass(eq=False)
class _Watcher:
    request: RunRequest
    how: Watching
    progress: "_Once"
    watched: Watched = field(init=False)

    def __post_init__(self) -> None:
        request = self.request
        if request.source is not None:
            raise RunError(
                f"--watch looks at a directory of this machine, not at {request.place}; run the command without it "
                "from time to time: nothing is done twice"
            )
        if request.budget is not None:
            raise RunError("--watch goes on until it is stopped, and --budget is of one evaluation; leave one out")
        check_evaluation(request, self.progress)
        self.watched = Watched.of(request.checkpoints, ledger(request.out))
        self.watched.watching = True

    def rounds(self) -> Iterator[Round]:
        copies = self.request.out / "cache" / "watch"
        with Lookout(self.watched, copies, self.how.poll, self.progress.message) as lookout:
            last: Round | None = None
            if not self.watched.versions and not self._admit(lookout):
                self.progress.message(f"waiting for the first checkpoint in {self.request.place}")
            while True:
                if self._admit(lookout) or (last is None and self.watched.versions):
                    done = self._round(first=last is None)
                    lookout.sweep(self.watched.copies())
                    last = done or last
                    if done is not None:
                        yield done
                if last is not None and last.outcome.written.verdict.verdict in self.how.fail_on:
                    break
                if self.how.until == TRAINING_ENDS and not lookout.news and self._is_over(lookout, last):
                    break
                lookout.wait(self.how.poll)
        if last is not None and (self.request.figures or last.outcome.failed):
            outcome = run(replace(self.request, source=self.watched, force=False), self.progress)
            yield Round(outcome, (), len(self.watched.gone))

    def _admit(self, lookout: Lookout) -> bool:
        """Take over what was taken; gives whether there is anything to evaluate."""
        for file, stamp, copy in lookout.taken():
            self.watched.admit(file, stamp, copy)
        return any(version.report is None for version in self.watched.versions)

    def _round(self, *, first: bool) -> Round | None:
        """One evaluation; None where it failed, or nothing was whole."""
        request = replace(
            self.request, source=self.watched, figures=False, force=self.request.force and first, retry=first
        )
        try:
            outcome = run(request, self.progress)
        except NothingReady as nothing:
            self._learn(nothing.records)
            if first and not any(record.state == "writing" for record in nothing.records):
                raise
            return None
        except (SwavevalError, OSError) as error:
            if first:
                raise
            self.progress.message(f"this round failed and is tried again with the next checkpoint: {error}")
            return None
        series = outcome.written.series
        self.watched.normalisation = outcome.normalisation
        fresh = self._learn(series.manifest.checkpoints)
        points = tuple(point for point in series.points if point.record.name in fresh)
        return Round(outcome, points, len(self.watched.gone))

    def _learn(self, records: Sequence[CheckpointRecord]) -> list[str]:
        return self.watched.learn({one.name: {**one.load, "state": one.state} for one in records if one.load})

    def _is_over(self, lookout: Lookout, last: Round | None) -> bool:
        """Whether the training is: it reached the epochs that its run.json states, or nothing happens any more."""
        if last is not None:
            manifest = last.outcome.written.series.manifest
            epochs = manifest.hyperparameters.get("epochs")
            reached = max((record.epoch or 0.0 for record in manifest.checkpoints if record.evaluated), default=0.0)
            if isinstance(epochs, int | float) and reached >= epochs:
                return True
        quiet = self.how.quiet
        if quiet is None:
            quiet = max(QUIET_SECONDS, QUIET_TIMES * lookout.longest)
        return last is not None and time.monotonic() - lookout.changed > quiet


class _Once(Told):
    """Passes messages on the first time: each round finds out again what the one before did."""

    def message(self, text: str) -> None:
        if text not in self.messages:
            super().message(text)
