"""The SwaV loss against lightly's SwaVLoss, the rest against scikit-learn and brute force."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightly.loss.swav_loss import SwaVLoss
from lightly.loss.swav_loss import sinkhorn as lightly_sinkhorn
from sklearn.metrics import adjusted_mutual_info_score

from swaveval.evaluators.contract import Evaluator, NotFinite, Skip
from swaveval.evaluators.epsilon_net import net_sizes
from swaveval.evaluators.prototypes import Prototypes, duplicates, perplexity
from swaveval.evaluators.swapped import sinkhorn, swapped_loss
from swaveval.features.features import Features, PrototypeOutputs
from swaveval.results import Artifact, Metric
from swaveval.testing import synthetic_features

UNIQUE = {"unique", *(f"unique[eps={radius}]" for radius in ("0.025", "0.05", "0.1", "0.2", "0.5"))}


def cosines(m: int, v: int, k: int, *, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    prototypes = draw.normal(size=(k, 16))
    views = draw.normal(size=(m, 1, 16)) + 0.5 * draw.normal(size=(m, v, 16))
    prototypes /= np.linalg.norm(prototypes, axis=1, keepdims=True)
    views /= np.linalg.norm(views, axis=2, keepdims=True)
    return (views @ prototypes.T).astype(np.float32)


def run(features: Features, **parameters: float) -> dict[str, Metric]:
    found = Prototypes(**parameters)(features, seed=0)
    return {entry.id.removeprefix("prototypes."): entry for entry in found if isinstance(entry, Metric)}


def with_outputs(features: Features, **changes: object) -> Features:
    outputs = features.prototypes
    assert outputs is not None
    return replace(features, prototypes=replace(outputs, **changes))


@pytest.mark.parametrize("v", [2, 3])
@pytest.mark.parametrize("temperature, epsilon, iterations", [(0.1, 0.05, 3), (3.0, 0.03, 3), (0.2, 0.1, 1)])
def test_loss_is_lightlys(v: int, temperature: float, epsilon: float, iterations: int) -> None:
    scores = cosines(96, v, 30)
    loss = SwaVLoss(temperature=temperature, sinkhorn_iterations=iterations, sinkhorn_epsilon=epsilon)
    expected = [float(loss(list(torch.from_numpy(part).unbind(1)), [])) for part in np.split(scores, 3)]
    found = swapped_loss(scores, temperature=temperature, epsilon=epsilon, iterations=iterations, batch=32)
    assert found.batches == (32, 32, 32)
    assert found.value == pytest.approx(np.mean(expected), rel=1e-5)


@pytest.mark.parametrize("iterations", [0, 1, 3, 50])
def test_codes_are_lightlys(iterations: int) -> None:
    scores = cosines(40, 1, 12)[:, 0]
    found = np.exp(sinkhorn(scores, epsilon=0.05, iterations=iterations))
    expected = lightly_sinkhorn(torch.from_numpy(scores), iterations=iterations, epsilon=0.05).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


def test_a_small_epsilon_does_not_overflow() -> None:
    scores = cosines(40, 2, 12)
    found = swapped_loss(scores, temperature=0.1, epsilon=0.001, iterations=3, batch=40)
    assert np.isfinite(found.per_image).all()
    assert not np.isfinite(float(SwaVLoss(sinkhorn_epsilon=0.001)(list(torch.from_numpy(scores).unbind(1)), [])))


def test_loss_is_entropy_plus_divergence() -> None:
    scores = cosines(50, 2, 7)
    found = swapped_loss(scores, temperature=0.2, epsilon=0.05, iterations=3, batch=50)
    q = np.exp(sinkhorn(scores[:, 0], epsilon=0.05, iterations=3))
    p = np.exp(scores[:, 1] / 0.2)
    p /= p.sum(axis=1, keepdims=True)
    other_q = np.exp(sinkhorn(scores[:, 1], epsilon=0.05, iterations=3))
    other_p = np.exp(scores[:, 0] / 0.2)
    other_p /= other_p.sum(axis=1, keepdims=True)
    entropy = -(q * np.log(q)).sum(axis=1) - (other_q * np.log(other_q)).sum(axis=1)
    divergence = (q * np.log(q / p)).sum(axis=1) + (other_q * np.log(other_q / other_p)).sum(axis=1)
    np.testing.assert_allclose(found.entropy, entropy / 2, rtol=1e-5)
    np.testing.assert_allclose(found.divergence, divergence / 2, rtol=1e-5)
    assert (found.divergence >= 0).all()


@given(k=st.integers(2, 700), temperature=st.floats(0.05, 5), m=st.integers(1, 40))
@settings(max_examples=20, deadline=None)
def test_a_constant_output_gives_ln_k(k: int, temperature: float, m: int) -> None:
    """What collapse looks like: metrics.md, 6.238 at K = 512."""
    found = swapped_loss(
        np.full((m, 2, k), 0.3, np.float32), temperature=temperature, epsilon=0.05, iterations=3, batch=16
    )
    assert found.value == pytest.approx(np.log(k), rel=1e-9)
    assert found.entropy.mean() == pytest.approx(np.log(k), rel=1e-9)


def test_gap_is_zero_at_ln_k() -> None:
    features = with_outputs(synthetic_features(), view_scores=np.zeros((40, 2, 6), np.float32))
    found = run(features)
    assert found["loss"].value == pytest.approx(np.log(6))
    assert found["loss_gap"].value == pytest.approx(0, abs=1e-9)
    assert "ln 6 = 1.792" in found["loss"].protocol
    assert "defaults" in found["loss"].protocol


def test_batches_are_even_and_matter() -> None:
    scores = cosines(100, 2, 30)
    found = swapped_loss(scores, temperature=0.1, epsilon=0.05, iterations=3, batch=32)
    assert found.batches == (25, 25, 25, 25)
    whole = swapped_loss(scores, temperature=0.1, epsilon=0.05, iterations=3, batch=100)
    assert whole.batches == (100,)
    assert abs(whole.value - found.value) > 1e-3


@given(seed=st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_loss_does_not_depend_on_the_order_of_prototypes_or_views(seed: int) -> None:
    scores = cosines(20, 3, 9, seed=seed)
    draw = np.random.default_rng(seed)
    parameters = {"temperature": 0.1, "epsilon": 0.05, "iterations": 3, "batch": 20}
    base = swapped_loss(scores, **parameters)
    images = draw.permutation(20)
    shuffled = scores[images][:, draw.permutation(3)][:, :, draw.permutation(9)]
    np.testing.assert_allclose(swapped_loss(shuffled, **parameters).per_image, base.per_image[images], rtol=1e-6)


def test_perplexity() -> None:
    assert perplexity(np.full(30, 1 / 30)) == pytest.approx(30)
    assert perplexity(np.eye(5)[2]) == 1
    assert perplexity(np.array([2.0, 2, 0, 0])) == pytest.approx(2)


def brute_duplicates(weights: np.ndarray, threshold: float) -> int:
    """K less the connected components, by flooding."""
    u = weights / np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1e-12)
    near = u @ u.T > threshold
    left, groups = set(range(len(u))), 0
    while left:
        groups += 1
        reached = [left.pop()]
        while reached:
            at = reached.pop()
            found = {j for j in left if near[at, j]}
            left -= found
            reached += found
    return len(u) - groups


@given(seed=st.integers(0, 1000), k=st.integers(1, 40), block=st.integers(1, 50))
@settings(max_examples=30, deadline=None)
def test_duplicates_are_groups_in_any_order_and_block(seed: int, k: int, block: int) -> None:
    draw = np.random.default_rng(seed)
    weights = draw.normal(size=(k, 2))
    expected = brute_duplicates(weights, 0.95)
    assert duplicates(weights, 0.95, block=block) == expected
    assert duplicates(draw.permutation(weights) * 7, 0.95, block=block) == expected


def test_duplicates_of_known_prototypes() -> None:
    weights = np.eye(4)[[0, 0, 1, 2, 3, 3, 3]]
    assert duplicates(weights, 0.95) == 3
    assert duplicates(np.eye(4), 0.95) == 0
    just = np.array([[1, 0], [0.96, np.sqrt(1 - 0.96**2)], [0.94, -np.sqrt(1 - 0.94**2)]])
    assert duplicates(just, 0.95) == 1


def greedy(weights: np.ndarray, radius: float) -> int:
    """2510.20108's net, one prototype after the other."""
    net: list[np.ndarray] = []
    for row in weights.astype(np.float64) / np.linalg.norm(weights.astype(np.float64), axis=1, keepdims=True):
        if all(1 - float(row @ other) > radius for other in net):
            net.append(row)
    return len(net)


