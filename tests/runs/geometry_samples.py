"""Networks with statistics of their own, and samples of tiny images that fit them or not."""

from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from swaveval.data import ImageSet
from swaveval.data.transforms import EvalTransform
from swaveval.features.geometry import Sample
from tests.features.tiny_network import Network, tiny_images, tiny_pixels

SHOWN = EvalTransform(size=16)
# Channels that differ, so that their order matters.
REDDISH = (tiny_pixels(64).pixels * np.array([1, 0.7, 0.35])).astype(np.uint8)
PLAIN = EvalTransform(size=16, mean=(0.0,) * 3, std=(1.0,) * 3)


def sampled(transform: EvalTransform = SHOWN) -> Sample:
    return Sample(REDDISH, transform)


def images_of(n: int = 64) -> ImageSet:
    """The first n of the same images, a quarter of them for testing."""
    return replace(tiny_images(n), open=lambda position: Image.fromarray(REDDISH[position]))


def seen(transform: EvalTransform, *, off: float = 0.0) -> Network:
    """A network whose BatchNorm has recorded the sample so processed, or something else."""
    torch.manual_seed(0)
    network = Network()
    network.normalisation.momentum = None
    network.train()
    with torch.no_grad():
        for batch in sampled().shown(transform)[0]:
            network(batch)
        network.normalisation.running_mean += off * torch.randn(12)  # type: ignore[operator]
        network.normalisation.running_var *= 1 + off  # type: ignore[operator]
    return network.eval()
