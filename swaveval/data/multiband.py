"""TIFF pictures that Pillow cannot open: many bands, planes apart, wide colour. Read by tifffile, within bounds."""

import contextlib
import io
import logging
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from swaveval.data.samples import NO_DATA, ORIENTATION, WHITE_IS_ZERO, Samples, as_number

LARGEST_BYTES = 1 << 30
_DEFLATE = {8, 32946}
# Their expansion is bounded by the method or by the decoder; JPEG and JPEG 2000 inside TIFF are Pillow's.
_PLAIN, _CODECS = {1, 32773, *_DEFLATE}, {5, 34925, 50000}


_COPY_OR_MASK = 1 | 4
_TURN: dict[int, Any] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a),
}


class Unreadable(Exception):
    """tifffile cannot read this picture either; the message is the reason."""


def picture_pages(content: bytes) -> tuple[int, ...]:
    """Positions of the pages of a TIFF that are pictures; reduced copies (overviews) and masks are none."""
    with contextlib.suppress(Exception), _opened(content) as file:
        return tuple(n for n, page in enumerate(file.pages) if not int(page.subfiletype) & _COPY_OR_MASK) or (0,)
    return (0,)


def band_samples(content: bytes, page: int) -> Samples:
    """The values of page `page` (0-based) of a TIFF, turned by its orientation tag, as Pillow turns every TIFF.

    Raises:
        Unreadable: complex numbers, a compression that is not read here, too large, damaged.
    """
    try:
        with _opened(content) as file:
            found = file.pages[page]
            _check(found, content)
            # Axes: separate planes, depth, height, width, interleaved samples.
            planes = found.asarray(squeeze=False, maxworkers=1)
            if planes.shape[1] != 1:
                raise Unreadable(f"{planes.shape[1]} slices in one page")
            values = np.moveaxis(planes[:, 0], 0, -1).reshape(*planes.shape[2:4], -1, order="C")
            extra = tuple(int(kind) for kind in found.extrasamples)
            bands, colour = values.shape[2], int(found.photometric) == 2 or int(found.photometric) == 6
            alpha = bool(extra) and extra[-1] in (1, 2)
            grey = int(found.photometric) in (0, 1) and bands - alpha == 1
            tagged, turn = found.tags.get(NO_DATA), found.tags.get(ORIENTATION)
            return Samples(
                np.ascontiguousarray(_TURN.get(1 if turn is None else turn.value, lambda a: a)(values)),
                colours=3 if colour else int(grey),
                alpha=alpha,
                no_data=None if tagged is None else as_number(tagged.value),
                white_is_zero=int(found.photometric) == WHITE_IS_ZERO,
            )
    except Unreadable:
        raise
    except Exception as error:  # hostile bytes: anything
        raise Unreadable(str(error) or type(error).__name__) from error


@contextlib.contextmanager
def _opened(content: bytes) -> Iterator[Any]:
    import tifffile

    # It reports damage to a logger, which would reach the terminal.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        yield file


def _check(page: Any, content: bytes) -> None:
    kind = page.dtype
    if kind is None or kind.kind not in "iuf":
        raise Unreadable(f"samples of type {kind or 'unknown'}; integers and floating point are read")
    if page.nbytes > LARGEST_BYTES:
        raise Unreadable(f"{page.nbytes:,} bytes of samples; more than {LARGEST_BYTES:,} are not decoded")
    method = int(page.compression)
    if method not in _PLAIN | _CODECS:
        raise Unreadable(f"{page.samplesperpixel} bands with {page.compression.name} compression, which is not read")
    if method in _CODECS or page.predictor not in (1, 2) or page.bitspersample not in (8, 16, 32, 64):
        try:
            import imagecodecs  # noqa: F401
        except ImportError:
            raise Unreadable(
                f"{page.samplesperpixel} bands with {page.compression.name} compression need the package "
                "imagecodecs; pip install 'swaveval[tiff]'"
            ) from None
    if method in _DEFLATE:
        most = page.nbytes + (1 << 20)
        for offset, length in zip(page.dataoffsets, page.databytecounts, strict=True):
            decompressor = zlib.decompressobj()
            if len(decompressor.decompress(content[offset : offset + length], most + 1)) > most:
                raise Unreadable("it unpacks to more than its own size")
