"""The blocks against torchvision's, which they are written after: the same numbers from the same seed, bit for bit."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torchvision.models import resnet

from swaveval.checkpoints.residual_blocks import BasicBlock, Bottleneck


def downsample(channels: int, out: int, stride: int) -> nn.Module | None:
    if stride == 1 and channels == out:
        return None
    return nn.Sequential(nn.Conv2d(channels, out, 1, stride=stride, bias=False), nn.BatchNorm2d(out))


def trained(build: Callable[..., nn.Module], given: torch.Tensor, **settings: Any) -> tuple[nn.Module, torch.Tensor]:
    """Built from a seed; its statistics moved by a first batch, its gradients taken."""
    torch.manual_seed(0)
    shortcut = downsample(given.shape[1], settings.pop("out"), settings["stride"])
    block = build(downsample=shortcut, **settings)
    block(given).square().sum().backward()
    return block, block.eval()(given)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("channels", "planes"), [(8, 8), (8, 16)])
def test_a_basic_block_is_torchvisions(channels: int, planes: int, stride: int) -> None:
    given = torch.randn(4, channels, 9, 9, generator=torch.Generator().manual_seed(1))
    common = {"planes": planes, "stride": stride, "out": planes}
    mine, out = trained(BasicBlock, given, channels=channels, **common)
    theirs, expected = trained(resnet.BasicBlock, given, inplanes=channels, **common)
    assert_same(mine, theirs)
    assert torch.equal(out, expected)


@pytest.mark.parametrize(("groups", "width"), [(1, 64), (4, 32), (1, 128), (32, 4)])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize(("channels", "planes"), [(64, 16), (32, 16)])
def test_a_bottleneck_is_torchvisions(
    channels: int, planes: int, stride: int, dilation: int, groups: int, width: int
) -> None:
    given = torch.randn(4, channels, 9, 9, generator=torch.Generator().manual_seed(1))
    common = {"planes": planes, "stride": stride, "out": 4 * planes, "groups": groups, "dilation": dilation}
    mine, out = trained(Bottleneck, given, channels=channels, width_per_group=width, **common)
    theirs, expected = trained(resnet.Bottleneck, given, inplanes=channels, base_width=width, **common)
    assert_same(mine, theirs)
    assert torch.equal(out, expected)


def assert_same(mine: nn.Module, theirs: nn.Module) -> None:
    """Names, weights, statistics and gradients."""
    assert type(mine).expansion == type(theirs).expansion
    ours, others = mine.state_dict(), theirs.state_dict()
    assert list(ours) == list(others)
    assert all(torch.equal(ours[name], others[name]) for name in ours)
    gradients = dict(theirs.named_parameters())
    for name, parameter in mine.named_parameters():
        assert parameter.grad is not None
        other = gradients[name].grad
        assert other is not None
        assert torch.equal(parameter.grad, other), name
