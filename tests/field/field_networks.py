"""Networks as people have them, small enough for a test, and what is held against them."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from swaveval.checkpoints import CheckpointRefused, LoadOptions, LoadReport, load

State = dict[str, Tensor]


def lived_in(module: nn.Module) -> nn.Module:
    """As after training: no running statistic, scale or bias at its initial value; eval mode."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d):
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 2)
        if isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d | nn.LayerNorm):
            nn.init.normal_(part.weight, 1, 0.1)
            nn.init.normal_(part.bias, 0, 0.1)
    return module.eval().requires_grad_(False)


def small_resnet(seed: int = 0, *, block: type[BasicBlock] | type[Bottleneck] = BasicBlock, bands: int = 3) -> ResNet:
    """torchvision's own class with one block a stage and 8 channels, without classifier."""
    torch.manual_seed(seed)
    network = ResNet(block, [1, 1, 1, 1])
    network.inplanes = 8
    network.conv1 = nn.Conv2d(bands, 8, 7, stride=2, padding=3, bias=False)
    network.bn1 = nn.BatchNorm2d(8)
    for stage in range(4):
        setattr(network, f"layer{stage + 1}", network._make_layer(block, 8 * 2**stage, 1, stride=min(2, stage + 1)))
    network.fc = nn.Identity()
    lived_in(network)
    return network


def small_vit(seed: int = 0) -> nn.Module:
    """timm's own class, two blocks of width 128."""
    from timm.models.vision_transformer import VisionTransformer

    torch.manual_seed(seed)
    network = VisionTransformer(
        img_size=32, patch_size=8, embed_dim=128, depth=2, num_heads=2, num_classes=0, global_pool="token"
    )
    nn.init.normal_(network.pos_embed, std=0.5)
    return lived_in(network)


def prefixed(prefix: str, state: State) -> State:
    return {prefix + name: tensor for name, tensor in state.items()}


def saved(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
    return path


def read_as(path: Path, network: nn.Module, *, side: int = 64, bands: int = 3, **options: Any) -> LoadReport:
    """Read a checkpoint and hold its features to those of the network that wrote it."""
    backbone = load(path, options=LoadOptions(**options))
    images = torch.randn(3, bands, side, side, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(backbone.module(images), network(images).flatten(1), rtol=1e-5, atol=1e-5)
    return backbone.report


def refusal(path: Path, **options: Any) -> CheckpointRefused:
    """Why a file is not read; fails where it is."""
    try:
        report = load(path, options=LoadOptions(**options)).report
    except CheckpointRefused as refused:
        return refused
    raise AssertionError(f"it was read: {report}")
