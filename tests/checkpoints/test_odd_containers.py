"""Weights in a list beside something else, and weights that are no tensors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hostile_building import small_checkpoint
from originals import save, torchvision_resnet

from swaveval.checkpoints import CheckpointRefused, load


def state() -> dict[str, torch.Tensor]:
    return dict(torchvision_resnet().state_dict())


@pytest.mark.parametrize("kind", [list, tuple])
@pytest.mark.parametrize("place", [0, 1])
def test_weights_in_a_list_beside_an_optimiser(tmp_path: Path, kind: Any, place: int) -> None:
    optimiser = torch.optim.SGD(torchvision_resnet().parameters(), lr=0.1, momentum=0.9).state_dict()
    content = kind([state(), optimiser] if place == 0 else [7, state(), optimiser])
    report = load(save(tmp_path / "both.pth", content)).report
    assert (report.state, report.architecture, report.matched) == ("ready", "resnet10, width 16", 1.0)


def test_a_list_of_whole_checkpoints(tmp_path: Path) -> None:
    report = load(save(tmp_path / "listed.ckpt", [small_checkpoint()])).report
    assert (report.state, report.architecture) == ("ready", "resnet10, width 8")


def test_two_networks_in_a_list_are_not_guessed_between(tmp_path: Path) -> None:
    with pytest.raises(CheckpointRefused, match=r"two|several|which"):
        load(save(tmp_path / "ensemble.pth", [state(), state()]))


def test_a_list_of_pairs_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(CheckpointRefused, match=r"no weights found .* \(a list\): tensors by name"):
        load(save(tmp_path / "pairs.pth", list(state().items())))


def test_arrays_are_no_tensors_and_that_is_said(tmp_path: Path) -> None:
    arrays = {name: tensor.numpy() for name, tensor in state().items()}
    few = dict(list(arrays.items())[:6])
    with pytest.raises(CheckpointRefused, match="arrays of NumPy are none"):
        load(save(tmp_path / "few.pth", few))
    # As many as a network has are more than any pickle of torch's.
    large = arrays | {"more": np.zeros(17_000_000, np.float32)}
    with pytest.raises(CheckpointRefused, match=r"its pickle alone has .* MB, where .* arrays of NumPy") as caught:
        load(save(tmp_path / "all.pth", large))
    # The advice works.
    told = "{name: torch.as_tensor(value) for name, value in weights.items() if hasattr(value, 'shape')}"
    assert told in str(caught.value)
    weights = arrays | {"StructuredToParameterName@@": {}}  # PaddlePaddle's
    fixed = save(tmp_path / "fixed.pth", eval(told, {"torch": torch, "weights": weights}))
    assert load(fixed).report.state == "ready"
