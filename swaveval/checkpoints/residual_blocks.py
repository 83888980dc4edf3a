"""The two residual blocks of 1512.03385, with the parameters and in the order that torchvision gives them.

They are its `BasicBlock` and `Bottleneck` written again, since importing torchvision takes as long as importing torch:
its operators load the whole of torch's compiler. A test holds them to torchvision's, bit for bit.
"""

import torch
from torch import Tensor, nn


def convolution(
    channels: int, out: int, kernel: int, *, stride: int = 1, groups: int = 1, dilation: int = 1
) -> nn.Conv2d:
    """k×k without bias, padded to keep the size at stride 1."""
    padding = dilation * (kernel // 2)
    return nn.Conv2d(
        channels, out, kernel, stride=stride, padding=padding, groups=groups, dilation=dilation, bias=False
    )


class BasicBlock(nn.Module):
    """Two 3×3 convolutions: `(B, channels, H, W)` to `(B, planes, H / stride, W / stride)`."""

    expansion = 1

    def __init__(self, channels: int, planes: int, *, stride: int = 1, downsample: nn.Module | None = None) -> None:
        super().__init__()
        self.conv1 = convolution(channels, planes, 3, stride=stride)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = convolution(planes, planes, 3)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample

    def forward(self, given: Tensor) -> Tensor:
        hidden = self.relu(self.bn1(self.conv1(given)))
        return _joined(self.bn2(self.conv2(hidden)), given, self.downsample)


class Bottleneck(nn.Module):
    """1×1, 3×3, 1×1: `(B, channels, H, W)` to `(B, 4·planes, H / stride, W / stride)`.

    The 3×3 convolution strides, as in torchvision and in NVIDIA's ResNet v1.5, where the paper has the first 1×1 do so.

    Args:
        groups, width_per_group: of the 3×3 convolution (ResNeXt 1611.05431, WideResNet 1605.07146).
    """

    expansion = 4

    def __init__(
        self,
        channels: int,
        planes: int,
        *,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        width_per_group: int = 64,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        width = int(planes * (width_per_group / 64)) * groups
        self.conv1 = convolution(channels, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = convolution(width, width, 3, stride=stride, groups=groups, dilation=dilation)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = convolution(width, planes * self.expansion, 1)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, given: Tensor) -> Tensor:
        hidden = self.relu(self.bn1(self.conv1(given)))
        hidden = self.relu(self.bn2(self.conv2(hidden)))
        return _joined(self.bn3(self.conv3(hidden)), given, self.downsample)


def _joined(hidden: Tensor, given: Tensor, downsample: nn.Module | None) -> Tensor:
    hidden += given if downsample is None else downsample(given)
    return torch.relu_(hidden)
