"""Progress for people: bars on a terminal, a line now and then in a log, nothing when quiet. Always on stderr."""

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from swaveval.text import printable, shortened

LOG_EVERY_SECONDS = 30.0
WIDEST = 60  # of what is being done, in characters


class TimeLeft(ProgressColumn):
    """What the stage says of itself; else by the pace of its units."""

    def __init__(self) -> None:
        super().__init__()
        self._by_pace = TimeRemainingColumn(compact=True)

    def render(self, task: Task) -> Text:
        known = task.fields.get("until")
        if known is None:
            return self._by_pace.render(task)
        return Text(f"{said(known - time.monotonic())} left", style="progress.remaining")


class TerminalProgress:
    """Implements `swaveval.runs.progress.Progress` and `Detailed`; use as a context manager."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True)
        self._quiet = quiet
        self._bars = not quiet and sys.stderr.isatty()
        self._stage = self._timed = ""
        self._tasks: dict[str, TaskID] = {}
        self._told = 0.0
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeLeft(),
            TextColumn("{task.fields[doing]}", style="dim"),
            console=self._console,
            transient=True,
            disable=not self._bars,
        )

    def __enter__(self) -> "TerminalProgress":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def stage(self, name: str, total: int) -> None:
        """Go to a stage; one that was left unfinished keeps its bar, so that a stage may lie within another."""
        known, self._stage = name in self._tasks, name
        if not known:
            self._tasks[name] = self._progress.add_task(escape(name), total=total or None, doing="")
            if not self._bars and not self._quiet:
                self._log(f"{name}{f' ({total})' if total else ''}")
        for task in self._progress.tasks:
            current = task.id == self._tasks[name]
            self._progress.update(task.id, visible=current or self._unfinished(task))
            if current and known and not self._unfinished(task):
                self._progress.reset(task.id, total=total or None)

    def advance(self, done: int, total: int) -> None:
        self._progress.update(self._tasks[self._stage], completed=done, total=total)
        self._log_now_and_then()

    def doing(self, text: str) -> None:
        """Of whom what is being done, shown at the stage that `left` was last said of; names come from disk."""
        if stage := self._timed or self._stage:
            shown = escape(shortened(printable(text), WIDEST))
            self._progress.update(self._tasks[stage], doing=shown)
            self._log_now_and_then()

    def left(self, seconds: float | None) -> None:
        """Until this stage is over."""
        self._timed = self._stage
        if self._stage:
            until = None if seconds is None else time.monotonic() + seconds
            self._progress.update(self._tasks[self._stage], until=until)

    @staticmethod
    def _unfinished(task: Task) -> bool:
        """A stage of unknown length is over when the next one begins."""
        return task.total is not None and not task.finished

    def message(self, text: str) -> None:
        if not self._quiet:
            self._console.print(text, markup=False, highlight=False, soft_wrap=not self._bars)

    @staticmethod
    def _position(task: Task) -> str:
        where = f"{task.description} {task.completed:.0f}" + (f" of {task.total:.0f}" if task.total else "")
        until, doing = task.fields.get("until"), task.fields.get("doing")
        left = "" if until is None else f", {said(until - time.monotonic())} left"
        return where + (f" ({doing})" if doing else "") + left

    def _log_now_and_then(self) -> None:
        if not self._bars and not self._quiet and time.monotonic() - self._told > LOG_EVERY_SECONDS:
            self._log(", ".join(self._position(task) for task in self._progress.tasks if self._unfinished(task)) or "…")

    def _log(self, text: str) -> None:
        self._told = time.monotonic()
        self._console.print(text, markup=False, highlight=False, soft_wrap=not self._bars)


def said(seconds: float) -> str:
    """`50 s`, `12 min`, `1 h 20 min`: no more digits than an estimate has."""
    if seconds < 55:
        return f"{max(1, round(seconds / 5)) * 5} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
