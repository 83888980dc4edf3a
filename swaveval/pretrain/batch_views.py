"""Views of whole batches: the distribution of lightly's SwaVTransform, drawn for many images at once.

lightly's transform spends about a millisecond on each view, ten times what a small network spends on it. Here the boxes
are cut one by one, as images differ in size, and everything after that (flip, rotation, colour, grey, blur) is done to
all views of a kind together. Every number a view depends on comes from its own image's generator, seeded by (seed,
epoch, position), so neither the batch it is in nor the number of workers or devices changes it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from swaveval.data.transforms import IMAGENET_MEAN, IMAGENET_STD
from swaveval.pretrain.augment import Strengths, strengths
from swaveval.pretrain.config import AugmentationConfig
from swaveval.pretrain.seeds import mix

Array = np.ndarray[Any, np.dtype[Any]]

_ATTEMPTS = 10  # at a box that fits the image, as torchvision's RandomResizedCrop
_ASPECT = (3 / 4, 4 / 3)
# What a view is drawn from: area and aspect of each attempt, place (2), flip, angle, whether and how colours change
# (1 + 4 + 4 for their order), grey, blur (2).
_NUMBERS = 2 * _ATTEMPTS + 2 + 2 + 9 + 1 + 2
_GREY = (0.299, 0.587, 0.114)  # ITU-R 601, as Pillow's `L`


@dataclass(frozen=True, eq=False)
class _Draws:
    """Uniform numbers in 0…1 of the views of one kind, each of shape `(B,)` but for those of the box."""

    area: Array  # (B, attempts)
    aspect: Array
    place: Array  # (B, 2)
    flip: Array
    angle: Array
    jitter: Array
    factors: Array  # (B, 4)
    order: Array  # (B, 4)
    grey: Array
    blur: Array
    sigma: Array

    @classmethod
    def of(cls, numbers: Array) -> "_Draws":
        """From shape `(B, _NUMBERS)`."""
        widths = (_ATTEMPTS, _ATTEMPTS, 2, 1, 1, 1, 4, 4, 1, 1, 1)
        parts = np.split(numbers, np.cumsum(widths)[:-1], axis=1)
        return cls(*(part[:, 0] if width == 1 else part for part, width in zip(parts, widths, strict=True)))


class BatchViews:
    """Views of images, drawn together.

    Args:
        config: resolved settings of the views.
        seed: of the training.
    """

    def __init__(self, config: AugmentationConfig, *, seed: int) -> None:
        self._config = config
        self._strengths = strengths(config)
        self._seed = seed

    def __call__(self, images: Sequence[Array], moments: Sequence[tuple[int, int]]) -> list[Tensor]:
        """Views per crop, large crops first, each float32 of shape `(B, 3, side, side)`, normalised.

        Args:
            images: B images, uint8 of shape `(h, w, 3)`, of any sizes.
            moments: (epoch, position) of each image: what its views are drawn for.
        """
        crops = self._config
        total = sum(crops.crop_counts)
        numbers = np.stack(
            [np.random.default_rng(mix(self._seed, *moment)).random((total, _NUMBERS)) for moment in moments]
        )
        pixels = [torch.from_numpy(np.array(image)).permute(2, 0, 1) for image in images]
        kinds = zip(crops.crop_sizes, crops.crop_counts, crops.crop_min_scales, crops.crop_max_scales, strict=True)
        views: list[Tensor] = []
        for side, count, least, most in kinds:
            for _ in range(count):
                draws = _Draws.of(numbers[:, len(views)])
                views.append(augmented(_cut(pixels, draws, side, (least, most)), draws, self._strengths))
        return views


def _cut(pixels: Sequence[Tensor], draws: _Draws, side: int, scale: tuple[float, float]) -> Tensor:
    """A box of each image, resized to `(B, 3, side, side)`, float32 in 0…1."""
    sizes = np.array([image.shape[1:] for image in pixels])
    boxes = crop_boxes(sizes[:, 0], sizes[:, 1], draws, scale)
    return torch.stack(
        [
            functional.interpolate(
                image[None, :, top : top + height, left : left + width].float(),
                size=(side, side),
                mode="bilinear",
                antialias=True,
            )[0]
            for image, (top, left, height, width) in zip(pixels, boxes.tolist(), strict=True)
        ]
    ).div_(255)


def crop_boxes(heights: Array, widths: Array, draws: _Draws, scale: tuple[float, float]) -> Array:
    """Top, left, height, width of a box in each image, int of shape `(B, 4)`: torchvision's RandomResizedCrop.

    Of up to ten boxes with a share of the area in `scale` and an aspect ratio in 3/4…4/3 (uniform in its logarithm) the
    first that fits; else the largest box in the middle whose aspect ratio is allowed.
    """
    area = (heights * widths)[:, None] * (scale[0] + (scale[1] - scale[0]) * draws.area)
    low, high = np.log(_ASPECT)
    ratio = np.exp(low + (high - low) * draws.aspect)
    width, height = np.rint(np.sqrt(area * ratio)), np.rint(np.sqrt(area / ratio))
    fits = (width > 0) & (width <= widths[:, None]) & (height > 0) & (height <= heights[:, None])
    first, rows = fits.argmax(axis=1), np.arange(len(heights))
    width, height = width[rows, first], height[rows, first]
    none = ~fits.any(axis=1)
    if none.any():
        shape = widths / heights
        wide, tall = shape > _ASPECT[1], shape < _ASPECT[0]
        width = np.where(none, np.where(wide, np.rint(heights * _ASPECT[1]), widths), width)
        height = np.where(none, np.where(tall, np.rint(widths / _ASPECT[0]), heights), height)
    top = np.where(none, (heights - height) // 2, np.floor(draws.place[:, 0] * (heights - height + 1)))
    left = np.where(none, (widths - width) // 2, np.floor(draws.place[:, 1] * (widths - width + 1)))
    return np.stack([top, left, height, width], axis=1).astype(np.int64)


def augmented(views: Tensor, draws: _Draws, by: Strengths) -> Tensor:
    """Flip, rotation, colours, grey, blur and normalisation, in lightly's order.

    Args:
        views: float32 of shape `(B, 3, s, s)` in 0…1.
    """
    flipped = torch.from_numpy(draws.flip < by.flip)
    views = torch.where(flipped[:, None, None, None], views.flip(3), views)
    if by.degrees:
        views = rotated(views, torch.from_numpy(by.degrees * (2 * draws.angle - 1)).float())
    views = coloured(views, draws, by)
    views = torch.where(torch.from_numpy(draws.grey < by.grey)[:, None, None, None], _grey(views), views)
    chosen = np.flatnonzero(draws.blur < by.blur)
    if len(chosen):
        low, high = by.sigmas
        sigma = torch.from_numpy(low + (high - low) * draws.sigma[chosen]).float()
        views = views.index_copy(0, torch.from_numpy(chosen), blurred(views[chosen], sigma, greatest=high))
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (views - mean) / std


def rotated(views: Tensor, degrees: Tensor) -> Tensor:
    """Turned counter-clockwise about the centre, nearest pixel, black outside: torchvision's RandomRotation."""
    angle = degrees * (math.pi / 180)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    affine = torch.stack([torch.stack([cos, -sin, zero], 1), torch.stack([sin, cos, zero], 1)], 1)
    grid = functional.affine_grid(affine, list(views.shape), align_corners=False)
    return functional.grid_sample(views, grid, mode="nearest", align_corners=False)


