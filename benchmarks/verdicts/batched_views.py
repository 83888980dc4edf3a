"""Views drawn for a whole batch at once, so that two dozen runs fit into minutes on two cores.

Pillow and torchvision spend a millisecond on each crop of a digit, ten times what a small network spends on it. Crop,
rotation, brightness and contrast are drawn from the ranges of pretrain's `digits` preset; everything else of a run
(network, head, loss, optimiser, checkpoints, logs) is `swaveval.pretrain`.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from swaveval.data import open_images
from swaveval.data.transforms import IMAGENET_MEAN, IMAGENET_STD
from swaveval.pretrain import train
from swaveval.pretrain.config import AugmentationConfig, PretrainConfig
from swaveval.pretrain.datamodule import EpochSampler
from swaveval.pretrain.seeds import mix

_VIEWS = 17  # keeps the views' seeds apart from pretrain's own
_DEGREES = 15.0
_STRENGTH = 0.4
_SIDE = 32


class _Draws(Dataset[int]):
    """Positions; the images are looked up for the batch as a whole."""

    def __init__(self, n: int) -> None:
        self._n = n

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, draw: int) -> int:
        return draw


class BatchedViews(pl.LightningDataModule):
    """In place of pretrain's data module: the same order of images, views drawn for a batch at once."""

    def __init__(self, dataset: object, config: PretrainConfig, *, first_epoch: int = 0) -> None:
        super().__init__()
        self._config = config
        self._first_epoch = first_epoch
        self._pixels = _train_pixels(config.data.path)

    def train_dataloader(self) -> DataLoader[int]:
        training = self._config.training
        n = len(self._pixels)
        sampler = EpochSampler(n, batch_size=training.batch_size, seed=training.seed, epoch=self._first_epoch)
        return DataLoader(_Draws(n), batch_sampler=sampler, collate_fn=self._views)

    def _views(self, draws: list[int]) -> tuple[list[Tensor], Tensor, list[int]]:
        generator = torch.Generator().manual_seed(mix(self._config.training.seed, _VIEWS, *draws[:2]))
        positions = torch.as_tensor(draws) % len(self._pixels)
        images = self._pixels[positions]
        return make_views(images, self._config.augmentation, generator), positions, draws


def make_views(images: Tensor, crops: AugmentationConfig, generator: torch.Generator) -> list[Tensor]:
    """Views `(B, 3, s, s)` per crop, large crops first, of images `(B, 3, h, w)` in 0…1."""
    views = []
    kinds = zip(crops.crop_sizes, crops.crop_counts, crops.crop_min_scales, crops.crop_max_scales, strict=True)
    for size, count, least, most in kinds:
        views += [_view(images, size, (least, most), generator) for _ in range(count)]
    return views


def _view(images: Tensor, size: int, scale: tuple[float, float], generator: torch.Generator) -> Tensor:
    n = len(images)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=generator)

    area, aspect = uniform(*scale), torch.exp(uniform(math.log(3 / 4), math.log(4 / 3)))
    width, height = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
    across, down = uniform(-1, 1) * (1 - width), uniform(-1, 1) * (1 - height)
    angle = uniform(-_DEGREES, _DEGREES) * math.pi / 180
    cos, sin = angle.cos(), angle.sin()
    affine = torch.stack(
        [torch.stack([width * cos, -height * sin, across], 1), torch.stack([width * sin, height * cos, down], 1)], 1
    )
    grid = functional.affine_grid(affine, [n, 3, size, size], align_corners=False)
    view = functional.grid_sample(images, grid, align_corners=False)
    bright = uniform(1 - _STRENGTH, 1 + _STRENGTH).view(-1, 1, 1, 1)
    contrast = uniform(1 - _STRENGTH, 1 + _STRENGTH).view(-1, 1, 1, 1)
    view = (view * bright).clamp(0, 1)
    mean = view.mean(dim=(1, 2, 3), keepdim=True)
    view = ((view - mean) * contrast + mean).clamp(0, 1)
    shape = (1, 3, 1, 1)
    return (view - torch.tensor(IMAGENET_MEAN).view(shape)) / torch.tensor(IMAGENET_STD).view(shape)


def _train_pixels(path: str) -> Tensor:
    """Train images of a data set, `(n, 3, 32, 32)` float32 in 0…1."""
    images = open_images(path)
    held = [np.asarray(images.open(int(place)).resize((_SIDE, _SIDE))) for place in images.train_index]
    return torch.from_numpy(np.stack(held)).permute(0, 3, 1, 2).float() / 255


@contextmanager
def batched_views() -> Iterator[None]:
    """Let `swaveval.pretrain` draw its views this way."""
    before = train.SwavDataModule
    train.SwavDataModule = BatchedViews  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        train.SwavDataModule = before  # type: ignore[misc]
