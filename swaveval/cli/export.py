"""`swaveval export`."""

import csv
import io
import json
from enum import StrEnum
from pathlib import Path

import typer


class Format(StrEnum):
    """Table formats."""

    csv = "csv"
    json = "json"
    parquet = "parquet"


def export(
    out: Path = typer.Argument(..., help="What `swaveval run` wrote, or the run's directory."),
    format: Format = typer.Option(Format.csv, "--format", "-f", help="csv and json go to stdout unless --to is given."),
    to: Path | None = typer.Option(None, "--to", help="File to write; needed for parquet."),
) -> None:
    """Print every metric as one row: run, checkpoint, evaluator, metric, value, interval, n, protocol, status.

    A stored result that is missing or damaged is named on stderr, has the status `lost`, and makes the exit code 4.

    Example: swaveval export runs/demo/report | grep knn.top1
    """
    from swaveval.cli.lost import leave_if_lost
    from swaveval.results import Series
    from swaveval.results.atomic import write_bytes
    from swaveval.results.export import COLUMNS, rows
    from swaveval.results.places import locate

    series = Series.load(locate(out))
    table = rows(series)
    if format is Format.parquet:
        if to is None:
            raise typer.BadParameter("parquet is a binary format: name a file with --to FILE")
        write_bytes(to, _parquet(table))
        leave_if_lost(series.lost)
        return
    if format is Format.json:
        text = json.dumps(table, indent=1, allow_nan=False) + "\n"
    else:
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
        text = buffer.getvalue()
    if to is None:
        typer.echo(text, nl=False)
    else:
        write_bytes(to, text.encode("utf-8", "replace"))
    leave_if_lost(series.lost)


def _parquet(table: list[dict[str, object]]) -> bytes:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise typer.BadParameter("parquet needs pyarrow: pip install 'swaveval[parquet]'") from None
    sink = io.BytesIO()
    numbers = [{name: float("nan") if value == "NaN" else value for name, value in row.items()} for row in table]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(numbers), sink)
    return sink.getvalue()
