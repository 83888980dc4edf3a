"""Networks to train: residual networks of torchvision's blocks in any width and stem, or a timm model by name."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from swaveval.checkpoints.architectures import build_resnet
from swaveval.pretrain.config import BackboneConfig
from swaveval.pretrain.errors import ConfigError

DEPTHS = {f"resnet{depth}": depth for depth in (10, 18, 34, 50, 101, 152)}


@dataclass(frozen=True, eq=False)
class BuiltBackbone:
    """A network that gives features `(B, feature_dim)`, and what a reader of its weights cannot see in their shapes."""

    module: nn.Module
    feature_dim: int
    description: dict[str, Any]


def build_backbone(config: BackboneConfig, crop_sizes: Sequence[int]) -> BuiltBackbone:
    """The network that resolved settings name, drawn from torch's global generator.

    Raises:
        ConfigError: an unknown name, timm missing, or a network that does not take the crop sizes.
    """
    if config.name.startswith("timm:"):
        built = _timm(config.name.removeprefix("timm:"), large=crop_sizes[0])
    elif config.name in DEPTHS:
        built = _resnet(config)
    else:
        raise ConfigError(f"unknown backbone {config.name!r}; known: {', '.join(DEPTHS)}, and timm:NAME")
    _check_takes(built, config.name, crop_sizes)
    return built


def _resnet(config: BackboneConfig) -> BuiltBackbone:
    stem: Literal["imagenet", "small"] = "small" if config.stem == "small" else "imagenet"
    stride = config.stem_stride if stem == "small" else 2
    module, feature_dim = build_resnet(depth=DEPTHS[config.name], stem=stem, width=config.width, stem_stride=stride)
    description = {
        "kind": "resnet",
        "blocks": list(module.spec.blocks),
        "block": module.spec.block,
        "width": config.width,
        "stem": stem,
        "stem_stride": stride,
        "maxpool": module.spec.maxpool,
    }
    return BuiltBackbone(module, feature_dim, description)


def _timm(name: str, *, large: int) -> BuiltBackbone:
    try:
        import timm
    except ImportError:
        raise ConfigError(f"timm:{name} needs the timm extra: pip install 'swaveval[timm]'") from None
    module = None
    # Transformers must be told the size and that it varies between crops; convolutional networks refuse the words.
    for options in ({"img_size": large, "dynamic_img_size": True}, {}):
        with contextlib.suppress(TypeError):
            try:
                module = timm.create_model(name, pretrained=False, num_classes=0, **options)
            except RuntimeError as error:
                raise ConfigError(f"timm does not build {name!r}: {error}") from None
            break
    if module is None:
        raise ConfigError(f"timm does not build {name!r} without further arguments")
    return BuiltBackbone(module, int(module.num_features), {"kind": "timm", "name": name, "image_size": large})


@torch.no_grad()
def _check_takes(built: BuiltBackbone, name: str, crop_sizes: Sequence[int]) -> None:
    """One blank image of each crop size through the network: what does not fit shows before the images are decoded."""
    training = built.module.training
    built.module.eval()
    for size in crop_sizes:
        try:
            shape = tuple(built.module(torch.zeros(1, 3, size, size)).shape)
        except (RuntimeError, AssertionError, ValueError) as error:
            raise ConfigError(f"{name} does not take crops of {size} px: {error}") from None
        if len(shape) != 2 or shape[1] != built.feature_dim:
            raise ConfigError(f"{name} gives features of shape {shape}; pooled features (B, d) are needed")
    built.module.train(training)
