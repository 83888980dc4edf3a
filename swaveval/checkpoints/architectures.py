"""Residual networks as torchvision, lightly, solo-learn and SwaV's authors make them, and how to tell them apart.

The blocks are torchvision's; only what surrounds them varies, so one description covers all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swaveval.checkpoints.residual_blocks import BasicBlock, Bottleneck

Block = Literal["basic", "bottleneck"]
Stem = Literal["imagenet", "small"]
Shapes = Mapping[str, tuple[int, ...]]

MOST_BLOCKS = 1000
LARGEST_WIDTH = 1 << 16

_BLOCKS: dict[tuple[Block, tuple[int, ...]], str] = {
    ("basic", (1, 1, 1, 1)): "resnet10",
    ("basic", (2, 2, 2, 2)): "resnet18",
    ("basic", (3, 4, 6, 3)): "resnet34",
    ("bottleneck", (3, 4, 6, 3)): "resnet50",
    ("bottleneck", (3, 4, 23, 3)): "resnet101",
    ("bottleneck", (3, 8, 36, 3)): "resnet152",
}
_DEPTHS: dict[int, tuple[Block, tuple[int, ...]]] = {
    10: ("basic", (1, 1, 1, 1)),
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
}


class UnknownArchitecture(Exception):
    """Names and shapes that no known architecture has; the message says what does not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResNetSpec:
    """A residual network.

    Attributes:
        block: `basic` (two 3×3 convolutions) or `bottleneck`.
        blocks: blocks in each stage; the first stage has stride 1, later ones 2.
        width: channels after the stem; stage i has planes width·2^i (×4 out of a bottleneck).
        groups, width_per_group: of the 3×3 convolution in a bottleneck (ResNeXt, WideResNet).
        stem_kernel, stem_stride, stem_padding: of the first convolution.
        stem_relu: False for lightly's small ResNet cut into a Sequential, which loses the functional ReLU.
        maxpool: 3×3, stride 2, after the stem.
        dilated: how many of the last stages dilate instead of striding (torchvision's `replace_stride_with_dilation`);
            in `bottleneck` blocks only.
        last_stride: of the last stage where it is not dilated; 1 in networks for detection and retrieval.
        channels: of the images; 3 for RGB, 1 for grey, as many as a satellite has bands.
        padded: shortcuts without weights, which subsample and pad with zeros: option A of 1512.03385 for CIFAR.
    """

    block: Block = "basic"
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    width: int = 64
    groups: int = 1
    width_per_group: int = 64
    stem_kernel: int = 7
    stem_stride: int = 2
    stem_padding: int = 3
    stem_relu: bool = True
    maxpool: bool = True
    dilated: int = 0
    last_stride: int = 2
    channels: int = 3
    padded: bool = False

    @property
    def feature_dim(self) -> int:
        expansion = BasicBlock.expansion if self.block == "basic" else Bottleneck.expansion
        return self.width * 2 ** (len(self.blocks) - 1) * expansion

    @property
    def words(self) -> str:
        """The architecture as a person would say it: `resnet18, small stem, width 32`."""
        name = _BLOCKS.get(
            (self.block, self.blocks), f"resnet of {self.block} blocks {'-'.join(map(str, self.blocks))}"
        )
        if self.groups > 1:
            name = name.replace("resnet", "resnext", 1) + f"_{self.groups}x{self.width_per_group}d"
        elif self.width_per_group != 64:
            name = f"wide_{name}_{self.width_per_group / 64:g}"
        stem = f"{self.stem_kernel}×{self.stem_kernel} stem, stride {self.stem_stride}"
        if (self.stem_kernel, self.stem_stride, self.maxpool) == (7, 2, True):
            stem = ""
        elif (self.stem_kernel, self.stem_stride, self.maxpool) == (3, 1, False):
            stem = "small stem"
        elif self.maxpool:
            stem += ", max-pooling"
        padding = f"stem padding {self.stem_padding}" if self.stem_padding != self.stem_kernel // 2 else ""
        relu = "" if self.stem_relu else "no ReLU after the stem"
        width = f"width {self.width}" if self.width != 64 else ""
        dilated = {0: "", 1: "last stage dilated"}.get(self.dilated, f"last {self.dilated} stages dilated")
        last = f"last stage of stride {self.last_stride}" if self.last_stride != 2 and not self.dilated else ""
        bands = {1: "1 channel", 3: ""}.get(self.channels, f"{self.channels} channels")
        padded = "shortcuts padded with zeros" if self.padded else ""
        return ", ".join(filter(None, [name, stem, padding, relu, padded, width, dilated, last, bands]))

    def build(self) -> "ResNet":
        return ResNet(self)


