"""Settings side by side, against loops, against scipy's t-test, and on runs whose truth is known."""

import numpy as np
import pytest
from scipy.stats import t as student
from scipy.stats import ttest_ind

from swaveval.convergence.apart import Answers, compare, difference, pooled
from swaveval.convergence.paired import paired_difference

IMAGES = np.arange(400)


def graded(*accuracies: float, seed: int, noise: float = 0.03) -> np.ndarray:
    """Runs that agree on which images are hard, shape (R, 400)."""
    random = np.random.default_rng(seed)
    hard = np.random.default_rng(7).permutation(400) / 400
    return np.stack([hard + noise * random.normal(size=400) < accuracy for accuracy in accuracies])


def constant(*values: float) -> Answers:
    """Runs that differ by their seed alone: every image the same."""
    return Answers("own.share", "own", np.tile(np.asarray(values)[:, None], (1, 50)), np.arange(50))


def by_loops(answers: list[Answers], *, draws: int = 1500) -> set[tuple[int, int, int]]:
    """Hsu's comparison with the best, images resampled one by one: who is beaten by whom by which witness."""
    random = np.random.default_rng(1)
    runs, n = answers[0].correct.shape
    resampled = np.empty((draws, len(answers), runs))
    for draw in range(draws):
        chosen = random.integers(0, n, n)
        for place, one in enumerate(answers):
            resampled[draw, place] = one.correct[:, chosen].mean(axis=1) - one.correct.mean(axis=1)
    beaten = set()
    for mine in range(runs):
        found, most = {}, np.full(draws, -np.inf)
        for other in range(runs):
            for place, one in enumerate(answers):
                if other != mine:
                    apart = resampled[:, place, other] - resampled[:, place, mine]
                    found[other, place] = (one.values[other] - one.values[mine]) / apart.std()
                    most = np.maximum(most, apart / apart.std())
        limit = np.quantile(most, 0.95)
        beaten |= {(mine, other, place) for (other, place), reached in found.items() if reached > limit}
    return beaten


@pytest.mark.parametrize("seed", range(3))
def test_who_is_beaten_is_what_resampling_by_loops_says(seed: int) -> None:
    one = Answers("a", "a", graded(0.80, 0.90, 0.905, 0.70, seed=seed), IMAGES)
    other = Answers("b", "b", graded(0.60, 0.61, 0.40, 0.60, seed=seed + 50), IMAGES)
    found = compare([one, other], [[0], [1], [2], [3]], seed=0)
    rows = {tuple(int(i) for i in at) for at in np.argwhere(found.p <= 0.05)}
    assert rows == by_loops([one, other])
    assert (1, 2, 0) not in rows, "half a point is not beyond chance"
    assert {(0, 1, 0), (3, 1, 0), (2, 1, 1)} <= rows
    assert found.spread is None


def test_what_is_needed_agrees_with_p() -> None:
    answers = Answers("a", "a", graded(0.80, 0.83, 0.86, 0.88, 0.95, seed=3), IMAGES)
    found = compare([answers], [[i] for i in range(5)], seed=0)
    for mine in range(5):
        for other in set(range(5)) - {mine}:
            ahead = found.values[0, other] - found.values[0, mine]
            if abs(ahead - found.needed[mine, other, 0]) > 0.002:
                assert (ahead > found.needed[mine, other, 0]) == (found.p[mine, other, 0] <= 0.05)


def test_the_variance_between_seeds_is_pooled_as_by_hand() -> None:
    # (0.50, 0.54): 0.02² + 0.02² = 0.0008 with 1; (0.70, 0.76, 0.73): 2 · 0.03² = 0.0018 with 2; together 0.0026 / 3.
    found = pooled(np.asarray([[0.50, 0.54, 0.70, 0.76, 0.73, 0.9]]), [[0, 1], [2, 3, 4], [5]])
    assert found is not None
    assert found.freedom == 3
    assert found.variance == pytest.approx([0.0026 / 3])
    assert pooled(np.asarray([[0.5, 0.6]]), [[0], [1]]) is None


