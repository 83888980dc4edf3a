"""A few coloured images and a small network, made in memory."""

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from swaveval.checkpoints.backbone import Backbone, PrototypeHead
from swaveval.checkpoints.load_report import LoadReport
from swaveval.data.decoded import PixelArray
from swaveval.data.imageset import ImageSet
from swaveval.data.transforms import EvalTransform

SIDE = 16
TRANSFORM = EvalTransform(size=SIDE, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.25))


def tiny_pixels(n: int = 40, seed: int = 0) -> PixelArray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, size=(n, 4, 4, 3), dtype=np.uint8)
    return PixelArray(coarse.repeat(SIDE // 4, axis=1).repeat(SIDE // 4, axis=2), "made")


def tiny_images(n: int = 40, *, labelled: bool = True) -> ImageSet:
    pixels = tiny_pixels(n).pixels
    return ImageSet(
        name="tiny",
        path="tiny",
        files=tuple(f"tiny/{position:03}" for position in range(n)),
        labels=np.arange(n) % 3 if labelled else None,
        class_names=("red", "green", "blue") if labelled else (),
        is_test=np.arange(n) % 4 == 1,
        split_origin="every fourth",
        fingerprint="f" * 64,
        open=lambda position: Image.fromarray(pixels[position]),
    )


class Network(nn.Module):
    """Convolution, BatchNorm and dropout: everything that behaves otherwise in training."""

    def __init__(self, d: int = 12) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, d, 3, stride=2)
        self.normalisation = nn.BatchNorm2d(d)
        self.dropout = nn.Dropout(0.5)
        self.images = 0

    def forward(self, images: Tensor) -> Tensor:
        self.images += len(images)
        return self.dropout(self.normalisation(self.convolution(images)).relu().mean(dim=(2, 3)))


def tiny_backbone(*, head: bool = True, module: nn.Module | None = None, **settings: Any) -> Backbone:
    torch.manual_seed(0)
    network = module or Network()
    prototypes = PrototypeHead(nn.Sequential(nn.Linear(12, 8), nn.ReLU()), nn.Linear(8, 5)) if head else None
    return Backbone(
        module=network,
        feature_dim=12,
        digest="d" * 64,
        architecture="tiny",
        report=LoadReport("tiny.ckpt", "ready"),
        head=prototypes,
        swav_settings=settings,
    )
