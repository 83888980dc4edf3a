"""The run beside untrained networks, raw pixels and colours: against paired tests by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_rel

from swaveval.convergence import beside, judge, witnesses
from swaveval.convergence.beside import Standing, evidence, standings, without_room
from swaveval.convergence.hearing import hear
from swaveval.convergence.paired import PairedDifference, holm, paired_difference
from swaveval.convergence.thresholds import ALPHA
from swaveval.results import Series
from tests.convergence.simulated import KNN, LINEAR, LOWSHOT, PURITY, series, together

TIME = 1 - np.exp(-4 * np.linspace(0, 1, 8))


def run(
    ends: Mapping[str, tuple[float, float]],
    *,
    untrained: Mapping[str, Sequence[float]] | None = None,
    pixels: Mapping[str, float] | None = None,
    colours: Mapping[str, float] | None = None,
    n: int = 1500,
) -> Series:
    """Metrics that go from one accuracy to another, with baselines asked of the same images."""
    accuracy = {}
    for metric, (start, end) in ends.items():
        plain = [(table or {}).get(metric, 0.5) for table in (pixels, colours)]
        accuracy[metric] = [*(start + (end - start) * TIME), *(untrained or {}).get(metric, ()), *plain]
    made = together(accuracy, n, seed=0)
    return series(
        {metric: rows[:8] for metric, rows in made.items()},
        random=None if untrained is None else {metric: rows[8:-2] for metric, rows in made.items()},
        plain={
            kind: {metric: made[metric][place] for metric in table}
            for kind, table, place in (("pixels", pixels, -2), ("colours", colours, -1))
            if table is not None
        },
    )


def compared(series_: Series, row: int = 7) -> tuple[Standing, ...]:
    return standings(series_, hear(series_, witnesses.labelled(series_), still=False, seed=0), row, seed=0)


# The demo: digits, where raw pixels leave kNN no room.
DEMO = run(
    {KNN: (0.962, 0.972), LINEAR: (0.958, 0.992), LOWSHOT: (0.73, 0.90), PURITY: (0.69, 0.885)},
    untrained={KNN: [0.968, 0.966], LINEAR: [0.955, 0.95], LOWSHOT: [0.734, 0.742], PURITY: [0.65, 0.69]},
    pixels={KNN: 0.991, LINEAR: 0.975, LOWSHOT: 0.80, PURITY: 0.797},
)


def test_each_comparison_is_the_paired_test_of_the_same_images() -> None:
    run_ = run({KNN: (0.4, 0.6), LOWSHOT: (0.3, 0.5)}, pixels={KNN: 0.55, LOWSHOT: 0.5}, colours={KNN: 0.3})
    found = {(one.hearing.quality.metric, one.kind): one for one in compared(run_, row=5)}
    assert set(found) == {(KNN, "pixels"), (LOWSHOT, "pixels"), (KNN, "colours")}
    for (metric, kind), one in found.items():
        stored, plain = (run_.artifact(f"{metric}.outcomes", name) for name in ("c5", f"plain {kind}"))
        assert stored is not None
        assert plain is not None
        if metric == LOWSHOT:
            assert one.found.p == pytest.approx(ttest_rel(stored["share"], plain["share"]).pvalue)
            assert one.value == pytest.approx(plain["share"].mean())
        else:
            assert one.found == paired_difference(stored["correct"], plain["correct"], seed=0)
            assert one.value == pytest.approx(plain["correct"].mean())
    assert [one.p_corrected for one in found.values()] == list(holm([one.found.p for one in found.values()]))


def test_beside_untrained_networks_the_last_third_is_asked() -> None:
    run_ = run({KNN: (0.5, 0.5)}, untrained={KNN: [0.6, 0.64]})
    (one,) = compared(run_)
    values = one.hearing.quality.values
    assert one.kind == "random"
    assert one.value == pytest.approx(values[8:].mean())
    assert one.found.effect == pytest.approx(values[5:8].mean() - values[8:].mean())
    assert (one.place, one.p_corrected) == ("below", one.found.p)


def test_after_a_fall_the_last_checkpoint_is_asked() -> None:
    """The mean of the last third hides what was lost at the very end."""
    run_ = run({KNN: (0.5, 0.8)}, untrained={KNN: [0.5, 0.52]})
    run_ = replace(run_, arrays={**run_.arrays, (f"{KNN}.outcomes", "c7"): run_.arrays[f"{KNN}.outcomes", "c0"]})
    (one,) = compared(run_)
    values = one.hearing.quality.values
    assert one.hearing.findings.fell
    assert one.found.effect == pytest.approx(values[7] - values[8:].mean())
    assert values[5:8].mean() - values[8:].mean() > 0.1
    assert (one.last, one.place) == (True, "level")
    (row,) = evidence([one], "epoch 7")
    assert row.claim.startswith("at the end kNN is ")
    assert row.test.startswith("last checkpoint against the mean")


@pytest.mark.parametrize(
    ("effect", "p", "place"),
    [(0.1, ALPHA, "above"), (-0.1, ALPHA, "below"), (0.1, ALPHA + 0.001, "level"), (0.0, 0.0, "level")],
)
def test_a_place_is_shown_or_level(effect: float, p: float, place: str) -> None:
    hearing = compared(DEMO)[0].hearing
    found = PairedDifference(effect, (effect, effect), p, 100)
    assert Standing(hearing, "pixels", 0.5, found, p).place == place


def test_a_difference_that_only_the_count_of_comparisons_hides_is_said_to_be_one() -> None:
    """±1.0 beside 1.5 points below, and "not shown to differ", would contradict each other."""
    one = next(each for each in compared(DEMO) if each.kind == "pixels")
    hidden = replace(one, found=PairedDifference(-0.015, (-0.025, -0.005), 0.01, 100), p_corrected=0.2)
    unseen = replace(one, found=PairedDifference(-0.015, (-0.035, 0.005), 0.2, 100), p_corrected=0.6)
    assert (hidden.by_count, unseen.by_count) == (True, False)
    assert "not shown, all comparisons counted, to differ from raw pixels by" in beside.clause([hidden], "epoch 7")
    assert "it is not shown to differ from raw pixels by" in beside.clause([unseen], "epoch 7")
    above = replace(one, found=PairedDifference(0.1, (0.05, 0.15), 0.0, 100), p_corrected=0.0)
    assert ", not shown, all comparisons counted, to be better than them by" in beside.clause(
        [above, hidden], "epoch 7"
    )


def test_a_gain_is_above_untrained_networks_however_it_was_corrected() -> None:
    gained = next(one for one in compared(DEMO) if one.hearing.quality.metric == LOWSHOT and one.kind == "random")
    assert gained.hearing.findings.gained
    unsure = Standing(gained.hearing, "random", 0.5, PairedDifference(0.01, (-0.01, 0.03), 0.3, 100), 0.9)
    assert unsure.place == "above"
    assert Standing(gained.hearing, "pixels", 0.5, unsure.found, 0.9).place == "level"


def test_baselines_that_were_asked_of_other_images_are_not_compared() -> None:
    run_ = run({KNN: (0.4, 0.6)}, pixels={KNN: 0.55})
    stored = run_.arrays[(f"{KNN}.outcomes", "plain pixels")]
    object.__setattr__(stored, "arrays", {**stored.arrays, "index": stored.arrays["index"] + 1})
    assert compared(run_) == ()


def test_the_demo_says_what_each_witness_says_beside_raw_pixels() -> None:
    verdict = judge(DEMO)
    assert verdict.verdict in ("learning", "converged")
    text = verdict.sentence
    assert (
        "In the end it is above untrained networks by the linear probe, 5-shot accuracy and cluster purity, not shown "
        "to be better than them by kNN."
    ) in text
    assert (
        "it is above raw pixels by the linear probe, 5-shot accuracy and cluster purity, below them by kNN (9" in text
    )
    assert "kNN has no room here, as raw pixels reach 99." in text
    assert "linear probe has no room" not in text
    assert {claim.metric for claim in verdict.evidence if "of raw pixels" in claim.claim} == {
        KNN,
        LINEAR,
        LOWSHOT,
        PURITY,
    }


WORDS = [
    ({KNN: 0.3, LINEAR: 0.3, LOWSHOT: 0.3}, "above raw pixels by every witness"),
    ({KNN: 0.3, LINEAR: 0.3}, "above raw pixels by kNN and the linear probe"),
    ({KNN: 0.9, LINEAR: 0.9}, "below raw pixels by kNN (5"),
    ({KNN: 0.6, LINEAR: 0.6}, "not shown to differ from raw pixels by kNN or the linear probe"),
    ({KNN: 0.6, LINEAR: 0.6, PURITY: 0.6}, "not shown to differ from raw pixels by any witness"),
    ({KNN: 0.3, LINEAR: 0.9}, "above raw pixels by kNN, below them by the linear probe (6"),
    ({KNN: 0.3, LINEAR: 0.6}, "above raw pixels by kNN, not shown to be better than them by the linear probe"),
]


@pytest.mark.parametrize(("pixels", "words"), WORDS)
def test_where_it_stands_in_words(pixels: dict[str, float], words: str) -> None:
    run_ = run(dict.fromkeys(pixels, (0.6, 0.6)), pixels=pixels, n=600)
    said = beside.clause(compared(run_), "epoch 7")
    assert said.startswith(f"At epoch 7 it is {words}"), said


def test_every_kind_has_its_own_clause() -> None:
    run_ = run({KNN: (0.4, 0.6)}, untrained={KNN: [0.4, 0.42]}, pixels={KNN: 0.3}, colours={KNN: 0.9})
    said = beside.clause(compared(run_), "last.ckpt")
    assert said.startswith(
        "In the end it is above untrained networks by kNN. At last.ckpt it is above raw pixels by kNN; below a colour "
        "histogram by kNN ("
    )
    assert beside.clause((), "epoch 7") == ""


def test_a_row_of_evidence_for_each_plain_baseline() -> None:
    found = compared(DEMO)
    rows = [row for row in beside.evidence(found, "epoch 7") if "untrained" not in row.claim]
    plain = [one for one in found if one.kind != "random"]
    assert len(rows) == len(plain) == 4
    for row, one in zip(rows, plain, strict=True):
        assert (row.effect, row.ci95, row.p, row.p_corrected) == (
            one.found.effect,
            one.found.ci95,
            one.found.p,
            one.p_corrected,
        )
        assert ("below" in row.claim) is (one.found.effect < 0)
        assert row.supports == "neutral"


def test_beside_a_step_0_untrained_networks_have_a_row_of_their_own() -> None:
    found = [one for one in compared(DEMO) if one.kind == "random"]
    rows = [row for row in beside.evidence(found, "epoch 7") if "these 2 untrained networks" in row.claim]
    assert [row.metric for row in rows] == [KNN, LINEAR, LOWSHOT, PURITY]
    assert [row.supports for row in rows][1:] == ["for"] * 3
    for row, one in zip(rows, found, strict=True):
        assert (row.effect, row.ci95, row.p) == (one.found.effect, one.found.ci95, one.found.p)
        low, high = row.ci95 or (0.0, 0.0)
        assert ((row.p or 0.0) < ALPHA) is (low > 0 or high < 0)
    # Where they are what the gain is measured from, its own row says it.
    made = together({KNN: [0.4, 0.5, 0.6, 0.3, 0.3]}, 500, seed=0)[KNN]
    apart = compared(series({KNN: made[:3]}, random={KNN: made[3:]}, epochs=[1, 2, 3]), row=2)
    assert [one.kind for one in apart] == ["random"]
    assert beside.evidence(apart, "epoch 3") == []


@pytest.mark.parametrize(("pixels", "room"), [(0.9765, True), (0.9835, False)])
def test_no_room_is_left_where_a_perfect_score_would_be_no_gain_that_matters(pixels: float, room: bool) -> None:
    """kNN looks for two points."""
    run_ = run({KNN: (0.95, 0.95)}, pixels={KNN: pixels}, colours={KNN: 0.2}, n=4000)
    found = compared(run_)
    assert (without_room(found) == ()) is room
    assert (beside.room_clause(found) == "") is room
    for one in without_room(found):
        assert (one.kind, one.value) == ("pixels", max(each.value for each in found))


def test_what_gained_had_the_room() -> None:
    run_ = run({LINEAR: (0.90, 0.995)}, pixels={LINEAR: 0.985}, n=3000)
    (one,) = compared(run_)
    assert one.hearing.findings.gained
    assert without_room([one]) == ()


def test_a_colour_histogram_reaches_and_raw_pixels_reach() -> None:
    run_ = run({KNN: (0.95, 0.95), LINEAR: (0.95, 0.95)}, pixels={KNN: 0.995}, colours={LINEAR: 0.995}, n=3000)
    said = beside.room_clause(compared(run_))
    assert "kNN has no room here, as raw pixels reach 99." in said
    assert ", nor has the linear probe (a colour histogram reaches 99." in said
