"""The train split as a LightlyDataset: pixels in memory when they fit, views drawn reproducibly."""

import math
import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("LIGHTLY_DID_VERSION_CHECK", "True")

import numpy as np
import torch
from jaxtyping import Int, UInt8
from lightly.data import LightlyDataset
from PIL import Image
from torch.utils.data import Dataset

from swaveval.data.imageset import ImageSet
from swaveval.data.parallel import ordered_map
from swaveval.data.transforms import short_side
from swaveval.pretrain.config import AugmentationConfig
from swaveval.pretrain.defaults import ImageFacts
from swaveval.pretrain.seeds import drawn_from

MEMORY_BUDGET = 2 * 2**30  # bytes of decoded pixels
SAMPLED_FOR_FACTS = 48

Advance = Callable[[int, int], None]
Index = Int[np.ndarray, " n"]


def chosen_images(images: ImageSet, fraction: float, *, seed: int) -> Index:
    """Positions of the train images to use, ascending: a seeded share of the train split, all of it for 1."""
    index = images.train_index
    # A prefix of one order, so that the images of a smaller share are among those of a larger one.
    order = np.random.default_rng(seed).permutation(len(index))
    return np.sort(index[order[: round(len(index) * fraction)]])


def image_facts(images: ImageSet, index: Index) -> ImageFacts:
    """Number of training images and the median short side of an even sample of them."""
    if len(index) == 0:
        return ImageFacts(n_train=0, side=0)
    picked = index[np.unique(np.linspace(0, len(index) - 1, SAMPLED_FOR_FACTS).astype(int))]
    return ImageFacts(n_train=len(index), side=int(np.median([short_side(images.open(int(i))) for i in picked])))


def useful_sides(crops: AugmentationConfig) -> tuple[int, int]:
    """Least and greatest short side worth holding: the large crop's, and where no crop has to be enlarged.

    A crop of share s and aspect ratio up to 4/3 of a square image with side a is at least a·√(s · 3/4) wide.
    """
    shares = zip(crops.crop_sizes, crops.crop_min_scales, strict=True)
    greatest = max(math.ceil(size / math.sqrt(share * 3 / 4)) for size, share in shares)
    return crops.crop_sizes[0], greatest


class TrainingBatches(Dataset[Any]):
    """The same items as `TrainingImages`, a batch at a time.

    Args:
        images: which are asked for their pixels. views: draws all views of a batch.
    """

    def __init__(self, images: "TrainingImages", views: Callable[..., list[torch.Tensor]]) -> None:
        self._images = images
        self._views = views

    def __len__(self) -> int:
        return len(self._images)

    def __getitems__(self, draws: list[int]) -> tuple[list[torch.Tensor], torch.Tensor, list[str]]:
        """Views, positions and file names of the draws `epoch · n + position`."""
        moments = [divmod(draw, len(self)) for draw in draws]
        views = self._views([self._images.pixels(position) for _, position in moments], moments)
        return views, torch.tensor([position for _, position in moments]), [self._images.name(draw) for draw in draws]


class TrainingImages(Dataset[tuple[Any, int]]):
    """Train images and their views. Item `epoch · n + position` is image `position` as `epoch` sees it.

    The index carries the epoch because worker processes outlive epochs and see nothing else of the training's state:
    a view depends on (seed, epoch, position) alone, so neither the number of workers nor an interruption changes it.

    Images smaller than the large crop are first enlarged to it, as the eval transform does, so that crops can lie
    between the pixels of the original. Images so large that even the smallest crop has pixels to spare are reduced.

    Args:
        images: all images.
        index: positions of those to train on.
        sides: least and greatest short side in pixels, as `useful_sides` gives them.
        seed: of the views.
    """

    def __init__(self, images: ImageSet, index: Index, *, sides: tuple[int, int], seed: int) -> None:
        self.transform: Callable[[Image.Image], list[torch.Tensor]] | None = None
        self._images = images
        self._index = index
        self._sides = sides
        self._seed = seed
        self._held: list[UInt8[np.ndarray, "h w 3"]] | None = None

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, draw: int) -> tuple[Any, int]:
        epoch, position = divmod(draw, len(self))
        image = Image.fromarray(self.pixels(position))
        assert self.transform is not None
        with drawn_from(self._seed, epoch, position):
            return self.transform(image), position

    def pixels(self, position: int) -> UInt8[np.ndarray, "h w 3"]:
        """An image, decoded."""
        return self._held[position] if self._held else np.asarray(self._open(position))

    def name(self, draw: int) -> str:
        """File name of a draw."""
        return self._images.files[int(self._index[draw % len(self)])]

    def hold(self, *, budget: int = MEMORY_BUDGET, advance: Advance | None = None) -> bool:
        """Decode everything once into memory, if a sample says that it fits `budget` bytes. Tells whether it did."""
        sample = np.unique(np.linspace(0, len(self) - 1, SAMPLED_FOR_FACTS).astype(int))
        bytes_each = np.mean([np.asarray(self._open(int(position))).nbytes for position in sample])
        if bytes_each * len(self) > budget:
            return False
        held = []
        for pixels in ordered_map(lambda position: np.asarray(self._open(position)), range(len(self))):
            held.append(pixels)
            if advance is not None:
                advance(len(held), len(self))
        self._held = held
        return True

    def _open(self, position: int) -> Image.Image:
        image = self._images.open(int(self._index[position]))
        assert isinstance(image, Image.Image)  # three channels: `pretrain` takes no others
        short = min(image.size)
        wanted = min(max(short, self._sides[0]), self._sides[1])
        if wanted == short:
            return image
        scale = wanted / short
        size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
        return image.resize(size, Image.Resampling.BILINEAR)


def as_lightly(images: TrainingImages, transform: Callable[[Image.Image], Any]) -> LightlyDataset:
    """lightly's data set over `images`; items are (views, position, file name)."""
    return LightlyDataset.from_torch_dataset(
        images, transform=transform, index_to_filename=lambda dataset, draw: dataset.name(draw)
    )
