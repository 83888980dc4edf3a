"""Every odd kind of image is decoded right, or refused with a reason."""

import io
import random
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, features

from swaveval.data import image_file
from swaveval.data.errors import Undecodable
from swaveval.data.image_file import inspect_image, looks_like_image, quiet_pillow, read_image
from swaveval.data.picture import Rendering
from swaveval.data.reading import Reading


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(content: bytes, **options: Any) -> np.ndarray:
    reading = Reading(**options)
    image = read_image(content, Rendering(reading))
    assert isinstance(image, Image.Image)
    assert image.mode == "RGB"
    (facts,) = inspect_image(content, reading)
    assert (facts.width, facts.height) == image.size, "the audit states the size that is decoded"
    return np.asarray(image)


def as_loaders(content: bytes) -> np.ndarray:
    """What torchvision's `pil_loader` and lightly's data set make of a file."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


def refusal(function: Callable[[bytes], object], content: bytes) -> str | None:
    """The reason given, or None when the content was accepted."""
    try:
        function(content)
    except Undecodable as reason:
        return str(reason)
    return None


def noise(height: int = 9, width: int = 14) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_rgb_is_exact(kind: str) -> None:
    np.testing.assert_array_equal(pixels(encoded(Image.fromarray(noise()), kind)), noise())


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "JPEG2000", "AVIF"])
def test_other_formats_agree_with_pillow(kind: str) -> None:
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    content = encoded(Image.fromarray(noise(64, 48)), kind)
    with Image.open(io.BytesIO(content)) as expected:
        np.testing.assert_array_equal(pixels(content), np.asarray(expected.convert("RGB")))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_greyscale_is_scaled_not_clipped(kind: str) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    found = pixels(encoded(Image.fromarray(ramp), kind))
    np.testing.assert_array_equal(found[..., 0], np.arange(256).reshape(16, 16))
    assert (found[..., 0] == found[..., 1]).all()


def test_dark_16_bit_png_stays_dark() -> None:
    """The range of the set counts, not that of the image: otherwise exposure would be equalised."""
    dark = encoded(Image.fromarray(np.full((4, 4), 514, dtype=np.uint16)), "PNG")
    assert (pixels(dark, range="full") == 2).all()
    assert (pixels(dark, range=(0.0, 1028.0)) == 128).all()
    assert (np.asarray(read_image(dark, Rendering(whole=(0.0, 4095.0)))) == 32).all()


def test_16_bit_rgb_png() -> None:
    values = np.random.default_rng(0).integers(0, 65536, (5, 6, 3))
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 6, 5, 16, 2, 0, 0, 0))
    content = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    np.testing.assert_array_equal(pixels(content), np.rint(values / 257))
    twelve = pixels(content, range=(1000.0, 5095.0))
    np.testing.assert_array_equal(twelve, np.rint((values - 1000) * (255 / 4095)).clip(0, 255))


def test_float_and_32_bit_tiff() -> None:
    unit = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    np.testing.assert_array_equal(pixels(encoded(Image.fromarray(unit), "TIFF"))[..., 0], np.rint(unit * 255))
    signed = np.linspace(-5e6, 5e6, 64).astype(np.int32).reshape(8, 8)
    spread = pixels(encoded(Image.fromarray(signed), "TIFF"))[..., 0]
    assert (spread.min(), spread.max()) == (0, 255)
    holes = unit.copy()
    holes[0, 0] = np.nan
    assert pixels(encoded(Image.fromarray(holes), "TIFF"))[0, 0, 0] == 0


def test_16_bit_pgm_uses_the_range_of_its_format() -> None:
    assert (pixels(b"P5 2 2 65535\n" + b"\x01\x01" * 4) == 1).all()


def test_cmyk_jpeg() -> None:
    red = Image.new("RGB", (16, 16), (220, 30, 40)).convert("CMYK")
    found = pixels(encoded(red, "JPEG", quality=95))
    assert np.abs(found.astype(int) - (220, 30, 40)).max() < 8


def test_lab_tiff() -> None:
    lab = Image.new("LAB", (3, 3), (136, 128 + 81, 128 + 70))  # L* 53.3, a* 81, b* 70: sRGB red
    red = pixels(encoded(lab, "TIFF"))[0, 0].astype(int)
    assert red[0] > 245
    assert red[1:].max() < 40


@pytest.mark.parametrize("mode", ["L", "1"])
def test_greyscale(mode: str) -> None:
    image = Image.fromarray(noise()).convert(mode)
    np.testing.assert_array_equal(pixels(encoded(image, "PNG")), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_dropped_or_composited(mode: str) -> None:
    image = Image.new(mode, (6, 4), (10, 0) if mode == "LA" else (10, 10, 10, 0))
    image.putpixel((2, 1), (10, 255) if mode == "LA" else (10, 10, 10, 255))
    content = encoded(image, "PNG")
    np.testing.assert_array_equal(pixels(content), as_loaders(content))
    for alpha, level in (("drop", 10), ("white", 255), ("black", 0)):
        found = pixels(content, alpha=alpha)
        assert (found[1, 2] == 10).all()
        assert (found[0] == level).all()
    (facts,) = inspect_image(content)
    assert facts.transparent
    assert not inspect_image(encoded(Image.new(mode, (6, 4), (9,) * (len(mode) - 1) + (255,)), "PNG"))[0].transparent


def test_palette_with_and_without_transparency() -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    assert (pixels(encoded(image, "PNG")) == (200, 100, 50)).all()
    image.putpixel((0, 0), 0)
    for transparency in (0, bytes([0, 255])):
        content = encoded(image, "PNG", transparency=transparency)
        np.testing.assert_array_equal(pixels(content), as_loaders(content))
        found = pixels(content, alpha="white")
        assert (found[0, 0] == 255).all()
        assert (found[1, 1] == (200, 100, 50)).all()
        assert inspect_image(content)[0].transparent


def test_transparent_colour_of_an_rgb_png() -> None:
    image = Image.new("RGB", (3, 3), (9, 8, 7))
    image.putpixel((1, 1), (1, 2, 3))
    content = encoded(image, "PNG", transparency=(1, 2, 3))
    np.testing.assert_array_equal(pixels(content), as_loaders(content))
    found = pixels(content, alpha="white")
    assert (found[1, 1] == 255).all()
    assert (found[0, 0] == (9, 8, 7)).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(noise(24, 40)), kind, exif=exif)
    with Image.open(io.BytesIO(content)) as raw:
        expected = np.asarray(ImageOps.exif_transpose(raw).convert("RGB"))
    assert expected.shape == ((40, 24, 3) if orientation >= 5 else (24, 40, 3))
    np.testing.assert_array_equal(pixels(content, exif="apply"), expected)
    np.testing.assert_array_equal(pixels(content), as_loaders(content))
    # Pillow turns TIFF while it loads it, so nothing is left to be said there.
    assert inspect_image(content)[0].turn == (1 if kind == "TIFF" else orientation)


def test_damaged_exif_costs_the_orientation_only() -> None:
    content = encoded(Image.fromarray(noise()), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01")
    with quiet_pillow():
        assert pixels(content).shape == (9, 14, 3)


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (pixels(content) == (255, 0, 0)).all()


def test_first_image_of_an_mpo() -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ((200, 30, 30), (30, 200, 30))]
    content = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert np.abs(pixels(content).astype(int) - (200, 30, 30)).max() < 8
    assert inspect_image(content)[0].format == "MPO"
    assert inspect_image(content)[0].pages == 2


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "empty"),
        (bytes(4000), "zero bytes"),
        (b"<html><body>404 Not Found</body></html>", "not an image"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "PNG header cannot be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
        (b"P5 0 0 255\n", "PPM header cannot be read"),
    ],
)
def test_no_image_is_refused_with_a_reason(content: bytes, reason: str) -> None:
    for function in (read_image, inspect_image):
        with pytest.raises(Undecodable, match=reason) as refusal:
            function(content)
        assert str(refusal.value)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_truncated_files_are_refused_by_audit_and_reader_alike(kind: str) -> None:
    content = encoded(Image.fromarray(noise(64, 64)), kind)
    half = content[: len(content) // 2]
    for function in (read_image, inspect_image):
        with pytest.raises(Undecodable, match=r" "):  # a sentence, no exception's name
            function(half)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000"]), seed=st.integers(0, 10**6)
)
def test_damage_never_raises_anything_else(kind: str, seed: int) -> None:
    """Bits flipped, bytes cut: either pixels or `Undecodable`, and the audit says the same as the reader."""
    chance = random.Random(seed)
    content = bytearray(encoded(Image.fromarray(noise(20, 20)), kind))
    for _ in range(chance.randint(1, 6)):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    damaged = bytes(content[: chance.randint(1, len(content))] if chance.random() < 0.5 else content)
    audited, read = refusal(inspect_image, damaged), refusal(read_image, damaged)
    assert (audited is None) == (read is None)
    assert audited != ""


def test_decompression_bomb_is_refused_by_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    side = 12_000  # 144 million pixels in a few hundred bytes: never decoded
    rows = zlib.compress(bytes(1000))
    body = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in ((b"IHDR", body), (b"IDAT", rows), (b"IEND", b""))
    )
    for function in (read_image, inspect_image):
        with pytest.raises(Undecodable, match="12000×12000 pixels"):
            function(b"\x89PNG\r\n\x1a\n" + chunks)


def test_huge_jpeg_is_decoded_at_a_lower_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_file, "LARGEST_PIXELS", 64 * 64)
    content = encoded(Image.new("RGB", (250, 100), (40, 90, 200)), "JPEG")
    image = read_image(content)
    assert image.size == (63, 25)
    assert np.abs(np.asarray(image).astype(int) - (40, 90, 200)).max() < 6
    assert (inspect_image(content)[0].width, inspect_image(content)[0].height) == (250, 100)
    with pytest.raises(Undecodable, match="more than"):
        read_image(encoded(Image.new("RGB", (900, 900)), "JPEG"))


def test_16_bit_grey_with_transparency() -> None:
    """Two samples a pixel of two bytes each; Pillow would keep the upper bytes."""
    rows = b"".join(b"\0" + struct.pack(">4H", 300, 65535, 4000, 7) for _ in range(2))
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, 4, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    (facts,) = inspect_image(content)
    assert (facts.bands, facts.colours, facts.alpha, facts.transparent) == (2, 1, True, True)
    assert (facts.low, facts.high, facts.alpha_low, facts.alpha_high) == (300, 4000, 7, 65535)


def test_the_first_scale_that_is_not_huge(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 40×40 pixels with at most 80 allowed: 10×10 at a quarter is too much, 5×5 at an eighth is not."""
    content = encoded(Image.new("RGB", (40, 40)), "JPEG")
    for largest, side in ((1600, 40), (1599, 20), (400, 20), (399, 10), (100, 10), (80, 5), (25, 5)):
        monkeypatch.setattr(image_file, "LARGEST_PIXELS", largest)
        assert read_image(content).size == (side, side)  # type: ignore[union-attr]


def test_signature_of_images_without_extension() -> None:
    for kind in ("JPEG", "PNG", "GIF", "WEBP"):
        assert looks_like_image(encoded(Image.fromarray(noise()), kind)[:32])
    for text in (b"filename,label\n", b"BMI of all patients", b"P5 is a postcode", b"", b"%PDF-1.7"):
        assert not looks_like_image(text)