@pytest.mark.parametrize("values", [(0.70, 0.74, 0.80, 0.82), (0.70, 0.74, 0.75, 0.76), (0.70, 0.71, 0.74, 0.80, 0.82)])
def test_where_only_seeds_differ_it_is_students_test(values: tuple[float, ...]) -> None:
    split = len(values) - 2
    groups = [list(range(split)), list(range(split, len(values)))]
    told = ttest_ind(values[split:], values[:split], equal_var=True)
    low, high = told.confidence_interval(0.95)
    found = difference(constant(*values), groups, 1, 0, seed=0)
    assert found.p == pytest.approx(told.pvalue)
    assert found.ci95 == pytest.approx((low, high))
    assert found.effect == pytest.approx(np.mean(values[split:]) - np.mean(values[:split]))
    one_sided = ttest_ind(values[split:], values[:split], equal_var=True, alternative="greater").pvalue
    assert compare([constant(*values)], groups, seed=0).p[0, 1, 0] == pytest.approx(one_sided, abs=0.02)


def test_without_repeats_a_difference_is_the_paired_one() -> None:
    answers = Answers("a", "a", graded(0.8, 0.9, seed=1), IMAGES)
    assert difference(answers, [[0], [1]], 1, 0, seed=4) == paired_difference(
        answers.correct[1], answers.correct[0], seed=4
    )


def test_with_repeats_the_errors_of_images_and_of_seeds_add_up() -> None:
    answers = Answers("a", "a", graded(0.80, 0.81, 0.84, 0.85, 0.845, seed=2, noise=0.2), IMAGES)
    groups = [[0, 1], [2, 3, 4]]
    found = difference(answers, groups, 1, 0, seed=0)
    spread = pooled(answers.values[None], groups)
    assert spread is not None
    each = answers.correct[2:].mean(axis=0) - answers.correct[:2].mean(axis=0)
    images, seeds = each.var(ddof=1) / 400, float(spread.variance[0]) * (1 / 2 + 1 / 3)
    freedom = (images + seeds) ** 2 / (images**2 / 399 + seeds**2 / 3)
    reach = student.ppf(0.975, freedom) * np.sqrt(images + seeds)
    assert images > 0.05 * seeds
    assert found.effect == pytest.approx(each.mean())
    assert found.ci95 == pytest.approx((each.mean() - reach, each.mean() + reach))
    assert found.p == pytest.approx(2 * student.sf(abs(each.mean()) / np.sqrt(images + seeds), freedom))


def test_the_spread_between_seeds_makes_a_difference_less_sure() -> None:
    """Three points at n = 400 beat for sure, unless the same setting scatters by as much."""
    calm = Answers("a", "a", graded(0.80, 0.80, 0.83, 0.83, seed=2, noise=0.003), IMAGES)
    wild = Answers("a", "a", graded(0.77, 0.83, 0.80, 0.86, seed=2, noise=0.003), IMAGES)
    groups = [[0, 1], [2, 3]]
    assert compare([calm], groups, seed=0).p[0, 1, 0] <= 0.05
    assert compare([wild], groups, seed=0).p[0, 1, 0] > 0.2


def test_equal_runs_beat_nobody_and_hide_nothing() -> None:
    same = graded(0.9, seed=1)[0]
    worse = graded(0.7, seed=5)[0]
    found = compare([Answers("a", "a", np.stack([same, same, worse, worse]), IMAGES)], [[0], [1], [2], [3]], seed=0)
    assert found.p[:2].min() > 0.05
    assert (found.p[2:, :2, 0] <= 0.05).all()
    assert found.p[2, 3, 0] > 0.05


def alarms(repeats: int, *, series: int, counted: bool) -> float:
    """How often the first of three equal settings is called beaten, of runs that scatter by two points."""
    random = np.random.default_rng(11)
    groups = [list(range(i * repeats, (i + 1) * repeats)) for i in range(3)]
    hits = 0
    for trial in range(series):
        levels = 0.8 + 0.02 * random.normal(size=(2, 3 * repeats))
        answers = [
            Answers(n, n, graded(*row, seed=100 * trial + i), IMAGES)
            for i, (n, row) in enumerate(zip("ab", levels, strict=True))
        ]
        if not counted:
            answers = [
                Answers(a.metric, a.name, np.stack([a.correct[g].mean(axis=0) for g in groups]), IMAGES)
                for a in answers
            ]
        found = compare(answers, groups if counted else [[0], [1], [2]], seed=trial, draws=500)
        hits += bool((found.p[0] <= 0.05).any())
    return hits / series


def test_equal_settings_are_told_apart_only_where_seeds_are_not_counted() -> None:
    assert alarms(2, series=100, counted=True) <= 0.1
    assert alarms(2, series=100, counted=False) > 0.4


@pytest.mark.torture
@pytest.mark.parametrize("repeats", [2, 3, 5])
def test_a_best_setting_is_beaten_in_one_of_twenty_comparisons_at_most(repeats: int) -> None:
    assert alarms(repeats, series=2000, counted=True) <= 0.06
