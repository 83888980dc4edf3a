"""He's ResNets for CIFAR, of three stages: shortcuts without weights (option A) and with (option B)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from swaveval.checkpoints import load
from swaveval.checkpoints.initial import random_backbone
from tests.field.field_networks import lived_in, prefixed, read_as, refusal, saved

Shortcut = Callable[[Tensor, int], Tensor]


def on_both_sides(images: Tensor, planes: int) -> Tensor:
    """akamaster/pytorch_resnet_cifar10 (Yerlan Idelbayev)."""
    return F.pad(images[:, :, ::2, ::2], (0, 0, 0, 0, planes // 4, planes // 4), "constant", 0)


def at_the_end(images: Tensor, planes: int) -> Tensor:
    """`DownsampleA` of ResNeXt-DenseNet and its many heirs: `cat((x, x.mul(0)), 1)`."""
    picked = F.avg_pool2d(images, kernel_size=1, stride=2)
    return torch.cat((picked, picked.mul(0)), 1)


class Block(nn.Module):
    def __init__(self, planes_in: int, planes: int, shortcut: Shortcut | nn.Module | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(planes_in, planes, 3, stride=planes // planes_in, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = shortcut
        self.planes = planes

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if isinstance(self.shortcut, nn.Module):
            return F.relu(out + self.shortcut(x))
        return F.relu(out + (x if self.shortcut is None else self.shortcut(x, self.planes)))


class CifarResNet(nn.Module):
    def __init__(self, depth: int, shortcut: Shortcut | None, width: int = 16) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        for stage in range(3):
            planes = width * 2**stage
            by_weights = nn.Sequential(nn.Conv2d(planes // 2, planes, 1, stride=2, bias=False), nn.BatchNorm2d(planes))
            first = Block(planes // 2, planes, shortcut or by_weights) if stage else Block(planes, planes, None)
            rest = [Block(planes, planes, None) for _ in range((depth - 2) // 6 - 1)]
            setattr(self, f"layer{stage + 1}", nn.Sequential(first, *rest))
        self.linear = nn.Linear(4 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer3(self.layer2(self.layer1(out)))
        return F.avg_pool2d(out, out.size()[3]).view(out.size(0), -1)


def network(depth: int = 20, shortcut: Shortcut | None = on_both_sides, width: int = 16) -> CifarResNet:
    torch.manual_seed(depth)
    made = CifarResNet(depth, shortcut, width)
    lived_in(made)
    return made


def ends() -> nn.Module:
    return network(shortcut=at_the_end)


@pytest.mark.parametrize("depth", [8, 20, 56])
def test_as_akamaster_writes_them(depth: int, tmp_path: Path) -> None:
    """resnet_cifar10: `--allow-partial accepts it` built another network (cosine .6 to .8)."""
    made = network(depth)
    path = saved(tmp_path / "checkpoint.th", {"state_dict": prefixed("module.", made.state_dict()), "best_prec1": 91.7})
    report = read_as(path, made, side=32)
    assert report.matched == 1
    assert "shortcuts padded with zeros" in report.architecture
    assert any("zeros on both sides of its channels" in note for note in report.warnings)


def test_in_other_files_and_at_other_widths_and_sizes(tmp_path: Path) -> None:
    made = network(14, width=8)
    save_file(made.state_dict(), tmp_path / "model.safetensors")
    read_as(tmp_path / "model.safetensors", made, side=40)
    content: dict[str, Any] = {"epoch": 3, "model": prefixed("encoder.", made.state_dict())}
    content["model"]["projector.0.weight"] = torch.ones(8, 32)
    assert read_as(saved(tmp_path / "a.pt", content), made, side=32).epoch == 3


def test_zeros_at_the_end_are_the_alternative_that_the_note_names(tmp_path: Path) -> None:
    """Which padding was trained the file does not tell: what is assumed is said, and the advice works."""
    made = ends()
    path = saved(tmp_path / "a.pt", made.state_dict())
    (note,) = [note for note in load(path).report.warnings if "--backbone path/to/file.py:factory" in note]
    assert "where zeros came after them" in note
    read_as(path, made, side=32, backbone=f"{__file__}:ends")


def test_with_weights_in_the_shortcut_nothing_is_assumed_of_it(tmp_path: Path) -> None:
    made = network(shortcut=None)
    report = read_as(saved(tmp_path / "a.pt", made.state_dict()), made, side=32)
    assert "padded" not in report.architecture
    assert not any("zeros" in note for note in report.warnings)


def test_untrained_networks_of_the_kind_have_the_same_shortcuts(tmp_path: Path) -> None:
    backbone = load(saved(tmp_path / "a.pt", network().state_dict()))
    fresh = random_backbone(backbone, 0)
    fresh.module.load_state_dict(backbone.module.state_dict())
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(fresh.module(images), backbone.module(images))


@pytest.mark.parametrize("partial", [False, True])
def test_four_stages_whose_shortcuts_are_gone_are_no_such_network(partial: bool, tmp_path: Path) -> None:
    made = network(8)
    state = made.state_dict()
    state |= {
        name.replace("layer3.", "layer4."): value.repeat([2] * min(2, value.dim()) + [1] * max(0, value.dim() - 2))
        for name, value in state.items()
        if name.startswith("layer3.")
    }
    reason = refusal(saved(tmp_path / "a.pt", state), allow_partial=partial).reason
    assert "has no weights, so it is not this kind of shortcut" in reason
    assert "--backbone path/to/file.py:factory" in reason


def test_a_weight_missing_from_one_shortcut_is_no_option_a(tmp_path: Path) -> None:
    state = {
        name: value for name, value in network(shortcut=None).state_dict().items() if "layer3.0.shortcut" not in name
    }
    assert "layer3.0.downsample has no weights" in refusal(saved(tmp_path / "a.pt", state)).reason


def test_a_projector_in_place_of_linear(tmp_path: Path) -> None:
    made = network(8)
    state = made.state_dict() | {"linear.0.weight": torch.ones(64, 64), "linear.1.running_mean": torch.ones(64)}
    read_as(saved(tmp_path / "a.pt", state), made, side=32)


class Averaged(nn.Module):
    """PyramidNet's and others' shortcut: pixels are averaged, not picked."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(kernel, stride=2)

    def forward(self, images: Tensor) -> Tensor:
        return F.pad(self.pool(images), (0, 0, 0, 0, images.shape[1] // 2, images.shape[1] // 2))


@pytest.mark.parametrize("kernel", [1, 2])
def test_a_whole_module_tells_whether_pixels_are_averaged(kernel: int, tmp_path: Path) -> None:
    made = network(8)
    for stage in (made.layer2, made.layer3):
        stage[0].shortcut = Averaged(kernel)
    path = saved(tmp_path / "model.pth", made)
    if kernel == 1:
        read_as(path, made, side=32)
    else:
        assert "its layer2.0.shortcut.pool is a AvgPool2d (kernel_size 2)" in refusal(path).reason
