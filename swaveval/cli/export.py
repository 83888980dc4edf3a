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
    out: Path = typer.Argument(..., help="What `swaveval run` wrote (the directory that holds results/)."),
    format: Format = typer.Option(Format.csv, "--format", "-f", help="csv and json go to stdout unless --to is given."),
    to: Path | None = typer.Option(None, "--to", help="File to write; needed for parquet."),
) -> None:
    """Print every metric as one row: run, checkpoint, evaluator, metric, value, interval, n, protocol, status.

    Example: swaveval export runs/demo/report | grep knn.top1
    """
    from swaveval.results import Series
    from swaveval.results.atomic import write_bytes
    from swaveval.results.export import COLUMNS, rows

    table = rows(Series.load(out))
    if format is Format.parquet:
        if to is None:
            raise typer.BadParameter("parquet is a binary format: name a file with --to FILE")
        write_bytes(to, _parquet(table))
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
        write_bytes(to, text.encode("utf-8"))


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
