"""`swaveval.Monitor`: is it learning, asked from inside any training loop."""

import atexit
import logging
import os
import sys
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Unpack

from torch import nn

from swaveval.api.background import Background
from swaveval.api.evaluating import Given, Options, asked_trackers, of_directory, request_of, several
from swaveval.api.losses import LossFile
from swaveval.api.moments import Clock, loss_said, moment_said
from swaveval.api.rounds import Numbers, Rounds, SavedRounds, Told, loss_log
from swaveval.api.undisturbed import undisturbed
from swaveval.checkpoints.live import Live, copied
from swaveval.checkpoints.sandbox.failure import Failure
from swaveval.checkpoints.snapshots import Moment, Snapshots, names_in_copy, weights_of
from swaveval.convergence import Verdict
from swaveval.convergence.verdict import WORDS
from swaveval.runs.checks import check_evaluation
from swaveval.runs.elsewhere import local_out
from swaveval.runs.kept_best import kept_best
from swaveval.runs.log_to import Destination
from swaveval.runs.progress import Once, Silent
from swaveval.runs.request import RunError, RunRequest

logger = logging.getLogger("swaveval")

Network = str | Callable[[nn.Module], nn.Module]
Log = Callable[[dict[str, float], int], object]


class MonitorOptions(Options, total=False):
    """How a training is watched, beside the options of an evaluation (see `Options`); everything has a default.

    Attributes:
        mode: `background` (default), a process beside the training, which goes on meanwhile; `process`: the training
            waits for each evaluation; `checkpoints`: a process beside it, of what the training saves itself.
        checkpoints: with that mode, the directory of them.
        every: epochs (steps, where no epochs are given) from one evaluation to the next; default 1.
        stop_on: verdict at which `should_stop` becomes true, such as `"collapsed"`, or several.
        patience: how many evaluations in a row have to give one of them; default 2.
        network: what is evaluated of the model that `step` is given: the name of a part (default `backbone`; the model
            itself where it has no such part), or a function of the model.
        threads: that a background process computes with; default: the processors that the training's torch leaves.
        keep_all: whether the weights of every evaluation stay in `out/snapshots`; default: of the first, the last, the
            one to use and those that cannot be told apart from it.
        log: function of (numbers by name, step), or several, called in the training's process with the numbers of each
            evaluated checkpoint, such as a tracker's `log`.
    """

    mode: Literal["background", "process", "checkpoints"]
    checkpoints: str | Path
    every: int
    stop_on: str | Sequence[str]
    patience: int
    network: Network
    threads: int
    keep_all: bool
    log: Log | Sequence[Log]


_OWN = frozenset(MonitorOptions.__annotations__) - frozenset(Options.__annotations__)


