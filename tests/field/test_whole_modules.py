"""Whole modules (`torch.save(model)`) say of their geometry what a state dict cannot; it is believed, or refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models.resnet import Bottleneck

from swaveval.checkpoints import LoadOptions, load
from tests.field.field_networks import lived_in, read_as, refusal, saved, small_resnet


def without_pooling() -> nn.Module:
    network = small_resnet()
    network.maxpool = nn.Identity()
    return network


def stem_of_stride_one() -> nn.Module:
    network = small_resnet()
    network.conv1.stride = (1, 1)
    network.maxpool = nn.Identity()
    return network


def small_stem_of_stride_two_with_pooling() -> nn.Module:
    network = small_resnet()
    network.conv1 = nn.Conv2d(3, 8, 3, stride=2, padding=0, bias=False)
    return network


def dilated() -> nn.Module:
    torch.manual_seed(0)
    return lived_in(
        torchvision.models.ResNet(
            Bottleneck, [1, 1, 2, 2], num_classes=1, replace_stride_with_dilation=[False, True, True]
        )
    )


def last_stage_of_stride_one() -> nn.Module:
    network = small_resnet()
    network.layer4[0].conv1.stride = network.layer4[0].downsample[0].stride = (1, 1)
    return network


def cut_into_a_sequential() -> nn.Module:
    network = without_pooling()
    return nn.Sequential(*list(network.children())[:-1])


def norms_of_another_eps() -> nn.Module:
    network = small_resnet()
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eps = 0.1
    return network


BUILT: list[Callable[[], nn.Module]] = [
    small_resnet,
    without_pooling,
    stem_of_stride_one,
    small_stem_of_stride_two_with_pooling,
    dilated,
    last_stage_of_stride_one,
    cut_into_a_sequential,
    norms_of_another_eps,
]


# A reading process that may have run a file's code is not asked again: the next file waits for another one's start.
READ = [(make, False) for make in BUILT] + [(dilated, True)]
READ += [pytest.param(make, True, marks=pytest.mark.torture) for make in BUILT if make is not dilated]


@pytest.mark.parametrize(("make", "trust"), READ)
def test_a_resnet_is_built_as_it_was(make: Callable[[], nn.Module], trust: bool, tmp_path: Path) -> None:
    network = make()
    path = saved(tmp_path / "model.pth", {"model": network, "epoch": 3})
    if hasattr(network, "fc"):
        network.fc = nn.Identity()
    report = read_as(path, network, trust=trust)
    assert {entry[1] for name, entry in report.geometry.items() if name in ("stem_stride", "maxpool")} == {"file"}


def test_the_user_overrules_the_file(tmp_path: Path) -> None:
    from swaveval.checkpoints.geometry import Geometry

    path = saved(tmp_path / "model.pth", without_pooling())
    pooled = load(path, options=LoadOptions(geometry=Geometry(maxpool=True)))
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(pooled.module(images), small_resnet()(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("heads", [12, 3, 8])
def test_a_vit_has_the_heads_it_was_saved_with(heads: int, tmp_path: Path) -> None:
    """timm's class with 12 heads of 16, where width / 64 would be 3."""
    from timm.models.vision_transformer import VisionTransformer

    torch.manual_seed(0)
    network = VisionTransformer(
        img_size=32, patch_size=8, embed_dim=192, depth=2, num_heads=heads, num_classes=0, global_pool="token"
    )
    nn.init.normal_(network.pos_embed, std=0.5)
    lived_in(network)
    report = read_as(saved(tmp_path / "vit.pth", network), network, side=32)
    assert report.geometry["heads"] == [heads, "file"]


def leaky() -> nn.Module:
    network = small_resnet()
    network.layer2[0].relu = nn.LeakyReLU(0.1)
    return network


def caffe_style() -> nn.Module:
    network = small_resnet(block=Bottleneck)
    network.layer2[0].conv1.stride, network.layer2[0].conv2.stride = (2, 2), (1, 1)
    return network


def another_pooling() -> nn.Module:
    network = small_resnet()
    network.maxpool = nn.MaxPool2d(2, stride=2)
    return network


def reflecting() -> nn.Module:
    network = small_resnet()
    network.conv1 = nn.Conv2d(3, 8, 7, stride=2, padding=3, padding_mode="reflect", bias=False)
    return network


class StandardisedConv2d(nn.Conv2d):
    pass


def other_convolutions() -> nn.Module:
    network = small_resnet()
    network.conv1 = StandardisedConv2d(3, 8, 7, stride=2, padding=3, bias=False)
    return network


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (leaky, "its layer2.0.relu is a LeakyReLU"),
        (caffe_style, "its layer2.0.conv1 has stride 2, where 1 could be built"),
        (another_pooling, "its maxpool is a MaxPool2d (kernel_size 2, stride 2, padding 0)"),
        (reflecting, "its conv1 pads by reflect"),
        (other_convolutions, "its conv1 is a StandardisedConv2d"),
    ],
)
def test_what_cannot_be_built_is_refused(make: Callable[[], nn.Module], said: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "model.pth", make())
    assert said in refusal(path).reason
    read_as(path, make(), backbone=f"{__file__}:{make.__name__}")  # the advice works


def test_a_vit_of_another_activation_is_refused(tmp_path: Path) -> None:
    from timm.models.vision_transformer import VisionTransformer

    network = VisionTransformer(
        img_size=32, patch_size=8, embed_dim=64, depth=1, num_heads=1, num_classes=0, act_layer=nn.ReLU
    )
    assert "its blocks.0.mlp.act is a ReLU" in refusal(saved(tmp_path / "vit.pth", network)).reason
