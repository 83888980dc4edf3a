"""Augmented views of fixed images: the same views for every checkpoint, whatever the batch size.

Each view's crop and colour are drawn from a counter-based generator keyed by (seed, position, view), so a view depends
on nothing else. Pixels come from the decoded eval images: a view never sees more than the network does.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from swaveval.data.decoded import DecodedImages
from swaveval.features.exact import row_blocks

Array = np.ndarray[Any, np.dtype[Any]]

_RGB_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601

# Source images of the views that are chosen for a set of images.
FEWEST_IMAGES, MOST_IMAGES = 50, 2000


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """A fixed, label-free augmentation.

    Attributes:
        images: m, how many source images; 0 for none. Clipped to the image set.
        views: q, how many views of each.
        seed: of the choice of images and of every draw.
        scale: smallest and largest share of the area that a crop keeps; its aspect lies in 3/4 … 4/3.
        flip: whether half of the views are mirrored; not for digits or text, where a mirror image is another thing.
        brightness, contrast, saturation: factors are uniform in 1 ± this.
    """

    images: int = MOST_IMAGES
    views: int = 2
    seed: int = 0
    scale: tuple[float, float] = (0.4, 1.0)
    flip: bool = True
    brightness: float = 0.3
    contrast: float = 0.3
    saturation: float = 0.2

    @classmethod
    def affordable(cls, n: int, *, images: int | None, views: int | None, seed: int, flip: bool) -> "ViewSettings":
        """The views of a set of n images; what is None is chosen so that views are a quarter of all passes at most.

        (Below 300 images they are a hundred passes, without which retrieval has nothing to say.)
        Two views each of a sixth of the images, of at most 2000: for the same number of passes, more images tell
        checkpoints apart better than more views of them, by retrieval and by LiDAR
        (`python -m benchmarks features.views_needed`).
        """
        return cls(
            images=min(MOST_IMAGES, max(n // 6, FEWEST_IMAGES), n) if images is None else images,
            views=2 if views is None else views,
            seed=seed,
            flip=flip,
        )

    @property
    def id(self) -> str:
        """A stable text that names every setting."""
        return (
            f"views{self.images}x{self.views}-seed{self.seed}-crop{self.scale[0]:g},{self.scale[1]:g}"
            f"-flip{int(self.flip)}-colour{self.brightness:g},{self.contrast:g},{self.saturation:g}"
        )

    @property
    def protocol(self) -> str:
        """The augmentation in words a paper could use."""
        flip = "horizontal flip with probability 1/2" if self.flip else "no flip"
        return (
            f"{self.views} views per image: random resized crop of {self.scale[0]:g}–{self.scale[1]:g} of the area, "
            f"aspect 3/4–4/3, bilinear; {flip}; brightness ±{self.brightness:g}, contrast ±{self.contrast:g}, "
            f"saturation ±{self.saturation:g}; seed {self.seed}"
        )


def view_index(n: int, settings: ViewSettings) -> Int[np.ndarray, " m"]:
    """Positions of the source images, ascending: a seeded sample without replacement, blind to labels and splits."""
    chosen = np.random.default_rng(settings.seed).permutation(n)[: settings.images]
    return np.sort(chosen).astype(np.int32)


def make_views(
    pixels: UInt8[np.ndarray, "m h w c"], index: Int[np.ndarray, " m"], settings: ViewSettings, *, device: str = "cpu"
) -> UInt8[Tensor, "m q h w c"]:
    """All views of some images. Grey is the luma of RGB; of other bands, whose colours nobody knows, their mean.

    Args:
        pixels: the images. index: their positions in the ImageSet, which their draws are keyed by.
        device: that makes them, and where they are then; it needs float64. (There a level in 10,000 rounds otherwise.)
    """
    m, height, width, channels = pixels.shape
    draws = torch.from_numpy(_draws(index, settings)).flatten(0, 1).to(device)
    source = torch.from_numpy(pixels).to(device).to(torch.float32).permute(0, 3, 1, 2)
    # Of the whole source image, from integers: a mean over a crop would depend on the order of summation.
    sums = pixels.sum(axis=(1, 2), dtype=np.int64)
    levels = torch.from_numpy((sums @ np.asarray(_weights(channels))) / (height * width)).to(device)
    repeated = source.repeat_interleave(settings.views, dim=0)
    grey = levels.to(torch.float32).repeat_interleave(settings.views)
    cropped = torch.nn.functional.grid_sample(
        repeated, _grid(draws, height, width, settings), mode="bilinear", padding_mode="border", align_corners=False
    )
    coloured = _colour(cropped, grey, draws[:, 5:], settings)
    whole = coloured.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
    return whole.reshape(m, settings.views, height, width, channels).contiguous()


def view_batches(
    pixels: DecodedImages, index: Int[np.ndarray, " m"], settings: ViewSettings, batch_size: int, *, device: str = "cpu"
) -> Iterator[UInt8[Tensor, "b h w c"]]:
    """Views of the images at `index`, image after image, in batches that never split an image.

    Args:
        pixels: all images, by position.
        batch_size: views per batch, about.
        device: that makes them, and where they are then.
    """
    together = max(1, batch_size // max(1, settings.views))
    parts = (index[part] for part in row_blocks(len(index), together))
    for source, part in zip(pixels.batches(index, together), parts, strict=True):
        yield make_views(source, part, settings, device=device).flatten(0, 1)


def _draws(index: Array, settings: ViewSettings) -> Float[np.ndarray, "m q 8"]:
    """Eight uniform numbers for each view: area, aspect, x, y, flip, brightness, contrast, saturation."""
    drawn = np.empty((len(index), settings.views, 8), np.float64)
    for row, position in enumerate(index.tolist()):
        for view in range(settings.views):
            generator = np.random.Generator(np.random.Philox(key=[settings.seed, (position << 20) + view]))
            drawn[row, view] = generator.random(8)
    return drawn


def _grid(draws: Tensor, height: int, width: int, settings: ViewSettings) -> Float[Tensor, "v h w 2"]:
    """Where each output pixel looks, in grid_sample's coordinates (-1 … 1 over the image)."""
    low, high = settings.scale
    area = low + (high - low) * draws[:, 0]
    aspect = torch.exp(math.log(3 / 4) + (math.log(4 / 3) - math.log(3 / 4)) * draws[:, 1])
    # In units of the image's side; a crop wider than the image is cut to it.
    across = (area * aspect).sqrt().clamp(max=1.0)
    down = (area / aspect).sqrt().clamp(max=1.0)
    centre_x, centre_y = (1 - across) * (2 * draws[:, 2] - 1), (1 - down) * (2 * draws[:, 3] - 1)
    mirrored = (draws[:, 4] < 0.5) & settings.flip
    across = torch.where(mirrored, -across, across)
    x = centre_x[:, None] + across[:, None] * _centres(width, draws.device)
    y = centre_y[:, None] + down[:, None] * _centres(height, draws.device)
    shape = (len(draws), height, width)
    return torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], dim=3).to(torch.float32)


