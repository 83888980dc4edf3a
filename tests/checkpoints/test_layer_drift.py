"""Movement of layers against numpy, in float64."""

import numpy as np
import pytest
import torch
from torch import Tensor

from swaveval.checkpoints.drift import continued, drift


def weights(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "conv1.weight": torch.randn(4, 3, 3, 3, generator=generator),
        "layer1.0.bn1.weight": torch.randn(4, generator=generator),
        "layer1.0.bn1.bias": torch.randn(4, generator=generator),
        "head.prototypes.weight": torch.randn(5, 4, generator=generator),
    }


def test_against_numpy() -> None:
    series = [weights(seed) for seed in range(3)]
    found = drift(series)
    assert found.names.tolist() == ["conv1", "layer1.0.bn1", "head.prototypes"]
    layers = [
        [np.concatenate([value.double().numpy().ravel() for name, value in state.items() if name.startswith(layer)])
         for state in series]
        for layer in found.names
    ]  # fmt: skip
    for row, vectors in enumerate(layers):
        assert np.isnan(found.relative_l2[row, 0])
        assert found.from_first[row, 0] == 0
        for t in (1, 2):
            now, before, first = vectors[t], vectors[t - 1], vectors[0]
            assert found.relative_l2[row, t] == pytest.approx(np.linalg.norm(now - before) / np.linalg.norm(before))
            assert found.from_first[row, t] == pytest.approx(np.linalg.norm(now - first) / np.linalg.norm(first))
            cosine = now @ before / np.linalg.norm(now) / np.linalg.norm(before)
            assert found.cosine[row, t] == pytest.approx(cosine, abs=1e-6)
            assert found.beyond[row, t] == np.mean(~np.isclose(now, before))
    backbone = [np.concatenate([layers[0][t], layers[1][t]]) for t in range(3)]
    expected = np.linalg.norm(backbone[2] - backbone[1]) / np.linalg.norm(backbone[1])
    assert found.overall[1] == pytest.approx(expected)


def test_layers_that_never_moved_are_named() -> None:
    series = [weights(seed) | {"conv1.weight": weights(0)["conv1.weight"]} for seed in range(3)]
    series[1]["layer1.0.bn1.weight"], series[1]["layer1.0.bn1.bias"] = (
        series[0]["layer1.0.bn1.weight"],
        series[0]["layer1.0.bn1.bias"],
    )
    assert drift(series).never_moved == ("conv1",)  # bn1 stood still once, then moved
    assert drift(series[:1]).never_moved == ()


def test_an_entry_within_allclose_does_not_count_as_moved() -> None:
    before = {"a.weight": torch.ones(4)}
    after = {"a.weight": torch.tensor([1.0, 1 + 5e-6, 1 + 5e-5, 2.0])}
    assert drift([before, after]).beyond[0, 1] == 0.5


def test_a_layer_that_appears_later_is_absent_before() -> None:
    later = weights(1) | {"layer2.weight": torch.ones(3)}
    found = drift([weights(0), later, later])
    row = found.names.tolist().index("layer2")
    assert np.isnan(found.relative_l2[row, :2]).all()
    assert found.relative_l2[row, 2] == 0
    assert np.isnan(found.from_first[row]).all()


def test_running_statistics_are_no_movement() -> None:
    before = weights(0) | {
        "layer1.0.bn1.running_mean": torch.zeros(4),
        "layer1.0.bn1.num_batches_tracked": torch.tensor(1),
    }
    after = weights(0) | {
        "layer1.0.bn1.running_mean": torch.ones(4),
        "layer1.0.bn1.num_batches_tracked": torch.tensor(9),
    }
    found = drift([before, after])
    assert found.never_moved == ("conv1", "layer1.0.bn1", "head.prototypes")
    assert found.overall.tolist() == [0.0]


def test_nothing_gives_nothing() -> None:
    assert drift([]).relative_l2.shape == (0, 0)


@pytest.mark.parametrize("known", [2, 3, 4])
def test_movement_since_what_is_known_is_that_of_all(known: int) -> None:
    """With a layer that comes late, and one that goes."""
    series = [weights(seed) for seed in range(5)]
    del series[4]["head.prototypes.weight"]
    for state in series[3:]:
        state["late.weight"] = state["conv1.weight"] + 1
    earlier, since = drift(series[:known]), drift([series[0], *series[known - 1 :]])
    whole, found = drift(series), continued(earlier, since)
    assert found.names.tolist() == whole.names.tolist()
    for name, array in whole.arrays().items():
        assert np.array_equal(found.arrays()[name], array, equal_nan=name != "names"), name
    assert np.array_equal(found.overall, whole.overall)
