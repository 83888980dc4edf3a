"""What a training tells while it runs: a bar with the time left on a terminal, one line per epoch elsewhere."""

import math
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, runtime_checkable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One finished epoch.

    Attributes:
        epoch: finished epochs. epochs: of the whole training.
        loss: mean over the epoch's steps, in nats. ln_k: the loss of a constant output.
        seconds: the epoch took.
    """

    epoch: int
    epochs: int
    loss: float
    ln_k: float
    seconds: float

    @property
    def gap(self) -> float:
        """1 − loss / ln K."""
        return 1 - self.loss / self.ln_k


@runtime_checkable
class Reporter(Protocol):
    """Receives the course of a training; methods must be cheap."""

    def decoding(self, done: int, total: int) -> None:
        """`done` of `total` images are looked at or decoded; counts again from the start for each of the two."""

    def started(self, *, steps_done: int, steps: int) -> None:
        """Training begins with `steps_done` of `steps` optimiser steps taken."""

    def step(self, *, step: int, loss: float) -> None:
        """`step` optimiser steps are taken."""

    def epoch(self, report: EpochReport) -> None:
        """An epoch is finished."""

    def notice(self, text: str) -> None:
        """One line worth reading."""

    def finished(self) -> None:
        """Training ended, however it ended."""


class SilentReporter:
    """Says nothing."""

    def decoding(self, done: int, total: int) -> None:
        pass

    def started(self, *, steps_done: int, steps: int) -> None:
        pass

    def step(self, *, step: int, loss: float) -> None:
        pass

    def epoch(self, report: EpochReport) -> None:
        pass

    def notice(self, text: str) -> None:
        pass

    def finished(self) -> None:
        pass


class ConsoleReporter:
    """Writes to stderr. `quiet` leaves only notices."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True)
        self._quiet = quiet
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> "ConsoleReporter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finished()

    def started(self, *, steps_done: int, steps: int) -> None:
        self._begin("training", "steps", done=steps_done, total=steps)

    def decoding(self, done: int, total: int) -> None:
        if self._bar is None:
            self._begin("reading images", "images", done=done, total=total)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total)
        if done >= total:
            self.finished()

    def step(self, *, step: int, loss: float) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=step, description=f"training, loss {loss:.3f}")

    def epoch(self, report: EpochReport) -> None:
        if not self._quiet:
            self.notice(
                f"epoch {report.epoch}/{report.epochs}  loss {report.loss:.4f}  {_beside_ln_k(report)}"
                f"{report.seconds:.1f} s"
            )

    def notice(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def finished(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _begin(self, name: str, unit: str, *, done: int, total: int) -> None:
        """Show a bar, if there is a terminal to show it on."""
        self.finished()
        if self._quiet or not self._console.is_terminal:
            return
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            TextColumn(f"{{task.completed:.0f}}/{{task.total:.0f}} {unit}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task(name, total=total, completed=done)
        self._bar.start()


def _beside_ln_k(report: EpochReport) -> str:
    if not math.isfinite(report.loss):
        return ""
    side = "below" if report.gap >= 0 else "above"
    return f"{abs(report.gap):.1%} {side} ln K = {report.ln_k:.3f}  "
