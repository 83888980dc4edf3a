"""The table of witnesses, and which label-free metrics go with the labels."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kendalltau

from swaveval.convergence import judge
from swaveval.convergence.agreement import FEWEST, agreements
from swaveval.report import ReportOptions, witness_table
from swaveval.report.contents import gather
from swaveval.report.page import render
from swaveval.results import Series
from swaveval.results.roles import TRACKED, WITNESSES
from tests.convergence.simulated import outcomes, series
from tests.report.browsing import Evaluated

KNN = WITNESSES[0].metric
LINEAR = WITNESSES[1].metric
RANK, TREE = "spectrum.rankme", "intrinsic.mst"


def run(values: dict[str, list[float]], *, knn: list[float], epochs: list[float] | None = None) -> Series:
    rows = {KNN: outcomes(knn, 500, seed=0, correlation=0.98)}
    return series(rows, values=values, epochs=epochs)


def test_each_witness_has_its_row_with_what_it_says(evaluated: Evaluated) -> None:
    contents = gather(*evaluated())
    found = {row.name: row for row in witness_table.rows(contents)}
    assert list(found) == ["kNN", "the linear probe", "cluster purity", "view retrieval"]
    assert (found["kNN"].supports, found["kNN"].says, found["kNN"].below) == (
        "against",
        "no gain of 2.0 points",
        "raw pixels",
    )
    assert (found["the linear probe"].supports, found["the linear probe"].change) == ("for", "+2.9 points")
    assert found["cluster purity"].room
    html = render(contents.series, contents.verdict, ReportOptions())
    assert html.count('class="speaks') > len(contents.verdict.evidence)
    assert "no room above a baseline" in html


def test_a_gain_that_untrained_networks_deny_says_so_beside_the_change_since_the_start(evaluated: Evaluated) -> None:
    contents = gather(*evaluated())
    denied = tuple(
        replace(one, denied_by="untrained networks") if one.says == "none" else one
        for one in contents.verdict.witnesses
    )
    rows = witness_table.rows(replace(contents, verdict=replace(contents.verdict, witnesses=denied)))
    assert rows[0].says == "no gain of 2.0 points over untrained networks"


@pytest.mark.parametrize(
    ("claim", "explained"), [("these 2 untrained networks", True), ("2 untrained networks", False)]
)
def test_several_intervals_of_one_difference_are_explained(claim: str, explained: bool, evaluated: Evaluated) -> None:
    given, verdict = evaluated()
    beside = replace(verdict.evidence[0], claim=f"kNN is 1.0 ± 1.0 points above {claim}")
    html = render(given, replace(verdict, evidence=(beside,)), ReportOptions())
    assert ("the interval depends on what is asked" in html) is explained


def test_a_single_witness_needs_no_table(evaluated: Evaluated) -> None:
    contents = gather(*evaluated())
    alone = replace(contents, verdict=replace(contents.verdict, witnesses=contents.verdict.witnesses[:1]))
    assert witness_table.rows(alone) == ()


def test_agreement_is_kendalls_tau_without_the_untrained_start() -> None:
    rank, tree = [300.0, 30.0, 34.0, 33.0, 40.0, 44.0, 41.0], [50.0, 20.0, 18.0, 17.0, 15.0, 16.0, 12.0]
    given = run(
        {RANK: rank, TREE: tree, LINEAR: [0.2, 0.4, 0.5, 0.45, 0.6, 0.7, 0.65]}, knn=np.linspace(0.3, 0.8, 7).tolist()
    )
    found = {one.metric: one for one in agreements(given)}
    knn = given.values(KNN)[1:]
    assert found[RANK].tau[KNN] == pytest.approx(kendalltau(rank[1:], knn).statistic)
    assert found[RANK].tau[LINEAR] == pytest.approx(kendalltau(rank[1:], [0.4, 0.5, 0.45, 0.6, 0.7, 0.65]).statistic)
    assert found[RANK].mean == pytest.approx(np.mean(list(found[RANK].tau.values())))
    # Lower is said to be better, so that a fall agrees with a rise of quality.
    assert TRACKED[TREE] == -1
    assert found[TREE].tau[KNN] == pytest.approx(-kendalltau(tree[1:], knn).statistic)
    assert found[TREE].tau[KNN] > 0
    assert found[RANK].n == 6


def test_a_metric_that_never_moves_and_a_short_series_say_nothing() -> None:
    level = run({RANK: [3.0] * 7}, knn=np.linspace(0.3, 0.8, 7).tolist())
    (found,) = [one for one in agreements(level) if one.metric == RANK]
    assert math.isnan(found.mean)
    short = run({RANK: [9.0, *range(FEWEST - 1)]}, knn=np.linspace(0.3, 0.8, FEWEST).tolist())
    assert agreements(short) == ()


def test_the_panel_stands_on_labelled_pages_best_first() -> None:
    given = run(
        {RANK: [300.0, 30.0, 31.0, 32.0, 33.0, 34.0], TREE: [50.0, 12.0, 13.0, 14.0, 15.0, 16.0]},
        knn=[0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
    )
    contents = gather(given, judge(given))
    found = witness_table.tracking(contents)
    assert found is not None
    assert [row[2] for row in found.rows] == ["+1.00", "−1.00"]
    assert found.n == 5
    unlabelled = replace(contents, verdict=replace(contents.verdict, labelled=False))
    assert witness_table.tracking(unlabelled) is None


STARTS = {
    "step 0": ("Since step 0", "better than the start"),
    "first checkpoint": ("Since the first checkpoint", "better than the first checkpoint"),
    "random initialisations": ("Against untrained networks", "better than untrained networks"),
}


@pytest.mark.parametrize("start", STARTS)
def test_a_change_names_what_it_is_measured_from(start: str, evaluated: Evaluated) -> None:
    """A single checkpoint has no start of its own, only untrained networks beside it."""
    given, verdict = evaluated()
    witnesses = tuple(replace(one, start=start, says="gain") for one in verdict.witnesses)
    contents = gather(given, replace(verdict, witnesses=witnesses))
    assert witness_table.change_head(contents) == STARTS[start][0]
    assert {row.says for row in witness_table.rows(contents)} == {STARTS[start][1]}
    assert {row.against for row in witness_table.rows(contents)} == {""}
    html = render(contents.series, contents.verdict, ReportOptions())
    assert f">{STARTS[start][0]}</th>" in html
    assert ("Since the start" in html) is False


def test_witnesses_that_are_measured_from_different_starts_say_so_one_by_one(evaluated: Evaluated) -> None:
    given, verdict = evaluated()
    first, *rest = verdict.witnesses
    mixed = (
        replace(first, start="random initialisations", says="loss"),
        *(replace(one, start="step 0") for one in rest),
    )
    contents = gather(given, replace(verdict, witnesses=mixed))
    assert witness_table.change_head(contents) == "Change"
    rows = witness_table.rows(contents)
    assert (rows[0].says, rows[0].against) == ("worse than untrained networks", "against untrained networks")
    assert {row.against for row in rows[1:]} == {"since step 0"}
    assert "against untrained networks</span>" in render(given, contents.verdict, ReportOptions())


# -- what the numbers of the first screen are of -----------------------------------------------------------------------


def test_the_cards_say_between_which_checkpoints_and_on_which_images(evaluated: Evaluated) -> None:
    given, verdict = evaluated()
    html = render(given, verdict, ReportOptions())
    assert '<h2 id="moved-title">From epoch 0 to epoch 8</h2>' in html
    assert "“From epoch 0 to epoch 8” above is of these two checkpoints alone" in html
    assert html.count("kNN and linear: 120 test images") == 2, "the card of the checkpoint, and that of the changes"


def test_one_checkpoint_goes_from_nowhere_to_nowhere(evaluated: Evaluated) -> None:
    given, verdict = evaluated(epochs=(3.0,))
    html = render(given, verdict, ReportOptions())
    caption = html[html.index('id="overview-caption"') :].split("</figcaption>")[0]
    assert "kNN accuracy 97.5 %" in caption
    assert not re.search(r" %.*from [\d.]+ %", caption)
    card = html[html.index('id="moved-title"') :].split("</section>")[0]
    assert "Loss from start to end" in card
    assert "loss (log)" in card
    assert "images" not in card, "of no number that stands there"
    assert "two checkpoints alone" not in html
    several = render(*evaluated(), ReportOptions())
    assert re.search(r"kNN accuracy from [\d.]+ % to [\d.]+ %", several)
