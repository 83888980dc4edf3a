"""A log may hold any float: the page is drawn with a gap where a value is no number that an axis can hold."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from swaveval.convergence.loss import loss_state
from swaveval.convergence.verdict import Verdict
from swaveval.report import charts, comparison_charts, figures
from swaveval.report.contents import gather
from swaveval.report.runs import grouped
from swaveval.results import LossCurve, Series

Evaluated = Callable[..., tuple[Series, Verdict]]
ODD = (math.inf, -math.inf, math.nan, 1.7e308, -1.7e308)


def lost(evaluated: Evaluated, values: list[float]) -> tuple[Series, Verdict]:
    series, verdict = evaluated()
    places = tuple(float(place) for place in range(len(values)))
    curve = LossCurve("metrics.csv", places, tuple(values), prototypes=100)
    manifest = replace(series.manifest, loss=curve)
    return replace(series, manifest=manifest), replace(verdict, loss=loss_state(curve))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("odd", "places"),
    [
        *((odd, (3,)) for odd in ODD),
        *((math.inf, places) for places in ((0,), (7,), (2, 3, 4), tuple(range(1, 8)), tuple(range(8)))),
    ],
)
def test_the_first_figures_are_drawn(evaluated: Evaluated, odd: float, places: tuple[int, ...]) -> None:
    values = [odd if place in places else 4.5 - 0.1 * place for place in range(8)]
    contents = gather(*lost(evaluated, values))
    drawn = figures.overview(contents)
    chart = charts.overview(contents)
    assert chart is not None
    assert drawn is not None
    about = chart.about["loss"]
    if len(places) == 8:
        assert about is None
        return
    assert all(math.isfinite(end) for end in (*about["full"], *about["fit"]))
    assert about["full"][1] < 10, "one odd value takes the whole axis"
    (axis, *_) = drawn.axes
    (line, *_) = axis.lines
    assert list(np.flatnonzero(np.isnan(line.get_ydata()))) == list(places), "a gap, not a line across"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("odd", ODD)
def test_a_comparison_is_drawn(evaluated: Evaluated, odd: float) -> None:
    given = [lost(evaluated, [4.5, 4.4, odd, 4.3, 4.2 - k]) for k in range(2)]
    (group,), _ = grouped(given, force=True)
    gaps = comparison_charts._gaps(group)
    assert sorted(gaps) == [0, 1]
    assert all(list(np.flatnonzero(np.isnan(y))) == [2] for _, y in gaps.values())
    low, high = comparison_charts._padded(gaps)
    assert math.isfinite(low)
    assert math.isfinite(high)
    assert high - low < 2
    assert "Infinity" not in comparison_charts.curves(group).item
