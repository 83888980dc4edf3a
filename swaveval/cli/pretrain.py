"""`swaveval pretrain`."""

import shlex
import sys
from pathlib import Path
from typing import Any

import typer

from swaveval.cli import reading_options
from swaveval.cli.remote_options import here
from swaveval.imports import no_garbage

DATA = "Data"
MODEL = "Backbone"
SWAV = "SwaV"
VIEWS = "Views"
TRAINING = "Training"
HARDWARE = "Hardware"
SERIES = "Checkpoints"


def pretrain(
    out: Path = typer.Option(
        ...,
        "--out",
        "-o",
        help="The run's directory: checkpoints/, run.json, metrics.csv.",
        rich_help_panel=DATA,
        callback=here,
    ),
    data: str | None = typer.Option(
        None,
        "--data",
        "-d",
        help="Images: class folders, train/ + test/ of them, one flat folder, or a name (digits, cifar10 …). Only the "
        "train split is trained on; labels are never used.",
        rich_help_panel=DATA,
    ),
    labels: Path | None = typer.Option(
        None,
        "--labels",
        help="Table filename,label[,split]: keeps its test images out. none, folders or names: as in run.",
        rich_help_panel=DATA,
    ),
    range: reading_options.Range = None,
    bands: reading_options.Bands = None,
    pages: reading_options.Pages = None,
    alpha: reading_options.Alpha = None,
    exif: reading_options.Exif = None,
    split_seed: int | None = typer.Option(
        None,
        "--split-seed",
        help="Of the split drawn when the data gives none.",
        show_default="0",
        rich_help_panel=DATA,
    ),
    fraction: float | None = typer.Option(
        None, "--data-fraction", help="Share of the training images.", show_default="1", rich_help_panel=DATA
    ),
    config: Path | None = typer.Option(
        None, "--config", help="TOML file of settings (docs/pretrain.md); flags win over it.", rich_help_panel=DATA
    ),
    resume: bool = typer.Option(
        False,
        "--resume",
        help="Go on with the run in --out from its last finished epoch; no other option is needed.",
        rich_help_panel=DATA,
    ),
    backbone: str | None = typer.Option(
        None,
        "--backbone",
        help="resnet10, 18, 34, 50, 101, 152, or timm:NAME.",
        show_default="resnet10 up to 64 px, else resnet18",
        rich_help_panel=MODEL,
    ),
    stem: str | None = typer.Option(
        None,
        "--stem",
        help="imagenet (7×7, stride 2, max-pooling) or small (3×3).",
        show_default="small up to 64 px",
        rich_help_panel=MODEL,
    ),
    stem_stride: int | None = typer.Option(
        None, "--stem-stride", help="Of the small stem: 1 sees more, 2 is four times faster.", rich_help_panel=MODEL
    ),
    width: int | None = typer.Option(
        None,
        "--width",
        help="Channels of the first stage.",
        show_default="32 for resnet10, else 64",
        rich_help_panel=MODEL,
    ),
    prototypes: int | None = typer.Option(
        None,
        "--prototypes",
        "-k",
        help="K: an order of magnitude above the classes you expect. Too few collapse.",
        show_default="by number of images",
        rich_help_panel=SWAV,
    ),
    epsilon: float | None = typer.Option(
        None,
        "--epsilon",
        help="ε of Sinkhorn; lower is sharper, high collapses.",
        show_default="0.03 or 0.05",
        rich_help_panel=SWAV,
    ),
    temperature: float | None = typer.Option(
        None,
        "--temperature",
        help="T of the prediction; high values press the loss against ln K.",
        show_default="0.1",
        rich_help_panel=SWAV,
    ),
    sinkhorn_iterations: int | None = typer.Option(
        None, "--sinkhorn-iterations", help="Normalisations of the codes.", show_default="3", rich_help_panel=SWAV
    ),
    frozen_prototype_steps: int | None = typer.Option(
        None,
        "--frozen-prototype-steps",
        help="Steps before the prototypes may move; 0 often collapses small runs.",
        show_default="an epoch, at least 100",
        rich_help_panel=SWAV,
    ),
    projection_dim: int | None = typer.Option(
        None,
        "--projection-dim",
        help="Dimensions where images meet prototypes.",
        show_default="128",
        rich_help_panel=SWAV,
    ),
    queue: int | None = typer.Option(
        None,
        "--queue",
        help="Earlier embeddings that join Sinkhorn, for batches small against K.",
        show_default="0",
        rich_help_panel=SWAV,
    ),
    queue_start_epoch: int | None = typer.Option(
        None,
        "--queue-start-epoch",
        help="Finished epochs before the queue fills.",
        show_default="15",
        rich_help_panel=SWAV,
    ),
    augmentation: str | None = typer.Option(
        None,
        "--augmentation",
        help="natural (flip, colour, grey, blur) or digits (turn ±15°, brightness, contrast).",
        show_default="natural",
        rich_help_panel=VIEWS,
    ),
    views: str | None = typer.Option(
        None,
        "--views",
        help="Who draws the views: batch (whole batches at once) or lightly (its transform, image by image). The "
        "distribution is the same.",
        show_default="batch up to 64 px",
        rich_help_panel=VIEWS,
    ),
    crop_sizes: str | None = typer.Option(
        None,
        "--crop-sizes",
        help="Pixels of large and small crops, e.g. 32,16.",
        show_default="by image size",
        rich_help_panel=VIEWS,
    ),
    crop_counts: str | None = typer.Option(
        None, "--crop-counts", help="How many of each per image, e.g. 2,4.", rich_help_panel=VIEWS
    ),
    crop_min_scales: str | None = typer.Option(
        None, "--crop-min-scales", help="Least share of the image's area, e.g. 0.4,0.2.", rich_help_panel=VIEWS
    ),
    crop_max_scales: str | None = typer.Option(
        None, "--crop-max-scales", help="Greatest share, e.g. 1.0,0.4.", rich_help_panel=VIEWS
    ),
    epochs: int | None = typer.Option(None, "--epochs", show_default="100", rich_help_panel=TRAINING),
    batch_size: int | None = typer.Option(
        None,
        "--batch-size",
        help="Images per step, of all devices and machines together; each takes an equal share.",
        show_default="128 or 256",
        rich_help_panel=TRAINING,
    ),
    optimiser: str | None = typer.Option(
        None,
        "--optimiser",
        "--optimizer",
        help="adamw, sgd, or lars (lightly's; for batches of thousands).",
        show_default="adamw",
        rich_help_panel=TRAINING,
    ),
    learning_rate: float | None = typer.Option(
        None,
        "--learning-rate",
        "--lr",
        help="Peak.",
        show_default="by optimiser and batch size",
        rich_help_panel=TRAINING,
    ),
    schedule: str | None = typer.Option(
        None,
        "--schedule",
        help="cosine or constant, after the warm-up.",
        show_default="cosine",
        rich_help_panel=TRAINING,
    ),
    warmup_steps: int | None = typer.Option(
        None, "--warmup-steps", help="Of linear warm-up.", show_default="40, or half an epoch", rich_help_panel=TRAINING
    ),
    weight_decay: float | None = typer.Option(
        None, "--weight-decay", show_default="0.01 for adamw, else 1e-6", rich_help_panel=TRAINING
    ),
    seed: int | None = typer.Option(
        None, "--seed", help="Of weights, order and views.", show_default="0", rich_help_panel=TRAINING
    ),
    stop_on_nan: bool | None = typer.Option(
        None,
        "--stop-on-nan/--no-stop-on-nan",
        help="Stop when the loss is not finite.",
        show_default="stop",
        rich_help_panel=TRAINING,
    ),
    accelerator: str | None = typer.Option(
        None, "--accelerator", help="auto, cpu, gpu or mps.", show_default="auto", rich_help_panel=HARDWARE
    ),
    devices: int | None = typer.Option(
        None,
        "--devices",
        help="Of this machine, a process each, that share the batch; the numbers are those of one process.",
        show_default="1",
        rich_help_panel=HARDWARE,
    ),
    nodes: int | None = typer.Option(
        None,
        "--nodes",
        "--num-nodes",
        help="Machines, on each of which the command is started (docs/scale.md).",
        show_default="1",
        rich_help_panel=HARDWARE,
    ),
    strategy: str | None = typer.Option(
        None, "--strategy", help="auto or ddp.", show_default="auto", rich_help_panel=HARDWARE
    ),
    precision: str | None = typer.Option(
        None,
        "--precision",
        help="32, bf16 or 16 (on a CPU bf16 in its place); the loss is always in 32.",
        show_default="32",
        rich_help_panel=HARDWARE,
    ),
    workers: int | None = typer.Option(
        None, "--workers", help="Processes that prepare images; no number depends on it.", rich_help_panel=HARDWARE
    ),
    threads: int | None = typer.Option(
        None,
        "--threads",
        help="Of torch on a CPU.",
        show_default="the cores the workers leave",
        rich_help_panel=HARDWARE,
    ),
    checkpoint_every: str | None = typer.Option(
        None,
        "--checkpoint-every",
        help="Epochs between checkpoints, or log (1, 2, 3, 4, 6, 8, 11, 16 …). Step 0 and the last are always kept, "
        "none is ever deleted.",
        show_default="1",
        rich_help_panel=SERIES,
    ),
    log_every: int | None = typer.Option(
        None, "--log-every", help="Steps between rows of metrics.csv.", show_default="1", rich_help_panel=SERIES
    ),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Only notices and errors.", rich_help_panel=SERIES),
) -> None:
    """Train SwaV from lightly's parts and keep the whole series of checkpoints, from step 0 on.

    What is not given is chosen from the number and size of the images, so that small data learns instead of
    collapsing; run.json says what was chosen. An interrupted run goes on with the numbers it would have had.

    Examples:

      swaveval pretrain --data photos/ --out runs/photos

      swaveval pretrain --data photos/ --out runs/k1000 --prototypes 1000 --epochs 200 --checkpoint-every log

      swaveval pretrain --resume --out runs/photos
    """
    sections: dict[str, dict[str, Any]] = {
        "data": {
            "path": data,
            "labels": None if labels is None else str(labels),
            "split_seed": split_seed,
            "fraction": fraction,
            "range": range,
            "bands": bands,
            "pages": pages,
            "alpha": alpha,
            "exif": exif,
        },
        "backbone": {"name": backbone, "stem": stem, "stem_stride": stem_stride, "width": width},
        "swav": {
            "prototypes": prototypes,
            "epsilon": epsilon,
            "temperature": temperature,
            "sinkhorn_iterations": sinkhorn_iterations,
            "frozen_prototype_steps": frozen_prototype_steps,
            "projection_dim": projection_dim,
        },
        "queue": {"size": queue, "start_epoch": queue_start_epoch},
        "augmentation": {
            "preset": augmentation,
            "views": views,
            "crop_sizes": _numbers("--crop-sizes", crop_sizes, int),
            "crop_counts": _numbers("--crop-counts", crop_counts, int),
            "crop_min_scales": _numbers("--crop-min-scales", crop_min_scales, float),
            "crop_max_scales": _numbers("--crop-max-scales", crop_max_scales, float),
        },
        "optimiser": {
            "name": optimiser,
            "learning_rate": learning_rate,
            "schedule": schedule,
            "warmup_steps": warmup_steps,
            "weight_decay": weight_decay,
        },
        "training": {"epochs": epochs, "batch_size": batch_size, "seed": seed, "stop_on_nan": stop_on_nan},
        "hardware": {
            "accelerator": accelerator,
            "devices": devices,
            "nodes": nodes,
            "strategy": strategy,
            "precision": precision,
            "workers": workers,
            "threads": threads,
        },
        "series": {"checkpoint_every": checkpoint_every, "log_every": log_every},
    }
    given = {
        name: {key: value for key, value in section.items() if value is not None} for name, section in sections.items()
    }

    with no_garbage():
        from swaveval.pretrain.errors import Diverged, Interrupted, ProcessLost, RunMissing
        from swaveval.pretrain.ranks import is_first_process, is_launched
        from swaveval.pretrain.reporter import ConsoleReporter
        from swaveval.pretrain.run_file import gather_settings
        from swaveval.pretrain.train import holds_run
        from swaveval.pretrain.train import pretrain as train

    settings = gather_settings(given, config_file=config, resume_from=out if resume else None)
    if resume and not holds_run(out) and is_first_process(settings.hardware):
        if not settings.data.path:
            raise RunMissing(
                f"there is no run in {out} to resume; name the directory of one with --out, or start one with --data"
            )
        typer.echo(f"there is no run in {out} to resume; a new one begins", err=True)
    try:
        with ConsoleReporter(quiet=quiet) as reporter:
            train(settings, out, resume=resume, reporter=reporter, command=shlex.join(["swaveval", *sys.argv[1:]]))
    except (Interrupted, Diverged, ProcessLost) as stopped:
        if is_launched():  # the process that started this one has found the same
            raise typer.Exit(stopped.exit_code) from None
        if not isinstance(stopped, Interrupted):
            raise
        typer.echo(f"\n{stopped}", err=True)
        raise typer.Exit(stopped.exit_code) from None
    if not quiet and is_first_process(settings.hardware):
        typer.echo(f"{out / 'checkpoints'} holds the series. Now: swaveval run --ckpt-dir {out / 'checkpoints'}")


def _numbers(option: str, text: str | None, kind: type[int] | type[float]) -> list[float] | None:
    if text is None:
        return None
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{option} is {text!r}; it takes numbers with commas, such as 32,16") from None
