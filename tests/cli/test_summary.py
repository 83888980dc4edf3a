"""The numbers after a run, as a terminal shows them."""

import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from swaveval.cli.summary import SPARKS, format_metric, left_out, print_summary, sparkline
from swaveval.results import CheckpointRecord, Metric
from tests.report.invented_results import Plan, verdict, write


def test_a_sparkline_spans_its_values() -> None:
    assert sparkline([0.0, 0.5, 1.0]) == "▁▄█"
    assert sparkline([1.0, math.nan, 2.0]) == "▁ █"
    assert sparkline([2.0, 2.0]) == "▄▄"
    assert sparkline([]) == ""
    long = sparkline([float(value) for value in range(100)])
    assert len(long) == SPARKS
    assert (long[0], long[-1]) == ("▁", "█")


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        (Metric("knn.top1", 0.976, ci95=(0.962, 0.99)), "97.6 ±1.4"),
        (Metric("spectrum.rankme", 62.84, unit="dimensions", ci95=(62.0, 63.6)), "62.8"),
        (Metric("knn.top1", math.nan), "–"),
        (None, "–"),
    ],
)
def test_a_metric_in_a_cell(metric: Metric | None, text: str) -> None:
    assert format_metric(metric) == text


@pytest.mark.parametrize("width", [50, 80, 200])
def test_no_cell_of_the_table_is_cut_however_narrow_the_terminal(tmp_path: Path, width: int) -> None:
    plan = Plan(epochs=tuple(map(float, range(30))))
    series = write(tmp_path, plan)
    out = io.StringIO()
    print_summary(series, verdict(series, plan), "page.html", Console(file=out, width=width, force_terminal=False))
    table = [line for line in out.getvalue().splitlines() if "±" in line and line.lstrip()[0].isdigit()]
    assert len(table) >= 10
    assert "…" not in "".join(table)
    assert ("RankMe" in out.getvalue()) == (width == 200)


FINE = CheckpointRecord("a.ckpt", digest="a")
DAMAGED = CheckpointRecord("epoch=5.ckpt", state="corrupt", reason="the archive is damaged")


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([FINE], ""),
        ([], ""),
        ([FINE, DAMAGED], "left out: 1 of 2 checkpoint files (epoch=5.ckpt: the archive is damaged)"),
        (
            [FINE, DAMAGED, replace(DAMAGED, name="b.ckpt", state="refused", reason="NaN")],
            "left out: 2 of 3 checkpoint files (epoch=5.ckpt: the archive is damaged, …)",
        ),
        ([FINE, replace(FINE, name="last.ckpt", alias=True)], ""),
        ([FINE, replace(DAMAGED, state="waiting"), replace(DAMAGED, state="writing")], ""),
        ([FINE, replace(DAMAGED, kind="baseline")], ""),
        ([replace(DAMAGED, reason="")], "left out: 1 of 1 checkpoint files (epoch=5.ckpt: corrupt)"),
    ],
)
def test_files_that_the_series_lacks_are_one_line(records: list[CheckpointRecord], said: str) -> None:
    assert left_out(records) == said


def test_what_was_left_out_stands_with_the_numbers(tmp_path: Path) -> None:
    plan = Plan()
    series = write(tmp_path, plan)
    manifest = replace(series.manifest, checkpoints=(*series.manifest.checkpoints, DAMAGED))
    out = io.StringIO()
    shown = replace(series, manifest=manifest)
    print_summary(shown, verdict(series, plan), "page.html", Console(file=out, width=40, force_terminal=False))
    (line,) = [line for line in out.getvalue().splitlines() if line.startswith("left out:")]
    assert line == left_out(manifest.checkpoints)
