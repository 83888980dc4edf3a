"""The bytes of one image file to an upright RGB image with 8 bits per channel, or the reason why not."""

import contextlib
import io
import struct
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import (
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from swaveval.data.names import shortened

with contextlib.suppress(ImportError):  # since Pillow 11.3
    from PIL import AvifImagePlugin  # noqa: F401

Array = np.ndarray[Any, np.dtype[Any]]

_PLUGINS = (
    BmpImagePlugin,
    GifImagePlugin,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
# Formats that carry a signature and need no other program (EPS would start Ghostscript, on a file nobody vouched for).
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")

# Pillow's own warning limit. A JPEG above it is decoded at 1/2, 1/4 or 1/8; anything else is left out by name.
LARGEST_PIXELS = 89_478_485
LARGEST_FILE = 1 << 30

_TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# One large image at a time: eight threads with 90 million pixels each would not fit a laptop.
_LARGE = threading.Lock()
_LARGE_PIXELS = 1 << 24


class Undecodable(Exception):
    """The bytes are not an image that can be used; the message is the reason, without the file's name."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the audit says of one image.

    Attributes:
        width, height: in pixels, upright, at full resolution.
        mode: Pillow's mode in the file (`RGB`, `CMYK`, `I;16` …).
        format: Pillow's name of the format, whatever the extension says.
    """

    width: int
    height: int
    mode: str
    format: str


def read_image(content: bytes) -> Image.Image:
    """The image in `content`: RGB, 8 bits, upright.

    Transparency is composited on white; 16-bit values are scaled (v/257), not clipped; 32-bit and floating-point
    values as `_eight_bits` says; the first frame of an animation is taken.

    Raises:
        Undecodable: with the reason.
    """
    with _opened(content) as image:
        _fit(image, scales=(1, 2, 4, 8))
        with _memory_for(image):
            return _upright_rgb(image)[0]


def inspect_image(content: bytes) -> ImageFacts:
    """Decode `content` to the end, at the lowest resolution its format offers, and say what it is.

    Raises:
        Undecodable: exactly where `read_image` raises it.
    """
    with _opened(content) as image:
        size, mode, kind = image.size, image.mode, str(image.format)
        # Entropy decoding, where damage shows, runs over the whole file at any scale; the rest is 64 times cheaper.
        _fit(image, scales=(8,))
        with _memory_for(image):
            _, turned = _upright_rgb(image)
        width, height = size[::-1] if turned else size
    return ImageFacts(width=width, height=height, mode=mode, format=kind)


def looks_like_image(head: bytes) -> bool:
    """Whether the first 32 bytes of a file carry an unmistakable signature of a format that is read here.

    Two letters (BMP, PNM) may begin any text, and camera raw files begin like TIFF.
    """
    return any(_accepts(name, head) for name in ("JPEG", "PNG", "WEBP", "GIF", "JPEG2000", "AVIF"))


@contextlib.contextmanager
def quiet_pillow() -> Iterator[None]:
    """Pillow's remarks on metadata (corrupt EXIF …) are no news here. Not for use from several threads at a time."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


@contextlib.contextmanager
def _opened(content: bytes) -> Iterator[ImageFile.ImageFile]:
    """Open, and turn whatever goes wrong in the body into `Undecodable`."""
    try:
        with _identify(content) as image:
            yield image
    except Undecodable:
        raise
    except Exception as error:  # decoders raise anything on hostile bytes, down to KeyError and ZeroDivisionError
        reason = shortened(str(error)) or type(error).__name__
        raise Undecodable(reason if isinstance(error, OSError) else f"cannot be decoded: {reason}") from error


def _identify(content: bytes) -> ImageFile.ImageFile:
    """Like `Image.open`, without its bomb check, which can be changed only for the whole process."""
    if not content:
        raise Undecodable("the file is empty")
    if not any(content):
        raise Undecodable("the file holds nothing but zero bytes")
    remark = ""
    for name in FORMATS:
        if not _accepts(name, content[:32]):
            continue
        try:
            image: ImageFile.ImageFile = Image.OPEN[name][0](io.BytesIO(content), "")
        except (SyntaxError, IndexError, TypeError, struct.error) as error:
            remark = f"its {name} header cannot be read: {shortened(str(error))}"
            continue
        if min(image.size) < 1:
            raise Undecodable(f"the image is {image.size[0]}×{image.size[1]} pixels")
        return image
    raise Undecodable(remark or "not an image in a format that is read here (JPEG, PNG, WebP, GIF, BMP, TIFF, PNM, …)")


def _accepts(name: str, head: bytes) -> bool:
    accept = Image.OPEN[name][1] if name in Image.OPEN else None
    # A text in place of True says that this Pillow was built without the decoder.
    return accept is not None and accept(head) is True


def _fit(image: ImageFile.ImageFile, *, scales: tuple[int, ...]) -> None:
    """Let a JPEG be decoded at the first of the scales (1/1, 1/2, 1/4, 1/8) that is not huge; refuse what stays huge.

    To be called once: Pillow's second `draft` would count from the size that the first one left.
    """
    width, height = image.size
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        for scale in scales:
            if -(-width // scale) * -(-height // scale) <= LARGEST_PIXELS:
                image.draft(None, (max(1, width // scale), max(1, height // scale)))
                return
    elif width * height <= LARGEST_PIXELS:
        return
    raise Undecodable(f"{width}×{height} pixels; more than {LARGEST_PIXELS:,} are not decoded")


@contextlib.contextmanager
def _memory_for(image: Image.Image) -> Iterator[None]:
    with _LARGE if image.width * image.height > _LARGE_PIXELS else contextlib.nullcontext():
        yield


def _upright_rgb(image: ImageFile.ImageFile) -> tuple[Image.Image, bool]:
    """The decoded image and whether width and height were exchanged."""
    stored = image.size
    image.load()
    # TIFF is turned by Pillow while loading, so its size may have been exchanged already.
    turned = image.size == stored[::-1] != stored
    orientation = _orientation(image)
    rgb = _rgb(image)
    if orientation in _TURN:
        rgb = rgb.transpose(_TURN[orientation])
        turned = turned or orientation >= 5
    return rgb, turned


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged metadata does not make the pixels unusable
        return 1


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "LAB":
        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, *profiles, outputMode="RGB")
        assert converted is not None  # it is None only for a conversion in place
        return converted
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_eight_bits(np.asarray(image), image)).convert("RGB")
    if image.has_transparency_data:
        translucent = image.convert("RGBA")
        white = Image.new("RGBA", translucent.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, translucent).convert("RGB")
    return image.convert("RGB")


def _eight_bits(values: Array, image: Image.Image) -> Array:
    """Greyscale of more than 8 bits as uint8.

    16 bits are v/257, whatever the image's own range, as PNG defines them. 32-bit integers and floats have no nominal
    range: 0…1 (floats), 0…255 and 0…65535 are recognised in this order, anything else is spread from minimum to
    maximum.
    """
    numbers = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(numbers.min()), float(numbers.max())
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in {"PNG", "PPM"}):
        numbers /= 257
    elif low >= 0 and high <= 1 and image.mode == "F":
        numbers *= 255
    elif low >= 0 and high <= 65535:
        numbers /= 1 if high <= 255 else 257
    elif high > low:
        numbers = (numbers - low) * (255 / (high - low))
    else:
        numbers = np.zeros_like(numbers)
    return np.rint(numbers).clip(0, 255).astype(np.uint8)
