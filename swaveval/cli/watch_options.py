"""The options of `swaveval run --watch`."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from swaveval.errors import USAGE

if TYPE_CHECKING:
    from swaveval.runs.watching import Watching


_POLL = 10.0  # seconds


@dataclass(frozen=True)
class Watch:
    """Whether checkpoints are evaluated as they land, and for how long."""

    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Evaluate checkpoints as they land, and write the page anew each time, until Ctrl-C. May begin before "
            "there is any. What was evaluated stays when the trainer removes it, or writes the next one over it.",
        ),
    ] = False
    until: Annotated[
        str,
        typer.Option(
            "--until",
            metavar="training-ends",
            help="With --watch: end when the training does: it reached the epochs in its run.json, or nothing has "
            "changed for --quiet-for.",
        ),
    ] = ""
    quiet_for: Annotated[
        str | None,
        typer.Option(
            "--quiet-for",
            help="With --until: how long (90s, 30m, 2h) nothing changes when a training is over. Default: three times "
            "the longest wait between two checkpoints, and 10m at least.",
        ),
    ] = None
    poll: Annotated[
        float | None,
        typer.Option(
            "--poll",
            min=0.1,
            show_default="10",
            help="With --watch: seconds between two looks. A file that did not change between two is whole.",
        ),
    ] = None

    def watching(self, fail_on: frozenset[str]) -> "Watching | None":
        """How the directory is watched; None where it is not.

        Raises:
            typer.Exit: 2, after a sentence, for options that do not go together.
        """
        if not (self.watch or self.until or self.quiet_for or self.poll is not None):
            return None  # before anything is imported that a run which only reads what it did has no need of
        from swaveval.runs.durations import seconds_of
        from swaveval.runs.watching import TRAINING_ENDS, Watching

        wrong = ""
        if self.until not in ("", TRAINING_ENDS):
            wrong = f"--until takes {TRAINING_ENDS}; not {self.until[:40]!r}"
        elif not self.watch:
            wrong = "--until, --quiet-for and --poll are for --watch; add it, or leave them out"
        elif self.quiet_for and not self.until:
            wrong = f"--quiet-for says when a training is over; add --until {TRAINING_ENDS}"
        elif self.poll is not None and not math.isfinite(self.poll):
            wrong = f"--poll takes seconds; not {self.poll}"
        if wrong:
            typer.echo(f"swaveval: {wrong}", err=True)
            raise typer.Exit(USAGE)
        quiet = None if self.quiet_for is None else seconds_of(self.quiet_for, "--quiet-for")
        return Watching(_POLL if self.poll is None else self.poll, self.until, quiet, fail_on)