class Monitor:
    """Evaluates a network time and again while it trains.

    ```
    with swaveval.Monitor("photos/", out="runs/mine/report", stop_on=("collapsed",)) as monitor:
        monitor.step(model, epoch=0)
        for epoch in range(1, 101):
            loss = train_one_epoch(model)
            monitor.step(model, epoch=epoch, loss=loss)
            if monitor.should_stop:
                break
    ```

    The training is what it would be without: its weights, random numbers, BatchNorm statistics and the order of its
    images. Of a distributed training, the process of rank 0 evaluates, and nothing is done by the others (see
    `should_stop`). A training that goes on from a checkpoint goes on with its evaluation too, where `out` is the same.

    Attributes:
        verdict: the newest; None before the first evaluation is over.
        request: what is evaluated.
    """

    def __init__(
        self,
        data: Any,
        *,
        labels: Any = None,
        train: Any = None,
        **options: Unpack[MonitorOptions],
    ) -> None:
        """Everything that would stop an evaluation by its name alone is said here, before the training begins.

        Args:
            data: images as `swaveval.evaluate` takes them. labels, train: likewise.
            options: see `MonitorOptions`; `out`, the directory of page, results and snapshots, is `report` by default.

        Raises:
            RunError, DataError, PluginError, DeviceError, OutputError: it cannot be as asked for.
        """
        place = local_out(options.get("out", "report"))
        assert place is not None
        self.out = place
        self.verdict: Verdict | None = None
        self._clock = Clock(_positive(options.get("every", 1), "every"))
        self._patience = _positive(options.get("patience", 2), "patience")
        self._stop_on = frozenset(several(options.get("stop_on", ())))
        if unknown := sorted(self._stop_on - set(WORDS)):
            raise RunError(f"stop_on knows {', '.join(WORDS)}; not {', '.join(unknown)}")
        self._mode = options.get("mode", "background")
        if self._mode not in ("background", "process", "checkpoints"):
            raise RunError(f"there is no mode {self._mode[:40]!r}; it takes background, process or checkpoints")
        if (self._mode == "checkpoints") != ("checkpoints" in options):
            raise RunError('mode="checkpoints" takes the directory of them, checkpoints=, and no other mode does')
        self._network: Network = options.get("network", "backbone")
        if isinstance(self._network, nn.Module) or not (isinstance(self._network, str) or callable(self._network)):
            kind = type(self._network).__name__
            raise RunError(f"network is a {kind}; it takes the name of a part of the model, or a function of the model")
        self._threads = options.get("threads")
        self._keep_all = options.get("keep_all", False)
        self._log = several(options.get("log", ()))
        self._progress = Once(options.get("progress") or Silent())
        self._rounds: Rounds | SavedRounds | None = None
        self._background: Background | None = None
        self._losses = LossFile(loss_log(self.out))
        self._against = self._calls = 0
        self._names: dict[str, str] = {}
        self._said: set[str] = set()
        self._closed, self._evaluates = False, is_first_rank()
        self.request: RunRequest | None = None
        self._trackers: tuple[Destination, ...] = ()
        if self._evaluates:
            self._trackers = asked_trackers(options)
            self.request = _request(Given(data, labels, train), self.out, options)
            check_evaluation(self.request, self._progress)
            atexit.register(_at_exit, weakref.ref(self))

    @property
    def should_stop(self) -> bool:
        """Whether `patience` evaluations in a row gave a verdict of `stop_on`.

        Of a distributed training only rank 0 knows: broadcast it before a process leaves the loop.
        """
        return self._against >= self._patience

    @property
    def best(self) -> Path | None:
        """The checkpoint to use: its weights as safetensors, the file that was saved, or the
        directory of its files; None where none is named."""
        found = kept_best(self.out)
        return found if self.verdict is not None and self.verdict.best is not None else None

    @property
    def page(self) -> Path:
        """The convergence report, once an evaluation is over."""
        return self.out / "index.html"

    def step(
        self,
        model: nn.Module | None,
        *,
        epoch: float | None = None,
        step: int | None = None,
        loss: Any = None,
        evaluate: bool | None = None,
    ) -> Verdict | None:
        """Tell of the training, and evaluate where that is due.

        Args:
            model: as it is now; None in mode `checkpoints`.
            epoch: finished epochs; 0 for a network that nobody trained. step: optimiser steps taken. Without either,
                calls are counted as epochs. They grow from call to call; where they fall, the training went back, and
                what was told from there on is replaced.
            loss: of now, in nats; a number or a tensor of one.
            evaluate: whether to, whatever is due; a moment that was evaluated before is evaluated anew.

        Returns:
            The newest verdict; in mode `background`, of an evaluation that began earlier.

        Raises:
            RunError: what was given cannot be evaluated.
        """
        if not self._evaluates:
            return None
        if self._closed:
            logger.warning("the monitor is closed: nothing is evaluated any more")
            return self.verdict
        if not isinstance(model, nn.Module | None):
            raise RunError(f"step takes the model, a torch.nn.Module, and not a {type(model).__name__}")
        said = moment_said(epoch, step)
        moment = self._clock.counted(said) if said != Moment() else Moment(epoch=float(self._calls))
        number = None if loss is None else loss_said(loss)
        self._calls += 1
        since = self._clock.tell(moment)
        if self._rounds is None:
            self._rounds = self._begin(model, moment)
        elif since is not None:
            self._go_back(self._rounds, since)
        if number is not None:
            self._losses.write(moment, number)
        if self._clock.is_due(moment) if evaluate is None else evaluate:
            if self._clock.evaluated(moment):
                self._leave_out(self._rounds, moment)
            self._evaluate(self._rounds, model, moment)
        elif self._background is not None:
            self._hear(self._background.heard())
        return self.verdict

    def close(self, *, wait: bool = True) -> Verdict | None:
        """End it: evaluate what waits, and draw figures that were asked for.

        Args:
            wait: whether to; else what is not evaluated yet is when a monitor with the same `out` goes on.
        """
        if self._closed or not self._evaluates:
            return self.verdict
        self._closed = True
        self._losses.close()
        rounds, background = self._rounds, self._background
        if not wait:
            if background is not None:
                background.stop()
        elif background is not None:
            self._hear(background.finish())
        elif isinstance(rounds, Rounds) and (rounds.snapshots.waiting() or rounds.request.figures):
            with undisturbed():
                self._hear([rounds.evaluate(self._progress, last=True)])
        return self.verdict

    def __enter__(self) -> "Monitor":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(wait=error is None)

    def _begin(self, model: nn.Module | None, moment: Moment) -> Rounds | SavedRounds:
        """Take a copy of the network, and leave out what an earlier training wrote from this moment on."""
        assert self.request is not None
        if self._mode == "checkpoints":
            self._losses.open(moment)
            saved = SavedRounds(self.request, self._trackers)
            self._background = Background(saved, self._threads, self._progress)
            return saved
        part = self._part(model)
        try:
            network = copied("the model", part)
        except Failure as failure:
            raise RunError(str(failure)) from None
        self._names = names_in_copy(weights_of(part), network)
        self._losses.open(moment)
        snapshots = Snapshots(self.out / "snapshots", self.out / "results" / "snapshots.json", network)
        gone = snapshots.forget(moment)
        if gone:
            logger.warning(
                "%d snapshots from %s on are of an earlier training and are left out", len(gone), moment.name
            )
        rounds = Rounds(self.request, snapshots, self._keep_all, self._trackers)
        if self._mode == "background":
            self._background = Background(rounds, self._threads, self._progress)
        return rounds

    def _go_back(self, rounds: Rounds | SavedRounds, since: Moment) -> None:
        """Leave out what was told from a moment on: the training takes these steps again."""
        gone = self._leave_out(rounds, since)
        logger.warning("the training went back to %s; snapshots from there on are left out: %d", since.name, gone)
        self._losses.open(since)
        self._against = 0

    def _leave_out(self, rounds: Rounds | SavedRounds, since: Moment) -> int:
        """Leave out the snapshots from a moment on; gives how many. What a training saves itself is its own."""
        if not isinstance(rounds, Rounds):
            return 0
        if self._background is not None:
            self._hear(self._background.heard())
            self._background.stop()  # it would go on with what is left out, and remember it
        gone = rounds.snapshots.forget(since)
        if self._background is not None:
            self._background = Background(rounds, self._threads, self._progress)
        return len(gone)

    def _part(self, model: nn.Module | None) -> nn.Module:
        """What is evaluated of a model."""
        if model is None:
            raise RunError("step takes the model as it is now; without one, evaluate what is saved: mode checkpoints")
        model = _unwrapped(model)
        if not isinstance(self._network, str):
            found = self._network(model)
            if not isinstance(found, nn.Module):
                raise RunError(f"the function network= gave a {type(found).__name__}; return a part of the model")
            return _unwrapped(found)
        part = model
        for name in self._network.split("."):
            inner = getattr(part, name, None)
            if not isinstance(inner, nn.Module):
                if self._network == "backbone":
                    return model
                raise RunError(f"the model has no part {self._network}; network= takes its name, or a function")
            part = _unwrapped(inner)
        return part

    def _evaluate(self, rounds: Rounds | SavedRounds, model: nn.Module | None, moment: Moment) -> None:
        if isinstance(rounds, SavedRounds):
            assert self._background is not None  # whose process follows the directory
            self._hear(self._background.ask())
            return
        weights = weights_of(self._part(model))
        named = {self._names.get(name, name): value for name, value in weights.items()}
        rounds.snapshots.check(moment, named)
        take = partial(rounds.snapshots.take, moment, named)
        if self._background is not None:
            self._hear(self._background.hand_over(take))
            return
        take()
        with undisturbed():
            found = rounds.evaluate(self._progress)
        self._hear([found])

    def _hear(self, found: Sequence[Told]) -> None:
        for told in found:
            for problem in told.problems:
                if problem not in self._said:  # a failed cell is in every evaluation from then on
                    logger.warning("%s", problem)
            self._said.update(told.problems)
            if told.verdict is not None:
                self.verdict = told.verdict
                self._against = self._against + 1 if told.verdict.verdict in self._stop_on else 0
            for numbers in told.fresh:
                self._tell(numbers)

    def _tell(self, numbers: Numbers) -> None:
        place = numbers.step if numbers.step is not None else int(numbers.epoch or 0)
        for log in self._log:
            try:
                log(dict(numbers.scalars), place)
            except Exception as error:  # a tracker that is gone ends no training
                logger.warning("log= failed, and the training goes on: %s: %s", type(error).__name__, error)


