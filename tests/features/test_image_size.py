"""A network that takes one size only says which, and the size it names works."""

import pytest
import torch
from torch import Tensor, nn

from swaveval.features.errors import FeatureError
from swaveval.features.extract import ExtractSettings, extract
from swaveval.features.image_size import refused
from tests.features.tiny_network import TRANSFORM, tiny_backbone, tiny_images, tiny_pixels


class Fixed(nn.Module):
    """As torchvision's ViT: an assertion about the height."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, images: Tensor) -> Tensor:
        assert images.shape[-1] == self.side, f"Wrong image height! Expected {self.side}!"
        return images.mean((2, 3))


def test_the_size_it_takes_is_named() -> None:
    settings = ExtractSettings(transform=TRANSFORM)
    with pytest.raises(FeatureError, match=r"Expected 224.*it takes 224: evaluate with --size 224"):
        extract(tiny_backbone(module=Fixed(224)), tiny_images(), tiny_pixels(), settings=settings)


def test_a_network_that_takes_nothing_is_not_advised() -> None:
    said = str(refused(Fixed(7), (2, 3, 8, 8), AssertionError("no")))
    assert said.endswith("nor of any size people train at")
    assert "--size" not in said


def test_only_sizes_that_work_are_named() -> None:
    # As wide as a kernel of 300, and computed in no time.
    stem = nn.Sequential(nn.Conv2d(3, 4, 2, dilation=299), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    said = str(refused(stem, (2, 3, 64, 64), RuntimeError("kernel size")))
    assert "it takes 384, 336, 448, 512: evaluate with --size 384" in said
    assert stem(torch.zeros(1, 3, 384, 384)).shape == (1, 4)
