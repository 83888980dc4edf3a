"""`swaveval sweep`."""

import math
import shlex
import sys
from functools import partial
from pathlib import Path

import typer

from swaveval.cli import reading_options
from swaveval.cli.options import takes
from swaveval.cli.remote_options import here
from swaveval.cli.work_options import Work
from swaveval.errors import CELLS_FAILED
from swaveval.imports import no_garbage


@takes(Work)
def sweep(
    work: Work,
    *,
    data: str = typer.Option(..., "--data", "-d", help="Images, as in `swaveval pretrain`."),
    out: Path = typer.Option(..., "--out", "-o", help="Directory for the runs and the comparison page.", callback=here),
    prototypes: str | None = typer.Option(None, "--prototypes", help="Numbers of prototypes, e.g. 10,30,100,300."),
    learning_rates: str | None = typer.Option(None, "--learning-rates", help="Learning rates, e.g. 0.0005,0.002."),
    batch_sizes: str | None = typer.Option(None, "--batch-sizes", help="Batch sizes, e.g. 64,128,256."),
    data_fractions: str | None = typer.Option(
        None, "--data-fractions", help="Shares of the training images, e.g. 0.1,0.3,1: how much data is enough?"
    ),
    seeds: str | None = typer.Option(
        None, "--seeds", help="Seeds of the training, e.g. 0,1,2: repeats of every setting, compared as one."
    ),
    labels: Path | None = typer.Option(None, "--labels", help="A table, none, folders or names, as in `swaveval run`."),
    range: reading_options.Range = None,
    bands: reading_options.Bands = None,
    pages: reading_options.Pages = None,
    alpha: reading_options.Alpha = None,
    exif: reading_options.Exif = None,
    config: Path | None = typer.Option(
        None, "--config", help="TOML of `swaveval pretrain` settings that all runs share."
    ),
    epochs: int | None = typer.Option(None, "--epochs", min=1, help="Epochs of every run."),
    checkpoint_every: str | None = typer.Option(
        None, "--checkpoint-every", help="Epochs between checkpoints, or log, of every run."
    ),
    images: int | None = typer.Option(
        None, "--images", min=2, help="Evaluate each run on so many of the images, as in `swaveval run`. Default: all."
    ),
    budget: str | None = typer.Option(
        None,
        "--budget",
        help="Evaluate all runs within 90s, 10m, 2h … together, as in `swaveval run`: each has an equal share of what "
        "is left. Training is not in it; the same command without it goes on.",
    ),
    evaluators: str | None = typer.Option(None, "--evaluators", "-e", help="Comma-separated names. Default: all."),
    seed: int = typer.Option(0, "--seed", min=0, max=2**32 - 1, help="Of training (but with --seeds) and evaluation."),
    no_images: bool = typer.Option(False, "--no-images", help="Leave every picture of the data out of the pages."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Print only the page's path."),
) -> None:
    """Pretrain one run per setting, evaluate each, and compare them on one page.

    Stopped anywhere, the same command goes on: finished runs and finished cells are not done again. Several options
    together are combined with one another. A setting whose loss becomes NaN is left out (exit code 1); one that cannot
    work is refused before the first is trained.

    Example: swaveval sweep --prototypes 30,100,300 --data digits --out runs/prototypes
    """
    with no_garbage():
        from swaveval.cli.terminal import TerminalProgress
        from swaveval.convergence.partial import without_budget
        from swaveval.pretrain.reporter import ConsoleReporter
        from swaveval.runs.compare import Compared
        from swaveval.runs.durations import seconds_of
        from swaveval.runs.request import DEFAULT_EVALUATORS, RunRequest
        from swaveval.runs.specs import split_names
        from swaveval.runs.sweep import SweepAxis, SweepRequest
        from swaveval.runs.sweep import sweep as run_sweep
        from swaveval.runs.sweep_settings import shared_settings

    given = {
        "prototypes": prototypes,
        "learning_rate": learning_rates,
        "batch_size": batch_sizes,
        "data_fraction": data_fractions,
        "seed": seeds,
    }
    axes = tuple(SweepAxis(name, _numbers(name, text)) for name, text in given.items() if text)
    names = DEFAULT_EVALUATORS if evaluators is None else split_names(evaluators)
    base = shared_settings(
        config,
        data=data,
        labels=labels,
        pixels=reading_options.said(range, bands, pages, alpha, exif),
        epochs=epochs,
        checkpoint_every=checkpoint_every,
        seed=seed,
    )
    evaluation = RunRequest(
        checkpoints=out,
        out=out,
        evaluators=names,
        seed=seed,
        sample=images,
        command=shlex.join(["swaveval", *sys.argv[1:]]),
        images=not no_images,
        figures=True,
        precision="auto",
        budget=None if budget is None else seconds_of(budget),
        **work.asked(),
    )
    found: list[Compared] = []
    left_out: list[str] = []
    page, outcomes = run_sweep(
        SweepRequest(base, axes, out, evaluation),
        training=partial(ConsoleReporter, quiet=quiet),
        evaluating=partial(TerminalProgress, quiet=quiet),
        comparing=found.append,
        left_out=left_out.append,
    )
    for said in left_out:
        typer.echo(said, err=True)
    if not quiet:
        for outcome in outcomes:
            typer.echo(f"{outcome.written.series.manifest.name}: {outcome.written.verdict.sentence}")
        for group in (group for compared in found for group in compared.groups):
            typer.echo(f"{group.headline}: {group.sentence}")
    if late := [outcome.written.series.manifest.name for outcome in outcomes if outcome.waiting]:
        typer.echo(
            f"not evaluated whole yet: {', '.join(late)}\n"
            f"goes on, and does nothing twice: {without_budget(evaluation.command)}",
            err=True,
        )
    typer.echo(page)
    if left_out or any(outcome.failed for outcome in outcomes):
        raise typer.Exit(CELLS_FAILED)


def _numbers(name: str, text: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise typer.BadParameter(f"{name}: {text!r} is not a list of numbers such as 30,100,300") from None
    if name == "seed":
        if not values or any(not 0 <= value < 2**32 or value != int(value) for value in values):
            raise typer.BadParameter(f"{name}: needs whole numbers from 0 to 4294967295, found {text!r}")
        return values
    if not values or any(not 0 < value < math.inf for value in values):
        raise typer.BadParameter(f"{name}: needs positive numbers, found {text!r}")
    return values