def coloured(views: Tensor, draws: _Draws, by: Strengths) -> Tensor:
    """torchvision's ColorJitter on the share `by.jitter` of the views: each its own factors, in an order of its own."""
    ranges = (by.brightness, by.contrast, by.saturation, by.hue)
    order = draws.order.argsort(axis=1)
    chosen = draws.jitter < by.jitter
    for step in range(4):
        for which, (strength, change) in enumerate(zip(ranges, _CHANGES, strict=True)):
            rows = np.flatnonzero(chosen & (order[:, step] == which))
            if not strength or not len(rows):
                continue
            # Hue is a turn about 0; the others are factors about 1, never below 0.
            centre, least = (0.0, -strength) if change is _hue else (1.0, max(0.0, 1 - strength))
            factor = least + (centre + strength - least) * draws.factors[rows, which]
            given = torch.from_numpy(factor).float().view(-1, 1, 1, 1)
            views = views.index_copy(0, torch.from_numpy(rows), change(views[rows], given))
    return views


def _grey(views: Tensor) -> Tensor:
    weights = torch.tensor(_GREY).view(1, 3, 1, 1)
    return (views * weights).sum(dim=1, keepdim=True).expand_as(views)


def _blend(views: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    return (factor * views + (1 - factor) * other).clamp_(0, 1)


def _brightness(views: Tensor, factor: Tensor) -> Tensor:
    return (views * factor).clamp_(0, 1)


def _contrast(views: Tensor, factor: Tensor) -> Tensor:
    return _blend(views, _grey(views).mean(dim=(1, 2, 3), keepdim=True), factor)


def _saturation(views: Tensor, factor: Tensor) -> Tensor:
    return _blend(views, _grey(views), factor)


def _hue(views: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue of HSV by a share of the circle; value and saturation stay."""
    red, green, blue = views.unbind(1)
    value, least = views.amax(1), views.amin(1)
    chroma = value - least
    safe = torch.where(chroma > 0, chroma, torch.ones_like(chroma))
    hue = torch.where(
        value == red,
        ((green - blue) / safe) % 6,
        torch.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    hue = (hue / 6 + turn.view(-1, 1, 1)) % 1 * 6
    # Smith (1978): each channel is value less chroma times a trapezoid of the hue.
    channels = [(hue + offset) % 6 for offset in (5.0, 3.0, 1.0)]
    return torch.stack([value - chroma * torch.minimum(k, 4 - k).clamp(0, 1) for k in channels], dim=1)


_CHANGES = (_brightness, _contrast, _saturation, _hue)


def blurred(views: Tensor, sigma: Tensor, *, greatest: float) -> Tensor:
    """Gaussian blur of each view by its own σ in pixels, shape `(B,)`, edges repeated.

    Kernels are cut at 3 times the greatest σ that any view can have, not that of this batch: a view must not depend on
    what it is drawn with.
    """
    reach = max(1, math.ceil(3 * greatest))
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (offsets / sigma[:, None]) ** 2)
    kernel = kernel / kernel.sum(dim=1, keepdim=True)
    for dimension in (2, 3):
        padding = (0, 0, reach, reach) if dimension == 2 else (reach, reach, 0, 0)
        padded = functional.pad(views, padding, mode="replicate")
        side = views.shape[dimension]
        total = torch.zeros_like(views)
        for tap in range(2 * reach + 1):
            total.addcmul_(padded.narrow(dimension, tap, side), kernel[:, tap].view(-1, 1, 1, 1))
        views = total
    return views
