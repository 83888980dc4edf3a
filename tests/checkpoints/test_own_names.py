"""What a file says of its network in words or in weights: timm's names, and normalisation as a layer."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from swaveval.checkpoints import CheckpointRefused, inspect, load
from swaveval.checkpoints.geometry import Geometry
from swaveval.checkpoints.options import LoadOptions
from swaveval.checkpoints.sandbox.description import TensorInfo
from swaveval.checkpoints.told import layer_of_normalisation
from tests.checkpoints.originals import torchvision_resnet


def whole(name: str) -> nn.Module:
    torch.manual_seed(0)
    network: nn.Module = timm.create_model(name, num_classes=10).eval()
    return network


def saved(path: Path, weights: dict[str, Tensor], how: str, name: str) -> Path:
    forms: dict[str, dict[str, Any]] = {
        "arch": {"arch": name, "state_dict": weights},
        "args": {"args": {"model": f"timm/{name}.a1_in1k"}, "model": weights},
        "hyper": {
            "pytorch-lightning_version": "2.5",
            "hyper_parameters": {"backbone": name.replace("_", "-")},
            "state_dict": {f"backbone.{key}": value for key, value in weights.items()},
        },
    }
    torch.save({"epoch": 3} | forms[how], path)
    return path


@pytest.mark.parametrize("how", ["arch", "args", "hyper"])
@pytest.mark.parametrize("name", ["resnetblur18", "seresnet18", "gernet_s", "test_vit", "resnet18"])
def test_a_network_that_the_file_names_is_the_one_that_is_read(name: str, how: str, tmp_path: Path) -> None:
    network = whole(name)
    found = load(saved(tmp_path / "x.pth", network.state_dict(), how, name))
    images = torch.rand(2, 3, 160, 160)
    with torch.no_grad():
        theirs = network.forward_head(network.forward_features(images), pre_logits=True)  # type: ignore[operator]
        assert torch.allclose(found.module(images), theirs, atol=1e-4)
    said = any("the file calls its network" in note for note in found.report.warnings)
    assert said == (name not in ("resnet18", "test_vit")), "common ones are read as ever"


def test_a_name_that_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    weights = whole("resnet18").state_dict()
    report = inspect(saved(tmp_path / "x.pth", weights, "arch", "resnetblur50"))
    assert (report.state, report.architecture) == ("ready", "resnet18")
    with pytest.raises(CheckpointRefused, match="--backbone timm:seresnet18"):
        load(saved(tmp_path / "y.pth", whole("seresnet18").state_dict(), "arch", "resnet18"))


@pytest.mark.parametrize(
    ("prefix", "names", "scale"),
    [("normalizer.", ("new_mean", "new_std"), 1), ("0.", ("mean", "std"), 1), ("normalize.", ("mean", "std"), 255),
     ("", ("norm_mean", "norm_std"), 1)],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(3,), (3, 1, 1), (1, 3, 1, 1)])
def test_a_layer_that_normalises_is_heard(
    prefix: str, names: tuple[str, str], scale: int, shape: tuple[int, ...], tmp_path: Path
) -> None:
    mean, std = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.3, 0.25])
    backbone = "1." if prefix == "0." else "model."
    weights = {f"{backbone}{key}": value for key, value in torchvision_resnet().state_dict().items()}
    weights |= {f"{prefix}{names[0]}": scale * mean.reshape(shape), f"{prefix}{names[1]}": scale * std.reshape(shape)}
    torch.save({"state_dict": weights}, tmp_path / "x.pth")
    found = load(tmp_path / "x.pth").report.geometry["normalisation"]
    assert found == [pytest.approx([0.4, 0.5, 0.6]), pytest.approx([0.2, 0.3, 0.25])]


@pytest.mark.parametrize(
    "shapes", [{"a.mean": (3,)}, {"a.mean": (3,), "a.std": (4,)},
               {"a.mean": (3,), "a.std": (3,), "b.mean": (3,), "b.std": (3,)},
               {"bn.running_mean": (3,), "bn.running_std": (4,)}, {"pixel_mean": (3, 1, 1), "pixel_std": (3, 1, 1)}]
)  # fmt: skip
def test_other_numbers_are_no_normalisation(shapes: dict[str, tuple[int, ...]]) -> None:
    assert layer_of_normalisation([TensorInfo(name, "F32", shape) for name, shape in shapes.items()]) is None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Geometry(heads=3), "--heads 3 has no effect: a network of this kind has nothing of it"),
        (Geometry(heads=3, stem_stride=1), "--heads 3 has no effect"), (Geometry(maxpool=False), ""),
    ],
)  # fmt: skip
def test_an_option_that_changes_nothing_is_said(said: Geometry, words: str, tmp_path: Path) -> None:
    torch.save(torchvision_resnet().state_dict(), tmp_path / "x.pth")
    warnings = load(tmp_path / "x.pth", options=LoadOptions(geometry=said)).report.warnings
    assert any(words in warning for warning in warnings) if words else not any("effect" in w for w in warnings)
    torch.save(whole("resnet18").state_dict(), tmp_path / "y.pth")
    named = load(tmp_path / "y.pth", options=LoadOptions(backbone="timm:resnet18", geometry=said)).report.warnings
    assert any("has no effect: the network is built as it is named" in warning for warning in named)
