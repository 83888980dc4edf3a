"""The numbers after a run, as a terminal shows them."""

import math

import pytest

from swaveval.cli.summary import SPARKS, format_metric, sparkline
from swaveval.results import Metric


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
