"""The bytes of one image file to a picture with 8 bits per channel, or the reason why not."""

import contextlib
import io
import logging
import struct
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from PIL import (
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from swaveval.data.arrays import array_pictures, array_samples, is_array
from swaveval.data.errors import Undecodable
from swaveval.data.facts import Decoded, ImageFacts, facts_of
from swaveval.data.metadata import jpeg_pixels, png_pixels
from swaveval.data.multiband import Unreadable, band_samples, picture_pages
from swaveval.data.picture import Picture, Rendering, plain_bands, render
from swaveval.data.reading import Reading
from swaveval.data.samples import Samples, beyond_pillow, deep_samples
from swaveval.text import counted, shortened

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
# It reports bands that it does not open, which tifffile reads, to a logger that reaches the terminal.
logging.getLogger("PIL.TiffImagePlugin").setLevel(logging.CRITICAL)

_DEFAULT = Rendering()

_LARGE = threading.Lock()
_LARGE_PIXELS = 1 << 24


def read_image(content: bytes, how: Rendering = _DEFAULT, *, page: int = 1) -> Image.Image | Array:
    """The picture in `content`, 8 bits per channel: an RGB image, or shape `(H, W, C)` where `how` wants other bands.

    Args:
        how: bands, range, transparency, orientation.
        page: from 1, as `ImageFacts.page`; 0 stacks all pages as bands.

    Raises:
        Undecodable: with the reason.
    """
    with _whatever_goes_wrong():
        content = _checked(content)
        decoded = _decode_page(content, page, scales=(1, 2, 4, 8))
        shown = render(decoded.picture, how)
        if how.reading.exif == "apply" and decoded.turn in _TURN:
            return _turned(shown, decoded.turn)
        return shown


def inspect_image(content: bytes, reading: Reading = _DEFAULT.reading) -> list[ImageFacts]:
    """Decode `content` to the end, at the lowest resolution its format offers, and say what it is.

    Returns:
        One entry; with `--pages all` one for each page.

    Raises:
        Undecodable: exactly where `read_image` raises it.
    """
    with _whatever_goes_wrong():
        content = _checked(content)
        positions = _page_positions(content)
        wanted: Sequence[int] = (1,)
        if reading.pages == "all":
            wanted = range(1, len(positions) + 1)
        elif reading.pages == "bands":
            wanted = (0,) if len(positions) > 1 else (1,)
        elif reading.pages != "first":
            wanted = (reading.pages,)
        # Entropy decoding, where damage shows, runs over the whole file at any scale; the rest is 64 times cheaper.
        return [
            facts_of(_decode_page(content, page, scales=(8,)), page, len(positions), reading.exif == "apply")
            for page in wanted
        ]


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
def _whatever_goes_wrong() -> Iterator[None]:
    """Turn whatever goes wrong in the body into `Undecodable`."""
    try:
        yield
    except Undecodable:
        raise
    except Exception as error:  # decoders raise anything on hostile bytes, down to KeyError and ZeroDivisionError
        reason = shortened(str(error)) or type(error).__name__
        plain = isinstance(error, OSError | Unreadable)
        raise Undecodable(reason if plain else f"cannot be decoded: {reason}") from error


def _checked(content: bytes) -> bytes:
    if not content:
        raise Undecodable("the file is empty")
    if not any(content):
        raise Undecodable("the file holds nothing but zero bytes")
    if content.startswith(b"\x89PNG"):
        return png_pixels(content)
    return jpeg_pixels(content) if content.startswith(b"\xff\xd8") else content


def _is_tiff(content: bytes) -> bool:
    return _accepts("TIFF", content[:32])


def _identify(content: bytes) -> ImageFile.ImageFile:
    """Like `Image.open`, without its bomb check, which can be changed only for the whole process."""
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
    if content[4:8] == b"ftyp" and content[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis"):
        raise Undecodable("HEIC, which is not read here; convert it to JPEG or PNG")
    raise Undecodable(remark or "not an image in a format that is read here (JPEG, PNG, WebP, GIF, BMP, TIFF, PNM, …)")


def _accepts(name: str, head: bytes) -> bool:
    accept = Image.OPEN[name][1] if name in Image.OPEN else None
    # A text in place of True says that this Pillow was built without the decoder.
    return accept is not None and accept(head) is True


def _page_positions(content: bytes) -> tuple[int, ...]:
    """Where the pictures of a file are, for `seek`. A file whose pages cannot be counted has one."""
    if is_array(content):
        return tuple(range(array_pictures(content)))
    if _is_tiff(content):
        return picture_pages(content)
    with contextlib.suppress(Exception), _identify(content) as image:
        return tuple(range(max(1, int(getattr(image, "n_frames", 1)))))
    return (0,)


def _decode_page(content: bytes, page: int, *, scales: tuple[int, ...]) -> Decoded:
    if page == 1:
        return _decode(content, 0, scales=scales)
    positions = _page_positions(content)
    if page == 0:
        return _stacked_pages(content, positions)
    if page > len(positions):
        raise Undecodable(f"has {counted(len(positions), 'page')}, and --pages asks for page {page}")
    return _decode(content, positions[page - 1], scales=scales)


def _stacked_pages(content: bytes, positions: Sequence[int]) -> Decoded:
    """All pages as the bands of one picture."""
    pages = [_decode(content, position, scales=(1,)) for position in positions]
    values = [page.picture.values if isinstance(page.picture, Samples) else plain_bands(page.picture) for page in pages]
    if len({(array.shape[:2], array.dtype) for array in values}) > 1:
        raise Undecodable("its pages differ in size or type, so they are no bands of one picture (--pages bands)")
    first = pages[0]
    said = first.picture if isinstance(first.picture, Samples) else Samples(values[0], colours=0)
    samples = Samples(np.concatenate(values, axis=2), colours=0, no_data=said.no_data, white_is_zero=said.white_is_zero)
    return Decoded(samples, first.mode, first.format, first.width, first.height, first.turn)


def _decode(content: bytes, position: int, *, scales: tuple[int, ...]) -> Decoded:
    """The picture at a position of the file, loaded to the end."""
    if is_array(content):
        return _stored(array_samples(content, position), "NumPy")
    try:
        image = _at(content, position)
    except Exception:
        if not _is_tiff(content):
            raise
        return _by_tifffile(content, position)
    with image:
        size, mode, kind = image.size, image.mode, str(image.format)
        if isinstance(image, TiffImagePlugin.TiffImageFile) and beyond_pillow(image):
            return _by_tifffile(content, position)
        _fit(image, scales=scales)
        with _memory_for(image):
            samples = deep_samples(image, lambda: _at(content, position))
            if samples is None:
                image.load()
        picture: Picture = image if samples is None else samples
        # TIFF is turned by Pillow while loading, so its size may have been exchanged already.
        turned = image.size == size[::-1] != size
        width, height = size[::-1] if turned else size
        return Decoded(picture, mode, kind, width, height, _orientation(image))


def _at(content: bytes, position: int) -> ImageFile.ImageFile:
    image = _identify(content)
    if position:
        image.seek(position)
    return image


def _by_tifffile(content: bytes, position: int) -> Decoded:
    return _stored(band_samples(content, position), "TIFF")


def _stored(samples: Samples, kind: str) -> Decoded:
    height, width, bands = samples.values.shape
    return Decoded(samples, f"{samples.values.dtype} × {bands}", kind, width, height, 1)


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


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged metadata does not make the pixels unusable
        return 1


def _turned(shown: Image.Image | Array, turn: int) -> Image.Image | Array:
    if isinstance(shown, Image.Image):
        return shown.transpose(_TURN[turn])
    bands = [np.asarray(Image.fromarray(shown[..., band]).transpose(_TURN[turn])) for band in range(shown.shape[2])]
    return np.stack(bands, axis=2)
