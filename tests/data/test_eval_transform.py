"""The eval transform gives torchvision's pixels."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

from swaveval.data import EvalTransform, ImageSet, default_transform, square


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 120),
    st.integers(1, 120),
    st.sampled_from([8, 32, 64, 65, 128]),
    st.sampled_from(["bilinear", "bicubic"]),
)
def test_agrees_with_torchvision(width: int, height: int, size: int, interpolation: str) -> None:
    image = picture(width, height)
    assume(max(width, height) <= 8 * min(width, height))  # the one documented difference, below
    transform = EvalTransform(size=size, interpolation=interpolation)
    mode = InterpolationMode(interpolation)
    if size <= 64:
        theirs = Compose([CenterCrop(min(width, height)), Resize((size, size), mode)])
    else:
        theirs = Compose([Resize(transform.short_side, mode), CenterCrop(size)])
    np.testing.assert_array_equal(square(image, transform), np.asarray(theirs(image)))


def test_imagenet_protocol() -> None:
    image = picture(400, 300)
    theirs = Compose([Resize(256), CenterCrop(224)])(image)
    np.testing.assert_array_equal(square(image, EvalTransform()), np.asarray(theirs))


def test_ids_name_every_setting() -> None:
    """Stored results are found by them: as they are written here, for ever."""
    usual = "resize256-crop224-bilinear-mean0.485,0.456,0.406-std0.229,0.224,0.225"
    assert EvalTransform().id == usual
    assert EvalTransform(order="BGR").id == f"{usual}-BGR"
    small = EvalTransform(size=32, interpolation="bicubic", mean=(0.5,), std=(0.25,))
    assert small.id == "resize32-crop32-bicubic-mean0.5-std0.25"


def test_images_of_the_right_size_are_untouched() -> None:
    image = picture(32, 32)
    np.testing.assert_array_equal(square(image, EvalTransform(size=32)), np.asarray(image))


@pytest.mark.parametrize("width, height", [(30_000, 2), (2, 30_000), (5000, 100)])
def test_extreme_aspects_do_not_explode(width: int, height: int) -> None:
    """Resized whole, 30000×2 would be 3.8 million pixels wide and 256 high."""
    middle = picture(width, height)
    found = square(middle, EvalTransform())
    assert found.shape == (224, 224, 3)
    if min(width, height) == 100:
        theirs = np.asarray(Compose([Resize(256), CenterCrop(224)])(middle))
        assert np.abs(found.astype(int) - theirs).mean() < 2


@pytest.mark.parametrize(
    "short, size",
    [(8, 32), (32, 32), (40, 32), (41, 64), (64, 64), (96, 128), (128, 128), (160, 128), (161, 224), (2000, 224)],
)
def test_default_size_follows_the_median_short_side(short: int, size: int) -> None:
    audited = ImageSet(
        name="x",
        path="x",
        files=("a",),
        labels=None,
        class_names=(),
        is_test=np.zeros(1, dtype=bool),
        split_origin="",
        fingerprint="",
        open=lambda position: picture(short + 3, short),
        audit={"sizes": {"median_short_side": float(short)}},
    )
    assert default_transform(audited) == EvalTransform(size=size)


def test_default_size_without_an_audit_looks_at_the_images() -> None:
    images = ImageSet(
        name="x",
        path="x",
        files=("a", "b", "c"),
        labels=None,
        class_names=(),
        is_test=np.array([True, False, False]),
        split_origin="",
        fingerprint="",
        open=lambda position: picture(90, (20, 60, 300)[position]),
    )
    assert default_transform(images).size == 64
