"""Witnesses that disagree on the best run, that have no room, or that a run lacks; and what does not choose."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from swaveval.convergence.verdict import Verdict
from swaveval.report.comparison import examine
from swaveval.results import Artifact, Metric, Series
from tests.report.test_report_runs import repeats

Evaluated = Callable[..., tuple[Series, Verdict]]


def seen_by_two(evaluated: Evaluated) -> list[tuple[Series, Verdict]]:
    """Two runs, one better by kNN, the other by the linear probe."""
    hard = np.random.default_rng(3).permutation(240) / 240
    runs = repeats(evaluated, (10, 0, 0.94), (100, 0, 0.95))
    for place, accuracies in enumerate([(0.95, 0.60), (0.80, 0.90)]):
        series, said = runs[place]
        given = {
            (f"{name}.outcomes", str(point.record.digest)): Artifact(
                f"{name}.outcomes", {"correct": hard < accuracy, "index": np.arange(240)}
            )
            for name, accuracy in zip(("knn.loo_top1", "linear.fold_top1"), accuracies, strict=True)
            for point in series.points
        }
        runs[place] = (replace(series, arrays=given), said)
    return runs


def test_witnesses_that_disagree_are_said_to(evaluated: Evaluated) -> None:
    """Neither is named the best."""
    (found,), _ = examine(seen_by_two(evaluated))
    assert found.headline == "The witnesses disagree on the best"
    assert "K = 10 is worse by the linear probe (60.0 against 90.0 % of K = 100)." in found.sentence
    assert "K = 100 is worse by kNN (80.0 against 95.0 % of K = 10)." in found.sentence
    assert found.choice.members == ()
    assert "took" not in found.sentence, "nothing to choose by cost among"


def test_a_witness_without_room_is_not_asked(evaluated: Evaluated) -> None:
    runs = seen_by_two(evaluated)
    for place, (series, said) in enumerate(runs):
        baselines = tuple(
            replace(point, metrics={"knn.loo_top1": Metric("knn.loo_top1", 0.99)})
            if point.record.baseline == "pixels"
            else point
            for point in series.baselines
        )
        runs[place] = (replace(series, baselines=baselines), said)
    (found,), _ = examine(runs)
    assert found.headline == "K = 100 is best"
    assert "kNN has no room here, as a baseline is at the ceiling, and was not asked." in found.sentence


def test_a_witness_that_one_run_lacks_is_not_asked_and_said(evaluated: Evaluated) -> None:
    runs = seen_by_two(evaluated)
    series, said = runs[1]
    arrays = {place: kept for place, kept in series.arrays.items() if not place[0].startswith("linear.")}
    runs[1] = (replace(series, arrays=arrays), said)
    (found,), _ = examine(runs)
    assert found.headline == "K = 10 is best"
    assert "Not every run has the linear probe." in found.sentence


def test_what_does_not_choose_is_said_where_it_tells_members_apart(evaluated: Evaluated) -> None:
    runs = repeats(evaluated, (10, 0, 0.94), (100, 0, 0.94))
    hard = np.arange(120) / 120
    for place, accuracy in enumerate((0.5, 0.9)):
        series, said = runs[place]
        given = {
            ("knn.top1.outcomes", str(point.record.digest)): Artifact(
                "knn.top1.outcomes", {"correct": hard < accuracy, "index": np.arange(120)}
            )
            for point in series.points
        }
        runs[place] = (replace(series, arrays=given), said)
    (found,), _ = examine(runs)
    assert found.headline == "K = 10 and 100 cannot be told apart"
    assert found.sentence.count("K = 100 is above K = 10 by kNN on the test images.") == 1
