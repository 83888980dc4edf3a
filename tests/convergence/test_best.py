"""The chosen checkpoint, its tied set and its optimism, against simulation and against loops over the definition."""

import re
from dataclasses import replace

import numpy as np
import pytest

from swaveval.convergence import quality
from swaveval.convergence.best import best_of_n_optimism, choose, joint_draws, shortfalls
from swaveval.convergence.hearing import Hearing
from swaveval.convergence.verdict import Best
from swaveval.results import Series
from swaveval.results.roles import WITNESSES
from tests.convergence.simulated import KNN, LINEAR, heard, outcomes, series, together


def by_loops(values: np.ndarray, draws: np.ndarray, level: float) -> list[int]:
    """Hsu's set, one comparison at a time."""
    kept = []
    for mine in range(len(values)):
        others = [other for other in range(len(values)) if other != mine]
        gaps = {other: draws[:, other] - draws[:, mine] for other in others}
        error = {other: max(float(np.std(gap)), 1e-12) for other, gap in gaps.items()}
        observed = max((values[other] - values[mine]) / error[other] for other in others)
        worst = [
            max((gaps[other][row] - gaps[other].mean()) / error[other] for other in others) for row in range(len(draws))
        ]
        if observed <= max(0.0, np.quantile(worst, level)):
            kept.append(mine)
    return kept


def confidence_set(values: np.ndarray, draws: np.ndarray, level: float = 0.95) -> list[int]:
    """Of one witness, from its values on resampled images."""
    deviations = (draws - draws.mean(axis=0))[:, None]
    shortfall, limit = shortfalls(values[None], deviations, level=level)
    return np.flatnonzero(shortfall <= limit).tolist()


def seen(run: Series, metric: str) -> Hearing:
    found = quality.read(run, metric)
    assert found is not None
    return heard(found, witness=next(one for one in WITNESSES if one.metric == metric))


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_the_tied_set_of_one_witness_is_its_definition(level: float) -> None:
    generator = np.random.default_rng(0)
    sizes = []
    for _ in range(30):
        values = generator.normal(0.7, 0.02, 6)
        draws = values + generator.normal(0, 0.01, (120, 1)) + generator.normal(0, 0.01, (120, 6))
        found = confidence_set(values, draws, level=level)
        assert found == by_loops(values, draws, level)
        assert int(np.argmax(values)) in found
        sizes.append(len(found))
    assert 1 < np.mean(sizes) < 6


def test_by_several_witnesses_the_worst_of_all_of_them_decides() -> None:
    """One comparison at a time, over witnesses and other checkpoints."""
    generator = np.random.default_rng(1)
    values, deviations = generator.normal(0.7, 0.02, (3, 5)), generator.normal(0, 0.01, (200, 3, 5))
    deviations += generator.normal(0, 0.01, (200, 1, 1))
    shortfall, limit = shortfalls(values, deviations, level=0.9)
    for mine in range(5):
        observed, chance = [], []
        for witness in range(3):
            for other in set(range(5)) - {mine}:
                gap = deviations[:, witness, other] - deviations[:, witness, mine]
                observed.append((values[witness, other] - values[witness, mine]) / np.std(gap))
                chance.append(gap / np.std(gap))
        assert shortfall[mine] == pytest.approx(max(observed))
        assert limit[mine] == pytest.approx(np.quantile(np.max(chance, axis=0), 0.9))


def test_equal_checkpoints_are_all_tied_and_a_single_one_is_alone() -> None:
    same = np.repeat(np.random.default_rng(0).normal(0.7, 0.01, (50, 1)), 3, axis=1)
    assert confidence_set(np.full(3, 0.7), same) == [0, 1, 2]
    assert confidence_set(np.asarray([0.7]), same[:, :1]) == [0]