class ResNet(nn.Module):
    """torchvision's ResNet up to the pooled features, with torchvision's parameter names.

    Images `(B, spec.channels, H, W)` to features `(B, spec.feature_dim)`.
    """

    def __init__(self, spec: ResNetSpec) -> None:
        super().__init__()
        self.spec = spec
        self.conv1 = nn.Conv2d(
            spec.channels, spec.width, spec.stem_kernel, stride=spec.stem_stride, padding=spec.stem_padding, bias=False
        )
        self.bn1 = nn.BatchNorm2d(spec.width)
        self.relu = nn.ReLU(inplace=True) if spec.stem_relu else nn.Identity()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if spec.maxpool else nn.Identity()
        stages, channels, dilation = [], spec.width, 1
        for position, depth in enumerate(spec.blocks):
            planes = spec.width * 2**position
            stride = 1 if position == 0 else spec.last_stride if position == len(spec.blocks) - 1 else 2
            before = dilation
            if position and position >= len(spec.blocks) - spec.dilated:
                stride, dilation = 1, dilation * 2
            stage, channels = _stage(spec, channels, planes, depth, stride=stride, dilations=(before, dilation))
            stages.append(f"layer{position + 1}")
            self.add_module(stages[-1], stage)
        self._stages = tuple(stages)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        # Small stems come from lightly's and solo-learn's CIFAR networks; lightly's keep PyTorch's own initialisation.
        # It decides what a random baseline can do: torchvision's draws features that already tell digits apart.
        # Those with padded shortcuts are He's own for CIFAR, drawn by their inputs.
        for module in self.modules() if spec.stem_kernel == 7 or spec.padded else ():
            if isinstance(module, nn.Conv2d) and module.weight.device.type != "meta":
                nn.init.kaiming_normal_(module.weight, mode="fan_in" if spec.padded else "fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        for stage in self._stages:
            hidden = self.get_submodule(stage)(hidden)
        return torch.flatten(self.avgpool(hidden), 1)


class _Padded(nn.Module):
    """Every `stride`-th pixel, and half of the new channels as zeros on either side of the old ones."""

    def __init__(self, stride: int, more: int) -> None:
        super().__init__()
        self.stride, self.more = stride, more

    def forward(self, hidden: Tensor) -> Tensor:
        before = self.more // 2
        return F.pad(hidden[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, before, self.more - before))


def _stage(
    spec: ResNetSpec, channels: int, planes: int, depth: int, *, stride: int, dilations: tuple[int, int] = (1, 1)
) -> tuple[nn.Sequential, int]:
    """The blocks of one stage and their channels; `dilations` of the first block and of the others."""
    out = planes * (BasicBlock if spec.block == "basic" else Bottleneck).expansion
    layers: list[nn.Module] = []
    for position in range(depth):
        step = stride if position == 0 else 1
        downsample: nn.Module | None = None
        if spec.padded and (step != 1 or channels != out):
            downsample = _Padded(step, out - channels)
        elif step != 1 or channels != out:
            downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride=step, bias=False), nn.BatchNorm2d(out))
        dilation = dilations[0] if position == 0 else dilations[1]
        layers.append(_block(spec, channels, planes, step, downsample, dilation))
        channels = out
    return nn.Sequential(*layers), channels


def _block(
    spec: ResNetSpec, channels: int, planes: int, stride: int, downsample: nn.Module | None, dilation: int
) -> nn.Module:
    """One block.

    Raises:
        ValueError: nobody makes basic blocks with groups, of another width or dilated.
    """
    if spec.block == "bottleneck":
        return Bottleneck(
            channels,
            planes,
            stride=stride,
            downsample=downsample,
            groups=spec.groups,
            width_per_group=spec.width_per_group,
            dilation=dilation,
        )
    if (spec.groups, spec.width_per_group, dilation) != (1, 64, 1):
        raise ValueError("basic blocks have no groups, a width of 64 in each, and no dilation")
    return BasicBlock(channels, planes, stride=stride, downsample=downsample)


