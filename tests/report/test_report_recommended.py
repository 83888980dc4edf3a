"""What a comparison recommends: no training that broke, nothing that too few seeds show, nothing against its copy."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from swaveval.convergence.verdict import Verdict
from swaveval.report import ReportOptions
from swaveval.report.comparison import Found, examine, render
from swaveval.results import Artifact, Series
from tests.report.test_report_runs import FOUR, repeats

Evaluated = Callable[..., tuple[Series, Verdict]]
Runs = list[tuple[Series, Verdict]]


def broken(run: tuple[Series, Verdict], how: str) -> tuple[Series, Verdict]:
    """The same run, good as it was, whose training ended in NaN."""
    series, said = run
    if how == "loss":
        return series, replace(said, loss=replace(said.loss, state="nan"))
    last = [one for one in series.manifest.checkpoints if one.kind == "checkpoint"][-1]
    spoilt = replace(last, name="spoilt.ckpt", digest=None, state="refused", load={**last.load, "nonfinite": 7})
    manifest = replace(series.manifest, checkpoints=(*series.manifest.checkpoints, spoilt))
    return replace(series, manifest=manifest), said


BROKEN = [("loss", "its loss became NaN"), ("weights", "its weights are not finite at the end")]


@pytest.mark.parametrize(("how", "why"), BROKEN)
def test_a_training_that_broke_is_not_recommended_however_good_it_was(evaluated: Evaluated, how: str, why: str) -> None:
    runs = repeats(evaluated, (10, 0, 0.98), (100, 0, 0.90), (300, 0, 0.80))
    assert examine(runs)[0][0].headline == "K = 10 is best"
    runs[0] = broken(runs[0], how)
    (found,), _ = examine(runs)
    assert found.headline == "K = 100 is best"
    assert f"K = 10 is left out, as {why}." in found.sentence
    assert found.rows[0][0] == "×"
    assert dict(zip(found.head, found.rows[0], strict=True))["use"] == "none"
    said = found.to_json()
    assert (said["not_beaten"], said["settings"][0]["left_out"]) == (["K = 100"], why)
    assert why in render(runs, ReportOptions())


@pytest.mark.parametrize(("how", "why"), BROKEN)
def test_several_that_broke_are_named_together_and_repeats_counted(evaluated: Evaluated, how: str, why: str) -> None:
    theirs = why.replace("its", "their")
    runs = [broken(run, how) for run in repeats(evaluated, FOUR[0], FOUR[2])]
    (found,), _ = examine(runs)
    assert found.headline == "No run can be recommended"
    assert found.sentence == f"K = 10 and 100 are left out, as {theirs}."
    runs = repeats(evaluated, *FOUR)
    runs[1] = broken(runs[1], how)
    (found,), _ = examine(runs)
    assert found.headline == "K = 100 is the only one to recommend"
    assert f"K = 10 is left out, as {why} with 1 of 2 seeds." in found.sentence


def test_of_several_reasons_the_gravest_is_said(evaluated: Evaluated) -> None:
    runs = repeats(evaluated, *FOUR)
    runs[0] = broken(runs[0], "loss")
    runs[1] = (runs[1][0], replace(runs[1][1], verdict="collapsed", best=None))
    (found,), _ = examine(runs)
    assert "K = 10 collapsed with 1 of 2 seeds, and is left out." in found.sentence


# -- how well the spread of seeds is known -----------------------------------------------------------------------------


def answering(runs: Runs, accuracies: tuple[float, ...]) -> Runs:
    """The runs, right on these shares of the same images."""
    hard = np.random.default_rng(3).permutation(240) / 240
    made: Runs = []
    for (series, said), accuracy in zip(runs, accuracies, strict=True):
        name = "knn.loo_top1.outcomes"
        given: dict[Any, Artifact] = {
            (name, str(point.record.digest)): Artifact(name, {"correct": hard < accuracy, "index": np.arange(240)})
            for point in series.points
        }
        made.append((replace(series, arrays=given), said))
    return made


def examined(evaluated: Evaluated, *groups: tuple[float, ...]) -> Found:
    """Settings K = 10, 20 …, each with a seed for each accuracy."""
    plan = [(10 * (k + 1), seed, value) for k, values in enumerate(groups) for seed, value in enumerate(values)]
    runs = repeats(evaluated, *[(k, seed, 0.9) for k, seed, _ in plan])
    (found,), _ = examine(answering(runs, tuple(value for *_, value in plan)))
    return found


HARDLY = "hardly anything can be told"


def test_a_spread_from_one_pair_is_said_to_tell_hardly_anything(evaluated: Evaluated) -> None:
    """One more seed of one setting must not read as if the settings were alike."""
    assert examined(evaluated, (0.90,), (0.60,)).headline == "K = 10 is best"
    found = examined(evaluated, (0.90, 0.80), (0.60,))
    assert found.headline == "K = 10 and 20 cannot be told apart"
    assert "known from 2 runs of K = 10. From so few runs the spread is hardly known" in found.sentence
    assert HARDLY in found.sentence
    assert "more seeds of any of them would tell" in found.sentence
    assert "took" not in found.sentence, "that none is shown to be worse is no reason to take the cheapest"


def test_a_spread_from_many_seeds_is_not_doubted(evaluated: Evaluated) -> None:
    many = (0.90, 0.88, 0.92, 0.89, 0.91, 0.90)
    found = examined(evaluated, many, tuple(value - 0.005 for value in many))
    assert found.headline == "K = 10 and 20 cannot be told apart"
    assert "known from 12 runs of K = 10 and 20" in found.sentence
    assert HARDLY not in found.sentence
    assert "took" in found.sentence


def test_what_a_pair_does_tell_is_said_without_doubt(evaluated: Evaluated) -> None:
    found = examined(evaluated, (0.95, 0.95), (0.40, 0.40))
    assert found.headline == "K = 10 is best"
    assert HARDLY not in found.sentence


# -- a run and its copy ------------------------------------------------------------------------------------------------


def test_a_run_and_its_copy_are_the_same_checkpoints(evaluated: Evaluated) -> None:
    (found,), _ = examine([evaluated(), evaluated()])
    assert found.headline == "digits-demo (1) and digits-demo (2) hold the same checkpoints"
    assert found.sentence == (
        "digits-demo (1) and digits-demo (2) hold the same checkpoints (the same weights), so that nothing is compared "
        "between them."
    )


def test_a_copy_beside_other_runs_is_named_and_no_seed(evaluated: Evaluated) -> None:
    best, other = repeats(evaluated, (10, 0, 0.98), (100, 0, 0.80))
    settings = {**best[0].manifest.hyperparameters, "seed": 1}
    copy = (replace(best[0], manifest=replace(best[0].manifest, name="copy", hyperparameters=settings)), best[1])
    (found,), _ = examine([best, copy, other])
    assert len(found.group.settings) == 3, "the same weights under another seed say nothing about seeds"
    assert found.headline == "K10-s0 and copy are best"
    assert "K10-s0 and copy hold the same checkpoints (the same weights)" in found.sentence
    assert "took" not in found.sentence


def test_the_same_weights_where_they_are_compared_are_named_too(evaluated: Evaluated) -> None:
    """Of a longer and a shorter copy both may recommend the same checkpoint."""
    series, said = evaluated()
    shorter = replace(series, points=series.points[1:])
    (found,), _ = examine([(series, said), (shorter, said)])
    assert found.headline.endswith("hold the same weights in their checkpoints to use")
    (apart,), _ = examine([(series, said), evaluated(seed=3)])
    assert "same" not in apart.headline


def test_the_table_says_which_images_its_numbers_are_of(evaluated: Evaluated) -> None:
    html = render(repeats(evaluated, FOUR[0], FOUR[2]), ReportOptions())
    assert "kNN (train): 240 training images" in html
    assert "kNN: 120 test images" in html
