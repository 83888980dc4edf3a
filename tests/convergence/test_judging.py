"""What stands beside the word: views beside labels, how labels were read, weights that never change."""

from dataclasses import replace

import pytest

from swaveval.convergence import judge
from swaveval.results import Series
from tests.convergence.simulated import KNN, LINEAR, VIEWS, outcomes, series, together

RISING = [0.30, 0.45, 0.55, 0.60, 0.64, 0.66, 0.68]
FALLING = [0.60, 0.55, 0.50, 0.46, 0.43, 0.41, 0.40]
BESIDE = [0.30, 0.31]


def run(knn: list[float], views: list[float], *, labelled: bool = True) -> Series:
    made = together({KNN: [*knn, *BESIDE], VIEWS: [*views, *BESIDE]}, 1500, seed=0)
    return series(
        {metric: rows[:7] for metric, rows in made.items()},
        random={metric: rows[7:] for metric, rows in made.items()},
        labelled=labelled,
    )


@pytest.mark.parametrize("views", [RISING, FALLING])
@pytest.mark.parametrize("knn", [RISING, FALLING])
def test_beside_labels_stands_what_views_alone_say(knn: list[float], views: list[float]) -> None:
    with_labels, without = judge(run(knn, views)), judge(run(knn, views, labelled=False))
    assert with_labels.without_labels == without.verdict
    assert without.without_labels is None
    contradicted = (with_labels.verdict == "learning") is not (without.verdict == "learning")
    assert with_labels.contradicted is contradicted
    assert ("without them it would be called" in with_labels.sentence) is contradicted


def test_a_run_without_views_has_nothing_beside_its_labels() -> None:
    assert judge(series({KNN: outcomes(RISING, 800, seed=0)})).without_labels is None


@pytest.mark.parametrize("several", [0, 3])
def test_several_labels_an_image_are_said_to_be_read_by_the_commonest(several: int) -> None:
    made = run(RISING, RISING)
    data = replace(made.manifest.data, audit={"several_labels": several} if several else {})
    sentence = judge(replace(made, manifest=replace(made.manifest, data=data))).sentence
    assert ("(by the most frequent label of each image" in sentence) is bool(several)


def test_weights_that_are_the_same_in_every_file_are_said_to_be() -> None:
    made = run([0.3] * 7, [0.3] * 7)
    same = (replace(point, record=replace(point.record, load={"backbone_digest": "w"})) for point in made.points)
    found = judge(replace(made, points=tuple(same)))
    assert found.verdict == "not-learning"
    assert "the backbone's weights are the same in all 7 checkpoints" in found.sentence
    assert any("reach the optimiser" in each.action for each in found.advice)
    assert "the same in all" not in judge(made).sentence


def test_claims_support_what_they_say() -> None:
    """A gain speaks for learning, a loss against it, a fall has a claim of its own."""
    gained, lost = judge(run(RISING, RISING)), judge(run(FALLING, FALLING))
    assert gained.evidence[0].supports == "for"
    assert lost.evidence[0].supports == "against"
    assert not [each for each in gained.evidence if "from its peak" in each.claim]
    fell = judge(run([0.3, 0.6, 0.75, 0.75, 0.74, 0.70, 0.45], [0.3] * 7))
    assert fell.verdict == "regressed"
    assert [each for each in fell.evidence if "from its peak" in each.claim]


def test_what_is_below_every_baseline_is_told_with_both_numbers() -> None:
    made = together({KNN: [*FALLING, 0.9], LINEAR: [*FALLING, 0.8]}, 1500, seed=0)
    found = judge(
        series(
            {metric: rows[:7] for metric, rows in made.items()},
            plain={"pixels": {metric: rows[7] for metric, rows in made.items()}},
        )
    )
    ends = [100 * rows[6].mean() for rows in made.values()]
    plain = [100 * rows[7].mean() for rows in made.values()]
    assert found.sentence.endswith(
        f"below raw pixels by kNN ({ends[0]:.1f} against {plain[0]:.1f} %) and the linear probe "
        f"({ends[1]:.1f} against {plain[1]:.1f} %)."
    )