def _centres(size: int, device: torch.device) -> Tensor:
    """Pixel centres in grid_sample's coordinates."""
    return (2 * torch.arange(size, dtype=torch.float64, device=device) + 1) / size - 1


def _colour(images: Tensor, grey: Tensor, draws: Tensor, settings: ViewSettings) -> Tensor:
    """Brightness, then contrast about the source image's mean grey, then saturation; as torchvision blends them."""
    strengths = torch.tensor([settings.brightness, settings.contrast, settings.saturation])
    strengths = strengths.to(draws)
    brightness, contrast, saturation = (1 + strengths * (2 * draws - 1)).to(torch.float32).unbind(dim=1)
    images = images * brightness[:, None, None, None]
    level = (grey * brightness)[:, None, None, None]
    images = level + (images - level) * contrast[:, None, None, None]
    if images.shape[1] == 1:
        return images
    bands = zip(images.unbind(dim=1), _weights(images.shape[1]), strict=True)
    first, *others = (band * weight for band, weight in bands)
    luma = sum(others, start=first)[:, None]
    return luma + (images - luma) * saturation[:, None, None, None]


def _weights(channels: int) -> tuple[float, ...]:
    """Of the bands in the grey value."""
    return _RGB_LUMA if channels == 3 else (1 / channels,) * channels