@given(seed=st.integers(0, 10_000), k=st.integers(1, 40), block=st.sampled_from([1, 3, 256]), p=st.integers(2, 5))
@settings(max_examples=40, deadline=None)
def test_unique_prototypes_are_the_greedy_net_in_any_block(seed: int, k: int, block: int, p: int) -> None:
    weights = np.random.default_rng(seed).normal(size=(k, p)).astype(np.float32)
    weights[k // 2 :: 3] = 2 * weights[0]  # copies of another length
    radii = (0.0, 0.025, 0.1, 0.5, 2.0)
    sizes = net_sizes(weights, radii, block=block)
    assert sizes[1:] == [greedy(weights, radius) for radius in radii[1:]]
    assert sizes[-1] == 1
    assert 1 <= sizes[0] <= k


def test_unique_prototypes_of_a_known_layer() -> None:
    """Around a circle: 0, 10, 20, … 350 degrees. 1 − cos of 10, 20 and 30 degrees is .015, .060 and .134."""
    angle = np.deg2rad(np.arange(0, 360, 10))
    weights = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    assert net_sizes(weights, (0.01, 0.025, 0.1, 0.2)) == [36, 18, 12, 9]
    assert net_sizes(np.repeat(weights, 4, axis=0), (0.01,)) == [36]
    copies = {"weights": np.repeat(weights[::2], 2, axis=0), "mean_probability": np.full(36, 1 / 36)}
    found = run(with_outputs(synthetic_features(), view_scores=None, **copies))
    assert found["unique[eps=0.025]"].value == 0.5
    assert "18 of 36" in found["unique[eps=0.025]"].protocol
    assert [found[name].n for name in UNIQUE] == [36] * 6
    assert found["unique"].value == 0.5
    assert run(with_outputs(synthetic_features(), view_scores=None, **copies), radii=(0.1, 0.025))["unique"].value < 0.5


def test_clustering_agrees_with_scikit_learn() -> None:
    features = synthetic_features(separation=1.5)
    outputs = features.prototypes
    assert outputs is not None
    assert features.train_labels is not None
    assert features.test_labels is not None
    found = run(features)
    truth = np.concatenate([features.train_labels, features.test_labels])
    prototype = np.concatenate([outputs.train_assignment, outputs.test_assignment])
    majority = sum(np.bincount(truth[prototype == k]).max() for k in np.unique(prototype))
    assert found["purity"].value == pytest.approx(majority / 180)
    assert found["ami"].value == pytest.approx(adjusted_mutual_info_score(truth, prototype), rel=1e-9)
    for name in ("purity", "ami"):
        low, high = found[name].ci95 or (1, 0)
        assert low < found[name].value < high
        assert found[name].n == 180


def test_unlabelled_images_are_left_out_of_the_clustering() -> None:
    features = synthetic_features()
    assert features.train_labels is not None
    hidden = features.train_labels.copy()
    hidden[::2] = -1
    found = run(replace(features, train_labels=hidden))
    assert found["purity"].n == 120
    assert "60 unlabelled" in found["purity"].protocol
    assert found["dead"].n == 180


def test_without_labels_only_the_label_free() -> None:
    found = run(replace(synthetic_features(), train_labels=None, test_labels=None))
    assert set(found) == {"perplexity", "dead", "duplicates", *UNIQUE, "agreement", "loss", "loss_gap"}


def test_usage() -> None:
    features = with_outputs(
        synthetic_features(),
        train_assignment=np.zeros(120, np.int32),
        test_assignment=np.full(60, 3, np.int32),
        mean_probability=np.array([0.5, 0, 0, 0.5, 0, 0]),
    )
    found = run(features)
    assert found["dead"].value == 4
    assert found["dead"].bounds == (0, 6)
    assert found["perplexity"].value == pytest.approx(2)
    artifacts = {e.id: e.arrays for e in Prototypes()(features, seed=0) if isinstance(e, Artifact)}
    np.testing.assert_array_equal(artifacts["prototypes.usage"]["count"], [120, 0, 0, 60, 0, 0])
    np.testing.assert_array_equal(artifacts["prototypes.assignment"]["prototype"], [0] * 120 + [3] * 60)
    np.testing.assert_array_equal(artifacts["prototypes.assignment"]["index"], np.arange(180))


def test_fewer_images_than_prototypes_says_so() -> None:
    found = run(synthetic_features(n_train=3, n_test=1, classes=2))
    assert "at least 2 are" in found["dead"].protocol
    assert "at least" not in run(synthetic_features())["dead"].protocol


def test_agreement_is_of_the_first_two_views() -> None:
    scores = cosines(40, 3, 6)
    features = with_outputs(synthetic_features(), view_scores=scores)
    found = run(features)
    same = scores[:, 0].argmax(axis=1) == scores[:, 1].argmax(axis=1)
    assert 0 < same.mean() < 1
    assert found["agreement"].value == same.mean()
    (outcomes,) = [
        e for e in Prototypes()(features, seed=0) if isinstance(e, Artifact) and e.id == "prototypes.agreement.outcomes"
    ]
    np.testing.assert_array_equal(outcomes.arrays["correct"], same)


def test_outcomes_and_loss_are_of_the_views_that_there_are() -> None:
    features = with_outputs(synthetic_features(), view_scores=cosines(40, 3, 6))
    assert features.views is not None
    shifted = replace(features.views, index=np.arange(40) * 2 + 1)
    for views, expected in ((shifted, np.arange(40) * 2 + 1), (None, np.arange(40))):
        found = {entry.id: entry for entry in Prototypes()(replace(features, views=views), seed=0)}
        outcomes = found["prototypes.agreement.outcomes"]
        assert isinstance(outcomes, Artifact)
        np.testing.assert_array_equal(outcomes.arrays["index"], expected)
        loss = found["prototypes.loss"]
        assert isinstance(loss, Metric)
        assert "over 3 views" in loss.protocol


def test_no_image_is_skipped() -> None:
    nothing = {
        f"{split}_{name}": np.zeros(0, np.float32) for split in ("train", "test") for name in ("assignment", "score")
    }
    with pytest.raises(Skip, match="no image"):
        Prototypes()(with_outputs(synthetic_features(), **nothing), seed=0)


@pytest.mark.parametrize("scores", [None, np.zeros((40, 1, 6), np.float32), np.zeros((0, 2, 6), np.float32)])
def test_without_two_views_there_is_no_loss(scores: np.ndarray | None) -> None:
    found = run(with_outputs(synthetic_features(), view_scores=scores))
    assert set(found) == {"purity", "ami", "perplexity", "dead", "duplicates", *UNIQUE}


def test_one_prototype_has_no_gap() -> None:
    features = with_outputs(
        synthetic_features(),
        weights=np.ones((1, 16), np.float32),
        train_assignment=np.zeros(120, np.int32),
        test_assignment=np.zeros(60, np.int32),
        mean_probability=np.ones(1),
        view_scores=np.ones((40, 2, 1), np.float32),
    )
    found = run(features)
    assert "loss_gap" not in found
    assert found["loss"].value == 0
    assert found["agreement"].value == 1
    assert found["ami"].value == pytest.approx(0, abs=1e-12)


def test_one_class_has_no_purity() -> None:
    features = synthetic_features()
    one = replace(features, train_labels=np.zeros(120, np.int64), test_labels=np.full(60, -1))
    assert not {"purity", "ami"} & set(run(one))


@pytest.mark.parametrize("name", ["weights", "mean_probability", "view_scores"])
def test_not_finite_is_a_sentence(name: str) -> None:
    features = synthetic_features()
    array = np.array(getattr(features.prototypes, name))
    array.flat[0] = np.nan
    with pytest.raises(NotFinite, match="NaN or infinities"):
        Prototypes()(with_outputs(features, **{name: array}), seed=0)


def test_no_head_is_skipped() -> None:
    with pytest.raises(Skip, match="head and prototypes"):
        Prototypes()(replace(synthetic_features(), prototypes=None), seed=0)


def test_loss_interval_covers() -> None:
    """80 draws of 64 images in two batches; a true 95 % stays above 86 % all but once in 1,000."""
    unlabelled = replace(synthetic_features(), train_labels=None, test_labels=None)
    repeats = [run(with_outputs(unlabelled, view_scores=_drawn(seed))) for seed in range(80)]
    for name in ("loss", "loss_gap"):
        truth = np.mean([found[name].value for found in repeats])
        inside = [found[name].ci95[0] <= truth <= found[name].ci95[1] for found in repeats if found[name].ci95]
        assert len(inside) == 80
        assert np.mean(inside) >= 0.86, name


def _drawn(seed: int) -> np.ndarray:
    weights = np.random.default_rng(0).normal(size=(6, 16))
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    draw = np.random.default_rng([1, seed])
    views = draw.normal(size=(64, 1, 16)) + 0.4 * draw.normal(size=(64, 2, 16))
    views /= np.linalg.norm(views, axis=2, keepdims=True)
    return (views @ weights.T).astype(np.float32)


def test_is_an_evaluator_with_checked_parameters() -> None:
    assert isinstance(Prototypes(), Evaluator)
    assert isinstance(synthetic_features().prototypes, PrototypeOutputs)
    for wrong in ({"batch": 0}, {"groups": 1}, {"duplicate_cosine": 1.5}, {"duplicate_cosine": -1.5}):
        with pytest.raises(ValueError, match="prototypes"):
            Prototypes(**wrong)
    for radii in ((0.1, 0.1), (-0.1,), (2.1,)):
        with pytest.raises(ValueError, match="radii must differ"):
            Prototypes(radii=radii)
