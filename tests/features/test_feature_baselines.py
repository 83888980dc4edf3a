"""Raw pixels, colours and the commonest class against the plain computation."""

import dataclasses

import numpy as np
from PIL import Image

from swaveval.data.decoded import PixelArray
from swaveval.features.baselines import (
    colour_histogram,
    raw_pixels,
)
from tests.features.tiny_network import tiny_images, tiny_pixels


def test_raw_pixels_are_the_image_at_sixteen_pixels() -> None:
    images, pixels = tiny_images(), tiny_pixels()
    found = raw_pixels(images, pixels)
    np.testing.assert_allclose(
        found.train, pixels.pixels[images.train_index].transpose(0, 3, 1, 2).reshape(-1, 768) / 255, atol=1e-6
    )
    assert "16×16" in found.protocol
    assert found.prototypes is None
    assert found.views is not None


def test_raw_pixels_shrink_like_pillow() -> None:
    rng = np.random.default_rng(0)
    pixels = PixelArray(rng.integers(0, 256, size=(3, 64, 64, 3), dtype=np.uint8), "made")
    found = raw_pixels(tiny_images(3), pixels).all.reshape(3, 3, 16, 16).transpose(0, 2, 3, 1)
    order = np.concatenate([tiny_images(3).train_index, tiny_images(3).test_index])
    for row, position in enumerate(order):
        resized = Image.fromarray(pixels.pixels[position]).resize((16, 16), Image.Resampling.BILINEAR)
        np.testing.assert_allclose(found[row], np.asarray(resized) / 255, atol=1.5 / 255)


def test_colour_histogram_counts_cells() -> None:
    images, pixels = tiny_images(), tiny_pixels()
    found = colour_histogram(images, pixels)
    for row, position in enumerate(images.test_index):
        flat = pixels.pixels[position].reshape(-1, 3).astype(float)
        expected, _ = np.histogramdd(flat, bins=8, range=[(0, 256)] * 3)
        np.testing.assert_allclose(found.test[row], expected.ravel() / len(flat), atol=1e-7)
    np.testing.assert_allclose(found.all.sum(axis=1), 1, atol=1e-6)


def test_colour_histogram_knows_no_positions() -> None:
    images, pixels = tiny_images(), tiny_pixels()
    turned = PixelArray(np.ascontiguousarray(pixels.pixels[:, ::-1].transpose(0, 2, 1, 3)), "turned")
    np.testing.assert_array_equal(colour_histogram(images, pixels).all, colour_histogram(images, turned).all)


def test_baselines_of_one_image() -> None:
    images = dataclasses.replace(tiny_images(1), is_test=np.zeros(1, np.bool_))
    assert raw_pixels(images, tiny_pixels(1)).train.shape == (1, 768)
    assert colour_histogram(images, tiny_pixels(1)).train.shape == (1, 512)
