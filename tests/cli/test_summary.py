"""The numbers after a run, as a terminal shows them."""

import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from swaveval.cli.images_of import images_of
from swaveval.cli.summary import SPARKS, column_decimals, format_metric, left_out, print_summary, sparkline
from swaveval.results import CheckpointRecord, Metric, Series
from swaveval.results.columns import columns_of
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


def printed(series: Series, plan: Plan, width: int = 200) -> str:
    out = io.StringIO()
    print_summary(series, verdict(series, plan), "page.html", Console(file=out, width=width, force_terminal=False))
    return out.getvalue()


def with_values(series: Series, metric: str, values: list[float]) -> Series:
    """The series with these values of a metric, as many checkpoints as values."""
    points = [
        replace(point, metrics={**point.metrics, metric: replace(point.metrics[metric], value=value)})
        for point, value in zip(series.points, values, strict=False)
    ]
    return replace(series, points=tuple(points), baselines=())


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        ((4.1, 4.09), 2),
        ((30.0, 30.1), 1),
        ((130.0, 1.04), 1),
        ((0.0, 0.1234), 3),
        ((math.nan, 2.0), 2),
        ((1.0, 0.00001), 4),
        ((1e-7, 2e-7), None),
        ((1.0, 3e9), None),
        ((), 0),
    ],
)
def test_numbers_of_a_column_have_the_same_number_of_decimals(values: tuple[float, ...], decimals: int | None) -> None:
    assert column_decimals(values) == decimals
    if decimals:
        cells = [format_metric(Metric("x.y", value, unit="nats"), decimals=decimals) for value in values]
        assert {len(cell.partition(".")[2]) for cell in cells if cell != "–"} == {decimals}


@pytest.mark.parametrize(
    ("metric", "values", "cells"),
    [
        ("prototypes.loss", [4.1, 4.09, 4.0], ["4.10", "4.09", "4.00"]),
        ("spectrum.rankme", [30.0, 30.1, 9.96], ["30.0", "30.1", "10.0"]),
    ],
)
def test_no_zero_at_the_end_is_dropped(tmp_path: Path, metric: str, values: list[float], cells: list[str]) -> None:
    plan = Plan(epochs=(0.0, 1.0, 2.0))
    said = printed(with_values(write(tmp_path, plan), metric, values), plan)
    rows = [line.split() for line in said.splitlines() if "±" in line and line.lstrip()[0].isdigit()]
    assert [next(cell for cell in cells if cell in row) for row in rows] == cells


def test_the_images_behind_each_column_and_the_sentence_are_said_where_they_differ(tmp_path: Path) -> None:
    plan = Plan(epochs=(0.0, 1.0, 2.0), n_train=240, n_test=120)
    series = write(tmp_path, plan)
    columns, judged = columns_of(series), replace(verdict(series, plan), quality_metric="knn.loo_top1")
    assert "kNN and linear: 120 test images; " in " ".join(printed(series, plan).split())
    said = images_of(series, columns, judged)
    assert "the sentence: 240 training images unless it says otherwise" in said
    everywhere = with_images(series, "clusters.purity", 360)
    assert "purity: all 360 images" in images_of(everywhere, columns, judged)
    assert "purity: 77 images" in images_of(with_images(series, "clusters.purity", 77), columns, judged)
    assert "purity" not in images_of(with_images(series, "clusters.purity", None), columns, judged)


def test_the_same_images_everywhere_need_no_words(tmp_path: Path) -> None:
    plan = Plan(epochs=(0.0, 1.0), n_train=240, n_test=120)
    series = write(tmp_path, plan)
    judged = replace(verdict(series, plan), quality_metric="knn.top1")
    assert images_of(series, [("knn.top1", "kNN"), ("linear.top1", "linear")], judged) == ""
    loss = [("knn.top1", "kNN"), ("prototypes.loss", "SwaV loss")]
    assert images_of(series, loss, judged).endswith("SwaV loss is computed anew, not that of the log")
    unknown = replace(judged, loss=replace(judged.loss, state="unknown"))
    assert "log" not in images_of(series, loss, unknown)


def test_splits_of_one_size_are_not_mixed_up(tmp_path: Path) -> None:
    """Where as many images are held back as are trained on, a number alone does not tell which they are."""
    plan = Plan(epochs=(0.0, 1.0), n_train=240, n_test=240)
    series = write(tmp_path, plan)
    judged = replace(verdict(series, plan), quality_metric="knn.loo_top1")
    said = images_of(with_images(series, "clusters.purity", 240), columns_of(series), judged)
    assert "purity: 240 images" in said, "nobody can tell which"
    assert "kNN and linear: 240 test images" in said
    assert "the sentence: 240 training images" in said


def with_images(series: Series, metric: str, n: int | None) -> Series:
    points = [
        replace(point, metrics={**point.metrics, metric: replace(point.metrics[metric], n=n)})
        for point in series.points
    ]
    return replace(series, points=tuple(points))
