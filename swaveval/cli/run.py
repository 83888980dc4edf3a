"""`swaveval run`."""

import json
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from swaveval.checkpoints.sandbox.launching import launch_ahead
from swaveval.cli.log_options import Trackers, places, tell
from swaveval.cli.options import PlanOptions, takes
from swaveval.cli.watch_options import Watch
from swaveval.cli.work_options import Work
from swaveval.errors import CELLS_FAILED, NOT_LOGGED, USAGE, VERDICT_FAILED, WRITING
from swaveval.imports import no_garbage
from swaveval.text import by_reason, shortened, some

if TYPE_CHECKING:
    from swaveval.runs.outcome import RunOutcome
    from swaveval.runs.progress import Progress
    from swaveval.runs.request import RunRequest

VERDICTS = ("learning", "converged", "regressed", "collapsed", "not-learning", "inconclusive")


@dataclass(frozen=True)
class RunOptions:
    """What is evaluated, who does it, for how long, and who is told."""

    plan: PlanOptions
    work: Work
    watch: Watch
    trackers: Trackers


@takes(RunOptions)
def run(
    options: RunOptions,
    *,
    name: str = typer.Option("", "--name", help="The run's name on pages. Default: its directory's."),
    loss_log: Path | None = typer.Option(
        None,
        "--loss-log",
        help="Training log, when it is not found by itself: CSV, JSON lines, a wandb export, or the text that swav, "
        "DINO, MoCo, lightly's examples or your own loop print (epoch or step, and loss, on each line); or a run that "
        "W&B or MLflow keeps: wandb/, mlruns/, mlflow.db; PLACE:RUN where there are several.",
    ),
    loss_pattern: str = typer.Option(
        "",
        "--loss-pattern",
        help="Regular expression for a text log of any other form: 'Epoch (?P<epoch>\\d+).*loss=(?P<loss>\\S+)'; "
        "groups loss, epoch, step.",
    ),
    no_images: bool = typer.Option(False, "--no-images", help="Leave every picture of the data out of the page."),
    no_figures: bool = typer.Option(
        False,
        "--no-figures",
        help="Leave out the figures for papers (PNG, SVG); `swaveval report OUT --figures-only` draws them later.",
    ),
    fail_on: str = typer.Option(
        "", "--fail-on", help="Verdicts that make the command exit with 5: collapsed,regressed"
    ),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Print only the verdict and the page's path."),
    as_json: bool = typer.Option(False, "--json", help="Print verdict and counts as JSON on stdout."),
) -> None:
    """Evaluate a directory of checkpoints and write the convergence page.

    Done cells are never done again: a second run takes seconds, a new checkpoint costs one checkpoint, and a run that
    was killed goes on where it stopped.

    Examples:

      swaveval run --ckpt-dir runs/mine/checkpoints

      swaveval run --ckpt-dir lightning_logs/version_0/checkpoints --data photos/ --labels labels.csv

      swaveval run --ckpt-dir runs/mine/checkpoints --images 5000 --budget 10m

      swaveval run --ckpt-dir runs/mine/checkpoints --data photos/ --watch --until training-ends --fail-on collapsed

      swaveval run --ckpt-dir runs/mine/checkpoints --log-to tensorboard:runs/mine --log-to mlflow:runs.db

    Exit codes: 0 done, 1 some cells failed, 2 usage, or the machine stands in the way (disk full, no permission, no
    such device, no memory), 3 a checkpoint is still being written, 4 results damaged or missing, 5 a verdict named by
    --fail-on, 6 a tracker of --log-to did not get everything (the page is written), 130 stopped by Ctrl-C or SIGTERM.
    """
    started = time.monotonic()
    unwanted = [word.strip() for word in fail_on.split(",") if word.strip()]
    if unknown := sorted(set(unwanted) - set(VERDICTS)):
        typer.echo(f"swaveval: --fail-on knows {', '.join(VERDICTS)}; not {', '.join(unknown)}", err=True)
        raise typer.Exit(USAGE)

    from swaveval.checkpoints.remote.address import Address
    from swaveval.cli.summary import print_summary
    from swaveval.cli.terminal import TerminalProgress
    from swaveval.runs.published import publishing

    how = options.watch.watching(frozenset(unwanted))
    trackers = places(options.trackers.log_to)
    request = options.plan.request(
        name=name,
        loss_log=loss_log,
        loss_pattern=loss_pattern,
        command=shlex.join(["swaveval", *sys.argv[1:]]),
        images=not no_images,
        figures=not no_figures,
        **options.work.asked(),
    )
    with (
        TerminalProgress(quiet=quiet or as_json) as progress,
        publishing(request.published, request.out, progress) as published,
    ):
        if how is None:
            outcome = _evaluated(request, progress, started)
        else:
            from swaveval.cli.watching import watched

            outcome = watched(request, how, progress, published, trackers=trackers, as_json=as_json)
    verdict, page = outcome.written.verdict, str(outcome.written.page)
    if as_json and how is None:
        typer.echo(json.dumps(verdict.to_json() | counts(outcome), default=str))
    elif quiet:
        typer.echo(f"{verdict.line}\n{page}")
    elif not as_json:
        print_summary(outcome.written.series, verdict, page)
        others = f"{outcome.by_others} by other commands, " if outcome.by_others else ""
        typer.echo(f"{outcome.computed} cells computed, {others}{len(outcome.failed)} failed", err=True)
    if request.published:
        typer.echo(f"sent to: {Address.of(request.published).shown}", err=True)
    if outcome.waiting:
        typer.echo(_later(outcome.waiting, request.command), err=True)
    for said in _left_out(outcome.unusable):
        typer.echo(said, err=True)
    for waiting in outcome.writing:
        typer.echo(f"still being written, run again later: {waiting}", err=True)
    logged = tell(outcome.written.series, trackers)
    if verdict.verdict in unwanted:
        raise typer.Exit(VERDICT_FAILED)
    if outcome.failed:
        raise typer.Exit(CELLS_FAILED)
    if outcome.writing:
        raise typer.Exit(WRITING)
    if not logged:
        raise typer.Exit(NOT_LOGGED)


def _evaluated(request: "RunRequest", progress: "Progress", started: float) -> "RunOutcome":
    """What there is now, from the disk where nothing has changed since it was evaluated."""
    from swaveval.runs import unchanged

    known = unchanged.earlier(request)
    if known is None:
        if not request.in_memory:
            launch_ahead()
        with no_garbage():
            from swaveval.runs.run import run as run_evaluation

        return run_evaluation(request, progress, started=started)
    outcome, told = known
    for text in told:
        progress.message(text)
    return outcome


def counts(outcome: "RunOutcome") -> dict[str, Any]:
    """What `--json` says beside the verdict."""
    return {
        "page": str(outcome.written.page),
        "computed": outcome.computed,
        "by_others": outcome.by_others,
        "failed": [list(entry) for entry in outcome.failed],
        "writing": list(outcome.writing),
        "unusable": [f"{name}: {reason}" for name, reason in outcome.unusable],
        "waiting": list(outcome.waiting),
    }


def _left_out(unusable: Sequence[tuple[str, str]]) -> list[str]:
    """A line for each reason: beside each of a hundred checkpoints may lie an optimiser's state."""
    return [f"left out: {some(names)}: {reason}" for reason, names in by_reason(unusable).items()]


def _later(waiting: Sequence[str], command: str) -> str:
    """What the budget left out, and the command that does it."""
    from swaveval.convergence.partial import without_budget

    shown = some([shortened(name, 40) for name in waiting], 6)
    return f"not evaluated yet: {shown}\ngoes on, and does nothing twice: {without_budget(command)}"
