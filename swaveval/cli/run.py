"""`swaveval run`."""

import json
import shlex
import sys
from pathlib import Path

import typer

from swaveval.cli import geometry_options as shapeless
from swaveval.cli import reading_options
from swaveval.cli.exits import CELLS_FAILED, USAGE, VERDICT_FAILED, WRITING

VERDICTS = ("learning", "converged", "regressed", "collapsed", "not-learning", "inconclusive")


def run(
    ckpt_dir: Path = typer.Option(
        ...,
        "--ckpt-dir",
        "-c",
        help="The checkpoints of one run: a directory, one file, or a pattern in quotes ('dir/simclr_*.pth'). Several "
        "runs below one directory are refused, with the commands that go on.",
    ),
    data: str | None = typer.Option(
        None,
        "--data",
        "-d",
        help="Images: class folders, train/ + test/ of them, one flat folder, or a name (digits, cifar10 …). Not "
        "needed for a directory that `swaveval pretrain` wrote.",
    ),
    labels: Path | None = typer.Option(
        None,
        "--labels",
        help="Table filename,label[,split] (FILE:COLUMN names the label column), or a word about folders: none, they "
        "are no labels; folders, they are.",
    ),
    range: reading_options.Range = None,
    bands: reading_options.Bands = None,
    pages: reading_options.Pages = None,
    alpha: reading_options.Alpha = None,
    exif: reading_options.Exif = None,
    evaluators: str | None = typer.Option(
        None, "--evaluators", "-e", help="Comma-separated names; `swaveval evaluators` lists them. Default: all."
    ),
    evaluator: list[str] = typer.Option([], "--evaluator", help="One-off evaluator, module:Class or file.py:Class."),
    out: Path | None = typer.Option(
        None,
        "--out",
        "-o",
        help="Default: report/ beside the checkpoint directory; report-NAME/ if another run's is there.",
    ),
    name: str = typer.Option("", "--name", help="The run's name on pages. Default: its directory's."),
    seed: int = typer.Option(0, "--seed", min=0, max=2**32 - 1, help="Of splits, probes, maps and bootstraps."),
    size: int | None = typer.Option(None, "--size", min=8, help="Input side in pixels. Default: fits the images."),
    interpolation: str | None = typer.Option(None, "--interpolation", help="bilinear (default) or bicubic (DINO)."),
    device: str = typer.Option("auto", "--device", help="auto, cpu, cuda, cuda:1, mps."),
    jobs: int = typer.Option(1, "--jobs", "-j", min=1, help="Checkpoints evaluated at the same time."),
    backbone: str | None = typer.Option(
        None,
        "--backbone",
        help="Architecture, when it cannot be inferred: timm:NAME, torchvision:NAME, module:factory or "
        "path/to/file.py:factory.",
    ),
    heads: int | None = shapeless.HEADS,
    stem_stride: int | None = shapeless.STEM_STRIDE,
    stem_padding: int | None = shapeless.STEM_PADDING,
    maxpool: bool | None = shapeless.MAXPOOL,
    dilation: int | None = shapeless.DILATION,
    last_stride: int | None = shapeless.LAST_STRIDE,
    mean: str | None = shapeless.MEAN,
    std: str | None = shapeless.STD,
    channel_order: str | None = shapeless.ORDER,
    allow_partial: bool = typer.Option(
        False, "--allow-partial", help="Accept backbones matched under 100 %; the page says so in red."
    ),
    trust: bool = typer.Option(False, "--trust", help="Unpickle files that need it: code in them is executed."),
    loss_log: Path | None = typer.Option(
        None,
        "--loss-log",
        help="Training log, when it is not found by itself: CSV, JSON lines, a wandb export, or the text that swav, "
        "DINO, MoCo, lightly's examples or your own loop print (epoch or step, and loss, on each line).",
    ),
    no_images: bool = typer.Option(False, "--no-images", help="Leave every picture of the data out of the page."),
    fail_on: str = typer.Option(
        "", "--fail-on", help="Verdicts that make the command exit with 5: collapsed,regressed"
    ),
    one_run: bool = typer.Option(
        False, "--one-run", help="Take all checkpoints for one run whatever speaks against it; the page says what."
    ),
    force: bool = typer.Option(False, "--force", help="Compute cells again that are done."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Print only the verdict and the page's path."),
    as_json: bool = typer.Option(False, "--json", help="Print verdict and counts as JSON on stdout."),
) -> None:
    """Evaluate a directory of checkpoints and write the convergence page.

    Done cells are never done again: a second run takes seconds, a new checkpoint costs one checkpoint, and a run that
    was killed goes on where it stopped.

    Examples:

      swaveval run --ckpt-dir runs/mine/checkpoints

      swaveval run --ckpt-dir lightning_logs/version_0/checkpoints --data photos/ --labels labels.csv

    Exit codes: 0 done, 1 some cells failed, 2 usage, or the machine stands in the way (disk full, no permission, no
    such device, no memory), 3 a checkpoint is still being written, 4 results damaged or missing, 5 a verdict named by
    --fail-on, 130 stopped by Ctrl-C.
    """
    unwanted = [word.strip() for word in fail_on.split(",") if word.strip()]
    if unknown := sorted(set(unwanted) - set(VERDICTS)):
        typer.echo(f"swaveval: --fail-on knows {', '.join(VERDICTS)}; not {', '.join(unknown)}", err=True)
        raise typer.Exit(USAGE)

    from swaveval.checkpoints import LoadOptions
    from swaveval.cli.summary import print_summary
    from swaveval.cli.terminal import TerminalProgress
    from swaveval.runs.request import DEFAULT_EVALUATORS, RunRequest, default_out
    from swaveval.runs.run import run as run_evaluation
    from swaveval.runs.specs import split_names
    from swaveval.runs.transform_choice import choose_transform, interpolated

    geometry = shapeless.geometry(
        heads=heads,
        stem_stride=stem_stride,
        stem_padding=stem_padding,
        maxpool=maxpool,
        dilation=dilation,
        last_stride=last_stride,
    )
    names = DEFAULT_EVALUATORS if evaluators is None else split_names(evaluators)
    request = RunRequest(
        checkpoints=ckpt_dir,
        out=out or default_out(ckpt_dir),
        data=data,
        labels=labels,
        pixels=reading_options.said(range, bands, pages, alpha, exif),
        evaluators=(*names, *evaluator),
        seed=seed,
        transform=choose_transform(size, interpolation),
        load=LoadOptions(trust=trust, allow_partial=allow_partial, backbone=backbone, geometry=geometry),
        normalisation=interpolated(interpolation) | shapeless.normalisation(mean, std, channel_order),
        device=device,
        jobs=jobs,
        name=name,
        loss_log=loss_log,
        command=shlex.join(["swaveval", *sys.argv[1:]]),
        images=not no_images,
        force=force,
        one_run=one_run,
    )
    with TerminalProgress(quiet=quiet or as_json) as progress:
        outcome = run_evaluation(request, progress)
    verdict, page = outcome.written.verdict, str(outcome.written.page)
    if as_json:
        counts = {
            "page": page,
            "computed": outcome.computed,
            "failed": [list(entry) for entry in outcome.failed],
            "writing": list(outcome.writing),
            "unusable": list(outcome.unusable),
        }
        typer.echo(json.dumps(verdict.to_json() | counts, default=str))
    elif quiet:
        typer.echo(f"{verdict.verdict}: {verdict.sentence}\n{page}")
    else:
        print_summary(outcome.written.series, verdict, page)
        typer.echo(f"{outcome.computed} cells computed, {len(outcome.failed)} failed", err=True)
    for problem in outcome.unusable:
        typer.echo(f"left out: {problem}", err=True)
    for waiting in outcome.writing:
        typer.echo(f"still being written, run again later: {waiting}", err=True)
    if verdict.verdict in unwanted:
        raise typer.Exit(VERDICT_FAILED)
    if outcome.failed:
        raise typer.Exit(CELLS_FAILED)
    if outcome.writing:
        raise typer.Exit(WRITING)