def build_resnet(
    *,
    depth: int = 18,
    stem: Stem = "imagenet",
    width: int = 64,
    blocks: tuple[int, ...] | None = None,
    block: Block | None = None,
    stem_stride: int | None = None,
    maxpool: bool | None = None,
) -> tuple[ResNet, int]:
    """A randomly initialised residual network that ends in flattened pooled features, and its feature dimension.

    Args:
        depth: 10, 18, 34, 50, 101 or 152; ignored where `blocks` is given.
        stem: `imagenet` (7×7, stride 2, max-pooling) or `small` (3×3, stride 1, none).
        width: channels after the stem.
        blocks: blocks in each stage, with `block` their kind (`basic` unless told).
        stem_stride, maxpool: override the stem's.

    Raises:
        ValueError: no network has this depth.
    """
    if blocks is None:
        if depth not in _DEPTHS:
            raise ValueError(f"there is no ResNet of depth {depth}; choose one of {sorted(_DEPTHS)} or give blocks")
        standard, blocks = _DEPTHS[depth]
        block = block or standard
    small = stem == "small"
    spec = ResNetSpec(
        block=block or "basic",
        blocks=tuple(blocks),
        width=width,
        stem_kernel=3 if small else 7,
        stem_padding=1 if small else 3,
        stem_stride=stem_stride or (1 if small else 2),
        maxpool=not small if maxpool is None else maxpool,
    )
    return spec.build(), spec.feature_dim


def infer_resnet(shapes: Shapes) -> ResNetSpec:
    """The residual network with parameters of these names (torchvision's) and shapes.

    Stride and pooling of the stem leave no trace in shapes: a 7×7 kernel is taken for stride 2 with max-pooling, any
    other for stride 1 without.

    Raises:
        UnknownArchitecture: it is none; the message says what does not fit.
    """
    stem = shapes.get("conv1.weight", ())
    if len(stem) != 4 or stem[2] != stem[3]:
        raise UnknownArchitecture("no convolution called conv1 at the start")
    blocks: list[int] = []
    while (depth := _count(shapes, f"layer{len(blocks) + 1}")) > 0:
        blocks.append(depth)
    if not blocks or len(blocks) > 8:
        raise UnknownArchitecture(f"{len(blocks)} stages called layer1, layer2, …")
    if sum(blocks) > MOST_BLOCKS or max(stem) > LARGEST_WIDTH or not all(stem):
        raise UnknownArchitecture(f"{sum(blocks)} blocks of width {stem[0]} are no network anybody trains")
    common = {
        "blocks": tuple(blocks),
        "width": stem[0],
        "stem_kernel": stem[2],
        "channels": stem[1],
        "stem_padding": stem[2] // 2,
        "stem_stride": 2 if stem[2] == 7 else 1,
        "maxpool": stem[2] == 7,
    }
    if "layer1.0.conv3.weight" not in shapes:
        # Three stages after a 3×3 stem are He's for CIFAR, whose shortcuts need no weights; four without are a part.
        shortcut = any(".downsample." in name for name in shapes)
        padded = len(blocks) == 3 and stem[2] == 3 and not shortcut
        return ResNetSpec(block="basic", padded=padded, **common)  # type: ignore[arg-type]
    planes = shapes["layer1.0.conv3.weight"][0] // Bottleneck.expansion
    middle = shapes.get("layer1.0.conv2.weight", ())
    if len(middle) != 4 or not middle[1] or planes != stem[0]:
        raise UnknownArchitecture("its bottleneck blocks are not a ResNet's")
    groups = middle[0] // middle[1]
    width_per_group = round(middle[0] * 64 / (planes * groups))
    return ResNetSpec(block="bottleneck", groups=groups, width_per_group=width_per_group, **common)  # type: ignore[arg-type]


def _count(shapes: Shapes, stage: str) -> int:
    depth = 0
    while f"{stage}.{depth}.conv1.weight" in shapes:
        depth += 1
    return depth
