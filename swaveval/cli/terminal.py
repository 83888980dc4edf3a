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
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

LOG_EVERY_SECONDS = 30.0


class TerminalProgress:
    """Implements `swaveval.runs.progress.Progress`; use as a context manager."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True)
        self._quiet = quiet
        self._bars = not quiet and sys.stderr.isatty()
        self._stage = ""
        self._tasks: dict[str, TaskID] = {}
        self._told = 0.0
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
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
            self._tasks[name] = self._progress.add_task(escape(name), total=total or None)
            if not self._bars and not self._quiet:
                self._log(f"{name}{f' ({total})' if total else ''}")
        for task in self._progress.tasks:
            current = task.id == self._tasks[name]
            self._progress.update(task.id, visible=current or self._unfinished(task))
            if current and known and not self._unfinished(task):
                self._progress.reset(task.id, total=total or None)

    def advance(self, done: int, total: int) -> None:
        self._progress.update(self._tasks[self._stage], completed=done, total=total)
        if not self._bars and not self._quiet and time.monotonic() - self._told > LOG_EVERY_SECONDS:
            self._log(", ".join(self._position(task) for task in self._progress.tasks if self._unfinished(task)) or "…")

    @staticmethod
    def _unfinished(task: Task) -> bool:
        """A stage of unknown length is over when the next one begins."""
        return task.total is not None and not task.finished

    def message(self, text: str) -> None:
        if not self._quiet:
            self._console.print(text, markup=False, highlight=False)

    @staticmethod
    def _position(task: Task) -> str:
        return f"{task.description} {task.completed:.0f}" + (f" of {task.total:.0f}" if task.total else "")

    def _log(self, text: str) -> None:
        self._told = time.monotonic()
        self._console.print(text, markup=False, highlight=False)