def test_the_joint_draws_are_those_of_images_resampled_once_for_all_witnesses() -> None:
    """Against a bootstrap of the images themselves, where the second witness was asked of half of them."""
    n, correct = 300, together({KNN: [0.6, 0.7], LINEAR: [0.5, 0.8]}, 300, seed=0)
    run = series(correct)
    first, second = (quality.read(run, metric) for metric in (KNN, LINEAR))
    assert first is not None
    assert second is not None
    second = replace(second, correct=second.correct[:, ::2], index=second.index[::2])
    found = np.cov(joint_draws([first, second], seed=0).reshape(-1, 4).T)
    generator = np.random.default_rng(1)
    drawn = []
    for _ in range(4000):
        # Of the images that both were asked, and of the others, as many as there are.
        shared, rest = generator.choice(np.arange(0, n, 2), n // 2), generator.choice(np.arange(1, n, 2), n // 2)
        both = np.concatenate([shared, rest])
        drawn.append([*correct[KNN][:, both].mean(axis=1), *correct[LINEAR][:, shared].mean(axis=1)])
    assert found == pytest.approx(np.cov(np.transpose(drawn)), abs=1.2e-4)
    assert np.min(found) > 0  # the witnesses share their images


def test_the_truly_best_is_rarely_left_out() -> None:
    kept = 0
    for seed in range(60):
        found = quality.read(series({KNN: outcomes([0.7, 0.72, 0.72, 0.71], 600, seed=seed)}), KNN)
        assert found is not None
        kept += 1 in confidence_set(found.values, found.draws(seed))
    assert kept >= 54


def test_what_is_best_by_every_witness_is_rarely_beaten_by_any() -> None:
    """At 5 %, over witnesses and checkpoints; were each witness held to 5 % by itself it would be twice as often."""
    beaten, alone = 0, 0
    for seed in range(150):
        correct = together({KNN: [0.70, 0.72, 0.72], LINEAR: [0.8, 0.82, 0.82]}, 500, seed=seed, shared=0.2)
        measured = [quality.read(series(correct), metric) for metric in (KNN, LINEAR)]
        known = [one for one in measured if one is not None]
        values, deviations = np.stack([one.values for one in known]), joint_draws(known, seed=seed)
        shortfall, limit = shortfalls(values, deviations)
        beaten += bool(shortfall[1] > limit[1])
        each = [shortfalls(values[[row]], deviations[:, [row]]) for row in range(2)]
        alone += any(short[1] > most[1] for short, most in each)
    assert beaten <= 0.05 * 150 + 2 * (150 * 0.05 * 0.95) ** 0.5
    assert beaten < alone


def test_optimism_is_the_excess_of_the_winners() -> None:
    # Winners by hand: columns 1, 0, 1; each draw's excess over the value there.
    draws = np.asarray([[0.5, 0.7], [0.9, 0.4], [0.3, 0.6]])
    assert best_of_n_optimism(np.asarray([0.5, 0.55]), draws) == pytest.approx((0.15 + 0.4 + 0.05) / 3)
    assert best_of_n_optimism(np.asarray([0.95, 0.95]), draws) == 0.0


def test_the_choice_and_what_is_said_of_it() -> None:
    correct = outcomes([0.3, 0.6, 0.7, 0.7], 500, seed=3)
    correct[2, :] = correct[3, :]
    correct[2, np.flatnonzero(~correct[3])[:2]] = True  # two images better
    test = outcomes([0.3, 0.6, 0.68, 0.68], 400, seed=4)
    both = series({KNN: correct, "knn.top1": test}, random={KNN: ~correct[:2]})
    selection, other = seen(both, KNN), quality.read(both, "knn.top1")
    assert other is not None
    found = choose([selection], other, seed=0)
    assert (found.checkpoint, found.epoch, found.tied_with) == ("epoch=2.ckpt", 2, ("epoch=3.ckpt",))
    assert found.metric == KNN
    assert f"{100 * correct[2].mean():.1f} %, n = 500" in found.reason
    assert "1 of the other 3 cannot be told apart" in found.reason
    assert found.optimism == pytest.approx(best_of_n_optimism(other.values, other.draws(0)))
    alone = choose([selection], None, seed=0)
    assert alone.optimism is None
    assert choose([selection], other, seed=0) == found


def chosen(accuracy: dict[str, list[float]], n: int = 3000) -> Best:
    run = series(together(accuracy, n, seed=0))
    return choose([seen(run, metric) for metric in accuracy], None, seed=0)


def test_witnesses_that_agree_are_all_named() -> None:
    found = chosen({KNN: [0.5, 0.6, 0.8, 0.6], LINEAR: [0.6, 0.7, 0.9, 0.7]})
    assert (found.checkpoint, found.tied_with, found.metric) == ("epoch=2.ckpt", (), KNN)
    words = re.fullmatch(
        r"on training images by none of kNN \(([\d.]+) %\) and the linear probe \(([\d.]+) %\) is another checkpoint "
        "better beyond chance",
        found.reason,
    )
    assert words is not None
    assert [float(one) for one in words.groups()] == pytest.approx([80, 90], abs=0.7)  # and 0.9 at 90 would be another


def test_a_checkpoint_best_by_one_witness_and_beaten_by_another_is_not_chosen() -> None:
    """By kNN checkpoint 1 is best by a little, by the linear probe checkpoint 3 by far."""
    found = chosen({KNN: [0.5, 0.805, 0.70, 0.80], LINEAR: [0.5, 0.60, 0.7, 0.90]})
    assert (found.checkpoint, found.tied_with) == ("epoch=3.ckpt", ())
    assert "is another checkpoint better beyond chance" in found.reason


def test_the_network_that_was_not_trained_is_never_the_one_to_use() -> None:
    """Epoch 0 is best by far; of the others epoch 2."""
    for accuracy in ({KNN: [0.9, 0.5, 0.6]}, {KNN: [0.9, 0.5, 0.6], LINEAR: [0.9, 0.6, 0.7]}):
        found = chosen(accuracy)
        assert (found.checkpoint, found.tied_with) == ("epoch=2.ckpt", ())
    assert chosen({KNN: [0.9, 0.5, 0.6]}).reason.startswith("highest knn.loo_top1 of the trained checkpoints (")
    assert "kNN is highest at epoch 0 (" in found.reason
    # Of a run of which nobody knows that it began there, the first may be it.
    run = series({KNN: outcomes([0.9, 0.5, 0.6], 3000, seed=0)}, epochs=[1, 2, 3])
    assert choose([seen(run, KNN)], None, seed=0).checkpoint == "epoch=1.ckpt"


def test_where_each_checkpoint_is_beaten_the_reason_says_so_and_none_is_tied() -> None:
    found = chosen({KNN: [0.5, 0.80, 0.70], LINEAR: [0.5, 0.60, 0.90]})
    assert (found.checkpoint, found.tied_with) == ("epoch=2.ckpt", ())
    assert found.reason.startswith("on training images the witnesses disagree, and it is beaten by least: kNN (")
    assert "; kNN is highest at epoch 1 (" in found.reason
    assert "the linear probe is highest" not in found.reason
