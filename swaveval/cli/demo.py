"""`swaveval demo`."""

import shlex
import sys
from pathlib import Path

import typer

from swaveval.cli.remote_options import here
from swaveval.imports import no_garbage


def demo(
    out: Path | None = typer.Option(
        None, "--out", "-o", help="Default: runs/demo, or runs/demo-collapsed.", callback=here
    ),
    seed: int = typer.Option(0, "--seed", min=0, max=2**32 - 1, help="Of training and evaluation."),
    collapsed: bool = typer.Option(
        False, "--collapsed", help="The recipe whose loss curve looks just as flat, but whose model has collapsed."
    ),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Print only the verdict and the page's path."),
) -> None:
    """Train SwaV on the embedded digits, evaluate every checkpoint, write the page. No network, a few minutes.

    The loss of the demo hardly leaves ln K, and yet kNN accuracy rises from 88 to 96 %: this is what swaveval is for.
    Run it again and it goes on where it stopped; what is done is not done again.
    """
    with no_garbage():
        from swaveval.cli.summary import print_summary
        from swaveval.cli.terminal import TerminalProgress
        from swaveval.runs.demo import evaluate_demo, train_demo

    directory = out or Path("runs") / ("demo-collapsed" if collapsed else "demo")
    command = shlex.join(["swaveval", *sys.argv[1:]])
    train_demo(directory, seed=seed, collapsed=collapsed, command=command, quiet=quiet)
    with TerminalProgress(quiet=quiet) as progress:
        outcome = evaluate_demo(directory, seed=seed, command=command, progress=progress)
    verdict, page = outcome.written.verdict, str(outcome.written.page)
    if quiet:
        typer.echo(f"{verdict.line}\n{page}")
    else:
        print_summary(outcome.written.series, verdict, page)
    if outcome.failed:
        raise typer.Exit(1)
