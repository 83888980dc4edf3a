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
        self._task: TaskID | None = None
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
        changed, self._stage = name != self._stage, name
        if self._bars:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task = self._progress.add_task(escape(name), total=total or None)
        elif changed and not self._quiet:
            self._log(f"{name}{f' ({total})' if total else ''}")

    def advance(self, done: int, total: int) -> None:
        if self._bars and self._task is not None:
            self._progress.update(self._task, completed=done, total=total)
        elif not self._quiet and time.monotonic() - self._told > LOG_EVERY_SECONDS:
            self._log(f"{self._stage}: {done} of {total}")

    def message(self, text: str) -> None:
        if not self._quiet:
            self._console.print(text, markup=False, highlight=False)

    def _log(self, text: str) -> None:
        self._told = time.monotonic()
        self._console.print(text, markup=False, highlight=False)
