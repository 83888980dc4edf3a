"""Pixels that a program holds, of every mode, type and order of axes: read right, or refused with what to do."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from swaveval.data import DataError, ImageSet
from swaveval.data.in_memory import images_of

COUNT = 8
RANDOM = np.random.default_rng(1)
COLOURS = RANDOM.integers(0, 256, (COUNT, 6, 7, 3), dtype=np.uint8)
COLOURS[:, 0, 0], COLOURS[:, 0, 1] = 0, 255
GREY = COLOURS[..., 0]


def pixels(images: ImageSet) -> np.ndarray:
    return np.stack([np.asarray(images.open(position)) for position in range(len(images))])


def said(images: ImageSet) -> str:
    return " ".join(images.audit["pixels"])


# -- Pillow's modes ----------------------------------------------------------------------------------------------------

MODES = ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"]  # of 8 bits


def in_mode(colours: np.ndarray, mode: str) -> Image.Image:
    shown = Image.fromarray(colours)
    return shown.convert("LA").convert("La") if mode == "La" else shown.convert(mode)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_of_8_bits_is_what_pillow_shows(mode: str) -> None:
    held = [in_mode(colours, mode) for colours in COLOURS]
    expected = [(image.convert("LA") if mode == "La" else image).convert("RGB") for image in held]
    images = images_of(held)
    assert np.array_equal(pixels(images), np.stack([np.asarray(image) for image in expected]))
    assert said(images) == ""


@pytest.mark.parametrize("mode", ["RGB", "I;16"])
def test_a_file_that_ends_too_early_is_named(mode: str, tmp_path: Path) -> None:
    whole = Image.fromarray(COLOURS[0].repeat(9, 0)) if mode == "RGB" else Image.fromarray(GREY[0].astype(np.uint16))
    whole.save(tmp_path / "cut.png")
    content = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    with (
        Image.open(tmp_path / "cut.png") as image,
        pytest.raises(DataError, match=r"image 1 of the data set.*truncated.*leave it out"),
    ):
        images_of([whole, image])


DEEP = {
    "I;16": lambda levels: Image.fromarray(levels.astype(np.uint16)),
    "I;16B": lambda levels: Image.frombytes("I;16B", levels.shape[::-1], levels.astype(">u2").tobytes()),
    "I": lambda levels: Image.fromarray(levels.astype(np.int32)),
    "F": lambda levels: Image.fromarray(levels.astype(np.float32)),
    "uint16": lambda levels: levels.astype(np.uint16),
    "int16": lambda levels: levels.astype(np.int16),
    "tensor of int16": lambda levels: torch.from_numpy(levels.astype(np.int16))[None],
}


UNSIGNED = {"I;16", "I;16B", "uint16"}
LIMITS = [(0, 255), (0, 1023), (0, 4095), (0, 16_383), (-1024, 3071)]


@pytest.mark.parametrize(
    ("kind", "low", "high"), [(kind, *ends) for kind in DEEP for ends in LIMITS if ends[0] >= 0 or kind not in UNSIGNED]
)
def test_deeper_values_are_read_by_one_range_for_the_set(kind: str, low: int, high: int) -> None:
    """A range that holds the set's values becomes 0…255; the darkest image stays dark beside the others."""
    shares = GREY / 255
    shares[1] *= 0.25  # an image whose own values would be spread further
    levels = np.rint(low + shares * (high - low)).astype(np.int64)
    images = images_of([DEEP[kind](one) for one in levels])
    expected = np.rint((levels - low) * (255 / (high - low))).astype(np.uint8)
    assert np.array_equal(pixels(images), np.repeat(expected[..., None], 3, axis=3))
    assert f"{low:,} … {high:,}" in said(images)
    assert "8 of 8 images" in said(images)


def test_floating_point_of_pillow_in_0_to_1() -> None:
    images = images_of([Image.fromarray(one.astype(np.float32) / 255) for one in GREY])
    assert np.array_equal(pixels(images), np.repeat(GREY[..., None], 3, axis=3))
    assert "0 … 1" in said(images)


def test_missing_values_are_black_and_do_not_count() -> None:
    levels = GREY.astype(np.float32) / 255
    levels[2, 3, 3] = np.nan
    shown = pixels(images_of([Image.fromarray(one) for one in levels]))
    assert shown[2, 3, 3].tolist() == [0, 0, 0]
    assert np.array_equal(shown[:2, ..., 0], GREY[:2])


def test_deep_images_beside_ordinary_ones() -> None:
    held = [Image.fromarray(COLOURS[0]), *(Image.fromarray(one.astype(np.uint16) * 16) for one in GREY[1:])]
    images = images_of(held)
    assert np.array_equal(np.asarray(images.open(0)), COLOURS[0])
    assert "7 of 8 images have more than 8 bits" in said(images)


def test_the_range_is_part_of_the_fingerprint() -> None:
    """One bright image more, and all others look otherwise."""
    levels = GREY.astype(np.uint16) * 4
    brighter = levels.copy()
    brighter[7] *= 10
    one, other = (images_of([Image.fromarray(image) for image in some]) for some in (levels, brighter))
    assert one.contents[:7] == other.contents[:7]
    assert one.fingerprint != other.fingerprint
    assert not np.array_equal(np.asarray(one.open(1)), np.asarray(other.open(1)))


def test_deep_images_are_found_again_in_another_process() -> None:
    images = images_of([Image.fromarray(one.astype(np.uint16) * 16) for one in GREY])
    again = pickle.loads(pickle.dumps(images.open))
    assert np.array_equal(np.asarray(again(3)), np.asarray(images.open(3)))


