"""transformers' ResNet, ConvNeXt and ConvNeXt V2. Features are what transformers pools (`pooler_output`)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from swaveval.checkpoints.hugging_face.drawing import draw
from swaveval.checkpoints.hugging_face.words import ACTIVATIONS, Words
from swaveval.checkpoints.sandbox.failure import Failure

CONVOLUTIONAL = ("resnet", "convnext", "convnextv2")
_LAYERS = {"basic": 2, "bottleneck": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualSpec:
    """Attributes:
    channels: of the images. stem: channels after it. widths, depths: of each stage. layer: `basic` or `bottleneck`.
    activation: a name in `ACTIVATIONS`.
    early: whether a bottleneck's first convolution strides, not its second. first: whether the first stage strides.
    """

    channels: int
    stem: int
    widths: tuple[int, ...]
    depths: tuple[int, ...]
    layer: str
    activation: str
    early: bool
    first: bool

    @property
    def words(self) -> str:
        parts = [
            f"Hugging Face resnet of {self.layer} blocks {'-'.join(map(str, self.depths))}",
            f"widths {self.stem}, {'-'.join(map(str, self.widths))}",
            "" if self.activation == "relu" else self.activation,
            "downsampled in the first convolution" if self.early else "",
            "downsampled in the first stage" if self.first else "",
            f"{self.channels} channels" if self.channels != 3 else "",
        ]
        return ", ".join(filter(None, parts))

    @property
    def feature_dim(self) -> int:
        return self.widths[-1]

    def build(self) -> "Residual":
        return Residual(self)


def residual_spec(words: Words) -> ResidualSpec:
    """The residual network that a config describes. Raises: Failure: it describes none."""
    widths = words.counts("hidden_sizes", (256, 512, 1024, 2048))
    layer = words.choice("layer_type", "bottleneck", _LAYERS)
    if layer == "bottleneck" and any(width % 4 for width in widths):
        raise Failure("refused", "config.json says widths of bottleneck blocks that 4 does not divide")
    return ResidualSpec(
        channels=words.count("num_channels", 3, most=1024),
        stem=words.count("embedding_size", 64),
        widths=widths,
        depths=words.depths((3, 4, 6, 3), length=len(widths)),
        layer=layer,
        activation=words.choice("hidden_act", "relu", ACTIVATIONS),
        early=words.flag("downsample_in_bottleneck", False) and layer == "bottleneck",
        first=words.flag("downsample_in_first_stage", False),
    )


class Residual(nn.Module):
    """Images `(B, channels, H, W)` to features `(B, widths[-1])`."""

    def __init__(self, spec: ResidualSpec) -> None:
        super().__init__()
        self.spec = spec
        self.stem = _Convolution(spec.channels, spec.stem, 7, stride=2)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.stages = nn.ModuleList()
        before = spec.stem
        for position, (width, depth) in enumerate(zip(spec.widths, spec.depths, strict=True)):
            stride = 2 if position or spec.first else 1
            blocks = [
                _Residue(spec, before, width, stride),
                *(_Residue(spec, width, width, 1) for _ in range(depth - 1)),
            ]
            self.stages.append(nn.Sequential(*blocks))
            before = width
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.weight.device.type != "meta":
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.maxpool(ACTIVATIONS[self.spec.activation](self.stem(images)))
        for stage in self.stages:
            hidden = stage(hidden)
        return hidden.mean((2, 3))


class _Convolution(nn.Module):
    """A convolution and its normalisation."""

    def __init__(self, before: int, after: int, kernel: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(after)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.norm(self.conv(hidden))


class _Residue(nn.Module):
    def __init__(self, spec: ResidualSpec, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[spec.activation]
        if spec.layer == "basic":
            layers = [_Convolution(before, after, 3, stride=stride), _Convolution(after, after, 3)]
        else:
            inner = after // 4
            early, late = (stride, 1) if spec.early else (1, stride)
            layers = [
                _Convolution(before, inner, 1, stride=early),
                _Convolution(inner, inner, 3, stride=late),
                _Convolution(inner, after, 1),
            ]
        self.layer = nn.ModuleList(layers)
        self.shortcut = _Convolution(before, after, 1, stride=stride) if before != after or stride != 1 else None

    def forward(self, hidden: Tensor) -> Tensor:
        residual = hidden if self.shortcut is None else self.shortcut(hidden)
        for position, layer in enumerate(self.layer):
            # Inside a block transformers always has ReLU, whatever the config says; the config's comes after the sum.
            hidden = layer(hidden) if position == len(self.layer) - 1 else torch.relu(layer(hidden))
        return self.activation(hidden + residual)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvNeXtSpec:
    """Attributes:
    second: V2, which has a response normalisation in place of a layer scale.
    channels: of the images. patch: side of the stem's convolution. widths, depths: of each stage.
    activation: a name in `ACTIVATIONS`. eps: of the last norm. scale: start of the layer scale; 0 for none.
    spread: of the random initialisation.
    """

    second: bool
    channels: int
    patch: int
    widths: tuple[int, ...]
    depths: tuple[int, ...]
    activation: str
    eps: float
    scale: float
    spread: float

    @property
    def words(self) -> str:
        parts = [
            f"Hugging Face convnext{'v2' if self.second else ''} of blocks {'-'.join(map(str, self.depths))}",
            f"widths {'-'.join(map(str, self.widths))}",
            f"patch {self.patch}" if self.patch != 4 else "",
            "" if self.activation == "gelu" else self.activation,
            "" if self.eps == 1e-12 else f"eps {self.eps:g}",
            f"{self.channels} channels" if self.channels != 3 else "",
        ]
        return ", ".join(filter(None, parts))

    @property
    def feature_dim(self) -> int:
        return self.widths[-1]

    def build(self) -> "ConvNeXt":
        return ConvNeXt(self)


def convnext_spec(kind: str, words: Words) -> ConvNeXtSpec:
    """The ConvNeXt that a config describes. Raises: Failure: it describes none."""
    widths = words.counts("hidden_sizes", (96, 192, 384, 768))
    stages = words.count("num_stages", 4, most=8)
    if stages != len(widths):
        raise Failure("refused", f"config.json says {stages} stages and {len(widths)} widths of stages")
    return ConvNeXtSpec(
        second=kind == "convnextv2",
        channels=words.count("num_channels", 3, most=1024),
        patch=words.side("patch_size", 4),
        widths=widths,
        depths=words.depths((3, 3, 9, 3), length=len(widths)),
        activation=words.choice("hidden_act", "gelu", ACTIVATIONS),
        eps=words.number("layer_norm_eps", 1e-12, most=1.0),
        scale=0.0 if kind == "convnextv2" else words.number("layer_scale_init_value", 1e-6),
        spread=words.number("initializer_range", 0.02, most=1.0),
    )


class ConvNeXt(nn.Module):
    """Images `(B, channels, H, W)` to features `(B, widths[-1])`."""

    def __init__(self, spec: ConvNeXtSpec) -> None:
        super().__init__()
        self.patch = nn.Conv2d(spec.channels, spec.widths[0], spec.patch, stride=spec.patch)
        self.first_norm = nn.LayerNorm(spec.widths[0], eps=1e-6)
        self.stages = nn.ModuleList()
        before = spec.widths[0]
        for position, (width, depth) in enumerate(zip(spec.widths, spec.depths, strict=True)):
            self.stages.append(_Stage(spec, before, width, depth, first=position == 0))
            before = width
        self.norm = nn.LayerNorm(before, eps=spec.eps)
        draw(self, spec.spread)

    def forward(self, images: Tensor) -> Tensor:
        hidden = _channels_last(self.first_norm, self.patch(images))
        for stage in self.stages:
            hidden = stage(hidden)
        return self.norm(hidden.mean((2, 3)))


class _Stage(nn.Module):
    def __init__(self, spec: ConvNeXtSpec, before: int, width: int, depth: int, *, first: bool) -> None:
        super().__init__()
        if not first:
            self.down_norm = nn.LayerNorm(before, eps=1e-6)
            self.down = nn.Conv2d(before, width, 2, stride=2)
        self.layers = nn.ModuleList(_Inverted(spec, width) for _ in range(depth))
        self.first = first

    def forward(self, hidden: Tensor) -> Tensor:
        if not self.first:
            hidden = self.down(_channels_last(self.down_norm, hidden))
        for layer in self.layers:
            hidden = layer(hidden)
        return hidden


class _Inverted(nn.Module):
    """ConvNeXt's block."""

    def __init__(self, spec: ConvNeXtSpec, width: int) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[spec.activation]
        self.dwconv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.pwconv1 = nn.Linear(width, 4 * width)
        self.grn = _Response(4 * width) if spec.second else None
        self.pwconv2 = nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(spec.scale * torch.ones(width)) if spec.scale else None

    def forward(self, hidden: Tensor) -> Tensor:
        inner = self.activation(self.pwconv1(self.norm(self.dwconv(hidden).permute(0, 2, 3, 1))))
        inner = self.pwconv2(inner if self.grn is None else self.grn(inner))
        inner = inner if self.gamma is None else self.gamma * inner
        return hidden + inner.permute(0, 3, 1, 2)


class _Response(nn.Module):
    """Global response normalisation, channels last."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 1, 1, width))
        self.bias = nn.Parameter(torch.zeros(1, 1, 1, width))

    def forward(self, hidden: Tensor) -> Tensor:
        norms = torch.linalg.vector_norm(hidden, dim=(1, 2), keepdim=True)
        return self.weight * (hidden * (norms / (norms.mean(-1, keepdim=True) + 1e-6))) + self.bias + hidden


def _channels_last(norm: nn.LayerNorm, hidden: Tensor) -> Tensor:
    return norm(hidden.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
