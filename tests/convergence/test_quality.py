"""Which outcomes stand for quality, and what they are compared with."""

from dataclasses import replace

import numpy as np
import pytest

from swaveval.convergence import quality
from swaveval.convergence.quality import broken, diverged, find, is_random, read, untrained
from swaveval.results import Artifact, BaselineKind, CheckpointRecord, Series
from tests.convergence.simulated import KNN, LOWSHOT, outcomes, series, together

TEST, PROBE = "knn.top1", "linear.top1"


def records(run: Series, **changes: object) -> Series:
    """The run with one field of its checkpoints' records changed: a value, or a list of one per checkpoint."""
    points = run.points
    for field, values in changes.items():
        each = values if isinstance(values, list) else [values] * len(points)
        points = tuple(
            replace(point, record=replace(point.record, **{field: value}))
            for point, value in zip(points, each, strict=True)
        )
    return replace(run, points=points)


def test_rows_are_the_checkpoints_then_the_random_initialisations() -> None:
    correct, random = outcomes([0.4, 0.6, 0.8], 50, seed=0), outcomes([0.3, 0.35], 50, seed=1)
    found = read(series({KNN: correct}, random={KNN: random}, epochs=[0, 2, 5]), KNN)
    assert found is not None
    assert (found.metric, found.axis, found.length, found.n) == (KNN, "epoch", 3, 50)
    assert found.x.tolist() == [0, 2, 5]
    assert np.array_equal(found.correct, np.concatenate([correct, random]))
    assert found.values == pytest.approx([*correct.mean(axis=1), *random.mean(axis=1)])
    assert found.random == (3, 4)
    assert found.draws(0).shape[1] == 3
    assert found.noise.covariance.shape == (5, 5)


@pytest.mark.parametrize(
    ("epochs", "with_random", "start", "rows"),
    [
        ([0, 1], True, "step 0", (0,)),
        ([0, 1], False, "step 0", (0,)),
        ([1, 2], True, "random initialisations", (2, 3)),
        ([1, 2], False, "first checkpoint", (0,)),
    ],
)
def test_the_start(epochs: list[float], with_random: bool, start: str, rows: tuple[int, ...]) -> None:
    random = {KNN: outcomes([0.3, 0.3], 20, seed=1)} if with_random else None
    found = read(series({KNN: outcomes([0.4, 0.6], 20, seed=0)}, random=random, epochs=epochs), KNN)
    assert found is not None
    assert (found.start, found.start_rows) == (start, rows)


def test_a_moment_in_words() -> None:
    run = series({KNN: outcomes([0.4, 0.6], 20, seed=0)}, epochs=[0, 2.5])
    by_epoch, by_step = read(run, KNN), read(records(run, epoch=None, step=[0, 700]), KNN)
    by_name = read(records(run, epoch=None), KNN)
    assert by_epoch is not None
    assert by_step is not None
    assert by_name is not None
    assert (by_epoch.moment(1), by_step.moment(1), by_name.moment(1)) == ("epoch 2.5", "step 700", "epoch=2.5.ckpt")
    assert (by_epoch.untrained_first, by_step.untrained_first, by_name.untrained_first) == (True, True, False)


def test_checkpoints_on_other_images_broken_or_empty_are_left_out() -> None:
    run = series({KNN: outcomes([0.2, 0.4, 0.5, 0.6, 0.8], 20, seed=0)}, epochs=[1, 2, 3, 4, 5])
    other = Artifact(f"{KNN}.outcomes", {"correct": np.ones(20, bool), "index": np.arange(1, 21, dtype=np.int32)})
    empty = Artifact(f"{KNN}.outcomes", {"correct": np.ones(0, bool), "index": np.zeros(0, np.int32)})
    arrays = {**run.arrays, (f"{KNN}.outcomes", "c3"): other, (f"{KNN}.outcomes", "c0"): empty}
    run = replace(run, arrays=arrays)
    run = records(run, load=[{}, {"nonfinite": 0}, {"nonfinite": 1}, {}, {"nonfinite": None}])
    found = read(run, KNN)
    assert found is not None
    assert found.x.tolist() == [2, 5]
    assert [broken(point.record) for point in run.points] == [False, False, True, False, False]


@pytest.mark.parametrize("odd", ["c0", "c2"])
def test_one_checkpoint_on_other_images_does_not_oust_the_others(odd: str) -> None:
    run = series({KNN: outcomes([0.2, 0.4, 0.5], 20, seed=0)}, epochs=[1, 2, 3])
    other = Artifact(f"{KNN}.outcomes", {"correct": np.ones(20, bool), "index": np.arange(1, 21, dtype=np.int32)})
    found = read(replace(run, arrays={**run.arrays, (f"{KNN}.outcomes", odd): other}), KNN)
    assert found is not None
    assert found.length == 2