def _at_exit(found: "weakref.ref[Monitor]") -> None:
    """A program that ends without `close` has its last evaluation all the same; one that failed does not wait."""
    monitor = found()
    if monitor is not None and not monitor._closed:
        failed = getattr(sys, "last_value", None) is not None
        if not failed:
            logger.warning("the monitor was not closed: its last evaluation is done now; `with` does so, or close()")
        monitor.close(wait=not failed)


def _unwrapped(model: nn.Module) -> nn.Module:
    """What torch.compile, data parallelism and Lightning's Fabric have put themselves around."""
    while True:
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model = model.module
        elif isinstance(inner := getattr(model, "_orig_mod", None), nn.Module):
            model = inner
        elif type(model).__name__ == "_FabricModule":
            model = model.module  # type: ignore[assignment]
        else:
            return model


def is_first_rank() -> bool:
    """Whether this process is the one that evaluates: the only one, or rank 0."""
    import torch.distributed

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return int(torch.distributed.get_rank()) == 0
    return os.environ.get("RANK", "0") == "0"


def _request(given: Given, out: Path, options: MonitorOptions) -> RunRequest:
    place = out.resolve()
    name = place.parent.name if place.name.startswith("report") and place.parent.name else place.name
    evaluation: Any = {"name": name} | {one: value for one, value in options.items() if one not in _OWN}
    evaluation["out"] = out
    if "checkpoints" in options:
        return of_directory(options["checkpoints"], given, evaluation)
    return request_of(Live({}), given, evaluation)


def _positive(value: int, name: str) -> int:
    if value < 1:
        raise RunError(f"{name} is {value}; it takes 1 or more")
    return value
