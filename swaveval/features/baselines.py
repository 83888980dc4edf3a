"""What can be had without learning: pixels and colours. Features like those of a checkpoint."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from swaveval.data.decoded import DecodedImages
from swaveval.data.imageset import ImageSet
from swaveval.data.transforms import EvalTransform, fitted
from swaveval.features.extract import ExtractSettings, encode_images
from swaveval.features.features import Features
from swaveval.features.passing import Passing, Progress
from swaveval.results.seconds import Stopwatch
from swaveval.text import counted

Array = np.ndarray[Any, np.dtype[Any]]

RAW_PIXEL_SIDE = 16
HISTOGRAM_BINS = 8
BAND_BINS = 64


def raw_pixels(
    images: ImageSet,
    pixels: DecodedImages,
    *,
    settings: ExtractSettings | None = None,
    progress: Progress | None = None,
    watch: Stopwatch | None = None,
) -> Features:
    """The image at 16×16, resized with antialiasing, flattened: d = 256·C (768 for RGB), in 0…1."""

    def encode(batch: Array) -> Array:
        sent = torch.from_numpy(batch).permute(0, 3, 1, 2).to(torch.float32)
        side = (RAW_PIXEL_SIDE, RAW_PIXEL_SIDE)
        small = torch.nn.functional.interpolate(sent, side, mode="bilinear", antialias=True, align_corners=False)
        return (small / 255).flatten(1).numpy()

    side = f"{RAW_PIXEL_SIDE}×{RAW_PIXEL_SIDE}"
    words = f"raw pixels: {_bands(pixels)} at {side}, antialiased bilinear"
    return _encoded(encode, images, pixels, settings, progress, watch, words)


def colour_histogram(
    images: ImageSet,
    pixels: DecodedImages,
    *,
    settings: ExtractSettings | None = None,
    progress: Progress | None = None,
    watch: Stopwatch | None = None,
) -> Features:
    """Share of the image's pixels in each of 8×8×8 equal RGB cells: d = 512, rows sum to 1; no positions.

    Of other than three bands, whose joint cells would be too few or too many, each band's own histogram in 64 cells:
    d = 64·C, rows sum to 1 as well.
    """
    if pixels.shape[3] != 3:
        words = f"histogram of each of {_bands(pixels)}: {BAND_BINS} cells"
        return _encoded(_band_histograms, images, pixels, settings, progress, watch, words)

    def encode(batch: Array) -> Array:
        levels = batch.reshape(len(batch), -1, 3).astype(np.int64) * HISTOGRAM_BINS // 256
        cells = (levels[..., 0] * HISTOGRAM_BINS + levels[..., 1]) * HISTOGRAM_BINS + levels[..., 2]
        size = HISTOGRAM_BINS**3
        counts = np.bincount((cells + size * np.arange(len(batch))[:, None]).ravel(), minlength=size * len(batch))
        return (counts.reshape(len(batch), size) / cells.shape[1]).astype(np.float32)

    cells = f"{HISTOGRAM_BINS}×{HISTOGRAM_BINS}×{HISTOGRAM_BINS}"
    return _encoded(encode, images, pixels, settings, progress, watch, f"colour histogram: {cells} RGB cells")


def _band_histograms(batch: Array) -> Array:
    """uint8 `(b, H, W, C)` to `(b, 64·C)`."""
    b, height, width, channels = batch.shape
    cells = batch.reshape(b, -1, channels).astype(np.int64) * BAND_BINS // 256
    cells += BAND_BINS * (np.arange(channels) + channels * np.arange(b)[:, None, None])
    counts = np.bincount(cells.ravel(), minlength=b * channels * BAND_BINS)
    return (counts.reshape(b, channels * BAND_BINS) / (height * width * channels)).astype(np.float32)


def _bands(pixels: DecodedImages) -> str:
    channels = pixels.shape[3]
    return "RGB" if channels == 3 else counted(channels, "band")


def _encoded(
    encode: Callable[[Array], Array],
    images: ImageSet,
    pixels: DecodedImages,
    settings: ExtractSettings | None,
    progress: Progress | None,
    watch: Stopwatch | None,
    protocol: str,
) -> Features:
    # The transform's size shows in the pixels; mean and std play no part here.
    chosen = settings or ExtractSettings(transform=fitted(EvalTransform(size=pixels.shape[1]), pixels.shape[3]))
    made = encode_images(
        lambda batch: (torch.from_numpy(encode(batch.numpy())), None),
        images,
        pixels,
        settings=chosen,
        passing=Passing("cpu", progress, watch),
    )
    return replace(made, protocol=f"{protocol}, of {pixels.shape[1]}×{pixels.shape[2]} px images")
