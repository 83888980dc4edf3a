"""A series to somewhere else: exporters, found by name under the entry points `swaveval.exporters`."""

import csv
import importlib.util
import io
import json
import os
import sys
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from swaveval.errors import SwavevalError
from swaveval.results.atomic import write_named
from swaveval.results.export import COLUMNS, rows, time_rows
from swaveval.results.places import check_file
from swaveval.results.series import Series
from swaveval.specification import Installed, Kind

KIND = Kind("exporter", "swaveval.exporters", methods=("write",))
STANDARD_OUTPUT = "-"


class ExportError(SwavevalError):
    """A series cannot be written there in this form; the sentence says what to do."""


@runtime_checkable
class Exporter(Protocol):
    """Writes a series to a target: a file, a directory, the address of a service; `-` is standard output.

    It may have a method `check(target)`, which raises an ExportError where nothing can be written there: `--log-to`
    asks it before an evaluation begins.
    """

    def write(self, series: Series, target: str) -> str | None:
        """Write all of it, or raise and leave what was there. Called again, it leaves nothing twice.

        Returns:
            A line for the user (what to do with it next), or None.

        Raises:
            ExportError: it cannot be had in this form, or not there. OSError: the disk is full.
        """


class Csv:
    """A row per metric and a row per time, with a line of names: `swaveval.results.export.COLUMNS`."""

    def check(self, target: str) -> None:
        """Raise unless it can be written to `target`."""
        _check_text(target)

    def write(self, series: Series, target: str) -> None:
        buffer = io.StringIO()
        table = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(_everything(series))
        _write_text(buffer.getvalue(), target)


class Json:
    """A list of objects, one per metric and per time; NaN and the infinities by name."""

    def check(self, target: str) -> None:
        """Raise unless it can be written to `target`."""
        _check_text(target)

    def write(self, series: Series, target: str) -> None:
        _write_text(json.dumps(_everything(series), indent=1, allow_nan=False) + "\n", target)


class Parquet:
    """A table with a row per metric and per time, for pandas, polars, DuckDB; needs pyarrow."""

    def check(self, target: str) -> None:
        """Raise unless it can be written to `target`."""
        if target == STANDARD_OUTPUT:
            raise ExportError("parquet is a binary format; name a file with --to FILE")
        if importlib.util.find_spec("pyarrow") is None:
            raise ExportError("parquet needs pyarrow; pip install 'swaveval[parquet]'")
        check_file(Path(target), option="--to")

    def write(self, series: Series, target: str) -> None:
        self.check(target)
        import pyarrow
        import pyarrow.parquet

        everything = _everything(series)
        table = [{name: float("nan") if value == "NaN" else value for name, value in row.items()} for row in everything]
        sink = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(table), sink)
        write_named(Path(target), sink.getvalue())


def available() -> tuple[Installed, ...]:
    """Every installed exporter, sorted by name, without importing any."""
    return KIND.available()


def make_exporter(specification: str) -> Exporter:
    """The exporter that is named as `csv`, `NAME(parameter=value)`, `module:Class` or `path.py:Class`.

    Raises:
        PluginError: it is not installed, cannot be imported, does not take these parameters, or is no exporter.
    """
    exporter: Exporter = KIND.make(specification)
    return exporter


def format_of(target: str) -> str:
    """The exporter that a file's suffix means, `csv` where there is none.

    Raises:
        ExportError: the suffix is of something else.
    """
    suffix = Path(target).suffix.lower().removeprefix(".")
    names = [each.name for each in available()]
    if suffix in ("", "txt", *names):
        return suffix if suffix in names else "csv"
    raise ExportError(
        f"no format is called {suffix}; name one with --format ({', '.join(names)}), csv for spreadsheets"
    )


def _everything(series: Series) -> list[dict[str, Any]]:
    return [*rows(series), *time_rows(series)]


def _check_text(target: str) -> None:
    if target == "":
        raise ExportError("the file to write has no name; name one with --to FILE, or - for standard output")
    if target != STANDARD_OUTPUT:
        check_file(Path(target), option="--to")


def _write_text(text: str, target: str) -> None:
    _check_text(target)
    if target == STANDARD_OUTPUT:
        if sys.stdout is None or getattr(sys.stdout, "name", "") == os.devnull:  # what the command line puts there
            raise ExportError("standard output is closed, so nothing can be printed; name a file with --to FILE")
        sys.stdout.write(text.encode(sys.stdout.encoding or "utf-8", "replace").decode(sys.stdout.encoding or "utf-8"))
        sys.stdout.flush()
    else:
        write_named(Path(target), text.encode("utf-8", "replace"))
