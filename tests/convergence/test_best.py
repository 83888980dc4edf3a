"""The chosen checkpoint, its tied set and its optimism, against simulation and against loops over the definition."""

import numpy as np
import pytest

from swaveval.convergence import best, quality
from swaveval.convergence.best import best_of_n_optimism, choose, confidence_set
from tests.convergence.simulated import outcomes, series


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


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_the_tied_set_is_its_definition(level: float) -> None:
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


def test_equal_checkpoints_are_all_tied_and_a_single_one_is_alone() -> None:
    same = np.repeat(np.random.default_rng(0).normal(0.7, 0.01, (50, 1)), 3, axis=1)
    assert confidence_set(np.full(3, 0.7), same) == [0, 1, 2]
    assert confidence_set(np.asarray([0.7]), same[:, :1]) == [0]


def test_the_truly_best_is_rarely_left_out() -> None:
    kept = 0
    for seed in range(60):
        found = quality.read(
            series({"knn.loo_top1": outcomes([0.7, 0.72, 0.72, 0.71], 600, seed=seed)}), "knn.loo_top1"
        )
        assert found is not None
        kept += 1 in confidence_set(found.values, found.draws(seed))
    assert kept >= 54


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
    both = series({"knn.loo_top1": correct, "knn.top1": test}, random={"knn.loo_top1": ~correct[:2]})
    selection, other = quality.read(both, "knn.loo_top1"), quality.read(both, "knn.top1")
    assert selection is not None
    assert other is not None
    found = choose(selection, other, seed=0)
    assert (found.checkpoint, found.epoch, found.tied_with) == ("epoch=2.ckpt", 2, ("epoch=3.ckpt",))
    assert found.metric == "knn.loo_top1"
    assert f"{100 * correct[2].mean():.1f} %, n = 500" in found.reason
    assert "1 of the other 3 cannot be told apart" in found.reason
    assert found.optimism == pytest.approx(best_of_n_optimism(other.values, other.draws(0)))
    alone = choose(selection, None, seed=0)
    assert alone.optimism is None
    assert best.choose(selection, other, seed=0) == found
