"""What trackers are told of a checkpoint: names, values, the axis."""

import math

import pytest

from swaveval.results import CheckpointRecord, DataSummary, Metric, Point, RunManifest, Series
from swaveval.results.roles import TERMINAL, WITNESSES
from swaveval.results.scalars import intervals, scalars, tracker_axis
from swaveval.results.words import TERMS

DATA = DataSummary("digits", "digits", "d", 3, 2)


def point(*metrics: Metric) -> Point:
    return Point(CheckpointRecord("a.ckpt", digest="1" * 64), {metric.id: metric for metric in metrics})


def series(*moments: tuple[float | None, int | None]) -> Series:
    records = [CheckpointRecord(str(n), digest=str(n), epoch=e, step=s) for n, (e, s) in enumerate(moments)]
    return Series(RunManifest("run", DATA, tuple(records)), tuple(Point(record) for record in records))


def test_what_the_verdict_rests_on_comes_first_and_variants_behind() -> None:
    given = point(
        Metric("knn.loo_top1", 0.9, ci95=(0.8, 0.95)),
        Metric("knn.top1[k=200,T=0.1]", 0.7, ci95=(0.6, 0.8)),
        Metric("lowshot.train_top1[shots=5]", 0.5),
        Metric("mine.score", 2.0, unit="ratio", ci95=(1.0, math.inf)),
        Metric("mine.score[k=3]", 3.0, unit="ratio"),
    )
    assert scalars(given) == {
        "swaveval/knn.loo_top1": 0.9,
        "swaveval-more/knn.top1[k=200,T=0.1]": 0.7,
        "swaveval/lowshot.train_top1[shots=5]": 0.5,
        "swaveval/mine.score": 2.0,
        "swaveval-more/mine.score[k=3]": 3.0,
    }
    assert intervals(given) == {"swaveval/knn.loo_top1": (0.8, 0.95)}


def test_every_witness_and_every_column_of_the_terminal_is_in_the_first_group() -> None:
    wanted = [witness.metric for witness in WITNESSES] + list(TERMINAL)
    named = scalars(point(*(Metric(name, 0.5, better="neither") for name in wanted)))
    assert set(named) == {f"swaveval/{name}" for name in wanted}


def test_the_first_group_is_few_of_what_is_measured() -> None:
    named = scalars(point(*(Metric(name, 0.5) for name in TERMS)))
    first = [name for name in named if name.startswith("swaveval/")]
    assert len(named) == len(TERMS)
    assert 10 <= len(first) <= len(named) / 2


def test_settled_is_what_no_later_checkpoint_changes() -> None:
    given = point(Metric("stability.cka_last", 0.4, checkpoint="1" * 64), Metric("spectrum.std", 0.3, unit="ratio"))
    assert scalars(given) == {"swaveval-more/stability.cka_last": 0.4, "swaveval/spectrum.std": 0.3}
    assert scalars(given, settled=True) == {"swaveval/spectrum.std": 0.3}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_left_out(value: float) -> None:
    given = point(Metric("spectrum.alpha", value, unit="ratio"), Metric("knn.top1", 0.5, ci95=(value, 0.6)))
    assert scalars(given) == {"swaveval/knn.top1": 0.5}
    assert intervals(given) == {}


def test_names_are_printable_whoever_chose_them() -> None:
    (name,) = scalars(point(Metric("mine.a\x1b[31m\nb", 1.0)))
    assert name.isprintable()
    assert name.startswith("swaveval")


@pytest.mark.parametrize(
    ("moments", "name", "positions"),
    [
        ([(1, 10), (2, 20)], "step", (10, 20)),
        ([(1, None), (2, None)], "epoch", (1, 2)),
        ([(1, 10), (2, None)], "epoch", (1, 2)),
        ([(1, 20), (2, 20)], "epoch", (1, 2)),
        ([(0.5, None), (1, None)], "checkpoint", (0, 1)),
        ([(math.nan, None), (1, None)], "checkpoint", (0, 1)),
        ([(1, -5), (2, 5)], "epoch", (1, 2)),
        ([(None, 2**63), (None, 2**64)], "checkpoint", (0, 1)),
        ([(None, None)], "checkpoint", (0,)),
        ([], "checkpoint", ()),
    ],
)
def test_the_axis(moments: list[tuple[float | None, int | None]], name: str, positions: tuple[int, ...]) -> None:
    axis = tracker_axis(series(*moments))
    assert (axis.name, axis.positions) == (name, positions)