def test_two_rows_are_needed_one_of_them_a_checkpoint() -> None:
    one, random = outcomes([0.5], 20, seed=0), outcomes([0.3, 0.3], 20, seed=1)
    assert read(series({KNN: one}), KNN) is None
    assert read(series({KNN: one}, random={KNN: random[:1]}), KNN) is not None
    assert read(series({KNN: one}, random={KNN: random}), TEST) is None
    # Only random initialisations have outcomes of the second metric.
    assert read(series({KNN: one}, random={TEST: random}), TEST) is None


def test_shares_are_read_as_they_are_stored() -> None:
    """Low-shot accuracy asks each image several times: its outcome is a share."""
    shares = together({LOWSHOT: [0.4, 0.6, 0.3]}, 50, seed=0)[LOWSHOT]
    assert np.mean((shares > 0) & (shares < 1)) > 0
    found = read(series({LOWSHOT: shares[:2]}, random={LOWSHOT: shares[2:]}), LOWSHOT, jitter=0.03, spread=0.04)
    assert found is not None
    assert (found.correct.dtype, found.jitter, found.spread) == (np.float64, 0.03, 0.04)
    assert np.array_equal(found.correct, shares)
    assert found.values == pytest.approx(shares.mean(axis=1))
    assert found.noise.covariance == pytest.approx(np.cov(shares) / 50)
    assert found.noise.jitter == pytest.approx(0.03**2)
    assert found.name == "5-shot accuracy"


@pytest.mark.parametrize("fault", [1.2, -0.1, np.nan])
def test_shares_outside_zero_to_one_are_no_outcomes(fault: float) -> None:
    shares = together({LOWSHOT: [0.4, 0.6, 0.5]}, 20, seed=0)[LOWSHOT]
    shares[1, 3] = fault
    found = read(series({LOWSHOT: shares}), LOWSHOT)
    assert found is not None
    assert found.x.tolist() == [0, 2]


def test_the_images_are_those_of_the_outcomes() -> None:
    run = series({KNN: outcomes([0.4, 0.6], 20, seed=0)})
    moved = {
        key: Artifact(stored.id, {"correct": stored.arrays["correct"], "index": stored.arrays["index"] * 3 + 5})
        for key, stored in run.arrays.items()
    }
    found = read(replace(run, arrays=moved), KNN)
    assert found is not None
    assert found.index.tolist() == [3 * place + 5 for place in range(20)]


def test_the_first_metric_with_outcomes_decides() -> None:
    both = series({TEST: outcomes([0.5, 0.6], 20, seed=0), PROBE: outcomes([0.5, 0.6], 30, seed=0)})
    found = find(both, (KNN, TEST, PROBE))
    assert found is not None
    assert (found.metric, found.n, found.name) == (TEST, 20, "kNN")
    assert find(both, (KNN,)) is None
    assert replace(found, metric="own.metric").name == "own.metric"


def test_other_baselines_are_no_start() -> None:
    kinds: list[BaselineKind] = ["random", "pixels", "colours", "majority"]
    found = [is_random(CheckpointRecord("random init, seed 0", kind="baseline", baseline=kind)) for kind in kinds]
    assert found == [True, False, False, False]
    assert not is_random(CheckpointRecord("random init, seed 0"))


def test_untrained_is_epoch_or_step_zero() -> None:
    fields = [{"epoch": 0.0}, {"step": 0}, {"epoch": 1.0, "step": 0}, {"epoch": 1.0}, {"step": 3}, {}]
    found = [untrained(CheckpointRecord("a", **one)) for one in fields]  # type: ignore[arg-type]
    assert found == [True, True, True, False, False, False]


def test_a_run_diverges_where_an_unbroken_tail_of_broken_checkpoints_begins() -> None:
    def first(nonfinite: list[int], **last: bool) -> str | None:
        made = [CheckpointRecord(f"{place}", load={"nonfinite": bad}) for place, bad in enumerate(nonfinite)]
        made = [*made[:-1], replace(made[-1], **last)] if last else made
        baseline = CheckpointRecord("random init, seed 0", kind="baseline", baseline="random", seed=0)
        run = series({KNN: outcomes([0.5], 5, seed=0)})
        found = diverged(replace(run, manifest=replace(run.manifest, checkpoints=(*made, baseline))))
        return None if found is None else found.name

    assert first([0, 5, 5]) == "1"
    assert first([5, 0, 5]) == "2"
    assert first([5, 5, 0]) is None
    assert first([5, 5]) == "0"
    # The last file is another name of a checkpoint and says nothing.
    assert first([0, 5, 0], alias=True) == "1"
    assert quality.diverged(series({KNN: outcomes([0.5, 0.5], 5, seed=0)}, broken=2)) is not None
