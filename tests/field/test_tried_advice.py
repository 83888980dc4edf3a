"""What a refusal advises works on that very file: a name is given where one was tried and fits, else the factory."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

from swaveval.checkpoints import LoadOptions, load
from tests.field.field_networks import lived_in, read_as, refusal, saved


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


class Shortcut(nn.Module):
    """Every other pixel, and zeros for the new channels: on both sides or at the end."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.padding = before, after

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.pad(images[:, :, ::2, ::2], (0, 0, 0, 0, *self.padding))


def option_a(*, at_the_end: bool = False) -> nn.Module:
    """akamaster/pytorch_resnet_cifar10: widths 16-32-64, `linear`."""
    torch.manual_seed(0)
    network = torchvision.models.ResNet(BasicBlock, [1, 1, 1, 1])
    network.conv1, network.bn1 = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
    network.maxpool = network.layer4 = network.fc = nn.Identity()
    network.layer1 = nn.Sequential(BasicBlock(16, 16))
    for stage, wide in ((2, 16), (3, 32)):
        padding = (0, wide) if at_the_end else (wide // 2, wide // 2)
        setattr(network, f"layer{stage}", nn.Sequential(BasicBlock(wide, 2 * wide, 2, Shortcut(*padding))))
    return lived_in(network)


def padded_at_the_end() -> nn.Module:
    return option_a(at_the_end=True)


@pytest.mark.parametrize("make", [option_a, padded_at_the_end])
@pytest.mark.parametrize("partial", [False, True])
def test_shortcuts_without_weights_are_another_network(
    make: Callable[[], nn.Module], partial: bool, tmp_path: Path
) -> None:
    """resnet_cifar10: `--allow-partial accepts it` built shortcuts of random weights; which padding was trained the
    file does not tell, so only its own code reads it."""
    network = make()
    path = saved(tmp_path / "epoch=1.pth", {"state_dict": network.state_dict() | {"linear.weight": torch.ones(10, 64)}})
    reason = refusal(path, allow_partial=partial).reason
    assert "its shortcut layer2.0.downsample has no weights" in reason
    assert "--backbone path/to/file.py:factory" in reason
    assert "allow-partial" not in reason
    read_as(path, network, backbone=f"{__file__}:{make.__name__}")


def test_the_normalisation_of_timms_own_weights_is_named_as_options(tmp_path: Path) -> None:
    network = timm.create_model("vit_tiny_patch16_224")
    path = saved(tmp_path / "epoch=1.pth", network.state_dict())
    notes = load(path, options=LoadOptions(backbone="timm:vit_tiny_patch16_224")).report.warnings
    assert any("--mean 0.5,0.5,0.5 --std 0.5,0.5,0.5" in note for note in notes)
