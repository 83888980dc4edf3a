"""`swaveval export`."""

from pathlib import Path

import typer


def export(
    out: Path = typer.Argument(..., help="What `swaveval run` wrote, or the run's directory."),
    format: str = typer.Option(
        "",
        "--format",
        "-f",
        help="csv, json, parquet, or an installed exporter's name. Default: by the suffix of --to, else csv.",
    ),
    to: str = typer.Option("-", "--to", help="File to write; - is standard output."),
) -> None:
    """Print every metric as one row: run, checkpoint, evaluator, metric, value, interval, n, protocol, status.

    Below them, with the status `time`, the seconds of each checkpoint by stage: reading, forward passes, evaluators.

    A stored result that is missing or damaged is named on stderr, has the status `lost`, and makes the exit code 4.

    Examples:

      swaveval export runs/demo/report | grep knn.top1

      swaveval export runs/demo/report --to demo.parquet

      swaveval export runs/demo/report | grep ',time$'
    """
    from swaveval.cli.lost import leave_if_lost
    from swaveval.results import Series
    from swaveval.results.exporters import format_of, make_exporter
    from swaveval.results.places import locate

    exporter = make_exporter(format or format_of(to))
    series = Series.load(locate(out))
    exporter.write(series, to)
    leave_if_lost(series.lost)