# -- numbers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.int8, np.int32, np.int64, np.uint32, np.uint64])
def test_integers_within_a_byte_are_bytes(kind: Any) -> None:
    held = COLOURS // 2
    for form in (lambda one: one.astype(kind), lambda one: torch.from_numpy(one.astype(kind)).permute(2, 0, 1)):
        images = images_of([form(one) for one in held])
        assert np.array_equal(pixels(images), held)
        assert "read as bytes" in said(images)


@pytest.mark.parametrize(
    ("high", "low", "words"),
    [
        (256, 0, r"type int64, values from 0 to 256.*give bytes, or 16 bits.*one range over the set"),
        (255, -1, r"type int64, values from -1 to 255"),
    ],
)
def test_integers_beyond_a_byte_are_refused_with_their_range(high: int, low: int, words: str) -> None:
    held = COLOURS.astype(np.int64)
    held[5, 0, 0], held[5, 0, 1] = low, high
    with pytest.raises(DataError, match=f"image 5 of the data set.*{words}"):
        images_of(list(held))


def test_half_precision_that_numpy_does_not_know() -> None:
    halves = [torch.from_numpy(one).permute(2, 0, 1).bfloat16() / 256 for one in COLOURS // 128 * 128]
    assert np.array_equal(pixels(images_of(halves)), np.rint(COLOURS // 128 * 127.5).astype(np.uint8))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("tensor", [False, True])
def test_floats_of_0_to_255_are_read_as_such_by_the_whole_set(kind: Any, tensor: bool) -> None:
    """Also an image whose own values lie within 0…1, which would be white if it were read by itself."""
    held = COLOURS.copy()
    held[4] = 1
    images = images_of([torch.from_numpy(one.astype(kind)).permute(2, 0, 1) if tensor else one for one in held])
    assert np.array_equal(pixels(images), held)
    if tensor:
        assert "0 … 255" in said(images)


@pytest.mark.parametrize("first", [True, False])
def test_floats_of_0_to_1_beside_floats_of_0_to_255_are_refused(first: bool) -> None:
    """Read by one range, those in 0…1 would be black."""
    small, large = list(COLOURS[:4] / 255), list(COLOURS[4:].astype(np.float32))
    with pytest.raises(
        DataError, match=rf"image {4 if first else 0} .*from 0 to 25\d, image {0 if first else 4} .*0…1"
    ):
        images_of([*small, *large] if first else [*large, *small])


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (-2.1, 2.6, "not normalised"), (0, 2.6, "not normalised"), (-1, 1, "not normalised"),
        (0, 4095, r"divide them by the greatest value that they can have"),
        (0, 256, r"divide them by the greatest value that they can have"), (-1024, 3071, "not normalised"),
    ],
)  # fmt: skip
def test_floats_of_another_range_are_refused_with_what_to_do(low: float, high: float, words: str) -> None:
    held = low + COLOURS.astype(np.float32) / 255 * (high - low)
    with pytest.raises(DataError, match=rf"image \d of the data set has values from .*{words}"):
        images_of(list(held))


# -- the order of axes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(("height", "width"), [(6, 7), (32, 32), (5, 9)])
def test_arrays_with_channels_first(channels: int, kind: Any, whole: bool, height: int, width: int) -> None:
    last = RANDOM.integers(0, 256, (COUNT, height, width, channels), dtype=np.uint8)
    given = last if kind is np.uint8 else (last / 255).astype(np.float32)
    first = given.transpose(0, 3, 1, 2)
    images, expected = images_of(first if whole else list(first)), images_of(list(given))
    assert np.array_equal(pixels(images), pixels(expected))
    assert images.fingerprint == images_of(list(given), name=images.name).fingerprint
    assert f"8 arrays of shape ({channels}, {height}, {width}) were read with their channels first" in said(images)
    assert said(expected) == ""


def test_square_bands_first() -> None:
    last = RANDOM.integers(0, 256, (COUNT, 24, 24, 13), dtype=np.uint8)
    images = images_of(list(last.transpose(0, 3, 1, 2)))
    assert images.channels == 13
    assert np.array_equal(pixels(images), last)


@pytest.mark.parametrize(
    "shape", [(24, 20, 5), (9, 9, 200), (20, 24, 32), (3, 9, 3), (4, 9, 4), (20, 24, 1), (2, 9, 3)]
)
def test_arrays_with_channels_last_stay(shape: tuple[int, ...]) -> None:
    images = images_of(list(RANDOM.integers(0, 256, (COUNT, *shape), dtype=np.uint8)))
    assert pixels(images).shape[1:3] == shape[:2]
    assert said(images) == ""


# -- no pictures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("a.png", "a str.*give their directory as data"),
        (b"a.png", "a bytes"), (None, "a NoneType"),
        ([torch.zeros(3, 8, 8), torch.zeros(3, 8, 8)], "holds 2 pictures in one.*give one view an image.*evaluation"),
        ((Image.new("RGB", (8, 8)),) * 3, "holds 3 pictures in one"),
        (np.zeros((2, 3, 8, 8), np.uint8), r"shape \(2, 3, 8, 8\)"), (np.zeros((8, 8), bool), "expected bytes"),
        (np.zeros((8, 8), complex), "expected bytes"), ([[1, 2], [3]], "a list.*expected a picture"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused_with_what_to_do(image: Any, words: str) -> None:
    plain = [(colours, 0) for colours in COLOURS]
    with pytest.raises(DataError, match=f"image 8 of the data set.*{words}"):
        images_of([*plain, (image, 0)])
