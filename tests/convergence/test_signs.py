"""Signs of collapse, each on a series built to show it and on one built just not to."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from swaveval.convergence import collapse
from swaveval.convergence.collapse import (
    CONTRACTION,
    FAR,
    FEW_PROTOTYPES,
    GONE,
    LEAST,
    SHRUNK,
    SHRUNK_BESIDE,
    UNIFORMITY,
    against_start,
    contraction,
    last_value,
    signs,
    start_value,
)
from swaveval.convergence.verdict import LossState
from swaveval.results import BaselineKind, CheckpointRecord, Metric, Point, Series
from tests.convergence.simulated import outcomes, series

RANK, USAGE = "spectrum.rankme_centred", "prototypes.perplexity"


def run(epochs: Sequence[float] | None = None, **values: Sequence[float]) -> Series:
    """A run with other metrics: `rank` or `usage`."""
    names = {"rank": RANK, "usage": USAGE, "spread": "spectrum.std", "uniformity": UNIFORMITY}
    length = len(next(iter(values.values())))
    correct = {"knn.loo_top1": outcomes([0.5] * length, 20, seed=0)}
    return series(correct, epochs=epochs, values={names[name]: numbers for name, numbers in values.items()})


@pytest.mark.parametrize(
    ("end", "kind"),
    [(SHRUNK + 0.01, None), (SHRUNK - 0.01, "shrunk"), (GONE + 0.01, "shrunk"), (GONE - 0.01, "gone"), (0.0, "gone")],
)
@pytest.mark.parametrize("name", ["rank", "spread"])
def test_a_representation_is_measured_against_its_largest_value(end: float, kind: str | None, name: str) -> None:
    found = signs(run(**{name: [30.0, 40.0, 40.0 * end]}), LossState())
    assert [sign.kind for sign in found] == ([] if kind is None else [kind])
    for sign in found:
        assert sign.effect == pytest.approx(end)
        assert f"from 40 at its highest to {40 * end:.3g}" in sign.claim


def test_one_value_or_none_above_zero_shows_nothing() -> None:
    for values in ([40.0, math.nan, math.nan], [math.nan] * 3, [0.0, 0.0, 0.0]):
        assert signs(run(rank=values), LossState()) == ()
    assert [sign.kind for sign in signs(run(rank=[40.0, 2.0, math.nan]), LossState())] == ["gone"]


def test_two_values_are_enough() -> None:
    assert [sign.kind for sign in signs(run(rank=[40.0, 1.0]), LossState())] == ["gone"]


@pytest.mark.parametrize(("usage", "seen"), [(FEW_PROTOTYPES - 0.1, True), (FEW_PROTOTYPES + 0.1, False)])
def test_one_prototype_that_takes_all(usage: float, seen: bool) -> None:
    found = signs(run(usage=[20.0, usage]), LossState())
    assert [sign.kind for sign in found] == ["usage"] * seen
    assert all(sign.effect == usage and f"{usage:.2f}" in sign.claim for sign in found)


@pytest.mark.parametrize(("gap", "seen"), [(0.0, True), (0.001, True), (-0.001, True), (0.2, False), (-0.2, False)])
def test_a_loss_at_ln_k(gap: float, seen: bool) -> None:
    ln_k = math.log(50)
    end = ln_k * (1 - gap)
    loss = LossState("flat", start=end, end=end, change=0.0, ln_k=ln_k, gap=gap, at_ln_k=seen)
    found = signs(run(rank=[1.0, 1.0]), loss)
    assert [sign.kind for sign in found] == ["loss"] * seen
    assert all(sign.effect == gap and f"{100 * (1 - gap):.1f} % of ln K" in sign.claim for sign in found)
    assert signs(run(rank=[1.0, 1.0]), LossState("flat", end=2.0, at_ln_k=True)) == ()


@pytest.mark.parametrize(
    ("start", "end", "seen"),
    [
        (-0.6, -1.0, True),
        (-0.6, -1 + LEAST - 1e-4, True),
        (-0.6, -1 + LEAST + 1e-4, False),
        (-0.6, -1 - LEAST - 1e-4, False),  # no negative cosine
        (-0.9999, -1.0, False),  # it always was there
        (4.0, 0.0, True),
        (4.0, 4.0 * LEAST - 1e-4, True),
        (4.0, 4.0 * LEAST + 1e-4, False),
        (0.0, 0.0, False),
        (4.0, -0.0001, False),
        (3.0, -1.0, True),
    ],
)
def test_a_loss_that_can_fall_no_further(start: float, end: float, seen: bool) -> None:
    """Of methods without prototypes; where K is known the loss of a constant output is ln K."""
    loss = LossState("falling", start=start, end=end)
    found = signs(run(rank=[1.0, 1.0]), loss)
    assert [(sign.kind, sign.metric) for sign in found] == [("loss", "loss")] * seen
    assert all("a constant output" in sign.claim and "-" not in sign.claim for sign in found)
    known = replace(loss, ln_k=4.0, gap=1 - end / 4.0)
    assert signs(run(rank=[1.0, 1.0]), known) == ()
    assert signs(run(rank=[1.0, 1.0]), replace(loss, start=None)) == ()


@pytest.mark.parametrize(
    ("start", "end", "kinds"),
    [
        (-0.1, -0.7, []),
        (FAR, -1 + FAR, []),
        (FAR + 0.01, -0.7, ["shrunk"]),  # no negative cosine
        (-0.1, -1 + FAR - 0.01, ["shrunk"]),
        (-0.7, -0.1, ["shrunk"]),  # it rises
        (5.0, 2.0, ["shrunk"]),
    ],
)
def test_a_rank_that_shrank_is_no_sign_while_a_cosine_says_that_outputs_differ(
    start: float, end: float, kinds: list[str]
) -> None:
    """BYOL and SimSiam lose rank at first, and win it back."""
    loss = LossState("falling", start=start, end=end)
    assert [sign.kind for sign in signs(run(rank=[200.0, 100.0]), loss)] == kinds
    assert [sign.kind for sign in signs(run(rank=[200.0, 2.0]), loss)] == ["gone"]
    assert [sign.kind for sign in signs(run(rank=[200.0, 100.0]), replace(loss, ln_k=4.0))] == ["shrunk"]
    assert [sign.kind for sign in signs(run(rank=[200.0, 100.0]), replace(loss, start=None))] == ["shrunk"]


BASELINES: tuple[tuple[BaselineKind, int | None, float], ...] = (
    ("random", 0, 4.0),
    ("random", 1, 8.0),
    ("pixels", None, 100.0),
)


def test_the_start_is_step_zero_else_the_mean_random_initialisation() -> None:
    own = run(rank=[10.0, 20.0, 30.0])
    assert (start_value(own, RANK), last_value(own, RANK)) == (10.0, 30.0)
    assert against_start(own, RANK) == (10.0, 30.0)
    later = run([1, 2, 3], rank=[10.0, 20.0, math.nan])
    assert start_value(later, RANK) is None
    assert against_start(later, RANK) is None
    random = tuple(
        Point(
            CheckpointRecord(str(seed), kind="baseline", baseline=kind, seed=seed, digest=f"{kind} {seed}"),
            {RANK: Metric(RANK, value, unit="dimensions")},
        )
        for kind, seed, value in BASELINES
    )
    beside = Series(later.manifest, later.points, random)
    assert start_value(beside, RANK) == 6.0
    assert against_start(beside, RANK) == (6.0, 20.0)
    assert last_value(beside, "absent") is None
    assert np.isfinite(collapse.last_value(beside, RANK) or math.nan)


def beside(run_: Series, values: Sequence[float], metric: str = RANK) -> Series:
    """The run with untrained networks that have these values."""
    inits = tuple(
        Point(
            CheckpointRecord(str(seed), kind="baseline", baseline="random", seed=seed, digest=f"r{seed}"),
            {metric: Metric(metric, value, unit="dimensions")},
        )
        for seed, value in enumerate(values)
    )
    return Series(run_.manifest, run_.points, inits)


def test_a_collapse_before_the_first_saved_file_is_seen_against_untrained_networks() -> None:
    """RankMe 1.1 where untrained networks have 340, and no step 0 to fall from."""
    gone = run([1, 2, 3], rank=[1.3, 1.2, 1.1])
    assert signs(gone, LossState()) == ()
    (sign,) = signs(beside(gone, [330.0, 350.0]), LossState())
    assert (sign.kind, sign.metric) == ("gone", RANK)
    assert sign.claim == "the rank of the centred features is 1.1 at the end, that of untrained networks 340"
    assert (sign.effect, sign.change) == (pytest.approx(1.1 / 340), pytest.approx(1.1 - 340))


@pytest.mark.parametrize(
    ("share", "kinds"),
    [
        (GONE - 0.01, ["gone"]),
        (GONE + 0.01, ["low"]),
        (SHRUNK_BESIDE - 0.01, ["low"]),
        (SHRUNK_BESIDE + 0.01, []),
    ],
)
def test_untrained_networks_are_the_measure_of_what_had_shrunk_before(share: float, kinds: list[str]) -> None:
    # Healthy training lowers the rank too: above a quarter of an untrained network's it is no sign.
    assert [s.kind for s in signs(beside(run([1], rank=[200.0 * share]), [190.0, 210.0]), LossState())] == kinds
    # Of a rank that fell within the run as well, one sign says both.
    both = beside(run([1, 2], rank=[100.0, 200.0 * share]), [190.0, 210.0])
    assert [s.kind for s in signs(both, LossState())] == (kinds if kinds == ["gone"] else ["shrunk"])


def test_untrained_networks_without_a_finite_value_measure_nothing() -> None:
    gone = run([1, 2], rank=[1.2, 1.1])
    for values in ([], [math.nan], [0.0, 0.0]):
        assert signs(beside(gone, values), LossState()) == ()
    (sign,) = signs(beside(gone, [math.nan, 300.0]), LossState())
    assert "untrained networks 300" in sign.claim


@pytest.mark.parametrize(
    ("end", "contracted"),
    [(-2 * (1 - CONTRACTION) + 0.01, True), (-2 * (1 - CONTRACTION) - 0.01, False), (-3.0, False), (0.0, True)],
)
def test_features_that_end_less_spread_than_untrained_ones_have_contracted(end: float, contracted: bool) -> None:
    run_ = run([1, 2], uniformity=[-1.0, end])
    random = tuple(
        Point(
            CheckpointRecord(str(seed), kind="baseline", baseline=kind, seed=seed, digest=f"{kind} {seed}"),
            {UNIFORMITY: Metric(UNIFORMITY, value, unit="nats")},
        )
        for (kind, seed, _), value in zip(BASELINES, (-1.5, -2.5, -0.1), strict=True)
    )
    beside = Series(run_.manifest, run_.points, random)
    assert contraction(beside) == ((-2.0, end) if contracted else None)
    assert contraction(run_) is None  # nothing to compare with
    # SimCLR, Barlow Twins and VICReg contract while they learn: a head, no prototypes. A bare backbone tells nothing.
    for head, prototypes, told in ((9, None, None), (9, 30, contraction(beside)), (0, None, contraction(beside))):
        load = {"prototypes": prototypes, "size": {"head": head}}
        points = tuple(replace(point, record=replace(point.record, load=load)) for point in run_.points)
        assert contraction(Series(run_.manifest, points, random)) == told
    unmeasured = run([1, 2], rank=[1.0, 1.0])
    assert contraction(Series(unmeasured.manifest, unmeasured.points, random)) is None
