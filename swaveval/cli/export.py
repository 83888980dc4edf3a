"""`swaveval export`."""

from pathlib import Path

import typer


def export(
    out: Path = typer.Argument(..., help="What `swaveval run` wrote, or the run's directory."),
    format: str = typer.Option(
        "",
        "--format",
        "-f",
        help="csv, json, parquet, tensorboard, wandb, mlflow, trackio, or an installed exporter's name. Default: by "
        "the suffix of --to, else csv.",
    ),
    to: str = typer.Option(
        "-",
        "--to",
        help="File to write, or what the format takes: a directory for tensorboard, FILE.db or a server's http address "
        "for mlflow; - is standard output.",
    ),
    embeddings: str = typer.Option(
        "",
        "--embeddings",
        metavar="CHECKPOINT|best|last|all",
        help="Instead of metrics, the features of a checkpoint, with file name, label, split, place on the map and "
        "outcomes of each image, to --to FILE.parquet, FILE.npz or DIR (TensorBoard's projector).",
    ),
) -> None:
    """Print every metric as one row: run, checkpoint, evaluator, metric, value, interval, n, protocol, status.

    Below them, with the status `time`, the seconds of each checkpoint by stage: reading, forward passes, evaluators.

    A stored result that is missing or damaged is named on stderr, has the status `lost`, and makes the exit code 4.

    Examples:

      swaveval export runs/demo/report | grep knn.top1

      swaveval export runs/demo/report --to demo.parquet

      swaveval export runs/demo/report --format tensorboard --to runs/demo/tensorboard

      swaveval export runs/demo/report --embeddings best --to features.parquet

      swaveval export runs/demo/report | grep ',time$'
    """
    from swaveval.cli.lost import leave_if_lost
    from swaveval.results import Series
    from swaveval.results.exporters import ExportError, format_of, make_exporter
    from swaveval.results.places import locate

    if embeddings and format:
        raise ExportError("--embeddings goes without --format; the suffix of --to says which of its forms is meant")
    exporter = None if embeddings else make_exporter(format or format_of(to))
    series = Series.load(locate(out))
    if exporter is None:
        from swaveval.trackers.embedding_files import write_embeddings

        for name in write_embeddings(series, embeddings, to):
            typer.echo(f"written: {name}", err=True)
    elif said := exporter.write(series, to):
        typer.echo(said, err=True)
    leave_if_lost(series.lost)
