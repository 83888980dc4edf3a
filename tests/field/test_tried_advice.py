"""What a refusal advises works on that very file: a name is given where one was tried and fits, else the factory."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from torch import nn

from swaveval.checkpoints import LoadOptions, load
from tests.field.field_networks import refusal, saved


@pytest.mark.parametrize(
    ("name", "prefix", "classifier"),
    [
        ("timm:convnext_atto", "", True),
        ("timm:convnext_atto", "encoder.", False),
        ("timm:efficientnet_b0", "module.backbone.", True),
        ("torchvision:densenet121", "", True),
        ("torchvision:shufflenet_v2_x0_5", "net.", False),
    ],
)
def test_the_network_that_fits_is_named(name: str, prefix: str, classifier: bool, tmp_path: Path) -> None:
    library, _, bare = name.partition(":")
    network = timm.create_model(bare) if library == "timm" else torchvision.models.get_model(bare)
    state = {
        prefix + key: value
        for key, value in network.state_dict().items()
        if classifier or not key.startswith(("head.fc", "fc.", "classifier"))
    }
    path = saved(tmp_path / "epoch=1.pth", state)
    reason = refusal(path).reason
    advised = re.search(r"--backbone (\S+)", reason)
    assert advised, reason
    assert advised[1] == name
    assert load(path, options=LoadOptions(backbone=advised[1])).report.matched == 1


def unheard_of() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 24))


def changed() -> nn.Module:
    """ConvNeXt's names and other shapes."""
    return timm.create_model("convnext_atto", dims=(8, 16, 24, 32), num_classes=0)


@pytest.mark.parametrize("make", [unheard_of, changed])
def test_without_a_network_that_fits_the_factory_is_advised_and_works(
    make: Callable[[], nn.Module], tmp_path: Path
) -> None:
    path = saved(tmp_path / "epoch=1.pth", make().state_dict())
    reason = refusal(path).reason
    assert "--backbone path/to/file.py:factory" in reason
    assert "--backbone timm" not in reason
    assert load(path, options=LoadOptions(backbone=f"{__file__}:{make.__name__}")).report.matched == 1


def test_the_normalisation_of_timms_own_weights_is_named_as_options(tmp_path: Path) -> None:
    network = timm.create_model("vit_tiny_patch16_224")
    path = saved(tmp_path / "epoch=1.pth", network.state_dict())
    notes = load(path, options=LoadOptions(backbone="timm:vit_tiny_patch16_224")).report.warnings
    assert any("--mean 0.5,0.5,0.5 --std 0.5,0.5,0.5" in note for note in notes)
